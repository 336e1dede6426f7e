import t from 'tap'
import { createMemoryHistory } from '../../../../lib/stores/memory/history.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { historyContract } from '../../../fixtures/history-contract.ts'

const limits = { turns: 3, bytes: 1000, idleMs: 10_000 }
const turn = { prompt: 'hi', reply: 'hello' }

historyContract(t, 'memory', async limits => {
  const clock = createManualClock()
  return { store: createMemoryHistory(clock, limits, 100), advance: ms => clock.advance(ms) }
})

t.test('a conversation is kept to the millisecond', async t => {
  const clock = createManualClock()
  const store = createMemoryHistory(clock, limits, 100)
  const { generation } = await store.read('k')
  await clock.advance(9999)
  await store.add('k', generation, turn)
  await clock.advance(9999)
  t.same((await store.read('k')).turns, [turn])
  await clock.advance(10_000)
  t.same((await store.read('k')).turns, [])
})

t.test('beyond their number the conversation goes in which nothing was said for longest', async t => {
  const store = createMemoryHistory(createManualClock(), limits, 2)
  for (const key of ['a', 'b', 'a', 'c']) await store.add(key, (await store.read(key)).generation, turn)
  t.equal((await store.read('a')).turns.length, 2)
  t.equal((await store.read('b')).turns.length, 0)
  t.equal((await store.read('c')).turns.length, 1)
})

t.test('a closed store holds nothing and keeps no timer', async t => {
  const clock = createManualClock()
  const store = createMemoryHistory(clock, limits, 100)
  const { generation } = await store.read('k')
  await store.add('k', generation, turn)
  await store.clear('other')
  t.equal(clock.pending, 2)
  await store.close()
  t.equal(clock.pending, 0)
  t.same((await store.read('k')).turns, [])
})
