import { inspect } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { createAttachments } from '../../../../lib/bot/attachments/attachments.ts'
import type { FilesOfMessage } from '../../../../lib/bot/attachments/attachments.ts'
import { createMediaBudget, MediaPool } from '../../../../lib/bot/attachments/budget.ts'
import type { MediaLimits } from '../../../../lib/bot/attachments/budget.ts'
import { createLimiter } from '../../../../lib/util/limiter.ts'
import type { MediaReference } from '../../../../lib/wecom/content.ts'
import { MEDIA_FAILURES, MediaError } from '../../../../lib/wecom/media/error.ts'
import { createMediaFetcher } from '../../../../lib/wecom/media/media.ts'
import type { Media, MediaFetcher, MediaRequest } from '../../../../lib/wecom/media/media.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { encryptMedia, media, startMediaServer, URL_SECRET } from '../../../fixtures/media-server.ts'
import { idle } from '../../../fixtures/waiting.ts'

const never = new AbortController().signal
const KEY = Buffer.alloc(32, 7)
const BOT_KEY = KEY.toString('base64').slice(0, 43)
const FILE_KEY = Buffer.alloc(32, 9)
const PNG: Media = { data: Buffer.from('89504e470d0a1a0a', 'hex'), type: 'image/png' }

const image = (url: string, aeskey?: string): MediaReference => ({ kind: 'image', url, ...(aeskey !== undefined && { aeskey }) })
const images = (count: number): MediaReference[] => Array.from({ length: count }, (_, index) => image(String(index)))

/** A fetch that the test answers by hand. */
interface Fetching extends MediaRequest {
  signal: AbortSignal
  give (media?: Media): void
  fail (error: unknown): void
}

const LIMITS: MediaLimits = { file: 100, message: 200, sender: 300, total: 400 }

function setUp ({ max, fetch, limits = LIMITS }: { max?: number, fetch?: MediaFetcher, limits?: MediaLimits } = {}) {
  const log = createLog()
  const clock = createManualClock()
  const fetching: Fetching[] = []
  const byHand: MediaFetcher = (request, signal) => new Promise((resolve, reject) => {
    fetching.push({ ...request, signal, give: (given = PNG) => resolve(given), fail: reject })
  })
  const limiter = createLimiter({ clock, max })
  const pool = new MediaPool()
  const budgetFor = createMediaBudget({ pool, limits, clock })
  const open = createAttachments({ fetch: fetch ?? byHand, botKeys: { present: BOT_KEY }, limiter, budgetFor, log })
  const attachments: FilesOfMessage['fetch'] = (references, signal) => open({ sender: 'u', since: clock.now() }).fetch(references, signal)
  return { log, clock, fetching, limiter, pool, open, attachments }
}

t.test('nothing referred to is nothing fetched', async t => {
  const { attachments, fetching } = setUp()
  t.strictSame(await attachments([], never), [])
  t.equal(fetching.length, 0)
})

t.test('a file comes with its kind, type, size and name, in the order of the message', async t => {
  const { attachments, fetching, log } = setUp()
  const got = attachments([image('a'), { kind: 'file', url: 'b' }, { kind: 'video', url: 'c' }], never)
  await idle()
  t.same(fetching.map(({ url }) => url), ['a', 'b', 'c'], 'all are fetched at once')
  fetching[2]?.give({ data: Buffer.alloc(0), type: 'application/octet-stream' })
  fetching[1]?.give({ data: Buffer.from('限'), type: 'text/plain', name: '限.txt' })
  fetching[0]?.give()
  t.strictSame(await got, [
    { kind: 'image', type: 'image/png', size: 8, data: 'iVBORw0KGgo=' },
    { kind: 'file', type: 'text/plain', size: 3, data: '6ZmQ', name: '限.txt' },
    { kind: 'video', type: 'application/octet-stream', size: 0, data: '' }
  ])
  t.same(log.lines, [])
})

t.test('the key of the file goes before that of the bot', async t => {
  const { attachments, fetching } = setUp()
  void attachments([image('a', 'own'), image('b'), image('c', '')], never)
  await idle()
  t.strictSame(fetching.map(({ keys }) => keys), [['own', BOT_KEY], [BOT_KEY], ['', BOT_KEY]])
})

