import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Test } from 'tap'
import type { Attachment, LostAttachment, Turn } from '../../lib/sources/source.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { WecomStreamOptions } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import type { SimulatedMessage } from '../../plugins/testing.ts'
import { encryptMedia, media, raw, startMediaServer } from '../fixtures/media-server.ts'
import type { MediaScript } from '../fixtures/media-server.ts'
import { CREDENTIALS, serveBot } from '../fixtures/served-bot.ts'
import { until } from '../fixtures/waiting.ts'

const texts = loadTexts()
const KEY = Buffer.from(`${CREDENTIALS.encodingAESKey}=`, 'base64')
const MIB = 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A source whose turns the test ends; of a turn it keeps nothing but this. */
function createHeldSource () {
  const asked: Array<{ files: string[], end: () => void }> = []
  async function * source ({ attachments = [] }: Turn) {
    const files = attachments.map(file => 'lost' in file ? file.lost : String(file.size / MIB))
    await new Promise<void>(resolve => { asked.push({ files, end: resolve }) })
    yield files.join(' ')
  }
  return { asked, source }
}

async function serve (t: Test, options: WecomStreamOptions) {
  const files = await startMediaServer()
  t.teardown(() => files.close())
  const bot = await serveBot(t, { ...options, media: { ...files.trust, ...options.media } })
  return { files, ...bot }
}

const messageOf = (url: string, count: number): SimulatedMessage =>
  ({ msgtype: 'mixed', mixed: { msg_item: Array.from({ length: count }, () => ({ msgtype: 'image', image: { url } })) } })

/** Bytes that this process holds, of whatever kind. */
function bytesHeld (): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** As much of a body as is read, in place of all at once. */
const slowly = (body: Buffer): MediaScript => response => {
  response.writeHead(200, { 'content-length': body.length })
  let at = 0
  const more = (): void => {
    while (!response.destroyed && at < body.length && response.write(body.subarray(at, at += 64 * 1024)));
    if (at >= body.length) response.end()
  }
  response.on('drain', more)
  more()
}

t.test('six messages of one user hold no more than a quarter of the budget, and another user is served', async t => {
  const { asked, source } = createHeldSource()
  const file = encryptMedia(Buffer.alloc(8 * MIB, 'a'), KEY)
  const small = encryptMedia(Buffer.alloc(MIB, 'b'), KEY)
  const { files, wecom } = await serve(t, {
    source, parallelTurns: true, media: { maxBytes: 8 * MIB, messageMaxBytes: 16 * MIB, totalMaxBytes: 100 * MIB }
  })
  files.respondWith(response => slowly(response.req.url?.includes('small') === true ? small : file)(response))
  const before = bytesHeld()
  const answers = Array.from({ length: 6 }, () => wecom.send(messageOf(files.url, 5), { user: 'greedy' }))
  // Three files of 8 MiB are 24 of 25; no other of them finds room.
  await until(() => files.requests.length >= 30 && asked.length >= 1)
  await files.idle()
  const modest = wecom.send(messageOf(`https://${files.host}/small`, 2), { user: 'modest' })
  const isModest = ({ files }: typeof asked[number]): boolean => files.join(' ') === '1 1'
  await until(() => asked.some(isModest))
  // 26 MiB are counted, and a third more than that is held; without a bound it would be 250.
  await until(() => bytesHeld() - before < 60 * MIB)
  asked.find(isModest)?.end()
  t.equal((await modest).content, '1 1')

  // Each turn that ends makes room for the next.
  const told = `8 8${' TOO_LARGE'.repeat(3)}`
  for (let ended = 0; ended < 6; ended++) {
    const greedy = (): typeof asked => asked.filter(turn => !isModest(turn))
    await until(() => greedy().length > ended)
    t.equal(greedy()[ended]?.files.join(' '), told)
    greedy()[ended]?.end()
  }
  for (const { content, problems } of await Promise.all(answers)) {
    t.equal(content, `${told}\n\n（附件未能读取：${texts.lost.TOO_LARGE}）`)
    t.strictSame(problems, [])
  }
  await until(() => bytesHeld() - before < 15 * MIB)
  t.pass('and nothing of it is held when all is answered')
})

