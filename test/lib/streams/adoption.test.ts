import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { StreamStore } from '../../../lib/stores/store.ts'
import type { Opening } from '../../../lib/streams/contract.ts'
import { createStreams } from '../../../lib/streams/streams.ts'
import type { StreamsLimits, StreamsOptions } from '../../../lib/streams/streams.ts'
import { createId } from '../../../lib/util/ids.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import type { ManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { createSharedStore } from '../../fixtures/shared-store.ts'
import { listen } from '../../fixtures/signals.ts'
import { createHandSource } from '../../fixtures/sources.ts'
import { byId } from '../../fixtures/streams-by-id.ts'
import { idle } from '../../fixtures/waiting.ts'

interface Given {
  limits?: Partial<StreamsLimits>
  onOwnerLost?: NonNullable<StreamsOptions['onOwnerLost']>
  wrap?: (store: StreamStore) => Partial<StreamStore>
  /** Names of its sources besides `hand`. */
  more?: string[]
}

/** Several processes that share a store. */
function share () {
  const clock = createManualClock()
  const { memory, replica, works } = createSharedStore(clock)
  const join = (given: Given = {}) => ({ clock, ...process(clock, replica(), given) })
  return { clock, memory, works, join }
}

function process (
  clock: ManualClock, replica: ReturnType<ReturnType<typeof createSharedStore>['replica']>,
  { limits, onOwnerLost, wrap = () => ({}), more = [] }: Given
) {
  const log = createLog()
  const hand = createHandSource()
  const plain = createStreams({
    store: { ...replica.store, ...wrap(replica.store) },
    clock,
    log,
    createId,
    source: hand.source,
    sources: new Map(['hand', ...more].map(name => [name, hand.source])),
    ...(onOwnerLost && { onOwnerLost }),
    limits: {
      deadlineMs: 330_000,
      lateDeadlineMs: 0,
      firstTokenTimeoutMs: 60_000,
      idleTimeoutMs: 300_000,
      maxContentBytes: 1000,
      maxRunning: 2,
      maxQueued: 2,
      shutdownGraceMs: 500,
      ...limits
    }
  })
  const streams = byId(plain)
  const taken: unknown[] = []
  const takeUp = (scope = '/'): void => streams.adoptFor(scope, (stream, message) => {
    taken.push([stream.id, message])
    plain.run(stream, { prompt: `again ${message['msgid']}` })
  })
  const shown = async (id: string): Promise<string> => {
    await streams.read(id)
    await idle()
    const { status, content, notice, failure } = { ...await streams.read(id) }
    return [status, content, notice, failure?.code].filter(Boolean).join(' ')
  }
  const messages = (): string[] => log.lines.map(({ message }) => message)
  return { log, hand, streams, replica, taken, takeUp, shown, messages }
}

const message = { msgid: 'm1', text: { content: 'hi' } }
const opening: Opening = { chat: { scope: '/' }, claim: 'c', work: { scope: '/', message } }

t.test('the message of an owner that has gone is taken up again, and its text stands until there is another', async t => {
  const { memory, join } = share()
  const [one, two] = [join(), join()]
  two.takeUp()
  const { id } = await one.streams.open(opening)
  one.streams.run(id, { prompt: 'hi' })
  await one.hand.call().push('old')
  await two.clock.advance(10_000)
  await memory.release(id, 1)
  t.equal(await two.shown(id), 'running old')
  t.strictSame(two.taken, [[id, message]])
  t.hasStrict(two.hand.call().turn, { prompt: 'again m1', deadline: two.clock.now() + 320_000 })
  t.hasStrict(two.log.lines, [
    { level: 'warn', message: 'a stream was taken over from an owner that has gone', fields: { streamId: id, adoptions: 1, ageMs: 10_000 } }
  ])
  await two.clock.advance(1000)
  t.equal(one.hand.call().context.signal.aborted, true, 'whoever had it learns of it by its next sign of life')
  t.equal(await two.shown(id), 'running old')
  await two.hand.call().push('new')
  t.equal(await one.shown(id), 'running new')
  await one.hand.call().push('late')
  await two.hand.call().end()
  t.equal(await one.shown(id), 'done new')
  t.strictSame([one.streams.size, two.streams.size], [0, 0])
  t.equal(two.taken.length, 1)
  await Promise.all([one.streams.close(), two.streams.close()])
  t.equal(two.clock.pending, 0)
})

