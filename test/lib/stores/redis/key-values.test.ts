import t from 'tap'
import { createRedisKeyValues } from '../../../../lib/stores/redis/key-values.ts'
import { factsContract } from '../../../fixtures/key-values-contract.ts'
import { openRedis } from '../../../fixtures/redis.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime } = redis

  factsContract(t, 'redis', async () => {
    const prefix = newPrefix()
    return { store: createRedisKeyValues({ connection, prefix }), advance: ms => passTime(prefix, ms) }
  })

  t.test('replicas share facts and counts, and other prefixes do not', async t => {
    const prefix = newPrefix()
    const [one, two] = [createRedisKeyValues({ connection, prefix }), createRedisKeyValues({ connection, prefix })]
    t.equal(await one.putIfAbsent('k', 'mine', 10_000), 'mine')
    t.equal(await two.putIfAbsent('k', 'yours', 10_000), 'mine')
    t.equal(await two.get('k'), 'mine')
    t.equal(await one.increment('k', 10_000), 1)
    t.equal(await two.increment('k', 10_000), 2)
    await one.close()
    t.equal(await two.get('k'), 'mine')
    t.equal(await createRedisKeyValues({ connection, prefix: newPrefix() }).get('k'), undefined)
  })

  t.test('a span need not be a whole number of milliseconds', async t => {
    const store = createRedisKeyValues({ connection, prefix: newPrefix() })
    t.equal(await store.putIfAbsent('k', 'v', 10_000.4), 'v')
    t.equal(await store.increment('k', 10_000.4), 1)
    t.equal(await store.putIfAbsent('short', 'v', -1), 'v')
  })

  redis.everyKeyExpires()
}
