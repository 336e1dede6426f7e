import { promisify } from 'node:util'
import Fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import wecomStream, { callback, createMockSource, streams } from '../../plugins/index.ts'
import type { Source, WecomStreamOptions } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import type { SimulatorOptions } from '../../plugins/testing.ts'

const FIRST = { token: 'first-token', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const SECOND = { token: 'second-token', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }
const REPLY = 'Hello world! This is a stream.'

async function serve (t: Test, options: WecomStreamOptions = {}, server: FastifyServerOptions = {}) {
  const app = Fastify({ forceCloseConnections: true, ...server })
  t.teardown(() => app.close())
  await app.register(wecomStream, { ...FIRST, env: {}, shutdownGraceMs: 0, mock: { chunkDelayMs: 10 }, ...options })
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  const wecom = (more: Partial<SimulatorOptions> = {}) => createSimulator({ target, ...FIRST, refreshMs: 20, ...more })
  return { app, target, wecom }
}

/** Says something and then nothing more, until it is aborted. */
function createSilentSource (): { source: Source, calls: number, aborted: Promise<void> } {
  let abort = (): void => {}
  const silent = {
    calls: 0,
    aborted: new Promise<void>(resolve => { abort = resolve }),
    source: async function * ({ prompt }, { signal }) {
      silent.calls++
      yield `thinking about ${prompt}`
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
      abort()
    } satisfies Source
  }
  return silent
}

t.test('a message is answered with a text that grows to its end', async t => {
  // Says one more word after each frame that WeCom has seen.
  const words = ['你好', ' 👋', ' and', ' goodbye']
  let next = (): void => {}
  const source: Source = async function * () {
    for (const word of words) {
      yield word
      await new Promise<void>(resolve => { next = resolve })
    }
  }
  const { wecom } = await serve(t, { source, firstReplyGraceMs: 0 })
  t.strictSame((await wecom().verify()).problems, [])
  const { finished, content, problems, frames, id } = await wecom().send('hi', { late: 3, onFrame: () => next() })
  t.ok(finished)
  t.match(id, /^[0-9a-f]{32}$/)
  t.equal(content, '你好 👋 and goodbye')
  t.strictSame(problems, [])
  const shown = new Set(frames.map(frame => frame.content))
  t.ok(shown.has('你好 👋') && shown.has('你好 👋 and'), 'what there was is shown at each refresh')
  t.equal(frames.filter(({ finish }) => finish).length, 4, 'late refreshes get the same again')
})

t.test('a fast source is answered in one shot, with the first frame', async t => {
  const { wecom } = await serve(t, { firstReplyGraceMs: 2000, mock: { chunkDelayMs: 0 } })
  const { frames, content } = await wecom().send('quick')
  t.equal(frames.length, 1)
  t.equal(content, `Q: quick\n${REPLY}`)
})

t.test('a grace of 0 answers before the source has said anything', async t => {
  const { wecom } = await serve(t, { firstReplyGraceMs: 0, mock: { chunkDelayMs: 5, echo: false } })
  const { frames, problems, content } = await wecom().send('patience')
  t.hasStrict(frames[0], { finish: false, content: '<think></think>' })
  t.equal(content, REPLY)
  t.strictSame(problems, [])
})

t.test('a message that comes several times is asked about once', async t => {
  let calls = 0
  const mock = createMockSource({ chunkDelayMs: 10 })
  const { wecom } = await serve(t, { source: (turn, context) => { calls++; return mock(turn, context) } })
  const first = await wecom().send('again', { msgid: 'same', repeat: 5, drop: n => n % 3 === 0 })
  t.strictSame(first.problems, [])
  const later = await wecom().send('again', { msgid: 'same' })
  t.equal(later.id, first.id)
  t.equal(later.frames.length, 1)
  t.equal(calls, 1)
})

t.test('two hundred conversations at once each end with their own text', async t => {
  const { app, wecom } = await serve(t, { mock: { chunkDelayMs: 40 } })
  const simulator = wecom({ refreshMs: 100 })
  const transcripts = await Promise.all(Array.from({ length: 200 }, (_, n) => simulator.send(`question ${n}`, {
    user: `user-${n}`,
    ...(n % 2 === 0 && { chat: `group-${n % 7}` }),
    drop: frame => (frame + n) % 5 === 0,
    late: 1
  })))
  for (const [n, { content, finished, problems }] of transcripts.entries()) {
    if (finished && problems.length === 0 && content === `Q: question ${n}\n${REPLY}`) continue
    t.fail(`conversation ${n}`, { content, finished, problems })
  }
  t.equal(new Set(transcripts.map(({ id }) => id)).size, 200)
  t.equal((await app.getStreamState(transcripts[0]?.id ?? '')).status, 'done')
})

t.test('a stopped stream keeps the text it had, and its source is told', async t => {
  const silent = createSilentSource()
  const { app, wecom } = await serve(t, { source: silent.source })
  const { content, problems } = await wecom().send('stones', {
    onFrame: ({ reply, finish }) => {
      if (!finish) app.stopStream((reply['stream'] as { id: string }).id).then(state => t.match(state.status, /stopping|done/), t.fail)
    }
  })
  await silent.aborted
  t.equal(content, 'thinking about stones')
  t.strictSame(problems, [])
})

t.test('a deadline fires without any refresh', async t => {
  const silent = createSilentSource()
  const { app, wecom } = await serve(t, { source: silent.source, deadlineMs: 100, firstReplyGraceMs: 0 })
  const { reply } = await wecom().post(
    { msgid: '1', aibotid: 'b', chattype: 'single', from: { userid: 'u' }, msgtype: 'text', text: { content: 'x' } }
  )
  const { id } = reply?.['stream'] as { id: string }
  await silent.aborted
  for await (const state of app.followStream(id)) {
    if (state.status === 'error') {
      t.match(state, { content: 'thinking about x', error: { code: 'TIMEOUT', text: '响应超时，请重试', reference: /^[0-9a-f]{8}$/ } })
    }
  }
  const { content } = await wecom().send({ msgtype: 'stream', stream: { id }, from: { userid: 'u' } })
  t.match(content, /^会话已过期/, 'a refresh of another bot does not see it')
})

t.test('when all places are taken a message is told so at once', async t => {
  const silent = createSilentSource()
  const { app, wecom } = await serve(t, { source: silent.source, maxRunning: 1, maxQueued: 1, firstReplyGraceMs: 0 })
  const first = await app.startStream('one')
  const second = await app.startStream('two')
  const { frames, content, problems } = await wecom().send('three')
  t.equal(frames.length, 1)
  t.match(content, /^当前使用人数较多，请稍后再试（编号 [0-9a-f]{8}）$/)
  t.strictSame(problems, [])
  await t.rejects(app.startStream('four'), { code: 'WECOM_ERR_BUSY' })
  await Promise.all([app.stopStream(first), app.stopStream(second)])
  t.equal(silent.calls, 1, 'the one in the queue never reached its source')
})

t.test('two bots with two sources live in one app', async t => {
  const app = Fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  await app.register(streams, { shutdownGraceMs: 0, sources: { parrot: createMockSource({ chunkDelayMs: 5, chunks: ['squawk'] }) } })
  await app.register(callback, { ...FIRST, path: '/first', source: 'mock' })
  await app.register(callback, { ...SECOND, path: '/second', source: 'parrot' })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const first = createSimulator({ target: `${url}/first`, ...FIRST, refreshMs: 50 })
  const second = createSimulator({ target: `${url}/second`, ...SECOND, refreshMs: 50 })
  const message = { msgid: 'same', aibotid: 'same', chattype: 'single', from: { userid: 'same' }, msgtype: 'text', text: { content: 'hi' } }

  const [one, two] = await Promise.all([first.post(message), second.post(message)])
  const idOf = ({ reply }: typeof one) => (reply?.['stream'] as { id: string }).id
  t.not(idOf(one), idOf(two), 'the same msgid of two bots is two messages')
  await app.stopStream(idOf(one))
  const asked = await second.post({ ...message, msgid: 'other', msgtype: 'stream', stream: { id: idOf(one) } })
  t.match(asked.reply, { stream: { finish: true, content: /^会话已过期/ } }, 'one bot does not show the stream of the other')
  t.equal((await createSimulator({ target: `${url}/first`, ...SECOND }).verify()).statusCode, 403)
  t.equal((await second.send('hi', { user: 'someone' })).content, 'Q: hi\nsquawk')
})

t.test('a close lets an answer end, and WeCom fetch how it ended', async t => {
  // Says its last word when it has been told to close, one refresh after that.
  let finish = (): void => {}
  const source: Source = async function * () {
    yield 'so far'
    await new Promise<void>(resolve => { finish = resolve })
    yield ', so good'
  }
  const { app, wecom } = await serve(t, { source, shutdownGraceMs: 5000, firstReplyGraceMs: 0 }, { return503OnClosing: false })
  let closed: Promise<void> | undefined
  const { finished, content, problems } = await wecom().send('hi', {
    onFrame: frame => {
      if (frame.content !== 'so far') return
      if (closed === undefined) closed = app.close()
      else finish()
    }
  })
  t.ok(finished)
  t.equal(content, 'so far, so good')
  t.strictSame(problems, [])
  await closed
})

t.test('after close nothing is left, and a new instance can be made at once', async t => {
  for (let round = 0; round < 3; round++) {
    const silent = createSilentSource()
    const { app, wecom } = await serve(t, { source: silent.source, firstReplyGraceMs: 0 })
    await wecom().post({ msgtype: 'text', text: { content: 'x' } })
    await app.close()
    await silent.aborted
    await t.rejects(app.startStream('late'), { code: 'WECOM_ERR_CLOSED' })
    t.notOk(app.server.listening)
    t.equal(await promisify(app.server.getConnections.bind(app.server))(), 0)
  }
})
