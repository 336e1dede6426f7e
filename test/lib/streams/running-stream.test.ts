import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Source, Turn } from '../../../lib/sources/source.ts'
import { createMemoryStore } from '../../../lib/stores/memory/streams.ts'
import type { StreamStore } from '../../../lib/stores/store.ts'
import type { ReasoningMode } from '../../../lib/streams/contract.ts'
import type { EndReason } from '../../../lib/streams/ending.ts'
import { StreamReport } from '../../../lib/streams/report/stream-report.ts'
import { RunningStream } from '../../../lib/streams/running-stream.ts'
import type { RunningStreamLimits } from '../../../lib/streams/running-stream.ts'
import { SourceError } from '../../../lib/util/errors.ts'
import { textNotice } from '../../../lib/wecom/cards/build-card.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { TIMING } from '../../fixtures/shared-store.ts'
import { closing, createHandSource, endless, returning, silent, throwing, yielding } from '../../fixtures/sources.ts'
import { idle, until } from '../../fixtures/waiting.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const HIGH = '\ud83d'
const LOW = '\ude00'
const REASONS: EndReason[] = ['END', 'LENGTH', 'TOO_LARGE', 'STOP', 'SHUTDOWN', 'OWNER_LOST', 'FAILED', 'DEADLINE', 'FIRST_TOKEN', 'IDLE']

interface Given {
  limits?: Partial<RunningStreamLimits>
  created?: (created: Promise<string>) => Promise<string>
  wrap?: (store: StreamStore) => Partial<StreamStore>
  /** Milliseconds. */
  bubble?: number
}

/** An opened stream `s` with its deadline after 1000 ms. */
function open ({ bubble = 1000, limits = {}, created = promise => promise, wrap = () => ({}) }: Given = {}) {
  const clock = createManualClock()
  const log = createLog()
  // On a clock of its own, so that all timers of `clock` are the stream's.
  const memory = createMemoryStore({ clock: createManualClock(), retentionMs: 60_000, maxFinished: 10, maxFinishedBytes: 1_000_000 })
  const store: StreamStore = { ...memory, ...wrap(memory) }
  const deps = {
    store,
    clock,
    log,
    createId: () => 'ab12cd34ef56',
    limits: { firstTokenTimeoutMs: 300, idleTimeoutMs: 200, maxContentBytes: 1000, ...limits }
  }
  const stream = { id: 's' }
  const run = new RunningStream(
    deps,
    {
      stream,
      report: new StreamReport(stream, clock.now(), '', undefined, {}),
      epoch: 1,
      askedAt: clock.now(),
      bubbleDeadline: clock.now() + bubble,
      deadline: clock.now() + 1000,
      created: created(memory.create(stream))
    }
  )
  const start = (source: Source, reasoning: ReasoningMode = 'hide'): void =>
    run.start({ source, turn: { prompt: 'my prompt', deadline: run.deadline }, reasoning })
  /** What is stored, when everything that can go on has gone on. */
  const stored = async (): Promise<object> => {
    await idle()
    const { status, content, reasoning, failure, notice, metadata } = { ...(await store.read('s'))?.record }
    return {
      status,
      content,
      ...(Object.keys(
        metadata ?? {}
      ).length > 0 && { metadata }),
      ...(reasoning && { reasoning }),
      ...(failure && { failure }),
      ...(notice && { notice })
    }
  }
  return { clock, log, store, run, start, stored }
}

/** The same with a source driven by hand, set to work. */
function startHand (given?: Given, reasoning?: ReasoningMode) {
  const opened = open(given)
  const hand = createHandSource()
  opened.start(hand.source, reasoning)
  return { ...opened, call: hand.call() }
}

const failure = (code: string): object => ({ code, reference: 'ab12cd34' })

t.test('a source gets its turn and a signal, and its text is stored as it comes', async t => {
  const { call, run, stored, clock } = startHand()
  t.strictSame(call.turn, { prompt: 'my prompt', deadline: clock.now() + 1000 })
  t.equal(call.context.signal.aborted, false)
  t.strictSame(await stored(), { status: 'running', content: '' })
  await call.push('Hel')
  t.strictSame(await stored(), { status: 'running', content: 'Hel' })
  await call.push('lo')
  t.strictSame(await stored(), { status: 'running', content: 'Hello' })
  t.equal(run.hasEnded, false)
  await call.end()
  t.strictSame(await stored(), { status: 'done', content: 'Hello' })
  t.equal(run.hasEnded, true)
  await run.ended
  t.equal(clock.pending, 0)
  t.equal(call.closes, 0)
})

t.test('a source that yields nothing is done without text', async t => {
  for (const source of [yielding(), yielding('', '')]) {
    const { start, stored, clock } = open()
    start(source)
    t.strictSame(await stored(), { status: 'done', content: '' })
    t.equal(clock.pending, 0)
  }
})

t.test('an end part ends the stream, and nothing is read after it', async t => {
  for (const [reason, notice] of [['stop', {}], ['length', { notice: 'LENGTH' }]] as const) {
    const { call, stored, log, clock } = startHand()
    await call.push('a')
    await call.push({ type: 'end', reason, usage: { inputTokens: 3 } })
    t.strictSame(await stored(), { status: 'done', content: 'a', ...notice })
    t.equal(call.asked, 2)
    t.equal(call.closes, 1)
    t.hasStrict(log.lines, [{ level: 'debug', fields: { usage: { inputTokens: 3 } } }])
    t.equal(clock.pending, 0)
  }
})

t.test('a source that fails keeps its text, and is told by its class', async t => {
  for (const [error, code] of [
    [new Error('x'), 'INTERNAL'], ['x', 'INTERNAL'], [undefined, 'INTERNAL'], [new SourceError({ class: 'QUOTA' }), 'QUOTA']
  ] as const) {
    const { start, stored, clock } = open()
    start(throwing(error, 'a'))
    t.strictSame(await stored(), { status: 'error', content: 'a', failure: failure(code) })
    t.equal(clock.pending, 0)
  }
})

