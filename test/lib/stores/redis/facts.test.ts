import t from 'tap'
import { createRedisFacts } from '../../../../lib/stores/redis/facts.ts'
import { factsContract } from '../../../fixtures/facts-contract.ts'
import { openRedis } from '../../../fixtures/redis.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime } = redis

  factsContract(t, 'redis', async () => {
    const prefix = newPrefix()
    return { store: createRedisFacts({ connection, prefix }), advance: ms => passTime(prefix, ms) }
  })

  t.test('replicas share facts and counts, and other prefixes do not', async t => {
    const prefix = newPrefix()
    const [one, two] = [createRedisFacts({ connection, prefix }), createRedisFacts({ connection, prefix })]
    t.equal(await one.keep('k', 'mine', 10_000), 'mine')
    t.equal(await two.keep('k', 'yours', 10_000), 'mine')
    t.equal(await two.get('k'), 'mine')
    t.equal(await one.count('k', 10_000), 1)
    t.equal(await two.count('k', 10_000), 2)
    await one.close()
    t.equal(await two.get('k'), 'mine')
    t.equal(await createRedisFacts({ connection, prefix: newPrefix() }).get('k'), undefined)
  })

  t.test('a span need not be a whole number of milliseconds', async t => {
    const store = createRedisFacts({ connection, prefix: newPrefix() })
    t.equal(await store.keep('k', 'v', 10_000.4), 'v')
    t.equal(await store.count('k', 10_000.4), 1)
    t.equal(await store.keep('short', 'v', -1), 'v')
  })

  redis.everyKeyExpires()
}