t.test('many refreshes at once adopt a stream once, on one process', async t => {
  const { memory, join } = share()
  const [one, two, three] = [join(), join(), join()]
  for (const { takeUp } of [two, three]) takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? two : three).streams.read(id)))
  await idle()
  t.equal(two.taken.length + three.taken.length, 1)
  t.equal(two.hand.calls.length + three.hand.calls.length, 1)
  t.equal(two.streams.size + three.streams.size, 1)
})

t.test('a process asks for a stream once at a time', async t => {
  const { memory, join } = share()
  let adoptions = 0
  const one = join()
  const two = join({ wrap: store => ({ adopt: async id => { adoptions++; await idle(); return await store.adopt(id) } }) })
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await Promise.all(Array.from({ length: 5 }, () => two.streams.read(id)))
  await idle()
  await idle()
  t.equal(adoptions, 1)
})

t.test('a stream whose owner is silent is looked at again until it may be adopted, without another refresh', async t => {
  const { memory, clock, join } = share()
  const one = join()
  const at = clock.now() + 2500
  const two = join({
    wrap: store => ({
      async read (id) {
        const reading = await store.read(id)
        return reading && !reading.isOrphan ? { ...reading, orphanInMs: at - clock.now() } : reading
      }
    })
  })
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await two.streams.read(id)
  await memory.release(id, 1)
  one.replica.isAway = true
  t.strictSame(two.taken, [])
  await clock.advance(1000)
  await idle()
  t.strictSame(two.taken, [[id, message]])
})

t.test('a store that comes back is looked at again for who asked in vain', async t => {
  const { memory, clock, join } = share()
  const [one, two] = [join(), join()]
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  one.replica.isAway = two.replica.isAway = true
  await t.rejects(two.streams.read(id), { message: 'away' })
  await clock.advance(2000)
  two.replica.isAway = false
  await clock.advance(250)
  await idle()
  t.strictSame(two.taken, [[id, message]])
})

t.test('who owns a stream, or is alone, watches nobody', async t => {
  const { clock, join } = share()
  const one = join()
  const alone = join({ wrap: () => ({ shared: undefined as never }) })
  const { id } = await one.streams.open(opening)
  one.replica.isAway = alone.replica.isAway = true
  const before = clock.pending
  for (const { streams } of [one, alone]) await t.rejects(streams.read(id), { message: 'away' })
  t.equal(clock.pending, before)
})

t.test('what an owner itself finds without one is its own', async t => {
  const { memory, join } = share()
  const one = join()
  one.takeUp()
  const { id } = await one.streams.open(opening)
  one.streams.run(id, { prompt: 'hi' })
  await memory.release(id, 1)
  t.equal(await one.shown(id), 'running')
  t.strictSame(one.taken, [])
  await one.clock.advance(1000)
  t.equal(await memory.adopt(id), undefined, 'it has given its sign of life')
})

t.test('what a host has asked of the configured source, or of one by its name, is asked again', async t => {
  for (const source of [undefined, 'hand']) {
    const { memory, join, works } = share()
    const [one, two] = [join(), join()]
    const id = await one.streams.start({ prompt: 'hi', sender: 'u', ...(source && { source }) })
    t.strictSame(works(), [JSON.stringify({ input: { prompt: 'hi', sender: 'u', ...(source && { source }) } })])
    await memory.release(id, 1)
    await two.shown(id)
    t.hasStrict(two.hand.call().turn, { prompt: 'hi', sender: 'u' })
    await two.hand.call().push('new')
    await two.hand.call().end()
    t.equal(await one.shown(id), 'done new')
  }
})