t.test('a source that is none, or yields what is no piece, has failed', async t => {
  const sources = [
    () => { throw new Error('x') },
    returning(undefined),
    (async () => { throw new Error('x') }) as unknown as Source,
    yielding(7),
    yielding(null),
    yielding({ type: 'text', text: 'x' }),
    yielding({ get type () { throw new Error('x') } })
  ]
  for (const source of sources) {
    const { start, stored, log, clock } = open()
    start(source)
    t.strictSame(await stored(), { status: 'error', content: '', failure: failure('INTERNAL') })
    t.match(
      log.lines, [{ level: 'error', fields: { class: 'INTERNAL', cause: { message: /x|async iterable|strings and reply parts only/ } } }]
    )
    t.equal(clock.pending, 0)
  }
})

t.test('a source whose piece cannot even be read is closed', async t => {
  let closes = 0
  const { start, stored } = open()
  start(closing(() => { closes++ }, { get type () { throw new Error('x') } }))
  t.hasStrict(await stored(), { status: 'error' })
  t.equal(closes, 1)
})

t.test('chunks may be cut anywhere: pairs are joined, lone surrogates are left out', async t => {
  for (const [chunks, contents, end] of [
    [[`a${HIGH}`, `${LOW}b`], ['a', 'a😀b'], 'a😀b'],
    [[HIGH, LOW, 'x'], ['', '😀', '😀x'], '😀x'],
    [[`a${LOW}`, `${HIGH}b`, HIGH], ['a', 'ab', 'ab'], 'ab'],
    [[HIGH, HIGH, `${LOW}!`], ['', '', '😀!'], '😀!']
  ] as const) {
    const { call, stored } = startHand()
    for (const [index, chunk] of chunks.entries()) {
      await call.push(chunk)
      t.strictSame(await stored(), { status: 'running', content: contents[index] })
    }
    await call.end()
    t.strictSame(await stored(), { status: 'done', content: end })
  }
})

t.test('thinking is kept for the reader where it is wanted, apart from the text', async t => {
  for (const keep of [true, false]) {
    const { call, stored } = startHand({}, keep ? 'show' : 'placeholder')
    await call.push({ type: 'reasoning', text: `hm${HIGH}` })
    await call.push('a')
    await call.push({ type: 'reasoning', text: LOW })
    await call.end()
    t.strictSame(await stored(), { status: 'done', content: 'a', ...(keep ? { reasoning: 'hm😀' } : { metadata: { thinking: true } }) })
  }
})

t.test('the content cap lets through exactly its bytes, cut between code points, with a notice', async t => {
  for (const [maxContentBytes, chunks, content, tooLarge] of [
    [5, ['abcde'], 'abcde', false],
    [5, ['abc', 'de', ''], 'abcde', false],
    [5, ['abcdef'], 'abcde', true],
    [5, ['abcde', 'f'], 'abcde', true],
    [5, ['a😀'], 'a😀', false],
    [5, ['ab😀'], 'ab', true],
    [5, [`ab${HIGH}`, LOW], 'ab', true],
    [5, [`a${HIGH}`, LOW], 'a😀', false],
    [5, ['限流'], '限', true],
    [5, ['限ab', HIGH], '限ab', false],
    [5, ['限ab', LOW], '限ab', false],
    [1, ['限'], '', true]
  ] as const) {
    const { call, stored, clock } = startHand({ limits: { maxContentBytes } })
    for (const chunk of chunks) await call.push(chunk)
    if (!tooLarge) await call.end()
    t.strictSame(
      await stored(), { status: 'done', content, ...(tooLarge && { notice: 'TOO_LARGE' }) }, `${chunks} in ${maxContentBytes} bytes`
    )
    t.equal(call.closes, tooLarge ? 1 : 0)
    t.equal(call.context.signal.aborted, tooLarge)
    t.equal(clock.pending, 0)
  }
})

t.test('thinking that is kept counts towards the cap, other thinking does not', async t => {
  for (const keep of [true, false]) {
    const { call, stored } = startHand({ limits: { maxContentBytes: 5 } }, keep ? 'show' : 'hide')
    await call.push({ type: 'reasoning', text: 'hmhm' })
    await call.push('abc')
    if (!keep) await call.end()
    t.strictSame(await stored(), keep
      ? { status: 'done', content: 'a', reasoning: 'hmhm', notice: 'TOO_LARGE' }
      : { status: 'done', content: 'abc' })
  }
})

t.test('the three clocks end a stream to the millisecond, keep its text and abort its source', async t => {
  for (const [reason, before, left] of [
    ['FIRST_TOKEN', [], 300],
    ['IDLE', ['a'], 200],
    ['IDLE', [{ type: 'reasoning', text: 'hm' }], 200],
    ['DEADLINE', Array.from({ length: 9 }, () => 'x'), 100]
  ] as const) {
    const { call, stored, clock, log } = startHand()
    for (const piece of before) {
      await clock.advance(100)
      await call.push(piece)
    }
    await clock.advance(left - 1)
    t.hasStrict(await stored(), { status: 'running' })
    await clock.advance(1)
    const content = before.filter(piece => typeof piece === 'string').join('')
    t.strictSame(await stored(), { status: 'error', content, failure: failure('TIMEOUT') }, reason)
    t.hasStrict(log.lines, [{ level: 'warn', fields: { reason } }])
    t.equal(call.context.signal.aborted, true)
    t.equal(call.closes, 1)
    await call.push('late')
    t.hasStrict(await stored(), { content })
    t.equal(clock.pending, 0)
  }
})

t.test('an empty chunk is no progress', async t => {
  const { call, stored, clock } = startHand()
  await clock.advance(299)
  await call.push('')
  await call.push({ type: 'reasoning', text: '' })
  await clock.advance(1)
  t.hasStrict(await stored(), { status: 'error' })
})

