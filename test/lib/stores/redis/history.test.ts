import t from 'tap'
import type { RedisConnection } from '../../../../lib/stores/redis/connection.ts'
import { createRedisHistory } from '../../../../lib/stores/redis/history.ts'
import { historyContract } from '../../../fixtures/history-contract.ts'
import { openRedis } from '../../../fixtures/redis.ts'

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

  t.test('a turn that a client sends again after a lost reply is there once', async t => {
    const prefix = newPrefix()
    const resending: RedisConnection = {
      ...connection,
      async command (args, key) {
        await connection.command(args, key)
        return await connection.command(args, key)
      }
    }
    const store = createRedisHistory({ connection: resending, limits, prefix })
    const { generation } = await store.read('k')
    const said = { prompt: '{"a":1}', reply: 'the same: {' }
    await store.add('k', generation, said)
    t.strictSame((await store.read('k')).turns, [said])
    await store.add('k', generation, said)
    t.strictSame((await store.read('k')).turns, [said, said], 'what is said twice is there twice')
    const { ids: [first, second] } = await store.read('k') as unknown as { ids: [string, string] }
    await store.drop('k', [first])
    t.strictSame((await store.read('k')).ids, [second], 'and one of them, dropped twice, is not there')
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