t.test('a file is decrypted with the key of the pair that opened its message, and with each if that is not known', async t => {
  const fetching: string[][] = []
  const clock = createManualClock()
  const open = createAttachments({
    fetch: async ({ keys }) => {
      fetching.push([...keys])
      throw new MediaError('BROKEN', 'no')
    },
    botKeys: { present: 'new', old: 'before' },
    limiter: createLimiter({ clock, max: 8 }),
    budgetFor: createMediaBudget({ pool: new MediaPool(), limits: LIMITS, clock }),
    log: createLog()
  })
  for (const pair of ['present', 'old', undefined] as const) {
    await open({ sender: 'u', since: clock.now(), pair }).fetch([image('a'), image('b', 'own')], never)
  }
  t.strictSame(fetching, [['new'], ['own', 'new'], ['before'], ['own', 'before'], ['new', 'before'], ['own', 'new', 'before']])
})

t.test('a file that cannot be had is told with its reason, and does not keep the others', async t => {
  const { attachments, fetching, log } = setUp()
  const got = attachments([...MEDIA_FAILURES.map(reason => image(reason)), { kind: 'file', url: 'b' }], never)
  await idle()
  for (const [index, reason] of MEDIA_FAILURES.entries()) fetching[index]?.fail(new MediaError(reason, 'so it is'))
  fetching.at(-1)?.give()
  t.strictSame(await got, [
    ...MEDIA_FAILURES.map(lost => ({ kind: 'image', lost })), { kind: 'file', type: 'image/png', size: 8, data: 'iVBORw0KGgo=' }
  ])
  t.match(log.lines, MEDIA_FAILURES.map(() => ({
    level: 'warn',
    message: 'an attachment could not be had',
    fields: {
      kind: 'image', cause: { type: 'MediaError', code: 'WECOM_ERR_MEDIA', message: /so it is/ }
    }
  })))
  t.equal(log.lines.length, MEDIA_FAILURES.length)
})

t.test('whatever else goes wrong is broken, and neither address nor key gets into the log', async t => {
  const url = 'https://media.test/img/1?q-signature=5ecre7'
  const ownKey = 'own key of the file'
  for (const error of [
    new Error(`GET ${url} with ${ownKey} and ${BOT_KEY}`), `no error: ${url}`, undefined, Object.assign(new Error('x'), { code: url })
  ]) {
    const { attachments, fetching, log } = setUp()
    const got = attachments([image(url, ownKey)], never)
    await idle()
    fetching[0]?.fail(error)
    t.strictSame(await got, [{ kind: 'image', lost: 'BROKEN' }])
    t.equal(log.lines.length, 1)
    const told = inspect(log.lines, { depth: Infinity })
    for (const secret of [url, '5ecre7', ownKey, BOT_KEY]) t.notOk(told.includes(secret), secret)
  }
})

t.test('a fetcher that throws at once is no different', async t => {
  const { attachments } = setUp({ fetch: () => { throw new MediaError('REFUSED', 'no') } })
  t.strictSame(await attachments([image('a')], never), [{ kind: 'image', lost: 'REFUSED' }])
})

t.test('an abort rejects with its reason, without a log line', async t => {
  const { attachments, fetching, log } = setUp({ max: 1 })
  const abort = new AbortController()
  const got = attachments(images(3), abort.signal)
  await idle()
  t.equal(fetching[0]?.signal, abort.signal)
  abort.abort(new Error('stopped'))
  fetching[0]?.fail(new MediaError('BROKEN', 'its host closed the connection'))
  await t.rejects(got, { message: 'stopped' })
  await idle()
  t.equal(fetching.length, 1, 'what waited is not fetched any more')
  t.same(log.lines, [])
  await t.rejects(attachments([image('a')], abort.signal), { message: 'stopped' }, 'one that has happened before counts, too')
})

t.test('of more than ten the first ten are fetched, the others are lost', async t => {
  for (const [count, lost] of [[10, 0], [11, 1], [25, 15]] as const) {
    const { attachments, fetching } = setUp()
    const got = attachments(images(count), never)
    await idle()
    t.same(fetching.map(({ url }) => url), images(10).map(({ url }) => url))
    for (const { give } of fetching) give()
    const kept = (await got).filter(attachment => 'data' in attachment)
    t.equal(kept.length, 10)
    t.strictSame((await got).slice(10), Array.from({ length: lost }, () => ({ kind: 'image', lost: 'TOO_MANY' })))
  }
})