t.test('a stream that cannot be run again here is ended with a notice, and keeps its text', async t => {
  const source = createHandSource()
  const cases: Array<[title: string, open: (one: ReturnType<typeof process>) => Promise<string>]> = [
    ['a function', one => one.streams.start({ prompt: 'hi', source: source.source })],
    ['a source that is not here', one => one.streams.start({ prompt: 'hi', source: 'elsewhere' })],
    ['nothing is kept', async one => (await one.streams.open({ chat: { scope: '/' } })).id],
    ['a callback that is not here', async one => (await one.streams.open({ ...opening, work: { scope: '/other', message } })).id]
  ]
  for (const [title, open] of cases) {
    const { memory, join } = share()
    const [one, two] = [join({ more: ['elsewhere'] }), join()]
    two.takeUp()
    const id = await open(one)
    await memory.append(id, 1, 'content', 0, 'old')
    await memory.release(id, 1)
    await two.shown(id)
    t.equal(await two.shown(id), 'error old BROKEN', title)
    t.hasStrict(two.log.lines[1], { message: 'stream failed', fields: { reason: 'OWNER_LOST' } })
    t.strictSame(two.taken, [])
    t.equal(two.hand.calls.length, 0)
    t.equal(two.streams.size, 0)
  }
})

t.test('a stream is run again once: the end of a second owner ends it', async t => {
  const { memory, join } = share()
  const [one, two, three] = [join(), join(), join()]
  for (const { takeUp } of [two, three]) takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await two.shown(id)
  await two.hand.call().push('second')
  await memory.release(id, 2)
  await three.shown(id)
  t.equal(await three.shown(id), 'error second BROKEN')
  t.equal(three.hand.calls.length, 0)
  t.strictSame(three.taken, [[id, message]], 'who took it up sees to what comes with an end')
})

t.test('owners that have gone before they called the source count as three tries, not as the one repetition', async t => {
  for (const hasStarted of [true, false]) {
    const { memory, join } = share()
    const one = join()
    const { id } = await one.streams.open(opening)
    if (hasStarted) one.streams.run(id, { prompt: 'hi' })
    await idle()
    let epoch = 1
    for (let tries = hasStarted ? 0 : 1; tries < 3; tries++) {
      await memory.release(id, epoch++)
      const next = join()
      const begun: string[] = []
      next.streams.adoptFor('/', stream => begun.push(stream.id))
      t.equal(await next.shown(id), 'running')
      t.strictSame(begun, [id])
    }
    await memory.release(id, epoch)
    const last = join()
    last.takeUp()
    await last.shown(id)
    t.equal(await last.shown(id), 'error BROKEN')
    t.equal(last.hand.calls.length, 0)
  }
})

t.test('a new owner calls its source when that is counted, and not at all if it cannot be, or the stream has ended', async t => {
  for (const outcome of ['counted', 'lost', 'away', 'ended'] as const) {
    const { memory, clock, join } = share()
    let go = (): void => {}
    const one = join()
    const two = join({
      limits: { firstTokenTimeoutMs: 200_000 },
      wrap: store => ({
        async markStarted (id, epoch) {
          await new Promise<void>(resolve => { go = resolve })
          if (outcome === 'away') throw new Error('away')
          return outcome !== 'lost' && await store.markStarted(id, epoch)
        },
        renew: async () => 'owned'
      })
    })
    two.takeUp()
    const { id } = await one.streams.open(opening)
    await memory.release(id, 1)
    await two.shown(id)
    t.equal(two.hand.calls.length, 0, 'it waits')
    if (outcome === 'ended') await two.streams.stop(id)
    for (let tries = 0; tries < 400; tries++) {
      go()
      await clock.advance(200)
    }
    t.equal(two.hand.calls.length, outcome === 'counted' ? 1 : 0, outcome)
    if (outcome === 'away') t.hasStrict(two.log.lines.at(-1), { fields: { reason: 'OWNER_LOST', cause: { message: 'away' } } })
  }
})