t.test('an empty chunk after the first token is a sign of life', async t => {
  const { call, stored, clock } = startHand()
  await call.push('a')
  for (let n = 0; n < 3; n++) {
    await clock.advance(199)
    await call.push('')
  }
  await clock.advance(199)
  t.hasStrict(await stored(), { status: 'running' })
  await clock.advance(1)
  t.hasStrict(await stored(), { status: 'error', content: 'a' })
})

t.test('a stream that is not started has its deadline, and no other clock', async t => {
  const { run, stored, clock } = open()
  await clock.advance(999)
  t.equal(run.hasEnded, false)
  await clock.advance(1)
  t.strictSame(await stored(), { status: 'error', content: '', failure: failure('TIMEOUT') })
  t.equal(clock.pending, 0)
})

t.test('the deadline ends a source that never waits for anything', async t => {
  const { start, stored, clock, run } = open({ limits: { maxContentBytes: 1_000_000_000 } })
  start(endless())
  await idle()
  await clock.advance(1000)
  t.hasStrict(await stored(), { status: 'error', failure: failure('TIMEOUT') })
  await run.ended
  t.equal(clock.pending, 0)
})

t.test('untimed work stops the clocks but the deadline, and settles as it does', async t => {
  const { call, clock, stored } = startHand()
  await clock.advance(299)
  let found!: (value: string) => void
  const result = call.context.untimed(new Promise<string>(resolve => { found = resolve }))
  await clock.advance(500)
  t.hasStrict(await stored(), { status: 'running' })
  found('x')
  t.equal(await result, 'x')
  await clock.advance(200)
  t.hasStrict(await stored(), { status: 'running' }, '999 ms')
  await clock.advance(1)
  t.hasStrict(await stored(), { status: 'error' })
  t.equal(clock.pending, 0)
})

t.test('untimed work that fails lets the clocks go on', async t => {
  const { call, clock, stored, log } = startHand()
  await t.rejects(call.context.untimed(Promise.reject(new Error('x'))), { message: 'x' })
  await clock.advance(299)
  t.hasStrict(await stored(), { status: 'running' })
  await clock.advance(1)
  t.hasStrict(await stored(), { status: 'error' })
  t.hasStrict(log.lines, [{ fields: { reason: 'FIRST_TOKEN' } }])
})

t.test('untimed work that overlaps, never settles or outlives its stream is bound by the deadline', async t => {
  const { call, clock, stored, log } = startHand()
  let settleShort!: () => void
  const short = call.context.untimed(new Promise<void>(resolve => { settleShort = resolve }))
  void call.context.untimed(new Promise(() => {}))
  await clock.advance(100)
  settleShort()
  await short
  await clock.advance(899)
  t.hasStrict(await stored(), { status: 'running' })
  await clock.advance(1)
  t.hasStrict(log.lines, [{ fields: { reason: 'DEADLINE' } }])
  await call.context.untimed(Promise.resolve())
  t.equal(clock.pending, 0)
})

t.test('of all reasons to end, the first counts, whatever follows', async t => {
  for (const first of REASONS) {
    let ends = 0
    const { call, run, stored, log, clock } = startHand({
      wrap: store => ({ end: (...args) => { ends++; return store.end(...args) } })
    })
    await call.push('a')
    const error = new SourceError({ class: 'AUTH' })
    run.finish(first, first === 'FAILED' ? error : undefined)
    for (const other of REASONS) run.finish(other, error)
    t.equal(call.context.signal.aborted, true)
    await idle()
    for (const other of REASONS) run.finish(other, error)
    await call.push('late')
    await call.fail(error)
    await clock.advance(5000)
    t.hasStrict(await stored(), { content: 'a', ...(first === 'FAILED' && { failure: failure('AUTH') }) })
    t.equal(ends, 1)
    t.equal(log.lines.length, 1)
    t.hasStrict(log.lines, [{ fields: { reason: first } }])
    t.equal(call.closes, 1)
    t.equal(clock.pending, 0)
  }
})

t.test('whatever races, in whatever order, a stream ends once', async t => {
  const racers = {
    STOP: ({ run }: ReturnType<typeof startHand>) => run.finish('STOP'),
    END: ({ call }: ReturnType<typeof startHand>) => { void call.end() },
    FAILED: ({ call }: ReturnType<typeof startHand>) => { void call.fail(new Error('x')) },
    TOO_LARGE: ({ call }: ReturnType<typeof startHand>) => { void call.push('x'.repeat(2000)) },
    DEADLINE: ({ clock }: ReturnType<typeof startHand>) => { void clock.advance(1000) }
  }
  const orders = (names: string[]): string[][] =>
    names.length < 2 ? [names] : names.flatMap(name => orders(names.filter(other => other !== name)).map(rest => [name, ...rest]))
  for (const order of orders(Object.keys(racers))) {
    for (const waits of [true, false]) {
      let ends = 0
      const hand = startHand({
        limits: { firstTokenTimeoutMs: 10_000 },
        wrap: store => ({ end: (...args) => { ends++; return store.end(...args) } })
      })
      for (const name of order) {
        racers[name as keyof typeof racers](hand)
        if (waits) await idle()
      }
      await hand.run.ended
      await idle()
      if (ends !== 1 || hand.log.lines.length !== 1 || hand.clock.pending !== 0) t.fail(`${order} ended ${ends} times`)
      if (waits) {
        const { reason } = hand.log.lines[0]?.fields as { reason: string }
        if (reason !== order[0]) t.fail(`${order} ended by ${reason}`)
      }
    }
  }
})

t.test('a stop reaches a silent source at once, and leaves one that does not listen', async t => {
  const { start, run, stored, clock } = open()
  start(silent())
  await idle()
  run.finish('STOP')
  t.strictSame(await stored(), { status: 'done', content: '', notice: 'STOPPED' })
  t.equal(clock.pending, 0)

  const listening = open()
  let told = false
  listening.start(async function * (_turn, { signal }) {
    yield 'a'
    await new Promise(resolve => signal.addEventListener('abort', resolve))
    told = true
    yield 'b'
  })
  await idle()
  listening.run.finish('STOP')
  t.strictSame(await listening.stored(), { status: 'done', content: 'a', notice: 'STOPPED' })
  t.ok(told)
})

