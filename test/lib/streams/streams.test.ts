import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import type { Source } from '../../../lib/sources/source.ts'
import { createMemoryStore } from '../../../lib/stores/memory/streams.ts'
import type { MemoryStoreOptions } from '../../../lib/stores/memory/streams.ts'
import type { StreamRecord, StreamStore } from '../../../lib/stores/store.ts'
import type { StreamInput } from '../../../lib/streams/contract.ts'
import type { Opened } from '../../../lib/streams/contract.ts'
import { createStreams } from '../../../lib/streams/streams.ts'
import type { Streams, StreamsLimits } from '../../../lib/streams/streams.ts'
import { createId } from '../../../lib/util/ids.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { createHandSource, endless, returning, silent, throwing, yielding } from '../../fixtures/sources.ts'
import { byId } from '../../fixtures/streams-by-id.ts'
import { idle, until } from '../../fixtures/waiting.ts'

const ID = /^[0-9a-f]{32}$/

interface Given {
  limits?: Partial<StreamsLimits>
  bounds?: Partial<MemoryStoreOptions>
  wrap?: (store: StreamStore) => Partial<StreamStore>
  source?: Source
}

/** Streams with a source driven by hand, under the names `hand` too; `quiet` closes them and looks for what is left. */
function build ({ limits, bounds, wrap = () => ({}), source }: Given = {}) {
  const clock = createManualClock()
  const log = createLog()
  const memory = createMemoryStore({ clock, retentionMs: 60_000, maxFinished: 1000, maxFinishedBytes: 1_000_000, ...bounds })
  const store: StreamStore = { ...memory, ...wrap(memory) }
  const hand = createHandSource()
  const streams = byId(createStreams({
    store,
    clock,
    log,
    createId,
    source: source ?? hand.source,
    sources: new Map([['hand', hand.source], ['echo', async function * ({ prompt }) { yield prompt }]]),
    limits: {
      deadlineMs: 1000,
      lateDeadlineMs: 3000,
      firstTokenTimeoutMs: 300,
      idleTimeoutMs: 200,
      maxContentBytes: 1000,
      maxRunning: 2,
      maxQueued: 2,
      shutdownGraceMs: 500,
      ...limits
    }
  }))
  const read = async (id: string): Promise<string | undefined> => {
    await idle()
    return brief(await streams.read(id))
  }
  const quiet = async (t: Test): Promise<void> => {
    await streams.close()
    t.equal(streams.size, 0)
    t.equal(clock.pending, 0)
  }
  return { clock, log, store, hand, streams, read, quiet }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap that are still in use when everything that can be let go of is gone. */
async function heapUsed (): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await idle()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** What a record shows, in short. */
function brief (record: StreamRecord | undefined): string | undefined {
  if (record === undefined) return undefined
  const { status, content, notice, failure } = record
  return [status, content, notice, failure?.code].filter(Boolean).join(' ')
}

t.test('a stream gets an id, runs in the background and ends', async t => {
  const { streams, hand, read, quiet } = build()
  const id = await streams.start('hi')
  t.match(id, ID)
  t.equal(streams.size, 1)
  t.equal(hand.call().turn.prompt, 'hi')
  t.equal(await read(id), 'running')
  await hand.call().push('Hello')
  t.equal(await read(id), 'running Hello')
  await hand.call().end()
  t.equal(await read(id), 'done Hello')
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('a source gets its turn: what was given but the source, and the deadline', async t => {
  const { streams, hand, clock, quiet } = build()
  const input = { prompt: 'hi', sender: 'u', chat: { type: 'group', id: 'g' }, bot: 'b', message: { msgid: 'm' } } as const
  const deadline = clock.now() + 1000
  await streams.start({ ...input, source: 'hand', deadline: 7 } as StreamInput)
  t.strictSame(hand.call().turn, { ...input, deadline })
  t.strictSame(JSON.parse(JSON.stringify(hand.call().turn)), hand.call().turn)
  await quiet(t)
})

t.test('a source is the configured one, a named one, or one of the caller\'s', async t => {
  const { streams, hand, read, quiet } = build()
  await streams.start({ prompt: 'a', source: 'hand' })
  t.equal(hand.calls.length, 1)
  t.equal(await read(await streams.start({ prompt: 'b', source: 'echo' })), 'done b')
  t.equal(await read(await streams.start({ prompt: 'c', source: yielding('own') })), 'done own')
  t.equal(streams.resolveSource(undefined), hand.source)
  t.equal(streams.resolveSource('hand'), hand.source)
  await quiet(t)
})

t.test('an input that cannot be is refused, and opens nothing', async t => {
  const { streams, quiet } = build()
  for (const input of [undefined, null, 7, {}, { prompt: 7 }, { prompt: undefined }, [], {
    prompt: 'a', source: 'nobody'
  }, { prompt: 'a', source: 7 }, { prompt: 'a', source: null }, { prompt: 'a', source: '__proto__' }]) {
    await t.rejects(streams.start(input as string), { code: 'WECOM_ERR_INPUT', statusCode: 400 }, JSON.stringify(input))
  }
  t.throws(() => streams.resolveSource('nobody'), { code: 'WECOM_ERR_INPUT', message: /hand, echo/ })
  t.equal(streams.size, 0)
  await quiet(t)

  const none = createStreams({
    store: build().store,
    clock: createManualClock(),
    log: createLog(),
    createId,
    source: silent(),
    sources: new Map(),
    limits: {} as StreamsLimits
  })
  t.throws(() => none.resolveSource('nobody'), { message: /\(none\)/ })
})

t.test('an empty prompt is a prompt', async t => {
  const { streams, hand, quiet } = build()
  await streams.start('')
  t.equal(hand.call().turn.prompt, '')
  await quiet(t)
})

t.test('beyond the running ones streams wait in line, first come, first served', async t => {
  const { streams, hand, quiet } = build({ limits: { maxQueued: 4 } })
  const prompts = (): string[] => hand.calls.map(call => call.turn.prompt)
  for (const prompt of 'abcdef') await streams.start(prompt)
  t.strictSame(prompts(), ['a', 'b'])
  t.equal(streams.size, 6)
  await hand.call(1).end()
  t.strictSame(prompts(), ['a', 'b', 'c'])
  await hand.call(2).fail(new Error('x'))
  t.strictSame(prompts(), ['a', 'b', 'c', 'd'])
  await hand.call(0).end()
  await hand.call(3).end()
  t.strictSame(prompts(), ['a', 'b', 'c', 'd', 'e', 'f'])
  await hand.call(4).end()
  await hand.call(5).end()
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('waiting is running, and has no clock but the deadline', async t => {
  const { streams, hand, read, clock, quiet } = build({ limits: { maxRunning: 1 } })
  await streams.start('a')
  await clock.advance(100)
  const waiting = await streams.start('b')
  await clock.advance(150)
  await hand.call().push('x')
  for (let i = 0; i < 5; i++) {
    await clock.advance(140)
    await hand.call().push('x')
  }
  t.equal(await read(waiting), 'running')
  await hand.call(0).end()
  t.equal(hand.calls.length, 2)
  await clock.advance(149)
  t.equal(await read(waiting), 'running', 'the deadline counts from the opening')
  await clock.advance(1)
  t.equal(await read(waiting), 'error TIMEOUT')
  await quiet(t)
})

t.test('a deadline that passes in line sets no source to work, and frees the place', async t => {
  const { streams, hand, read, clock, quiet } = build({ limits: { maxRunning: 1, maxQueued: 1 } })
  await streams.start({ prompt: 'a', source: async function * (_turn, { untimed }) { await untimed(new Promise(() => {})) } })
  const waiting = await streams.start('b')
  await clock.advance(1000)
  t.equal(await read(waiting), 'error TIMEOUT')
  t.equal(hand.calls.length, 0)
  t.equal(streams.size, 0)
  await streams.start('c')
  t.equal(hand.calls.length, 1)
  await quiet(t)
})

t.test('more than run and wait are refused, until one has ended', async t => {
  const { streams, hand, store, quiet } = build()
  const ids = []
  for (const prompt of 'abcd') ids.push(await streams.start(prompt))
  await t.rejects(streams.start('e'), { code: 'WECOM_ERR_BUSY', statusCode: 503, message: /^4 streams/ })
  await t.rejects(Promise.all([streams.start('e'), streams.start('f')]), { code: 'WECOM_ERR_BUSY' })
  await hand.call(0).end()
  await streams.start('g')
  await t.rejects(streams.start('h'), { code: 'WECOM_ERR_BUSY' })
  t.equal(brief((await store.read(ids[0] as string))?.record), 'done')
  await quiet(t)
})

t.test('of many that start at once, as many run and wait as there is room for', async t => {
  const { streams, hand, quiet } = build()
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => streams.start(`${index}`)))
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 4)
  t.equal(hand.calls.length, 2)
  t.equal(streams.size, 4)
  await quiet(t)
})

t.test('without a queue, one that cannot run is refused', async t => {
  const { streams, quiet } = build({ limits: { maxRunning: 1, maxQueued: 0 } })
  await streams.start('a')
  await t.rejects(streams.start('b'), { code: 'WECOM_ERR_BUSY' })
  await quiet(t)
})

t.test('a stop gives the state at once, aborts the source and keeps the text', async t => {
  const { streams, hand, read, quiet } = build()
  const id = await streams.start('a')
  await hand.call().push('Hel')
  t.equal(brief(await streams.stop(id)), 'stopping Hel')
  t.equal(hand.call().context.signal.aborted, true)
  t.equal(hand.call().closes, 1)
  t.equal(await read(id), 'done Hel STOPPED')
  await hand.call().push('lo')
  t.equal(await read(id), 'done Hel STOPPED')
  t.equal(brief(await streams.stop(id)), 'done Hel STOPPED', 'again')
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('a stop of what has ended, or is unknown, changes nothing', async t => {
  const { streams, read, quiet } = build()
  const id = await streams.start({ prompt: 'a', source: yielding('x') })
  t.equal(await read(id), 'done x')
  t.equal(brief(await streams.stop(id)), 'done x')
  t.equal(await read(id), 'done x')
  t.equal(await streams.stop('unknown'), undefined)
  await quiet(t)
})

t.test('a stop in line sets no source to work, and frees the place', async t => {
  const { streams, hand, read, quiet } = build({ limits: { maxRunning: 1, maxQueued: 1 } })
  await streams.start('a')
  const waiting = await streams.start('b')
  t.equal(brief(await streams.stop(waiting)), 'stopping')
  t.equal(await read(waiting), 'done STOPPED')
  await streams.start('c')
  await hand.call().end()
  t.strictSame(hand.calls.map(call => call.turn.prompt), ['a', 'c'])
  await quiet(t)
})

t.test('a stop between opening and running sets no source to work', async t => {
  const { streams, hand, read, quiet } = build()
  const { id } = await streams.open({})
  await streams.stop(id)
  streams.run(id, { prompt: 'a' })
  t.equal(await read(id), 'done STOPPED')
  streams.run(id, { prompt: 'a' })
  t.equal(hand.calls.length, 0)
  await quiet(t)
})

t.test('a stream that is stopped in line while another ends is not set to work, however slow its end is stored', async t => {
  const ends: Array<() => void> = []
  const { streams, hand, read, quiet } = build({
    limits: { maxRunning: 1, maxQueued: 2 },
    wrap: store => ({
      end: async (...args) => {
        if (args[2].notice === 'STOPPED') await new Promise<void>(resolve => ends.push(resolve))
        return await store.end(...args)
      }
    })
  })
  await streams.start('a')
  const stopped = await streams.start('b')
  await streams.start('c')
  await streams.stop(stopped)
  await hand.call().end()
  t.strictSame(hand.calls.map(call => call.turn.prompt), ['a', 'c'], 'the next one in line is')
  t.equal(await read(stopped), 'stopping')
  ends[0]?.()
  t.equal(await read(stopped), 'done STOPPED')
  t.equal(streams.size, 1)
  await quiet(t)
})

t.test('a store that is slow or away when a stop is asked for keeps no source at work', async t => {
  const { streams, hand, read, quiet } = build({ wrap: () => ({ requestStop: async () => { throw new Error('away') } }) })
  const id = await streams.start('a')
  await t.rejects(streams.stop(id), { message: 'away' })
  t.equal(hand.call().context.signal.aborted, true)
  t.equal(await read(id), 'done STOPPED')
  await quiet(t)

  const slow = build({ wrap: () => ({ requestStop: () => new Promise(() => {}) }) })
  const slowId = await slow.streams.start('a')
  void slow.streams.stop(slowId)
  t.equal(slow.hand.call().context.signal.aborted, true)
  await slow.quiet(t)
})

t.test('of one claim there is one stream, at once or later, whatever has become of it', async t => {
  const { streams, hand, clock, quiet } = build({ bounds: { retentionMs: 5000 } })
  const opened = await Promise.all(Array.from({ length: 4 }, () => streams.open({ claim: 'm', chat: { scope: '/' } })))
  const { id } = opened[0] as Opened
  t.match(id, ID)
  t.ok(opened.every(other => other.id === id))
  t.strictSame(opened.map(({ runnable }) => runnable), [true, false, false, false])
  t.equal(streams.size, 1)
  t.equal(clock.pending, 1, 'a duplicate leaves no timer')
  streams.run(id, { prompt: 'a' })
  t.strictSame(await streams.open({ claim: 'm' }), { id, runnable: false })
  t.equal(clock.pending, 1)
  await hand.call().end()
  t.strictSame(await streams.open({ claim: 'm' }), { id, runnable: false })
  t.strictSame(await streams.open({ claim: 'm', outcome: { status: 'done', notice: 'NO_PROMPT' } }), { id, runnable: false })
  t.equal(streams.size, 0)

  await clock.advance(5000)
  t.equal(clock.pending, 0)
  const later = await streams.open({ claim: 'm' })
  t.not(later.id, id)
  t.equal(later.runnable, true)
  await quiet(t)
})

t.test('a duplicate is found where there is no room for a stream of its own, and is not refused', async t => {
  const { streams, log, quiet } = build()
  const { id } = await streams.open({ claim: 'm' })
  for (let i = 0; i < 3; i++) await streams.open({})
  t.strictSame(await streams.open({ claim: 'm' }), { id, runnable: false })
  t.equal(brief(await streams.read(id)), 'running')
  t.strictSame(log.lines, [])
  await quiet(t)
})

t.test('a message for which there is no room gets a stream that says so, under the reference of the log', async t => {
  const { streams, log, quiet, clock } = build()
  for (let i = 0; i < 4; i++) await streams.open({})
  const { id, runnable } = await streams.open({ claim: 'm', chat: { scope: '/' } })
  t.equal(runnable, false)
  t.equal(streams.size, 4)
  t.equal(clock.pending, 5, 'four deadlines and the sweep of the store')
  const record = await streams.read(id)
  t.match(
    record, { status: 'error', content: '', chat: { scope: '/' }, failure: { code: 'BUSY', reference: /^[0-9a-f]{8}$/ }, notice: undefined }
  )
  t.strictSame(log.lines, [{
    level: 'warn', message: 'stream refused', fields: { streamId: id, class: 'BUSY', reference: record?.failure?.reference, open: 4 }
  }])
  streams.run(id, { prompt: 'a' })
  t.strictSame(await streams.open({ claim: 'm' }), { id, runnable: false })
  await quiet(t)
})

t.test('a stream that is opened with its outcome needs no room, no timer and no source', async t => {
  const { streams, hand, log, quiet } = build()
  for (let i = 0; i < 4; i++) await streams.open({})
  const { id, runnable } = await streams.open({ outcome: { status: 'done', notice: 'NO_PROMPT' } })
  t.equal(runnable, false)
  t.equal(brief(await streams.read(id)), 'done NO_PROMPT')
  streams.run(id, { prompt: 'a' })
  t.equal(hand.calls.length, 0)
  t.strictSame(log.lines, [])
  await quiet(t)
})

t.test('a stream that is opened as ended may have a text', async t => {
  const { streams, quiet } = build()
  const { id, runnable } = await streams.open({ content: 'hello', outcome: { status: 'done' } })
  t.equal(runnable, false)
  t.equal(brief(await streams.read(id)), 'done hello')
  await quiet(t)
})

t.test('a message that is refused as it comes is logged with why, once however often it comes', async t => {
  const { streams, log, quiet } = build()
  const refusal = { claim: 'm', outcome: { status: 'done', notice: 'DENIED' }, why: 'user list' } as const
  const { id, runnable } = await streams.open(refusal)
  t.equal(runnable, false)
  t.strictSame(await streams.open(refusal), { id, runnable: false })
  t.strictSame(log.lines, [{ level: 'info', message: 'message refused', fields: { streamId: id, why: 'user list' } }])
  t.hasStrict(await streams.read(id), { status: 'done', content: '', notice: 'DENIED', failure: undefined })
  await quiet(t)
})

t.test('a stream that was opened can be refused, with a sentence or without', async t => {
  const { streams, hand, log, read, quiet } = build()
  for (const [sentence, shown] of [[undefined, 'done LIMITED'], ['Not you.', 'done Not you. LIMITED']] as const) {
    const { id } = await streams.open({})
    const prepared = streams.prepare(id, async () => streams.refuse(id, 'LIMITED', sentence))
    t.equal(await prepared, undefined)
    t.equal(await read(id), shown)
    t.hasStrict(log.lines.splice(0), [
      { level: 'debug', message: 'stream ended', fields: { streamId: id, status: 'done', reason: 'LIMITED', stored: true } }
    ])
    streams.run(id, { prompt: 'a' })
    streams.refuse(id, 'DENIED', 'again')
    t.equal(await read(id), shown, 'it has ended')
  }
  t.equal(hand.calls.length, 0)
  streams.refuse('unknown', 'DENIED')
  await quiet(t)
})

t.test('what costs no model is taken in however many there are, and answered', async t => {
  const { streams, hand, read, quiet } = build()
  for (let i = 0; i < 4; i++) await streams.start('a')
  t.hasStrict(await streams.open({}), { runnable: false })
  const { id, runnable } = await streams.open({ always: true })
  t.equal(runnable, true)
  streams.answer(id, 'at your service')
  t.equal(await read(id), 'done at your service')
  t.equal(hand.calls.length, 2)
  await quiet(t)
  streams.answer(id, 'nobody is there')
})

t.test('what comes before the source has the signal and the deadline of its stream', async t => {
  const { streams, hand, read, clock, quiet } = build()
  const { id } = await streams.open({})
  let found!: (value: string) => void
  const prepared = streams.prepare(id, async (signal, deadline) => {
    t.equal(signal.aborted, false)
    t.equal(deadline, clock.now() + 1000)
    return await new Promise<string>(resolve => { found = resolve })
  })
  streams.setMetadata(id, { waiting: true })
  await idle()
  t.hasStrict(await streams.read(id), { metadata: { waiting: true } })
  await clock.advance(500)
  found('x')
  t.equal(await prepared, 'x')
  t.equal(hand.calls.length, 0)
  await streams.stop(id)
  t.equal(await streams.prepare(id, async () => 'late'), undefined)
  t.equal(await read(id), 'done STOPPED')
  t.equal(await streams.prepare(id, async () => t.fail('it is not called')), undefined)
  streams.setMetadata(id, { waiting: false })
  t.hasStrict(await streams.read(id), { metadata: { waiting: true } })
  await quiet(t)
})

t.test('who asks for the end of a stream is told when it is there, and at once of any other', async t => {
  const { streams, hand, quiet } = build()
  await streams.ended('unknown')
  const { id } = await streams.open({})
  streams.run(id, { prompt: 'a' })
  let ended = false
  const end = streams.ended(id).then(() => { ended = true })
  await idle()
  t.equal(ended, false)
  await hand.call().end()
  await end
  t.hasStrict(await streams.read(id), { status: 'done' })
  await streams.ended(id)
  await quiet(t)
})

t.test('thinking is kept where the caller wants it', async t => {
  const { streams, store, quiet } = build({ source: yielding({ type: 'reasoning', text: 'hm' }, 'a') })
  for (const keep of [true, false]) {
    const { id } = await streams.open({})
    streams.run(id, { prompt: 'a' }, keep ? 'show' : 'hide')
    await idle()
    t.hasStrict((await store.read(id))?.record, { content: 'a', reasoning: keep ? 'hm' : '' })
  }
  await quiet(t)
})

t.test('a source that cannot be found leaves the opened stream to its deadline', async t => {
  const { streams, read, clock, quiet } = build()
  const { id } = await streams.open({})
  t.throws(() => streams.run(id, { prompt: 'a', source: 'nobody' }), { code: 'WECOM_ERR_INPUT' })
  await clock.advance(1000)
  t.equal(await read(id), 'error TIMEOUT')
  await quiet(t)
})

t.test('a store that cannot create rejects, and leaves nothing', async t => {
  const { streams, clock, log, quiet } = build({ wrap: () => ({ create: async () => { throw new Error('away') } }) })
  for (let i = 0; i < 10; i++) {
    await t.rejects(streams.start('a'), { message: 'away' })
    await t.rejects(streams.open({ claim: 'm' }), { message: 'away' })
    await t.rejects(streams.open({ outcome: { status: 'done' } }), { message: 'away' })
  }
  t.equal(streams.size, 0)
  t.equal(clock.pending, 0)
  t.strictSame(log.lines, [])
  await quiet(t)
})

t.test('a store that writes nothing, or refuses, is told in the log, and leaves nothing', async t => {
  const reject = async (): Promise<never> => { throw new Error('away') }
  for (const [wrap, level] of [
    [{ append: reject }, 'error'], [{ end: reject }, 'error'], [{ append: async () => false }, 'debug'],
    [{ end: async () => false }, 'debug']
  ] as const) {
    const { streams, log, clock, quiet } = build({ wrap: () => wrap, source: yielding('a', 'b'), limits: { maxRunning: 5 } })
    for (let i = 0; i < 5; i++) await streams.start('a')
    await idle()
    t.equal(streams.size, 0)
    t.equal(clock.pending, 0)
    t.strictSame(log.lines.map(line => line.level), [1, 2, 3, 4, 5].map(() => level))
    await quiet(t)
  }
})

t.test('a deadline that passes while the store creates the stream ends it, and its source is never set to work', async t => {
  let create!: () => void
  const { streams, hand, clock, read, quiet } = build({
    wrap: store =>
      ({ create: async stream => { await new Promise<void>(resolve => { create = resolve }); return await store.create(stream) } })
  })
  const opening = streams.start('a')
  await clock.advance(1000)
  t.equal(streams.size, 1, 'it is open until its end is stored')
  create()
  t.equal(await read(await opening), 'error TIMEOUT')
  t.equal(hand.calls.length, 0)
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('every kind of source comes to its end, and leaves nothing', async t => {
  const sources: Array<[Source, string]> = [
    [yielding(), 'done'],
    [yielding('a', 'b'), 'done ab'],
    [yielding('a', 7), 'error a INTERNAL'],
    [throwing(new Error('x'), 'a'), 'error a INTERNAL'],
    [() => { throw new Error('x') }, 'error INTERNAL'],
    [returning(['a']), 'error INTERNAL'],
    [silent(), 'error TIMEOUT'],
    [endless('abc'), 'done abcabcabca TOO_LARGE'],
    [endless(''), 'error TIMEOUT']
  ]
  for (const [source, expected] of sources) {
    const { streams, read, clock, quiet } = build({ source, limits: { maxContentBytes: 10 } })
    const id = await streams.start('a')
    await idle()
    await clock.advance(1000)
    t.equal(await read(id), expected)
    t.equal(streams.size, 0)
    await quiet(t)
  }
})

t.test('a follower sees each status: running, stopping, the end', async t => {
  const { streams, hand, read, quiet } = build()
  const id = await streams.start('a')
  const seen: Array<string | undefined> = []
  const over = (async () => { for await (const record of streams.follow(id)) seen.push(brief(record)) })()
  await idle()
  await hand.call().push('x')
  const end = streams.stop(id)
  await over
  await end
  t.strictSame([seen[0], seen[1], seen.at(-1)], ['running', 'running x', 'done x STOPPED'])
  t.equal(await read(id), 'done x STOPPED')

  const abort = new AbortController()
  const left = streams.follow(await streams.start('b'), abort.signal)
  await left.next()
  abort.abort()
  t.strictSame(await left.next(), { done: true, value: undefined })
  await quiet(t)
})

t.test('what can be delivered behind its bubble goes on behind it', async t => {
  const { streams, hand, clock, read, quiet } = build({ limits: { idleTimeoutMs: 5000 } })
  const { id } = await streams.open({ deliverable: true })
  const other = await streams.open({})
  t.same((await streams.read(id))?.metadata, { deliverable: true })
  t.same((await streams.read(other.id))?.metadata, {})
  streams.run(id, { prompt: 'q' })
  t.equal(hand.call().turn.deadline, clock.now() + 3000)
  await hand.call().push('a')
  await clock.advance(1000)
  t.equal(await read(other.id), 'error TIMEOUT')
  t.equal(await read(id), 'running a')
  t.same((await streams.read(id))?.metadata, { deliverable: true, sealedAt: 1 })
  await clock.advance(2000)
  t.equal(await read(id), 'error a TIMEOUT')
  await quiet(t)
})

t.test('a late deadline that is no later than the other counts for nothing', async t => {
  const { streams, clock, read, quiet } = build({ limits: { lateDeadlineMs: 0 } })
  const { id } = await streams.open({ deliverable: true })
  await clock.advance(1000)
  t.equal(await read(id), 'error TIMEOUT')
  await quiet(t)
})

t.test('a stream can be refused, with a sentence of the host or without', async t => {
  const { streams, read, quiet } = build()
  const [one, two] = [await streams.open({}), await streams.open({})]
  streams.refuse(one.id, 'DENIED', 'not you')
  streams.refuse(two.id, 'LIMITED')
  streams.refuse('unknown', 'DENIED')
  t.equal(await read(one.id), 'done not you DENIED')
  t.equal(await read(two.id), 'done LIMITED')
  await quiet(t)
})

t.test('the last frame of a bubble that was closed before is not waited for', async t => {
  const { streams, clock, quiet } = build()
  const { id } = await streams.open({ deliverable: true, chat: { scope: 's' } })
  await clock.advance(1000)
  await streams.stop(id)
  await idle()
  await streams.allFetched()
  await quiet(t)
})

t.test('a close waits for its listeners when everything has ended, and before the store closes', async t => {
  const order: string[] = []
  let over!: () => void
  const { streams, hand } = build({ wrap: () => ({ close: async () => { order.push('store') } }) })
  const { id } = await streams.open({})
  streams.run(id, { prompt: 'a' })
  streams.beforeClose(() => new Promise(resolve => {
    order.push(`listener, ${streams.size} open, ${hand.call().context.signal.aborted}`)
    over = resolve
  }))
  const closing = streams.close()
  await idle()
  t.strictSame(order, ['listener, 0 open, true'])
  over()
  await closing
  t.strictSame(order, ['listener, 0 open, true', 'store'])
})

t.test('who waits for an end waits until it is there, or for his time', async t => {
  const { streams, hand, clock, quiet } = build()
  const { id } = await streams.open({})
  streams.run(id, { prompt: 'a' })
  const log: string[] = []
  const wait = (name: string, id: string, ms: number): void => { void streams.untilEnded(id, ms).then(() => log.push(name)) }
  wait('unknown', 'unknown', 100)
  wait('no time', id, 0)
  await idle()
  t.strictSame(log.splice(0), ['unknown', 'no time'])
  t.equal(clock.pending, 1)

  wait('short', id, 100)
  wait('long', id, 200)
  await clock.advance(99)
  t.strictSame(log, [])
  await clock.advance(1)
  t.strictSame(log.splice(0), ['short'])
  await hand.call().push('x')
  t.strictSame(log, [])
  await hand.call().end()
  t.strictSame(log.splice(0), ['long'])
  t.equal(clock.pending, 1, 'only the sweep of the store is left')
  wait('ended', id, 100)
  await idle()
  t.strictSame(log, ['ended'])
  await quiet(t)
})

t.test('a drain takes nothing new, lets the running and the waiting ones end, and resolves then', async t => {
  const { streams, hand, read, log, quiet } = build({ limits: { maxRunning: 1 } })
  const running = await streams.start('a')
  const waiting = await streams.start('b')
  let drained = false
  const drain = streams.drain()
  void drain.then(() => { drained = true })
  t.equal(streams.drain(), drain, 'it is one and the same drain')

  await t.rejects(streams.start('c'), { code: 'WECOM_ERR_CLOSED', statusCode: 503 })
  const refused = await streams.open({ claim: 'm' })
  t.equal(refused.runnable, false)
  t.equal(await read(refused.id), 'error CLOSING BUSY')
  t.hasStrict(log.lines, [{ level: 'warn', message: 'stream refused', fields: { class: 'BUSY' } }])
  t.equal(brief(await streams.read(running)), 'running', 'refreshes are served')

  await hand.call(0).end()
  t.equal(hand.call(1).turn.prompt, 'b')
  t.equal(drained, false)
  await hand.call(1).end()
  t.equal(drained, true)
  t.equal(await read(waiting), 'done')
  await quiet(t)
})

t.test('a drain ends by force what is left after the grace', async t => {
  const { streams, hand, read, clock, quiet } = build({ limits: { maxRunning: 1, firstTokenTimeoutMs: 900 } })
  const running = await streams.start('a')
  const waiting = await streams.start('b')
  await hand.call().push('x')
  let drained = false
  void streams.drain().then(() => { drained = true })
  await clock.advance(199)
  await hand.call().push('y')
  await clock.advance(199)
  await hand.call().push('z')
  await clock.advance(101)
  t.equal(drained, false, '499 ms')
  await clock.advance(1)
  await idle()
  t.equal(drained, true)
  t.equal(hand.call(0).context.signal.aborted, true)
  t.equal(await read(running), 'error xyz BROKEN')
  t.equal(await read(waiting), 'error BROKEN')
  t.equal(hand.calls.length, 1, 'what still waited was not set to work by the end of the others')
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('a drain without streams, or without grace, is over at once', async t => {
  const empty = build()
  await empty.streams.drain()
  await empty.streams.drain()
  t.equal(empty.clock.pending, 0)
  await empty.quiet(t)

  const { streams, clock, read, quiet } = build({ limits: { shutdownGraceMs: 0 } })
  const id = await streams.start('a')
  const drain = streams.drain()
  await clock.advance(0)
  await drain
  t.equal(await read(id), 'error BROKEN')
  await quiet(t)
})

t.test('a close ends everything at once, shows followers the end, and takes nothing new', async t => {
  const { streams, hand, log, clock } = build({ limits: { maxRunning: 1 } })
  const ids = [await streams.start('a'), await streams.start('b')]
  await hand.call().push('x')
  const seen = ids.map(async id => {
    const records: Array<string | undefined> = []
    for await (const record of streams.follow(id)) records.push(brief(record))
    return records.at(-1)
  })
  const waits = ids.map(id => streams.untilEnded(id, 10_000))
  await idle()
  await streams.close()
  await Promise.all(waits)
  t.strictSame(await Promise.all(seen), ['error x BROKEN', 'error BROKEN'])
  t.equal(hand.calls.length, 1)
  t.equal(hand.call().context.signal.aborted, true)
  t.strictSame(log.lines.map(({ fields }) => fields['reason']), ['SHUTDOWN', 'SHUTDOWN'])
  t.equal(streams.size, 0)
  t.equal(clock.pending, 0)
  t.equal(await streams.read(ids[0] as string), undefined)
  await t.rejects(streams.start('c'), { code: 'WECOM_ERR_CLOSED' })
  await t.rejects(streams.open({}), { code: 'WECOM_ERR_CLOSED' })
  await streams.close()
  await streams.drain()
  t.equal(clock.pending, 0)
})

t.test('nothing new is taken from the moment of a close on', async t => {
  const { streams, hand, log, quiet } = build()
  await streams.start('a')
  const closing = streams.close()
  await t.rejects(streams.start('b'), { code: 'WECOM_ERR_CLOSED' })
  await closing
  t.equal(hand.calls.length, 1)
  t.equal(log.lines.length, 1)
  await quiet(t)
})

t.test('a close during a drain ends the drain, too', async t => {
  const { streams, clock, quiet } = build()
  await streams.start('a')
  const drain = streams.drain()
  await streams.close()
  await drain
  t.equal(clock.pending, 0)
  await quiet(t)
})

t.test('a close during an opening ends what is opened', async t => {
  let create!: () => void
  const { streams, hand, log, quiet } = build({
    wrap: store =>
      ({ create: async stream => { await new Promise<void>(resolve => { create = resolve }); return await store.create(stream) } })
  })
  const starting = streams.start('a')
  const closing = streams.close()
  create()
  t.match(await starting, ID)
  await closing
  t.equal(hand.calls.length, 0)
  t.hasStrict(log.lines, [{ fields: { reason: 'SHUTDOWN', stored: true } }])
  await quiet(t)
})

t.test('a duplicate whose deadline passes while the store looks for it is neither stored nor logged', async t => {
  let slow = false
  let create!: () => void
  const { streams, clock, log, quiet } = build({
    wrap: store => ({
      create: async stream => { if (slow) await new Promise<void>(resolve => { create = resolve }); return await store.create(stream) }
    }),
    limits: { deadlineMs: 1000 }
  })
  const { id } = await streams.open({ claim: 'm' })
  slow = true
  await clock.advance(500)
  const opening = streams.open({ claim: 'm' })
  await clock.advance(1000)
  create()
  t.strictSame(await opening, { id, runnable: false })
  await idle()
  t.strictSame(log.lines.map(({ fields }) => fields['streamId']), [id])
  t.equal(streams.size, 0)
  await quiet(t)
})

t.test('after a close others can be made at once', async t => {
  for (let i = 0; i < 3; i++) {
    const { streams, read, quiet } = build()
    t.equal(await read(await streams.start({ prompt: 'hi', source: 'echo' })), 'done hi')
    await streams.start('a')
    await quiet(t)
  }
})

t.test('a log holds neither prompts nor replies nor keys', async t => {
  const { streams, log, clock, quiet } = build({ limits: { maxRunning: 10 } })
  const prompt = 'SECRET prompt\nwith "quotes"'
  for (const source of [
    yielding('SECRET reply'), silent(), endless('SECRET'), yielding({ SECRET: 1 }),
    throwing(new Error(`failed for ${prompt} with sk-SECRETSECRET`)), throwing(new Error(JSON.stringify({ prompt }))), throwing(prompt)
  ]) {
    const { id } = await streams.open({ claim: 'SECRET claim', chat: { scope: 'SECRET scope' } })
    streams.run(id, { prompt, source, message: { text: 'SECRET' } })
    await idle()
    await clock.advance(1000)
    await clock.advance(60_000)
  }
  t.equal(log.lines.length, 7)
  t.notMatch(JSON.stringify(log.lines), /SECRET/)
  await quiet(t)
})

t.test('whatever comes in whatever order, the text is a prefix of the source\'s, never shrinks, and stands after the end', async t => {
  const unit = fc.oneof(
    fc.constantFrom('a', '限', '\ud83d', '\ude00'), fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code))
  )
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.array(unit, { maxLength: 6 }).map(units => ({ do: 'push' as const, text: units.join('') })) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'wait' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record(
        { do: fc.constantFrom('stop' as const, 'deadline' as const, 'end' as const, 'fail' as const, 'drain' as const) }
      )
    }
  )
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 60 }), async (steps, maxContentBytes) => {
    const { streams, hand, clock } = build(
      { limits: { maxContentBytes, shutdownGraceMs: 0, firstTokenTimeoutMs: 5000, idleTimeoutMs: 5000 } }
    )
    const id = await streams.start('a')
    const call = hand.call()
    let text = ''
    let last = await streams.read(id)
    const check = async (): Promise<void> => {
      const record = await streams.read(id)
      const whole = text.replace(/\p{Surrogate}/gu, '')
      if (record === undefined || last === undefined) throw new Error('the stream is gone')
      if (!whole.startsWith(record.content)) throw new Error(`${JSON.stringify(record.content)} is no prefix of ${JSON.stringify(whole)}`)
      if (!record.content.startsWith(last.content)) throw new Error('the text shrank')
      if ((last.status === 'done' || last.status === 'error') && record !== last) throw new Error('an ended stream changed')
      if (Buffer.byteLength(record.content) > maxContentBytes) throw new Error('the text is too long')
      if (record.status === 'done' && record.notice === undefined && record.content !== whole) throw new Error('text was lost')
      last = record
    }
    let over = false
    for (const each of steps) {
      switch (each.do) {
        case 'push':
          if (!over) text += each.text
          void call.push(each.text)
          break
        case 'wait': await idle(); break
        case 'stop': await streams.stop(id); break
        case 'deadline': void clock.advance(1000); break
        case 'drain': void streams.drain(); void clock.advance(0); break
        case 'end': over = true; void call.end(); break
        case 'fail': over = true; void call.fail(new Error('x')); break
        case 'read': break
      }
      await check()
    }
    void call.end()
    for (let i = 0; i < 3; i++) await idle()
    await check()
    if (last?.status !== 'done' && last?.status !== 'error') throw new Error('the stream did not end')
    await streams.close()
    if (streams.size + clock.pending !== 0) throw new Error('something is left')
  }), { numRuns: 300 })
  t.pass('no schedule broke it')
})