t.test('the first owner calls its source at once, counted or not', async t => {
  const { join } = share()
  const one = join({ wrap: () => ({ markStarted: async () => { throw new Error('away') } }) })
  await one.streams.start('hi')
  t.equal(one.hand.calls.length, 1)
  await one.hand.call().end()
  await one.streams.close()
})

t.test('a stream is run again where enough of its time is left', async t => {
  for (const [leftMs, again] of [[20_000, true], [19_999, false], [-5000, false]] as const) {
    const { memory, clock, join } = share()
    const [one, two] = [join({ limits: { deadlineMs: 900_000, firstTokenTimeoutMs: 900_000 } }), join()]
    two.takeUp()
    const { id } = await one.streams.open(opening)
    await clock.advance(330_000 - leftMs)
    await memory.release(id, 1)
    await two.shown(id)
    t.equal(await two.shown(id), again ? 'running' : 'error BROKEN', String(leftMs))
    t.equal(two.hand.calls.length, again ? 1 : 0)
    if (again) t.equal(two.hand.call().turn.deadline, clock.now() + leftMs)
  }
})

t.test('where the host wants no repetition, a stream whose owner has gone ends', async t => {
  const { memory, join } = share()
  const [one, two] = [join(), join({ onOwnerLost: 'finish' })]
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await two.shown(id)
  t.equal(await two.shown(id), 'error BROKEN')
  t.equal(two.hand.calls.length, 0)
})

t.test('a stream that was to stop is stopped by whoever takes it over', async t => {
  const { memory, join } = share()
  const [one, two] = [join(), join()]
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await memory.append(id, 1, 'content', 0, 'half')
  await memory.requestStop(id)
  await memory.release(id, 1)
  await two.shown(id)
  t.equal(await two.shown(id), 'done half STOPPED')
  t.equal(two.hand.calls.length, 0)
})

t.test('a stop that another process was asked for reaches the owner within a second', async t => {
  const { join } = share()
  const [one, two] = [join(), join()]
  const id = await one.streams.start('hi')
  await one.hand.call().push('half')
  t.hasStrict(await two.streams.stop(id), { status: 'stopping' })
  await one.clock.advance(999)
  t.equal(one.hand.call().context.signal.aborted, false)
  await one.clock.advance(1)
  t.equal(one.hand.call().context.signal.aborted, true)
  t.equal(await two.shown(id), 'done half STOPPED')
})

t.test('who drains takes no stream over, and hands its own over when the grace is over', async t => {
  const { memory, join } = share()
  const [one, two] = [join(), join()]
  for (const { takeUp } of [one, two]) takeUp()
  const ids = [(await one.streams.open(opening)).id, (await one.streams.open({ ...opening, claim: 'd' })).id] as const
  for (const id of ids) one.streams.run(id, { prompt: 'hi' })
  const foreign = (await two.streams.open({ ...opening, claim: 'e' })).id
  await memory.release(foreign, 1)
  await one.hand.call(0).push('old')
  const drained = one.streams.drain()
  t.equal(await one.shown(foreign), 'running')
  t.strictSame(one.taken, [])
  t.hasStrict(await memory.adopt(foreign), { epoch: 2 }, 'nor does it for a moment')
  await one.hand.call(1).push('whole')
  await one.hand.call(1).end()
  t.equal(await two.shown(ids[0]), 'running old', 'until then it is its own')
  await one.clock.advance(500)
  await drained
  t.equal(one.hand.call(0).context.signal.aborted, true)
  t.equal(one.streams.size, 0)
  t.equal(await two.shown(ids[0]), 'running old')
  t.strictSame(two.taken, [[ids[0], message]])
  await two.hand.call().push('new')
  await two.hand.call().end()
  t.equal(await one.shown(ids[0]), 'done new')
  t.equal(await one.shown(ids[1]), 'done whole')
  t.notOk(one.messages().includes('a stream was lost to another owner'))
})