t.test('a source that has ended or thrown by itself is not told to stop', async t => {
  for (const finish of ['end', 'fail'] as const) {
    const { call, run, stored } = startHand()
    await call[finish](new Error('x'))
    t.equal(run.hasEnded, true)
    run.finish('STOP')
    await stored()
    t.equal(call.context.signal.aborted, false)
    t.equal(call.closes, 0)
  }
  for (const piece of [{ type: 'end', reason: 'stop' }, 7]) {
    const { call } = startHand()
    await call.push(piece)
    t.equal(call.context.signal.aborted, true, 'unlike one that could go on')
  }
})

t.test('a return() that throws or hangs holds up no end', async t => {
  for (const close of [() => { throw new Error('x') }, () => new Promise(() => {})]) {
    const { start, run, stored } = open()
    start(closing(close))
    await idle()
    run.finish('STOP')
    await run.ended
    t.strictSame(await stored(), { status: 'done', content: 'x', notice: 'STOPPED' })
  }
})

t.test('a source that ends its own stream while it is called is left like any other', async t => {
  const { start, run, stored, clock } = open()
  const hand = createHandSource()
  start((turn, context) => {
    run.finish('SHUTDOWN')
    return hand.source(turn, context)
  })
  await idle()
  t.equal(hand.call().asked, 0)
  t.equal(hand.call().closes, 1)
  t.equal(hand.call().context.signal.aborted, true)
  t.strictSame(await stored(), { status: 'error', content: '', failure: failure('BROKEN') })
  t.equal(clock.pending, 0)
})

t.test('an abandoned stream stores and logs nothing, and ends', async t => {
  const { run, stored, log, clock } = open()
  run.discard()
  await run.ended
  t.equal(run.hasEnded, true)
  run.finish('STOP')
  await idle()
  t.strictSame(await stored(), { status: 'running', content: '' })
  t.strictSame(log.lines, [])
  t.equal(clock.pending, 0)
})

t.test('an end waits for the stream to be created', async t => {
  let create!: () => void
  const { run, stored, log } = open(
    { created: async promise => { await new Promise<void>(resolve => { create = resolve }); return await promise } }
  )
  run.finish('SHUTDOWN')
  t.hasStrict(await stored(), { status: 'running' })
  t.strictSame(log.lines, [])
  create()
  await run.ended
  t.hasStrict(await stored(), { status: 'error', failure: failure('BROKEN') })
})

t.test('a stream that turns out to be another\'s after its end stores and logs nothing', async t => {
  const { run, stored, log } = open({ created: async () => 'another' })
  run.finish('DEADLINE')
  await run.ended
  t.hasStrict(await stored(), { status: 'running' })
  t.strictSame(log.lines, [])
})

t.test('a store that could not create the stream is told in the log', async t => {
  const { run, log } = open({ created: async () => { throw new Error('away') } })
  run.finish('STOP')
  await run.ended
  t.hasStrict(log.lines, [{
    level: 'error',
    message: 'the end of a stream could not be stored',
    fields: {
      streamId: 's', reason: 'STOP', cause: { message: 'away' }
    }
  }])
  t.equal(log.lines.length, 1)
})

t.test('a store that rejects is told in the log, and the stream ends here all the same', async t => {
  const reject = async (): Promise<boolean> => { throw new Error('away') }
  for (const broken of [{ append: reject }, { end: reject }]) {
    const { start, run, log, clock } = open({ wrap: () => broken })
    start(yielding('a', 'b'))
    await run.ended
    t.hasStrict(log.lines, [{
      level: 'error',
      message: 'the end of a stream could not be stored',
      fields: {
        streamId: 's', reason: 'END', cause: { type: 'Error', message: 'away' }
      }
    }])
    t.equal(log.lines.length, 1)
    t.equal(clock.pending, 0)
  }
})

t.test('a store that refuses is told in the log as well', async t => {
  for (const broken of [{ append: async () => false }, { end: async () => false }]) {
    const { start, run, log, clock } = open({ wrap: () => broken })
    start(yielding('a', 'b'))
    await run.ended
    t.hasStrict(log.lines, [{ level: 'debug', fields: { stored: false } }])
    t.equal(clock.pending, 0)
  }
})

t.test('a store that is slow holds up no chunk', async t => {
  let append!: () => void
  const { call, stored } = startHand({
    wrap: store => ({
      append: async (...args) => {
        await new Promise<void>(resolve => { append = resolve })
        return await store.append(...args)
      }
    })
  })
  for (const chunk of ['a', 'b', 'c']) await call.push(chunk)
  t.equal(call.asked, 4)
  t.hasStrict(await stored(), { content: '' })
  append()
  t.hasStrict(await stored(), { content: 'a' })
  await call.end()
  append()
  t.strictSame(await stored(), { status: 'done', content: 'abc' })
})

t.test('a stream that ends well leaves one line with its measures', async t => {
  const { call, clock, log, stored } = startHand()
  await clock.advance(120)
  await call.push('限')
  await clock.advance(30)
  await call.push({ type: 'reasoning', text: 'not kept' })
  await call.push('a')
  await call.end()
  await stored()
  t.strictSame(log.lines, [{
    level: 'debug',
    message: 'stream ended',
    fields: {
      streamId: 's', status: 'done', reason: 'END', stored: true, durationMs: 150, firstPieceMs: 120, chunks: 3, bytes: 4, usage: 'unknown'
    }
  }])
})

