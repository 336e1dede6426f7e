import t from 'tap'
import { createMemoryQueues } from '../../../../lib/stores/memory/queues.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { linesContract } from '../../../fixtures/queues-contract.ts'

function create () {
  const clock = createManualClock()
  return { clock, store: createMemoryQueues(clock) }
}

linesContract(t, 'memory', async () => {
  const { clock, store } = create()
  return { store, now: clock.now, advance: ms => clock.advance(ms) }
})

t.test('a place is kept to the millisecond', async t => {
  const { clock, store } = create()
  await store.join('k', 'a', clock.now() + 1000)
  await clock.advance(999)
  t.same(await store.read('k'), ['a'])
  await clock.advance(1)
  t.same(await store.read('k'), [])
})

t.test('all places share one background timer, which is set for the first that is given up, and goes with the last', async t => {
  const { clock, store } = create()
  const timers: unknown[] = []
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, options) => {
    timers.push([ms, options])
    return setTimeout(callback, ms, options)
  }
  const background = { background: true }
  await store.join('k', 'a', clock.now() + 2000)
  await store.join('k', 'b', clock.now() + 3000)
  t.strictSame(timers, [[2000, background]])
  await store.join('other', 'c', clock.now() + 1000)
  t.strictSame(timers, [[2000, background], [1000, background]])
  t.equal(clock.pending, 1)
  await clock.advance(1000)
  t.same(await store.read('other'), [])
  t.strictSame(timers.at(-1), [1000, background])
  await store.leave('k', 'a')
  t.equal(clock.pending, 1)
  await clock.advance(2000)
  t.same(await store.read('k'), [])
  t.equal(clock.pending, 0)
  await store.join('k', 'a', clock.now() + 1000)
  await store.leave('k', 'a')
  t.equal(clock.pending, 0)
})

t.test('what changes nothing rings nobody, and a change rings once', async t => {
  const { clock, store } = create()
  await store.join('k', 'a', clock.now() + 1000)
  let rings = 0
  store.watch('k', () => rings++)
  await store.leave('k', 'unknown')
  t.equal(rings, 0)
  await store.leave('k', 'a')
  t.equal(rings, 1)
  await store.leave('k', 'a')
  t.equal(rings, 1)
})

t.test('a watcher that outlives its line is not in the way of the next one', async t => {
  const { clock, store } = create()
  const unwatchOld = store.watch('k', () => {})
  await store.close()
  let rings = 0
  store.watch('k', () => rings++)
  unwatchOld()
  await store.join('k', 'a', clock.now() + 1000)
  t.equal(rings, 1)
})

t.test('a closed store holds nothing and keeps no timer', async t => {
  const { clock, store } = create()
  await store.join('k', 'a', clock.now() + 1000)
  await store.join('other', 'b', clock.now() + 1000)
  await store.close()
  t.equal(clock.pending, 0)
  t.same(await store.read('k'), [])
})