t.test('what is taken over just as draining begins is given back', async t => {
  const { memory, join } = share()
  let go = (): void => {}
  const one = join()
  const two = join({
    wrap: store => ({
      adopt: async id => {
        const adoption = await store.adopt(id)
        await new Promise<void>(resolve => { go = resolve })
        return adoption
      }
    })
  })
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await two.streams.read(id)
  await idle()
  void two.streams.drain(0)
  go()
  await idle()
  t.strictSame(two.taken, [])
  t.equal(two.streams.size, 0)
  t.hasStrict(await memory.adopt(id), { epoch: 3 })
})

t.test('who has taken a stream over writes it anew as it is, and has its last frame fetched', async t => {
  const { memory, join } = share()
  const restored: unknown[] = []
  let isLost = false
  const one = join()
  const two = join({
    wrap: store => ({
      renew: async (id, epoch) => isLost ? 'lost' : await store.renew(id, epoch),
      restore: async (...args) => { restored.push(args); return true }
    })
  })
  two.takeUp()
  const { id } = await one.streams.open({ ...opening, chat: { scope: '/', user: 'u' }, deliverable: true })
  await one.clock.advance(400)
  await memory.release(id, 1)
  await two.shown(id)
  await two.hand.call().push('new')
  isLost = true
  await two.clock.advance(1000)
  t.strictSame(restored, [
    [{ id, chat: { scope: '/', user: 'u' }, metadata: { deliverable: true } }, 2, { content: 'new', reasoning: '' }, 1000]
  ], 'as old as the question')
  await two.hand.call().end()
  let fetched = false
  const all = two.streams.allFetched().then(() => { fetched = true })
  await idle()
  t.equal(fetched, false)
  two.streams.lastFrameFetched(id)
  await all
})

t.test('a hand-over that fails is told, and closing ends all the same', async t => {
  const { join } = share()
  const one = join({ wrap: () => ({ release: async () => { throw new Error('away') } }) })
  const id = await one.streams.start('hi')
  await one.streams.close()
  t.hasStrict(
    one.log.lines, [{ level: 'error', message: 'a stream could not be handed over', fields: { streamId: id, cause: { message: 'away' } } }]
  )
  t.equal(one.streams.size, 0)
  t.equal(one.clock.pending, 0)
})

t.test('a stream that cannot be taken over, or is gone by then, is left, and tried again', async t => {
  const { memory, join } = share()
  const answers = [async () => { throw new Error('away') }, async () => undefined]
  const one = join()
  const two = join({ wrap: store => ({ adopt: id => (answers.shift() ?? store.adopt)(id) }) })
  two.takeUp()
  const { id } = await one.streams.open(opening)
  await memory.release(id, 1)
  await two.streams.read(id)
  await idle()
  t.hasStrict(
    two.log.lines, [{ level: 'error', message: 'a stream could not be taken over', fields: { streamId: id, cause: { message: 'away' } } }]
  )
  await two.streams.read(id)
  await idle()
  t.strictSame(two.taken, [])
  await two.streams.read(id)
  await idle()
  t.equal(two.taken.length, 1)
})

t.test('signs of life go on until the stream has ended, and a store that is away is told at debug', async t => {
  const { join } = share()
  const one = join()
  const id = await one.streams.start('hi')
  await one.clock.advance(2000)
  t.strictSame(one.replica.writes, ['renew 1', 'renew 1'])
  one.replica.isAway = true
  await one.clock.advance(1000)
  t.hasStrict(
    one.log.lines, [{ level: 'debug', message: 'a sign of life could not be given', fields: { streamId: id, cause: { message: 'away' } } }]
  )
  t.equal(one.hand.call().context.signal.aborted, false)
  one.replica.isAway = false
  await one.clock.advance(1000)
  await one.hand.call().end()
  await one.clock.advance(2000)
  t.strictSame(one.replica.writes, ['renew 1', 'renew 1', 'renew 1', 'end 1 {"status":"done"} {"content":0,"reasoning":0}'])
  await one.streams.close()
  t.equal(one.clock.pending, 0)
})