t.test('a stream that fails leaves one line with its class, its reference and its cause', async t => {
  const details = { status: 429, reference: 'not ours', chunks: 7 }
  const cause = new Error('limit reached for my prompt')
  for (const [error, expected] of [
    [new SourceError({ class: 'QUOTA', cause, details }), { class: 'QUOTA', details, cause: { message: 'limit reached for [redacted]' } }],
    [new SourceError({ class: 'FILTERED' }), { class: 'FILTERED', details: {}, cause: undefined }],
    [new TypeError('cannot answer my prompt with sk-12345678'), {
      class: 'INTERNAL', cause: { type: 'TypeError', message: 'cannot answer [redacted] with [redacted]' }
    }],
    ['my prompt', { class: 'INTERNAL', cause: { type: 'string' } }],
    [undefined, { class: 'INTERNAL', cause: undefined }]
  ] as const) {
    const { start, log, stored } = open()
    start(throwing(error))
    await stored()
    t.equal(log.lines.length, 1)
    t.hasStrict(log.lines, [{
      message: 'stream failed', fields: { streamId: 's', status: 'error', reason: 'FAILED', reference: 'ab12cd34', chunks: 0, ...expected }
    }])
    t.notMatch(JSON.stringify(log.lines), /my prompt|sk-12345678/)
  }
})

t.test('an error of a source that quotes what came with the question tells none of it', async t => {
  const { run, log, stored } = open()
  const turn: Turn = {
    prompt: 'q',
    quote: { text: 'my-quote' },
    history: [{ prompt: 'p', reply: 'my-reply' }],
    message: {
      response_url: 'https://my-response-url'
    },
    deadline: 1
  }
  run.start({ source: throwing(new Error('my-quote my-reply https://my-response-url')), turn, reasoning: 'hide' })
  await stored()
  t.equal(log.lines.length, 1)
  t.notMatch(JSON.stringify(log.lines), /my-/)
})

t.test('what comes before the source has the signal of the stream, and no clock but the deadline', async t => {
  const { run, start, clock, stored } = open()
  let found!: (value: string) => void
  let signal: AbortSignal | undefined
  const prepared = run.prepare(async given => {
    signal = given
    return await new Promise<string>(resolve => { found = resolve })
  })
  await clock.advance(900)
  t.hasStrict(await stored(), { status: 'running' })
  found('x')
  t.equal(await prepared, 'x')
  const hand = createHandSource()
  start(hand.source)
  t.equal(hand.call().context.signal, signal, 'one signal from the opening to the end')
  run.finish('STOP')
  t.equal(signal?.aborted, true)
  await run.ended
})

t.test('what comes before the source is told of the end, and its result is for nobody', async t => {
  for (const reason of ['STOP', 'DEADLINE'] as const) {
    const { run, stored, log } = open()
    const obeyed = run.prepare(signal => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))))
    let found!: (value: string) => void
    const ignored = run.prepare(() => new Promise<string>(resolve => { found = resolve }))
    run.finish(reason)
    found('late')
    t.strictSame(await Promise.all([obeyed, ignored]), [undefined, undefined])
    t.hasStrict(await stored(), { status: reason === 'STOP' ? 'done' : 'error' })
    t.hasStrict(log.lines, [{ fields: { reason } }])
    t.equal(log.lines.length, 1)
  }
})

t.test('what fails before the source ends the stream as a failure of the source does', async t => {
  for (const [error, code] of [[new Error('x'), 'INTERNAL'], [new SourceError({ class: 'BUSY' }), 'BUSY']] as const) {
    const { run, stored, log, clock } = open()
    t.equal(await run.prepare(async () => { throw error }), undefined)
    t.strictSame(await stored(), { status: 'error', content: '', failure: failure(code) })
    t.hasStrict(log.lines, [{ fields: { reason: 'FAILED', class: code } }])
    t.equal(clock.pending, 0)
  }
})

t.test('an answer in place of a source is the whole of the stream', async t => {
  const { run, stored, clock, log } = open()
  run.answer('as you wish')
  t.strictSame(await stored(), { status: 'done', content: 'as you wish' })
  t.hasStrict(log.lines, [{ level: 'debug', fields: { reason: 'END', bytes: 11 } }])
  run.answer('again')
  t.strictSame(await stored(), { status: 'done', content: 'as you wish' }, 'an ended stream stays as it is')
  t.equal(clock.pending, 0)

  const long = open({ limits: { maxContentBytes: 3 } })
  long.run.answer('as you wish')
  t.strictSame(await long.stored(), { status: 'done', content: 'as ', notice: 'TOO_LARGE' })
  const empty = open()
  empty.run.answer('')
  t.strictSame(await empty.stored(), { status: 'done', content: '' })
})

t.test('metadata are stored in order with the text, and those of a broken store are let go', async t => {
  const { run, start, stored } = open()
  run.setMetadata({ waiting: true })
  t.strictSame(await stored(), { status: 'running', content: '', metadata: { waiting: true } })
  run.setMetadata({ waiting: false })
  start(yielding('a'))
  t.strictSame(await stored(), { status: 'done', content: 'a', metadata: { waiting: false } })

  const broken = open({ wrap: () => ({ setMetadata: async () => { throw new Error('away') } }) })
  broken.run.setMetadata({ waiting: true })
  broken.start(yielding('a'))
  t.strictSame(await broken.stored(), { status: 'done', content: 'a' })
})

t.test('that a model thinks is noted once, where it is to be told', async t => {
  for (const [reasoning, metadata, kept] of [
    ['hide', undefined, undefined], ['show', undefined, 'hm, so'], ['placeholder', { thinking: true }, undefined]
  ] as const) {
    const noted: object[] = []
    const wrap = (store: StreamStore): Partial<StreamStore> => ({
      setMetadata: async (id, epoch, given) => {
        noted.push(given)
        return await store.setMetadata(id, epoch, given)
      }
    })
    const { call, stored } = startHand({ wrap }, reasoning)
    await call.push({ type: 'reasoning', text: '' })
    t.strictSame(noted, [], 'nothing is no thought')
    await call.push({ type: 'reasoning', text: 'hm, ' })
    await call.push({ type: 'reasoning', text: 'so' })
    t.strictSame(
      await stored(), { status: 'running', content: '', ...(metadata && { metadata }), ...(kept && { reasoning: kept }) }, reasoning
    )
    t.equal(noted.length, metadata === undefined ? 0 : 1)
    await call.end()
  }
})

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

