import t from 'tap'
import { createMemoryKeyValues } from '../../../../lib/stores/memory/key-values.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { factsContract } from '../../../fixtures/key-values-contract.ts'

function create (max = 1000) {
  const clock = createManualClock()
  return { clock, store: createMemoryKeyValues(clock, max) }
}

factsContract(t, 'memory', async () => {
  const { clock, store } = create()
  return { store, advance: ms => clock.advance(ms) }
})

t.test('where it is full, the oldest fact and the oldest count go', async t => {
  const { store } = create(2)
  for (const key of ['a', 'b', 'c']) await store.putIfAbsent(key, key, 10_000)
  t.strictSame(await Promise.all(['a', 'b', 'c'].map(key => store.get(key))), [undefined, 'b', 'c'])
  for (const key of ['a', 'b', 'c']) await store.increment(key, 10_000)
  t.equal(await store.increment('c', 10_000), 2)
  t.equal(await store.increment('a', 10_000), 1)
})

t.test('a closed store holds nothing and keeps no timer', async t => {
  const { clock, store } = create()
  await store.putIfAbsent('k', 'v', 10_000)
  await store.increment('k', 10_000)
  await store.close()
  t.equal(clock.pending, 0)
  t.equal(await store.get('k'), undefined)
  t.equal(await store.increment('k', 10_000), 1)
  await store.close()
})