t.test('work that a process of its own could take up is kept by shared stores alone', async t => {
  const { works, join, memory } = share()
  await join().streams.open(opening)
  t.strictSame(works(), [JSON.stringify({ scope: '/', message })])
  const given: unknown[] = []
  const alone = join(
    { wrap: store => ({ create: stream => { given.push(stream.work); return store.create(stream) }, shared: undefined as never }) }
  )
  await alone.streams.open({ ...opening, claim: 'd' })
  t.strictSame(given, [undefined])
  t.equal(alone.streams.shared, false)
  t.equal(join().streams.shared, true)
  t.equal(memory.shared, undefined)
})

t.test('what is known of a stream without its store is what was read just now, and over beyond the deadline', async t => {
  const { join, clock } = share()
  const [one, two] = [join(), join()]
  const id = await one.streams.start('hi')
  t.equal(two.streams.lastRead(id), undefined)
  const record = await two.streams.read(id)
  t.equal(two.streams.lastRead(id), record)
  await clock.advance(1000)
  t.equal(two.streams.lastRead(id), record)
  await clock.advance(1)
  t.equal(two.streams.lastRead(id), undefined, 'its owner may have shown more since')
  t.hasStrict(one.streams.lastRead(id), { id, status: 'running', content: '' }, 'the owner knows')
  await clock.advance(330_000 - 1001)
  t.equal(two.streams.lastRead(id), undefined)
  await clock.advance(1)
  t.hasStrict(two.streams.lastRead(id), { id, status: 'error', failure: { code: 'TIMEOUT', reference: id.slice(0, 8) } })
  t.equal(two.streams.lastRead(id), two.streams.lastRead(id), 'and the same each time')
})

for (const [timer, ms, limits] of [
  ['total', 20_000, { deadlineMs: 20_000 }], ['first-token', 60_000, {}], ['idle', 30_000, { idleTimeoutMs: 30_000 }]
] as const) {
  t.test(`an owner shows the end by its ${timer} timer at once, whatever its store does`, async t => {
    const { join, memory, clock } = share()
    let refuses = false
    const refusing = async (): Promise<never> => { throw new Error('refused') }
    const one = join({
      limits,
      wrap: store => ({
        append: (...args) => refuses ? refusing() : store.append(...args),
        end: (...args) => refuses ? refusing() : store.end(...args)
      })
    })
    const id = await one.streams.start('hi')
    if (timer !== 'first-token') await one.hand.call().push('stored')
    refuses = true
    if (timer !== 'first-token') await one.hand.call().push(' and not')
    await clock.advance(ms - 1)
    t.hasStrict(await one.streams.read(id), { status: 'running' })
    await clock.advance(1)
    const text = timer === 'first-token' ? '' : 'stored'
    const ended = { status: 'error', content: text, failure: { code: 'TIMEOUT' } }
    const failure = (await one.streams.read(id))?.failure
    t.match(failure, { code: 'TIMEOUT', reference: /^[\da-f]{8}$/ })
    t.hasStrict(await one.streams.read(id), ended)
    one.replica.isAway = true
    t.hasStrict(one.streams.lastRead(id), ended, 'also while it is away')
    one.replica.isAway = refuses = false
    await clock.advance(1000)
    const whole = timer === 'first-token' ? '' : 'stored and not'
    t.hasStrict((await memory.read(id))?.record, { status: 'error', content: whole, ...(failure && { failure }) }, 'and it is stored then')
  })
}