t.test('images are stored with the end; those that cannot be shown cost themselves, and a word in the log', async t => {
  const { call, stored, log, clock } = startHand()
  await clock.advance(299)
  await call.push({ type: 'image', data: Buffer.from(PNG, 'base64') })
  await clock.advance(199)
  t.strictSame(await stored(), { status: 'running', content: '' }, 'an image is progress')
  await call.push({ type: 'image', data: 'no base64!' })
  await call.push({ type: 'image' })
  await call.push({ type: 'image', data: PNG })
  await call.push('look')
  await call.end()
  const item = { msgtype: 'image', image: { base64: PNG, md5: createHash('md5').update(PNG, 'base64').digest('hex') } }
  t.strictSame(await stored(), { status: 'done', content: 'look', metadata: { images: [item, item] } })
  t.hasStrict(log.lines, [{ level: 'debug', fields: { stored: true, refused: ['image: NOT_DATA', 'image: NOT_DATA'] } }])

  const many = startHand()
  for (let n = 0; n < 12; n++) await many.call.push({ type: 'image', data: PNG })
  await many.call.end()
  t.equal((await many.store.read('s'))?.record.metadata.images?.length, 10)
  t.hasStrict(many.log.lines, [{ fields: { refused: ['image: TOO_MANY', 'image: TOO_MANY'] } }])
})

const CARD = textNotice({ main_title: { title: 'Done' }, card_action: { type: 1, url: 'https://example.com/' } })

t.test('a card is stored at once; others, and what is none, cost themselves and a word in the log', async t => {
  const { call, stored, log, clock } = startHand()
  await clock.advance(299)
  await call.push({ type: 'card', card: { card_type: 'text_notice' } })
  await clock.advance(199)
  t.strictSame(await stored(), { status: 'running', content: '' }, 'a card is progress')
  await call.push({ type: 'card', card: { ...CARD } })
  t.strictSame(await stored(), { status: 'running', content: '', metadata: { card: CARD } }, 'it can come with the first reply')
  await call.push({ type: 'card', card: CARD })
  await call.end()
  t.strictSame(await stored(), { status: 'done', content: '', metadata: { card: CARD } })
  t.match(log.lines, [{ fields: { refused: [/^card: .*card_action/s, 'card: TOO_MANY'] } }])
})

t.test('a bubble that is over before the deadline is sealed, and its source goes on', async t => {
  const { call, stored, clock, run, log } = startHand({ bubble: 400 })
  await clock.advance(250)
  await call.push('12345')
  await clock.advance(149)
  t.strictSame(await stored(), { status: 'running', content: '12345' })
  t.equal(run.bubbleClosed, false)
  await clock.advance(1)
  t.equal(run.bubbleClosed, true)
  t.strictSame(await stored(), { status: 'running', content: '12345', metadata: { sealedAt: 5 } })
  await call.push('678')
  await clock.advance(100)
  await call.push('9')
  await call.end()
  t.strictSame(await stored(), { status: 'done', content: '123456789', metadata: { sealedAt: 5 } })
  t.strictSame(log.lines.map(({ message }) => message), ['stream ended'])
  t.equal(clock.pending, 0)
})

t.test('a bubble is sealed with the card that it has, and what comes later is noted to be too late', async t => {
  const noted: object[] = []
  const { call, stored, clock } = startHand({
    bubble: 400,
    wrap: memory =>
      ({ setMetadata: async (id, epoch, metadata) => { noted.push(metadata); return await memory.setMetadata(id, epoch, metadata) } })
  })
  await clock.advance(250)
  await call.push({ type: 'card', card: CARD })
  await clock.advance(150)
  t.strictSame(await stored(), { status: 'running', content: '', metadata: { card: CARD, sealedAt: 0 } })
  await call.push({ type: 'image', data: '' })
  await call.push('a')
  await call.end()
  t.strictSame(await stored(), { status: 'done', content: 'a', metadata: { card: CARD, sealedAt: 0, tooLate: true } })
  t.strictSame(noted, [{ card: CARD }, { sealedAt: 0 }, { tooLate: true }], 'each is stored once')
})

t.test('a sealed stream has its deadline, and its clocks for silence', async t => {
  const silent = startHand({ bubble: 400 })
  await silent.clock.advance(250)
  await silent.call.push('a')
  await silent.clock.advance(199)
  t.hasStrict(await silent.stored(), { status: 'running', metadata: { sealedAt: 1 } })
  await silent.clock.advance(1)
  t.hasStrict(await silent.stored(), { status: 'error', failure: failure('TIMEOUT') })
  t.hasStrict(silent.log.lines, [{ fields: { reason: 'IDLE' } }])

  const long = startHand({ bubble: 100 })
  for (let n = 0; n < 9; n++) {
    await long.clock.advance(100)
    await long.call.push('x')
  }
  await long.clock.advance(99)
  t.hasStrict(await long.stored(), { status: 'running', content: 'x'.repeat(9), metadata: { sealedAt: 0 } })
  await long.clock.advance(1)
  t.hasStrict(await long.stored(), { status: 'error', failure: failure('TIMEOUT') })
  t.hasStrict(long.log.lines, [{ fields: { reason: 'DEADLINE' } }])
  t.equal(long.clock.pending, 0)
})

t.test('what is on its way to the store when a bubble is sealed is counted', async t => {
  const waits: Array<() => void> = []
  const { call, clock, store } = startHand({
    bubble: 400,
    wrap: memory => ({
      append: async (...given) => { await new Promise<void>(resolve => waits.push(resolve)); return await memory.append(...given) }
    })
  })
  await clock.advance(250)
  await call.push('abc')
  await call.push('def')
  await clock.advance(150)
  for (let n = 0; n < 2; n++) {
    waits.shift()?.()
    await idle()
  }
  t.hasStrict((await store.read('s'))?.record, { content: 'abcdef', metadata: { sealedAt: 6 } })
})

