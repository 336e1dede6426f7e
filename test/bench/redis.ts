import { createClient } from 'redis'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { withServers } from './child.ts'
import { benchLatency } from './parts.ts'
import { operationsOf, refreshesInTurn } from './rounds.ts'
import type { Latencies, Operations, RedisClient, Text } from './rounds.ts'
import { settings } from './settings.ts'
import { compare, median } from './statistics.ts'
import type { Comparison } from './statistics.ts'

const { rounds, connections } = settings

/** The plugin with Redis stands in the place of the plugin, the one without it in that of the floor. */
export interface RedisRefreshes extends Comparison { bytes: number, text: Text }

export interface WithRedis { refreshes: RedisRefreshes[], operations: Operations, latency: Latencies }

/** Work with the Redis of `REDIS_URL`, or one that is started for it; undefined if there is neither. */
export async function withRedis<T> (work: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
  const given = process.env['REDIS_URL'] ?? ''
  if (given !== '') return await withClient(given, work)
  if (!hasRedisServer()) return undefined
  const server = await startRedisServer()
  const stop = (): void => { void server.stop() }
  process.once('exit', stop)
  process.env['REDIS_URL'] = server.url
  try {
    return await withClient(server.url, work)
  } finally {
    delete process.env['REDIS_URL']
    process.off('exit', stop)
    await server.stop()
  }
}

async function withClient<T> (url: string, work: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = createClient({ url })
  await client.connect()
  try {
    return await work(client as RedisClient)
  } finally {
    client.destroy()
  }
}

export const benchRedis = (): Promise<WithRedis | undefined> => withRedis(async client => {
  const refreshes = []
  for (const text of ['still', 'changing'] as const) refreshes.push(await benchRefreshes(settings.redisBytes, text))
  return { refreshes, operations: await benchOperations(client), latency: await benchLatency('redis') }
})

async function benchRefreshes (bytes: number, text: Text): Promise<RedisRefreshes> {
  return await withServers(['redis', 'plugin'], connections, async (shared, alone) => {
    const measured = []
    for (let round = 0; round < rounds; round++) {
      const [plugin, floor] = await refreshesInTurn(shared, alone, bytes, text)
      measured.push({ plugin, floor })
    }
    return { bytes, text, ...compare(measured) }
  })
}

async function benchOperations (client: RedisClient): Promise<Operations> {
  return await withServers(['redis'], connections, async shared => {
    const measured: Operations[] = []
    for (let round = 0; round < rounds; round++) measured.push(await operationsOf(client, shared))
    return {
      perSecond: median(measured.map(({ perSecond }) => perSecond)),
      micros: median(measured.map(({ micros }) => micros)),
      bytes: median(measured.map(({ bytes }) => bytes))
    }
  })
}
