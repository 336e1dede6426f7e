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

t.test('a place has one background timer, which goes with it', async t => {
  const { clock, store } = create()
  const options: unknown[] = []
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, given) => {
    options.push(given)
    return setTimeout(callback, ms, given)
  }
  await store.join('k', 'a', clock.now() + 1000)
  await store.join('k', 'a', clock.now() + 2000)
  await store.join('k', 'b', clock.now() + 1000)
  t.equal(clock.pending, 2)
  await store.leave('k', 'a')
  t.equal(clock.pending, 1)
  await clock.advance(1000)
  t.equal(clock.pending, 0)
  t.strictSame(options, Array.from({ length: 3 }, () => ({ background: true })))
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