t.test('who waits for an end is told what it took', async t => {
  const { call, run, clock } = startHand()
  await clock.advance(100)
  await call.push('限')
  await call.push({ type: 'end', reason: 'stop', usage: { inputTokens: 1 } })
  t.strictSame(
    await run.ended, { how: 'ended', measures: { durationMs: 100, firstPieceMs: 100, chunks: 1, bytes: 3, usage: { inputTokens: 1 } } }
  )
  const { run: other } = open()
  other.discard()
  t.strictSame(await other.ended, { how: 'discarded' })
})

t.test('a refusal ends a stream with its sentence and its notice', async t => {
  const { run, stored, log } = open()
  run.refuse('DENIED', 'not you')
  t.strictSame(await stored(), { status: 'done', content: 'not you', notice: 'DENIED' })
  t.hasStrict(log.lines, [{ level: 'debug', fields: { reason: 'DENIED' } }])
})

t.test('a stream may fail before it has a source', async t => {
  const { run, log, stored } = open()
  run.finish('FAILED', new Error('x'))
  t.strictSame(await stored(), { status: 'error', content: '', failure: failure('INTERNAL') })
  t.hasStrict(log.lines, [{ fields: { cause: { message: 'x' } } }])
})

t.test('how loud the line is depends on the class', async t => {
  for (const [code, level] of [['AUTH', 'error'], ['BUSY', 'warn'], ['FILTERED', 'info']] as const) {
    const { start, log, stored } = open()
    start(throwing(new SourceError({ class: code })))
    await stored()
    t.equal(log.lines[0]?.level, level)
  }
})

t.test('what a source logs is bound to its stream', async t => {
  const { call, log } = startHand()
  call.context.log.warn({ attempt: 2 }, 'again')
  t.strictSame(log.lines, [{ level: 'warn', message: 'again', fields: { streamId: 's', attempt: 2 } }])
})

t.test('a source that never logs costs no child logger', async t => {
  const { start, log, stored } = open()
  log.child = () => { throw new Error('a child was made') }
  start(yielding('a'))
  t.hasStrict(await stored(), { status: 'done' })
})

/** A stream in a store that others share. `calls` are those that are no reads; what is given takes their place. */
function openShared (given: Partial<StreamStore> = {}, created?: Given['created']) {
  const calls: string[] = []
  const noted = <A extends unknown[], R>(name: string, call: (...args: A) => R) => (...args: A): R => {
    calls.push(name)
    return call(...args)
  }
  const opened = open({
    ...(created && { created }),
    wrap: memory => {
      const store = { ...memory, ...given }
      return {
        ...store,
        shared: TIMING,
        append: noted('append', store.append),
        setMetadata: noted('note', store.setMetadata),
        end: noted('end', store.end),
        renew: noted('renew', store.renew),
        release: noted('release', store.release),
        restore: noted('restore', store.restore)
      }
    }
  })
  const hand = createHandSource()
  opened.start(hand.source)
  return { ...opened, calls, call: hand.call() }
}

const never = (): Promise<never> => new Promise(() => {})

t.test('in a shared store text is gathered, and stored whole at the end', async t => {
  const { call, run, stored, clock, calls } = openShared()
  await call.push('a')
  t.strictSame(await stored(), { status: 'running', content: 'a' })
  await call.push('b')
  t.strictSame(await stored(), { status: 'running', content: 'a' })
  await clock.advance(75)
  t.strictSame(await stored(), { status: 'running', content: 'ab' })
  await call.push('c')
  await call.end()
  t.strictSame(await stored(), { status: 'done', content: 'abc' })
  t.hasStrict(await run.ended, { how: 'ended', measures: { bytes: 3 } })
  t.strictSame(calls, ['append', 'append', 'append', 'end'])
  t.equal(clock.pending, 0)
})

t.test('a sign of life changes nothing where the stream is its own', async t => {
  const { call, run, stored, calls } = openShared()
  await call.push('a')
  await run.renew()
  t.strictSame(await stored(), { status: 'running', content: 'a' })
  t.strictSame(calls, ['append', 'renew'])
  t.equal(call.context.signal.aborted, false)
})

t.test('a sign of life brings a stop that another asked for', async t => {
  const { call, run, store, stored } = openShared()
  await call.push('half')
  await store.requestStop('s')
  await run.renew()
  t.equal(call.context.signal.aborted, true)
  t.strictSame(await stored(), { status: 'done', content: 'half', notice: 'STOPPED' })
  t.hasStrict(await run.ended, { how: 'ended', measures: { chunks: 1 } })
})

t.test('an owner that learns that the stream is another\'s leaves its source, and stores and tells nothing', async t => {
  const { call, run, store, stored, clock, calls, log } = openShared()
  await call.push('mine')
  await call.push('!')
  await store.release('s', 1)
  await store.adopt('s')
  await store.append('s', 2, 'content', 0, 'another')
  calls.length = 0
  await run.renew()
  t.equal(call.context.signal.aborted, true)
  t.equal(call.closes, 1)
  t.strictSame(await run.ended, { how: 'fenced' })
  t.equal(run.hasEnded, true)
  t.strictSame(await stored(), { status: 'running', content: 'another' })
  t.hasStrict(log.lines, [{ level: 'warn', message: 'a stream was lost to another owner', fields: { streamId: 's' } }])
  await run.renew()
  run.setMetadata({ waiting: true })
  run.finish('STOP')
  await run.handOver()
  await clock.advance(10_000)
  t.strictSame(calls, ['renew', 'restore'])
  t.equal(log.lines.length, 1)
  t.equal(clock.pending, 0)
})

t.test('an owner learns of it by a write, too', async t => {
  const { call, run, store, stored, clock } = openShared()
  await call.push('mine')
  await store.release('s', 1)
  await store.adopt('s')
  await call.push('!')
  await clock.advance(75)
  await idle()
  t.strictSame(await run.ended, { how: 'fenced' })
  t.equal(call.context.signal.aborted, true)
  t.strictSame(await stored(), { status: 'running', content: 'mine' })
})

