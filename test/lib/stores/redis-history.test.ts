import t from 'tap'
import { createRedisHistory } from '../../../lib/stores/redis-history.ts'
import { historyContract } from '../../fixtures/history-contract.ts'
import { openRedis } from '../../fixtures/redis.ts'

const limits = { turns: 3, bytes: 1000, idleMs: 10_000 }

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime, keys } = redis

  historyContract(t, 'redis', async limits => {
    const prefix = newPrefix()
    return { store: createRedisHistory({ connection, limits, prefix }), advance: ms => passTime(prefix, ms) }
  })

  t.test('replicas share a conversation, and a clearing counts for all', async t => {
    const prefix = newPrefix()
    const [one, two] = [createRedisHistory({ connection, limits, prefix }), createRedisHistory({ connection, limits, prefix })]
    const { generation } = await one.read('k')
    await two.add('k', generation, { prompt: 'hi', reply: 'hello', cut: true })
    t.strictSame((await one.read('k')).turns, [{ prompt: 'hi', reply: 'hello', cut: true }])
    await one.clear('k')
    await two.add('k', generation, { prompt: 'late', reply: '' })
    t.strictSame((await two.read('k')).turns, [])
  })

  t.test('nothing is kept of a user in the name of a key, nor of what is out of bounds', async t => {
    const prefix = newPrefix()
    const store = createRedisHistory({ connection, limits: { ...limits, bytes: 3 }, prefix })
    const { generation } = await store.read('user')
    await store.add('user', generation, { prompt: 'long', reply: '' })
    t.strictSame(await keys(prefix), [])
    await store.add('user', generation, { prompt: 'hi', reply: '' })
    await store.clear('other user')
    const names = await keys(prefix)
    t.equal(names.length, 2)
    for (const name of names) t.notMatch(name, /user/)
  })

  redis.everyKeyExpires()
}