t.test('the room of a file comes back whatever becomes of it', async t => {
  const { asked, source } = createHeldSource()
  const body = encryptMedia(Buffer.alloc(MIB, 'a'), KEY)
  const { files, wecom } = await serve(t, {
    source, parallelTurns: true, media: { maxBytes: MIB, messageMaxBytes: MIB, totalMaxBytes: MIB }
  })
  const head = (length: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`
  const cases: Array<[name: string, lost: string, respond: Parameters<typeof files.respondWith>[0]]> = [
    ['a host that says more than it sends', 'BROKEN', response => {
      response.socket?.end(Buffer.concat([Buffer.from(head(body.length)), body.subarray(0, 1000)]))
    }],
    ['chunks without a length, beyond the limit', 'TOO_LARGE', raw(['HTTP/1.1 200 OK\r\n\r\n', body, body])],
    ['a key that is another’s', 'UNDECRYPTABLE', media(encryptMedia(Buffer.alloc(MIB - 100), Buffer.alloc(32, 3)))],
    ['a status', 'BROKEN', media(Buffer.alloc(10), {}, 404)]
  ]
  for (const [name, lost, respond] of cases) {
    const before = asked.length
    files.respondWith(respond)
    const answer = wecom.send(messageOf(files.url, 1), { user: name })
    await until(() => asked.length > before)
    t.strictSame(asked.at(-1)?.files, [lost], name)
    files.respondWith(raw(['HTTP/1.1 200 OK\r\n\r\n', body]))
    const next = wecom.send(messageOf(files.url, 1), { user: 'next' })
    await until(() => asked.length > before + 1)
    t.strictSame(asked.at(-1)?.files, ['1'], `there is room behind ${name}`)
    asked.at(-1)?.end()
    asked.at(-2)?.end()
    await Promise.all([answer, next])
  }
})

t.test('a stop and the end of the app end the wait for room', async t => {
  const { asked, source } = createHeldSource()
  const { files, wecom, app, log } = await serve(t, {
    source, parallelTurns: true, media: { maxBytes: MIB, messageMaxBytes: MIB, totalMaxBytes: MIB }
  })
  files.respondWith(media(encryptMedia(Buffer.alloc(MIB), KEY)))
  const leave = new AbortController()
  const first = wecom.send(messageOf(files.url, 1), { user: 'first', signal: leave.signal })
  await until(() => asked.length === 1)
  const stopped = wecom.send(messageOf(files.url, 1), { user: 'second' })
  await files.request(1)
  await files.idle()
  t.equal((await wecom.send('/stop', { user: 'second' })).content, texts.stopDone)
  t.equal((await stopped).content, texts.stopped)
  t.equal(files.requests.length, 2)
  const closing = wecom.send(messageOf(files.url, 1), { user: 'third', signal: leave.signal })
  await files.request(2)
  await files.idle()
  const before = performance.now()
  await app.close()
  t.ok(performance.now() - before < 10_000, 'nobody waits for a minute')
  t.notOk(log().includes('an attachment could not be had'))
  leave.abort()
  await Promise.allSettled([first, closing])
})

t.test('two bots of one app share the budget', async t => {
  const { asked, source } = createHeldSource()
  const files = await startMediaServer()
  t.teardown(() => files.close())
  const limits = { ...files.trust, maxBytes: MIB, messageMaxBytes: MIB, totalMaxBytes: MIB }
  const { wecom, app } = await serveBot(t, { source, media: limits }, [{ ...CREDENTIALS, path: '/other', media: limits }])
  files.respondWith(media(encryptMedia(Buffer.alloc(MIB), KEY)))
  const first = wecom.send(messageOf(files.url, 1))
  await until(() => asked.length === 1)
  const other = createSimulator({ target: { app, path: '/other' }, ...CREDENTIALS, refreshMs: 20 })
  const second = other.send(messageOf(files.url, 1), { user: 'another' })
  await files.request(1)
  await files.idle()
  await sleep(50)
  t.equal(asked.length, 1)
  asked[0]?.end()
  await first
  await until(() => asked.length === 2)
  t.strictSame(asked[1]?.files, ['1'])
  asked[1]?.end()
  await second
})

t.test('a turn that its source keeps is not altered, and one that it does not keep is gone', async t => {
  const kept: Array<Array<Attachment | LostAttachment>> = []
  const gone: Array<WeakRef<Turn>> = []
  const { files, wecom } = await serve(t, {
    async * source (turn) {
      if (turn.prompt === 'keep') kept.push(turn.attachments ?? [])
      else gone.push(new WeakRef(turn))
      yield 'seen'
    }
  })
  files.respondWith(media(encryptMedia(Buffer.from('hello'), KEY)))
  for (const prompt of ['keep', 'forget']) {
    const { content } = await wecom.send(
      { msgtype: 'text', text: { content: prompt }, quote: { msgtype: 'file', file: { url: files.url } } }
    )
    t.equal(content, 'seen')
  }
  t.equal(kept.length, 1)
  await until(() => {
    collectGarbage()
    return gone[0]?.deref() === undefined
  })
  t.pass('nothing of ours holds it')
  const { content } = await wecom.send(
    {
      msgtype: 'mixed',
      mixed: { msg_item: [{ msgtype: 'text', text: { content: 'keep' } }, { msgtype: 'image', image: { url: files.url } }] }
    }
  )
  t.equal(content, 'seen')
  t.hasStrict(kept[1], [{ kind: 'image', size: 5, data: Buffer.from('hello').toString('base64') }])
})