t.test('and by the end: then it is another\'s to be told of', async t => {
  const { call, run, store, stored, log } = openShared()
  await call.push('mine')
  await store.release('s', 1)
  await store.adopt('s')
  await call.end()
  t.strictSame(await run.ended, { how: 'fenced' })
  t.strictSame(await stored(), { status: 'running', content: 'mine' })
  t.strictSame(log.lines.map(({ message }) => message), ['a stream was lost to another owner'])
})

t.test('a stream that the store has lost is written anew at a sign of life, and goes on', async t => {
  const restored: unknown[] = []
  const { call, run, clock, log } = openShared({
    renew: async () => 'lost',
    async restore (...args) { restored.push(args); return true }
  })
  await call.push('a')
  await call.push('b')
  await run.renew()
  t.strictSame(restored, [[{ id: 's', metadata: {} }, 1, { content: 'ab', reasoning: '' }, 0]])
  t.equal(call.context.signal.aborted, false)
  await clock.advance(75)
  await call.end()
  t.hasStrict(await run.ended, { how: 'ended', measures: { bytes: 2 } })
  t.hasStrict(log.lines, [{ message: 'stream ended', fields: { stored: true } }])
})

t.test('a stream that has ended meanwhile is not written anew', async t => {
  let answer!: (ownership: 'lost') => void
  const { call, run, calls } = openShared({ renew: () => new Promise(resolve => { answer = resolve }) })
  const renewing = run.renew()
  await idle()
  await call.end()
  await run.ended
  answer('lost')
  await renewing
  t.notOk(calls.includes('restore'))
})

t.test('a store that is away fails the sign of life, and nothing else', async t => {
  const { call, run, stored } = openShared({ renew: async () => { throw new Error('away') } })
  await t.rejects(run.renew(), { message: 'away' })
  await call.push('a')
  t.strictSame(await stored(), { status: 'running', content: 'a' })
})

t.test('there is no sign of life for a stream that is not there, nor in a store of this process', async t => {
  const other = openShared({}, async () => 'other')
  await other.run.renew()
  t.strictSame(other.calls, [])
  const pending = openShared({}, never)
  void pending.run.renew()
  await idle()
  t.strictSame(pending.calls, [])
  const { run } = open({ wrap: () => ({ renew: async () => { throw new Error('nobody asks') } }) })
  await t.resolves(run.renew())
})

t.test('a stream that is handed over stays as it is; its source is left, and its end comes after the release', async t => {
  let released!: () => void
  const { call, run, stored, clock, calls, log } = openShared({ release: () => new Promise(resolve => { released = resolve }) })
  let ended = false
  run.ended.then(() => { ended = true }, () => {})
  await call.push('a')
  await call.push('b')
  const over = run.handOver()
  await idle()
  t.equal(call.context.signal.aborted, true)
  t.equal(call.closes, 1)
  t.equal(run.hasEnded, true)
  await run.renew()
  t.equal(ended, false)
  released()
  await over
  t.strictSame(await run.ended, { how: 'handed-over' })
  await clock.advance(1000)
  t.strictSame(await stored(), { status: 'running', content: 'a' })
  t.strictSame(calls, ['append', 'release'], 'no sign of life takes it back')
  t.strictSame(log.lines, [])
  t.equal(clock.pending, 0)
  await run.handOver()
  run.finish('STOP')
  t.equal(calls.length, 2)
})

t.test('a hand-over that fails has ended, too, and one of a stream that is not there releases nothing', async t => {
  const failing = openShared({ release: async () => { throw new Error('away') } })
  await t.rejects(failing.run.handOver(), { message: 'away' })
  t.strictSame(await failing.run.ended, { how: 'handed-over' })
  const other = openShared({}, async () => 'other')
  await other.run.handOver()
  t.strictSame(await other.run.ended, { how: 'handed-over' })
  t.strictSame(other.calls, [])
})

t.test('an end that is being stored while streams are handed over is stored, or given up where the store is away', async t => {
  let attempt: { resolve (stored: boolean): void, reject (error: Error): void } | undefined
  const end = (): Promise<boolean> => new Promise((resolve, reject) => { attempt = { resolve, reject } })
  for (const isAway of [false, true]) {
    const { call, run, clock, calls, log } = openShared({ end })
    await call.push('a')
    await call.end()
    await run.handOver()
    if (isAway) attempt?.reject(new Error('away'))
    else attempt?.resolve(true)
    t.hasStrict(await run.ended, { how: 'ended', measures: { chunks: 1 } })
    t.strictSame(calls, ['append', 'end'])
    t.hasStrict(log.lines, [{ message: isAway ? 'the end of a stream could not be stored' : 'stream ended' }])
    t.equal(clock.pending, 0)
  }
})

t.test('nothing is prepared for a stream that has ended', async t => {
  const { run } = open()
  run.finish('STOP')
  t.equal(await run.prepare(async () => t.fail('it has ended')), undefined)
})

t.test('a stream keeps nothing of a turn whose source has had it, however it ended', async t => {
  const failing = (): never => { throw new SourceError({ class: 'BUSY' }) }
  const endings: Array<[name: string, source: Source, end: (run: RunningStream) => unknown]> = [
    ['an end', yielding('a'), () => {}],
    ['a failure', failing, () => {}],
    ['a stop', silent(), run => run.finish('STOP')],
    ['a discarding', silent(), run => run.discard()],
    ['a hand-over', silent(), run => run.handOver()]
  ]
  for (const [name, source, end] of endings) {
    // The store never answers: the stream is not through with its end.
    const { run } = open({ wrap: () => ({ end: () => new Promise(() => {}) }) })
    const turn = ((): WeakRef<Turn> => {
      const asked: Turn = { prompt: 'my prompt', deadline: run.deadline }
      run.start({ source, turn: asked, reasoning: 'hide' })
      return new WeakRef(asked)
    })()
    await idle()
    await end(run)
    await until(() => {
      collectGarbage()
      return turn.deref() === undefined
    })
    t.equal(run.hasEnded, true, name)
  }
})