t.test('at most so many are fetched at once, whoever asks', async t => {
  const { attachments, fetching, limiter } = setUp({ max: 2 })
  const got = Promise.all([attachments(images(3), never), attachments(images(2), never)])
  for (const [finished, under] of [[0, 2], [1, 3], [2, 4], [3, 5], [5, 5]] as const) {
    for (const [index, { give, fail }] of fetching.slice(0, finished).entries()) {
      // A failure gives its place back, too.
      if (index === 1) fail(new Error('broken'))
      else give()
    }
    await idle()
    t.equal(fetching.length, under, `after ${finished}`)
  }
  t.same((await got).map(list => list.length), [3, 2])
  const places = [1, 2].map(() => limiter.enter(never))
  await t.resolves(Promise.all(places.map(({ entered }) => entered)), 'every place has been given back')
})

async function fetchOver (t: Test, aeskey: string | undefined, key: Buffer) {
  const server = await startMediaServer()
  t.teardown(() => server.close())
  const file = Buffer.from(`a file that is encrypted with ${aeskey ?? 'the key of the bot'}`)
  server.respondWith(media(encryptMedia(file, key), { 'content-disposition': 'attachment; filename="../n.txt"' }))
  const set = setUp({ fetch: createMediaFetcher({ ...server.trust, clock: createManualClock() }) })
  return {
    file, log: set.log, got: await set.attachments([{ kind: 'file', url: server.url, ...(aeskey !== undefined && { aeskey }) }], never)
  }
}

t.test('a file comes over the network byte for byte, with either key', async t => {
  for (const [aeskey, key] of [[undefined, KEY], [FILE_KEY.toString('hex'), FILE_KEY], [FILE_KEY.toString('hex'), KEY]] as const) {
    const { file, got } = await fetchOver(t, aeskey, key)
    t.hasStrict(got, [{ kind: 'file', size: file.length, data: file.toString('base64'), name: 'n.txt' }])
  }
})

t.test('one that cannot be decrypted is told as such, and its address is not', async t => {
  const { got, log } = await fetchOver(t, undefined, FILE_KEY)
  t.strictSame(got, [{ kind: 'file', lost: 'UNDECRYPTABLE' }])
  t.notOk(inspect(log.lines, { depth: Infinity }).includes(URL_SECRET))
})

const bytes = (size: number): Media => ({ data: Buffer.alloc(size, 1), type: 'application/octet-stream' })

/** As a host that says what it sends: asked whether that may be read, it sends it, or the fetch fails. */
function serveSize (fetching: Fetching | undefined, size: number): boolean {
  if (fetching?.admit?.(size) === undefined) {
    fetching?.fail(new MediaError('TOO_LARGE', 'there is no room for it'))
    return false
  }
  fetching.give(bytes(size))
  return true
}

t.test('a file that finds no room waits without a place, and is asked for again when a turn is over', async t => {
  const { open, fetching, clock, pool } = setUp({ max: 1 })
  const first = open({ sender: 'u', since: clock.now() })
  const kept = first.fetch(images(2), never)
  for (const index of [0, 1]) {
    await idle()
    t.ok(serveSize(fetching[index], 100))
  }
  await kept
  const second = open({ sender: 'u', since: clock.now() })
  const got = second.fetch(images(2), never)
  await idle()
  t.ok(serveSize(fetching[2], 100))
  await idle()
  t.notOk(serveSize(fetching[3], 100), 'the sender has what one may have')
  await idle()
  t.equal(fetching.length, 4)
  const other = open({ sender: 'other', since: clock.now() }).fetch(images(1), never)
  await idle()
  t.ok(serveSize(fetching[4], 100), 'somebody else is served meanwhile')
  t.hasStrict(await other, [{ size: 100 }])
  t.equal(pool.bytes, 400)
  first.release()
  await idle()
  t.equal(pool.bytes, 300, 'the room is taken before it is asked for again')
  t.ok(serveSize(fetching[5], 100))
  t.hasStrict(await got, [{ size: 100 }, { size: 100 }])
  second.release()
  second.release()
  t.equal(pool.bytes, 100)
  t.equal(clock.pending, 0)
})

