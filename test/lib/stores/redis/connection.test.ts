import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster } from 'redis'
import t from 'tap'
import type { HistoryLimits } from '../../../../lib/stores/history.ts'
import { adaptRedis, followMasterCure } from '../../../../lib/stores/redis/connection.ts'
import type { RedisClient, RedisConnection } from '../../../../lib/stores/redis/connection.ts'
import { createRedisHistory } from '../../../../lib/stores/redis/history.ts'
import { createRedisKeyValues } from '../../../../lib/stores/redis/key-values.ts'
import { createRedisQueues } from '../../../../lib/stores/redis/queues.ts'
import { createRedisStreams } from '../../../../lib/stores/redis/streams.ts'
import { systemClock } from '../../../../lib/util/clock.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { historyContract } from '../../../fixtures/history-contract.ts'
import { factsContract } from '../../../fixtures/key-values-contract.ts'
import { linesContract } from '../../../fixtures/queues-contract.ts'
import { hasRedisServer, startRedisServer } from '../../../fixtures/redis-server.ts'
import { forTest, openRedis } from '../../../fixtures/redis.ts'
import { storeContract } from '../../../fixtures/store-contract.ts'
import { idle } from '../../../fixtures/waiting.ts'

const timing = { clock: systemClock, timeoutMs: 5000 }

/** All stores, through a client of a host's. */
function contracts (name: string, connection: RedisConnection): void {
  t.test(name, async t => {
    const { connection: checked, newPrefix, passTime, everyKeyExpires } = forTest(t, connection)
    const under = () => {
      const prefix = newPrefix()
      const clock = createManualClock()
      return {
        prefix,
        clock,
        now: clock.now,
        async advance (ms: number) {
          await passTime(prefix, ms)
          await clock.advance(ms)
        }
      }
    }
    storeContract(t, name, async () => {
      const { prefix, clock, advance } = under()
      const store = createRedisStreams({ connection: checked, clock, prefix, retentionMs: 10_000 })
      return { store, advance, retentionMs: 10_000, leaseMs: 5000, workMs: 5 * 60_000 }
    })
    linesContract(t, name, async () => {
      const { prefix, clock, now, advance } = under()
      return { store: createRedisQueues({ connection: checked, clock, prefix }), now, advance }
    })
    historyContract(t, name, async (limits: HistoryLimits) => {
      const { prefix, advance } = under()
      return { store: createRedisHistory({ connection: checked, limits, prefix }), advance }
    })
    factsContract(t, name, async () => {
      const { prefix, advance } = under()
      return { store: createRedisKeyValues({ connection: checked, prefix }), advance }
    })
    everyKeyExpires()
  })
}

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url } = redis

  const nodeRedis = await createClient({ url, RESP: 2 }).connect()
  const pool = createClientPool({ url }, { minimum: 3, maximum: 3 })
  await pool.connect()
  const ioRedis = new Redis(url)
  t.teardown(() => {
    nodeRedis.destroy()
    pool.destroy()
    ioRedis.disconnect()
  })
  contracts('redis', adaptRedis(nodeRedis, timing))
  contracts('pool of redis', adaptRedis(pool, timing))
  contracts('ioredis', adaptRedis(ioRedis, timing))

  t.test('a reply that came while the event loop stood still is in time', async t => {
    const client = new Redis(redis.url)
    t.teardown(() => client.disconnect())
    const connection = adaptRedis(client, { clock: systemClock, timeoutMs: 100 })
    await client.call('PING')
    const asked = connection.command(['PING'])
    // What is to be sent is.
    await idle()
    const until = Date.now() + 300
    while (Date.now() < until);
    t.equal(await asked, 'PONG')
  })

  t.test('a client of the host\'s stays open', async t => {
    await adaptRedis(nodeRedis, timing).close()
    t.equal(await nodeRedis.ping(), 'PONG')
  })
}

if (hasRedisServer()) {
  // One node that has every slot refuses keys of several slots as a larger cluster does.
  const server = await startRedisServer(
    '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-config-file', `nodes-${process.pid}.conf`, '--dir',
    t.testdir()
  )
  const plain = new Redis(server.url)
  await plain.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await plain.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await new Promise(resolve => setTimeout(resolve, 20))
  plain.disconnect()

  const nodeCluster = createCluster({ rootNodes: [{ url: server.url }] })
  await nodeCluster.connect()
  const ioCluster = new Cluster([server.url])
  t.teardown(async () => {
    nodeCluster.destroy()
    ioCluster.disconnect()
    await server.stop()
  })
  contracts('cluster of redis', adaptRedis(nodeCluster, timing))
  contracts('cluster of ioredis', adaptRedis(ioCluster, timing))

  t.test('a cluster refuses keys of several slots', async t => {
    await t.rejects(adaptRedis(nodeCluster, timing).command(['EVAL', 'return 1', '2', 'a', 'b'], 'a'), { message: /CROSSSLOT/ })
  })
}

t.test('each kind of client is called as it wants to be', async t => {
  const called = async (members: object): Promise<unknown[]> => {
    const calls: unknown[][] = []
    const record = async (...args: unknown[]): Promise<void> => { calls.push(args) }
    const client = Object.fromEntries(
      Object.entries(members).map(([name, value]) => [name, value === 'called' ? record : value])
    ) as unknown as RedisClient
    await adaptRedis(client, timing).command(['GET', 'k'], 'k')
    return calls.flat()
  }
  t.strictSame(await called({ call: 'called', sendCommand: 'not this one' }), ['GET', 'k'])
  t.strictSame(await called({ sendCommand: 'called' }), [['GET', 'k']])
  t.strictSame(await called({ sendCommand: 'called', masters: [] }), ['k', false, ['GET', 'k']])
  t.strictSame(await called({ sendCommand: 'called', getSentinelNode () {} }), [false, ['GET', 'k']])
})

t.test('a command that is not answered in time rejects, and its late reply is nobody\'s', async t => {
  const clock = createManualClock()
  let answer = (_value: unknown): void => {}
  const replies: Array<Promise<unknown>> = []
  const client = {
    sendCommand: () => {
      const reply = new Promise<unknown>(resolve => { answer = resolve })
      replies.push(reply)
      return reply
    }
  }
  const connection = adaptRedis(client, { clock, timeoutMs: 300 })
  const late = connection.command(['GET', 'k'])
  const rejected = t.rejects(late, { code: 'WECOM_ERR_REDIS_TIMEOUT', message: 'Redis did not answer within 300 ms' })
  await clock.advance(300)
  await rejected
  answer('too late')
  const early = connection.command(['GET', 'k'])
  await clock.advance(299)
  answer('reply')
  t.equal(await early, 'reply')
  await idle()
  t.equal(clock.pending, 0)
  const failing = adaptRedis({ async sendCommand () { throw new Error('WRONGTYPE') } }, { clock, timeoutMs: 300 })
  await t.rejects(failing.command(['GET', 'k']), { message: 'WRONGTYPE' })
  await idle()
  t.equal(clock.pending, 0)
})

t.test('a client of the host is told by its kind what makes it follow the master', async t => {
  const sendCommand = async (): Promise<unknown> => undefined
  t.match(followMasterCure({ call: sendCommand } as never), /^set reconnectOnError of your ioredis client/)
  t.match(followMasterCure({ sendCommand } as never), /^your client of the package redis has to follow the master: use createSentinel/)
})
