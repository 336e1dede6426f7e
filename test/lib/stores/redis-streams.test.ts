import t from 'tap'
import { createRedisStreams } from '../../../lib/stores/redis-streams.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { openRedis } from '../../fixtures/redis.ts'
import { storeContract } from '../../fixtures/store-contract.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime } = redis

  storeContract(t, 'redis', async () => {
    const prefix = newPrefix()
    const clock = createManualClock()
    return {
      store: createRedisStreams({ connection, clock, prefix, retentionMs: 10_000 }),
      retentionMs: 10_000,
      async advance (ms) {
        await passTime(prefix, ms)
        await clock.advance(ms)
      }
    }
  })

  redis.everyKeyExpires()
}