t.test('what finds no room within a minute is told by whose excess it is', async t => {
  const { open, fetching, clock, log } = setUp({ limits: { file: 100, message: 200, sender: 300, total: 300 } })
  const ask = async (sender: string, sizes: number[]) => {
    const before = fetching.length
    const files = open({ sender, since: clock.now() })
    const got = files.fetch(images(sizes.length), never)
    await idle()
    for (const [index, size] of sizes.entries()) serveSize(fetching[before + index], size)
    await idle()
    return { files, got }
  }
  const first = await ask('a', [100, 100])
  await first.got
  const ownExcess = await ask('a', [100, 100])
  const others = await ask('b', [1])
  await clock.advance(59_999)
  t.equal(log.lines.length, 0)
  await clock.advance(1)
  t.hasStrict(await ownExcess.got, [{ size: 100 }, { lost: 'TOO_LARGE' }])
  t.hasStrict(await others.got, [{ lost: 'NO_ROOM' }])
  t.match(log.lines.map(({ fields }) => fields['cause']), [
    { message: /its sender has more files under way than a quarter of WECOM_MEDIA_TOTAL_MAX_BYTES/ },
    { message: /the files under way take up WECOM_MEDIA_TOTAL_MAX_BYTES/ }
  ])
  t.equal(clock.pending, 0)
})

t.test('an abort ends the wait for room', async t => {
  const { open, fetching, clock, pool, log } = setUp()
  const abort = new AbortController()
  const files = open({ sender: 'u', since: clock.now() })
  const got = files.fetch(images(3), abort.signal)
  await idle()
  t.ok(fetching[0]?.admit?.(100))
  t.ok(fetching[1]?.admit?.(100))
  t.notOk(serveSize(fetching[2], 100))
  await idle()
  abort.abort(new Error('stopped'))
  await t.rejects(got, { message: 'stopped' })
  files.release()
  t.equal(pool.bytes, 0)
  t.equal(pool.waiting.size, 0)
  t.equal(pool.bytesOf.size, 0)
  t.equal(clock.pending, 0)
  // The download does not know yet.
  t.equal(fetching[0]?.admit?.(100), undefined)
  fetching[1]?.give(bytes(100))
  await idle()
  t.equal(pool.bytes, 0, 'what comes behind the end is not held')
  t.same(log.lines, [])
})

t.test('a file that cannot be had gives its room back', async t => {
  for (const failure of [...MEDIA_FAILURES.map(reason => new MediaError(reason, 'x')), new Error('x')]) {
    const { attachments, fetching, pool } = setUp()
    const got = attachments(images(1), never)
    await idle()
    t.equal(fetching[0]?.admit?.(undefined), 100)
    t.equal(pool.bytes, 100)
    fetching[0]?.fail(failure)
    t.hasStrict(await got, [{ lost: failure instanceof MediaError ? failure.reason : 'BROKEN' }])
    t.equal(pool.bytes, 0)
    t.equal(pool.bytesOf.size, 0)
  }
})

t.test('the fetcher learns when the message came', async t => {
  const { open, fetching } = setUp()
  void open({ sender: undefined, since: 4711 }).fetch(images(1), never)
  await idle()
  t.equal(fetching[0]?.since, 4711)
})

t.test('many files of one message make no warning of listeners', async t => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const server = await startMediaServer()
  t.teardown(() => server.close())
  server.respondWith(media(encryptMedia(Buffer.alloc(10), KEY)))
  const clock = createManualClock()
  const fetch = createMediaFetcher({ ...server.trust, clock })
  const { open } = setUp({ fetch, limits: { file: 10, message: 20, sender: 30, total: 40 } })
  const files = open({ sender: 'u', since: clock.now() })
  const { signal } = new AbortController()
  const references = Array.from({ length: 10 }, () => image(server.url))
  const [own, quoted] = await Promise.all([files.fetch(references, signal), files.fetch(references, signal)])
  t.equal([...own, ...quoted].filter(file => 'data' in file).length, 2)
  t.equal([...own, ...quoted].filter(file => 'lost' in file && file.lost === 'TOO_LARGE').length, 18)
  await idle()
  t.same(warnings, [])
})
