import t from 'tap'
import { createEnds } from '../../../lib/bot/ends.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import { createMemoryKeyValues } from '../../../lib/stores/memory/key-values.ts'
import type { StreamRecord } from '../../../lib/stores/store.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { idle } from '../../fixtures/waiting.ts'

const RECORD: StreamRecord = {
  id: 's', status: 'done', content: 'x', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {}
}

/** Processes that share their facts. */
function share (facts: Partial<KeyValueStore> = {}) {
  const clock = createManualClock()
  const log = createLog()
  const puts: string[] = []
  const memory = createMemoryKeyValues(clock, 100)
  const kept: KeyValueStore = {
    ...memory,
    async putIfAbsent (key, value, ttlMs) {
      puts.push(key)
      return await memory.putIfAbsent(key, value, ttlMs)
    },
    ...facts
  }
  return { clock, log, puts, join: (shared = true) => createEnds({ facts: kept, shared, clock, log }) }
}

function watch<T> (promise: Promise<T>): { value?: T | 'rejected' } {
  const state: { value?: T | 'rejected' } = {}
  promise.then(value => { state.value = value }, () => { state.value = 'rejected' })
  return state
}

for (const soon of [true, false]) {
  t.test(`a fetch in this process is known at once, whether something waits for it (${soon})`, async t => {
    const { clock, join } = share()
    const ends = join()
    ends.begin('s')
    const asked = watch(ends.wasFetched('s', soon))
    await clock.advance(4999)
    t.strictSame(asked, {})
    ends.fetched(RECORD)
    await idle()
    t.strictSame(asked, { value: true })
    t.equal(await ends.wasFetched('s', soon), true, 'and later, too')
    ends.over('s')
    t.equal(clock.pending, 1, 'the sweep of the facts')
  })
}

t.test('no wait keeps a process alive', async t => {
  for (const soon of [true, false]) {
    const { clock, join } = share()
    const ends = join()
    ends.begin('s')
    void ends.wasFetched('s', soon)
    await idle()
    t.ok(clock.pending > 0)
    t.equal(clock.holding, 0)
  }
})

t.test('nobody is waited for beyond five seconds', async t => {
  const { clock, join } = share()
  const ends = join(false)
  ends.begin('s')
  const asked = watch(ends.wasFetched('s', false))
  await clock.advance(4999)
  t.strictSame(asked, {})
  await clock.advance(1)
  await idle()
  t.strictSame(asked, { value: false })
})

t.test('a fetch in another process is found when the five seconds are over', async t => {
  const { clock, join, puts } = share()
  const [one, two] = [join(), join()]
  one.begin('s')
  const asked = watch(one.wasFetched('s', false))
  two.fetched(RECORD)
  two.fetched(RECORD)
  await idle()
  t.strictSame(puts, ['end:s'], 'it is kept once, however often it is repeated')
  await clock.advance(4999)
  t.strictSame(asked, {})
  await clock.advance(1)
  await idle()
  t.strictSame(asked, { value: true })
})

t.test('what waits for a fetch in another process looks for it, and a look that fails is followed by another', async t => {
  let away = true
  const known: { value?: string } = {}
  const { clock, join } = share({
    async get () {
      if (away) throw new Error('away')
      return known.value
    }
  })
  const ends = join()
  ends.begin('s')
  const asked = watch(ends.wasFetched('s', true))
  await clock.advance(500)
  away = false
  await clock.advance(500)
  t.strictSame(asked, {})
  known.value = 'fetched'
  await clock.advance(500)
  await idle()
  t.strictSame(asked, { value: true })
  t.equal(clock.pending, 0)
})

t.test('of a fetch and the end of the wait at the same moment one wins', async t => {
  const { clock, join } = share()
  const [one, two] = [join(), join()]
  one.begin('s')
  two.begin('s')
  const asked = [watch(one.wasFetched('s', false)), watch(two.wasFetched('s', false))]
  await clock.advance(5000)
  await idle()
  t.strictSame(asked.map(({ value }) => value).sort(), [false, true], 'one of two owners may deliver')
  two.fetched(RECORD)
  t.equal(await one.wasFetched('s', true), true, 'and nobody else after it')
})

t.test('without other processes a fetch is written nowhere', async t => {
  const { join, puts } = share()
  const ends = join(false)
  ends.begin('s')
  ends.fetched(RECORD)
  ends.over('s')
  ends.fetched(RECORD)
  t.strictSame(puts, [])
})

t.test('a claim that fails says nothing, and a fetch that cannot be kept is told in the log', async t => {
  const { clock, log, join } = share({ putIfAbsent: async () => { throw new Error('away') } })
  const [one, two] = [join(), join()]
  one.begin('s')
  const asked = watch(one.wasFetched('s', false))
  two.fetched(RECORD)
  await clock.advance(5000)
  await idle()
  t.strictSame(asked, { value: 'rejected' })
  t.hasStrict(
    log.lines, [{ level: 'error', message: 'that the end of an answer was fetched could not be kept', fields: { streamId: 's' } }]
  )
})

t.test('a close waits for nobody to fetch, but for what is under way', async t => {
  const { clock, join } = share()
  const ends = join(false)
  await ends.close()
  const next = join(false)
  next.begin('s')
  next.begin('t')
  const asked = watch(next.wasFetched('s', false))
  const closed = watch(next.close())
  await idle()
  t.strictSame(asked, { value: false })
  t.equal(await next.wasFetched('t', false), false, 'also for what ends now')
  next.over('s')
  await idle()
  t.strictSame(closed, {})
  next.over('t')
  await idle()
  t.ok('value' in closed)
  t.equal(clock.pending, 1, 'the sweep of the facts')
})

t.test('a close gives up on what takes longer than a delivery can', async t => {
  const { clock, join } = share()
  const ends = join(false)
  ends.begin('s')
  const closed = watch(ends.close())
  await clock.advance(14_999)
  t.strictSame(closed, {})
  await clock.advance(1)
  await idle()
  t.ok('value' in closed)
})