t.test('a stream that is stopped in line is let go of, while others still run', async t => {
  const { streams, quiet } = build({ limits: { maxRunning: 1 } })
  await streams.start('a')
  const source = new WeakRef(yielding('x'))
  await streams.stop(await streams.start({ prompt: 'b', source: source.deref() as Source }))
  await heapUsed()
  t.equal(source.deref(), undefined)
  t.equal(streams.size, 1)
  await quiet(t)
})

t.test('20,000 streams that were started and have expired leave nothing, and the heap flat', async t => {
  const { streams, store, clock, log, quiet } = build(
    { limits: { maxRunning: 100, maxQueued: 100 }, bounds: { maxFinished: 20_000, maxFinishedBytes: 1e9 } }
  )
  const sources = [yielding('a', 'b'), yielding('x'.repeat(500)), throwing(new Error('x')), silent(), endless('x'.repeat(100))]
  let last = ''

  /** Starts streams of all kinds, a hundred at a time, one of five of them stopped, and lets them expire. */
  async function live (count: number): Promise<void> {
    const ids: string[] = []
    for (let started = 0; started < count; started += 100) {
      const batch = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
        const { id } = await streams.open({ claim: `claim ${index}`, chat: { scope: '/' } })
        streams.run(id, { prompt: 'a', source: sources[index % 5] as Source })
        return id
      }))
      await idle()
      for (const id of batch.filter((_, index) => index % 5 === 3)) await streams.stop(id)
      await until(() => streams.size === 0)
      ids.push(...batch)
      log.lines.length = log.summaries.length = 0
      await clock.advance(60_000)
    }
    last = ids.at(-1) as string
    for (const id of ids) if ((await store.read(id))?.record !== undefined) t.fail('a stream is left')
  }

  await live(2000)
  const before = await heapUsed()
  await live(20_000)
  const grown = await heapUsed() - before
  t.equal(streams.size, 0)
  t.equal(clock.pending, 0)
  t.equal(await streams.read(last), undefined)
  t.ok(grown < 1_000_000, `the heap grew by ${grown} bytes, which is ${(grown / 20_000).toFixed(1)} for each stream`)
  await quiet(t)
})

t.test('a stream that has ended is not set to work any more', async t => {
  const { streams, hand, quiet } = build()
  const plain = Object.getPrototypeOf(streams) as Streams
  const { stream } = await plain.open({})
  stream?.answer('that is all')
  await stream?.ended
  if (stream !== undefined) plain.run(stream, { prompt: 'a' })
  t.equal(hand.calls.length, 0)
  await quiet(t)
})