t.test('another process ends a stream a second after its deadline if its owner has not stored an end', async t => {
  const { join, clock } = share()
  const [one, two] = [join(), join()]
  const id = await one.streams.start('hi')
  await one.hand.call().push('text')
  one.replica.isAway = true
  await clock.advance(331_000)
  t.hasStrict(await two.streams.read(id), { status: 'running' })
  await clock.advance(1)
  t.hasStrict(await two.streams.read(id), { status: 'error', content: 'text', failure: { code: 'TIMEOUT', reference: id.slice(0, 8) } })
})

t.test('an owner knows its own text without its store, as far as that was stored or shown', async t => {
  const { join, memory, clock } = share()
  let lost = false
  const one = join({
    wrap: store => ({
      async append (...args) {
        const written = await store.append(...args)
        if (lost) throw new Error('the reply is lost')
        return written
      }
    })
  })
  const two = join()
  two.takeUp()
  const { id } = await one.streams.open(opening)
  one.streams.run(id, { prompt: 'hi' })
  t.hasStrict(one.streams.lastRead(id), { id, status: 'running', content: '', chat: { scope: '/' } })
  await one.hand.call().push('a')
  t.hasStrict(one.streams.lastRead(id), { content: 'a' })
  lost = true
  await one.hand.call().push('b')
  await clock.advance(75)
  t.hasStrict(one.streams.lastRead(id), { content: 'a' })
  await one.streams.read(id)
  t.hasStrict(one.streams.lastRead(id), { content: 'ab' })
  await memory.release(id, 1)
  await two.shown(id)
  t.hasStrict(two.streams.lastRead(id), { content: 'ab' }, 'of the owner before')
  await two.hand.call().push('new')
  t.hasStrict(two.streams.lastRead(id), { content: 'new' })
})

t.test('a stream whose text has to be written anew cannot be read, but adopted', async t => {
  const { join, clock } = share()
  let orphan = false
  const one = join()
  const id = await one.streams.start('hi')
  one.replica.isAway = true
  const two = join({
    wrap: store => ({
      read: async id => {
        const reading = await store.read(id)
        return reading && { ...reading, isIncomplete: true, isOrphan: orphan }
      }
    })
  })
  await t.rejects(two.streams.read(id), { code: 'WECOM_ERR_UNAVAILABLE' })
  orphan = true
  await t.rejects(two.streams.read(id))
  t.equal(two.replica.writes.length, 0)
  await clock.advance(331_001)
  t.hasStrict(await two.streams.read(id), { status: 'error', failure: { code: 'TIMEOUT' } }, 'it is over by its deadline')
})

t.test('an adopted stream is told as one, with the mark that a tracer had left, and in its summary', async t => {
  const told = listen(t, ['turn'])
  const onStart = (turn: unknown): void => { (turn as { traceparent?: string }).traceparent ??= 'of the first' }
  subscribe('tracing:fastify-wecom-stream:turn:start', onStart)
  t.teardown(() => unsubscribe('tracing:fastify-wecom-stream:turn:start', onStart))
  const { clock, memory, join, works } = share()
  const [one, two] = [join(), join()]
  two.takeUp()
  const { id } = await one.streams.open(opening)
  t.strictSame(works().map(work => JSON.parse(work as string).traceparent), ['of the first'])
  await clock.advance(10_000)
  await memory.release(id, 1)
  await two.shown(id)
  await two.hand.call().push('hello')
  await two.hand.call().end()
  await idle()
  const starts = told.filter(({ event }) => event === 'start').map(({ fields: { restarts, linkedTo } }) => ({ restarts, linkedTo }))
  t.strictSame(starts, [{ restarts: 0, linkedTo: undefined }, { restarts: 1, linkedTo: 'of the first' }])
  t.hasStrict(two.log.summaries, [{ fields: { streamId: id, restarts: 1, outcome: 'done', delivery: 'none' } }])
  t.strictSame(one.log.summaries, [], 'the one that did not end it has no summary')
})

t.test('nothing of a tracer is stored if there is none', async t => {
  const { join, works } = share()
  await join().streams.open(opening)
  t.strictSame(works().map(work => JSON.parse(work as string)), [opening.work])
})
