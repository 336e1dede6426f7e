import t from 'tap'
import { createRedisQueues } from '../../../../lib/stores/redis/queues.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { linesContract } from '../../../fixtures/queues-contract.ts'
import { openRedis } from '../../../fixtures/redis.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime, keys } = redis

  function create (prefix = newPrefix()) {
    const clock = createManualClock()
    const advance = async (ms: number): Promise<void> => {
      await passTime(prefix, ms)
      await clock.advance(ms)
    }
    return { clock, prefix, store: createRedisQueues({ connection, clock, prefix }), advance }
  }

  linesContract(t, 'redis', async () => {
    const { clock, store, advance } = create()
    return { store, now: clock.now, advance }
  })

  t.test('replicas whose clocks differ share a line, in the order of coming', async t => {
    const one = create()
    const two = create(one.prefix)
    await two.clock.advance(3_600_000)
    await one.store.join('k', 'a', one.clock.now() + 10_000)
    await two.store.join('k', 'b', two.clock.now() + 10_000.5)
    t.strictSame(await one.store.read('k'), ['a', 'b'])
    await two.store.leave('k', 'a')
    t.strictSame(await one.store.read('k'), ['b'])
    await passTime(one.prefix, 11_000)
    t.strictSame(await two.store.read('k'), [])
  })

  t.test('a watcher learns within half a second what another replica did, and costs nothing afterwards', async t => {
    const { clock, store, prefix } = create()
    const other = create(prefix)
    let ring = (): void => {}
    const rung = new Promise<void>(resolve => { ring = resolve })
    const unwatch = store.watch('k', ring)
    await store.read('k')
    await other.store.join('k', 'a', other.clock.now() + 10_000)
    await store.read('other line')
    await clock.advance(500)
    await rung
    unwatch()
    t.equal(clock.pending, 0)
  })

  t.test('what changes nothing rings nobody', async t => {
    const { clock, store } = create()
    await store.join('k', 'a', clock.now() + 10_000)
    let rings = 0
    store.watch('k', () => rings++)
    for (let round = 0; round < 3; round++) {
      await store.read('k')
      await store.leave('k', 'unknown')
      await clock.advance(500)
    }
    await store.read('k')
    t.equal(rings, 0)
  })

  t.test('a place whose time is over already is none', async t => {
    const { clock, prefix, store } = create()
    await store.join('k', 'a', clock.now() - 1)
    t.strictSame(await store.read('k'), [])
    t.strictSame(await keys(prefix), [])
  })

  redis.everyKeyExpires()
}
