import { createClient } from 'redis'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { withServers } from './child.ts'
import type { Child } from './child.ts'
import { postAll, postAtRate, postFor } from './load.ts'
import { answerOf, benchLatency, endlessly, inTurn, openStreams } from './parts.ts'
import type { Latencies } from './parts.ts'
import { settings } from './settings.ts'
import { compare, median } from './statistics.ts'
import type { Comparison } from './statistics.ts'
import { refreshRequest } from './wecom.ts'

const { rounds, connections } = settings

/** The plugin with Redis stands in the place of the plugin, the one without it in that of the floor. */
export interface RedisRefreshes extends Comparison { bytes: number, text: 'still' | 'changing' }

/** What a running stream asks of Redis: round trips and time of the server for each second, and memory. */
export interface Operations { perSecond: number, micros: number, bytes: number }

export interface WithRedis { refreshes: RedisRefreshes[], operations: Operations, latency: Latencies }

/** With the Redis of `REDIS_URL`, or one that is started for the bench; undefined where there is neither. */
export async function benchRedis (): Promise<WithRedis | undefined> {
  const given = process.env['REDIS_URL'] ?? ''
  if (given !== '') return await benchWith(given)
  if (!hasRedisServer()) return undefined
  const server = await startRedisServer()
  const stop = (): void => { server.stop() }
  process.once('exit', stop)
  process.env['REDIS_URL'] = server.url
  try {
    return await benchWith(server.url)
  } finally {
    delete process.env['REDIS_URL']
    process.off('exit', stop)
    await server.stop()
  }
}

async function benchWith (url: string): Promise<WithRedis> {
  const refreshes = []
  for (const text of ['still', 'changing'] as const) refreshes.push(await benchRefreshes(settings.redisBytes, text))
  return { refreshes, operations: await benchOperations(url), latency: await benchLatency('redis') }
}

async function benchRefreshes (bytes: number, text: 'still' | 'changing'): Promise<RedisRefreshes> {
  return await withServers(['redis', 'plugin'], connections, async (shared, alone) => {
    const measured = []
    for (let round = 0; round < rounds; round++) {
      const requests = new Map<Child, readonly Buffer[]>()
      for (const server of [shared, alone]) {
        const ids = await openStreams(server, settings.refreshedStreams, { bytes, then: text === 'still' ? 'still' : 'asked' })
        const refreshes = ids.map(id => refreshRequest(id))
        requests.set(server, refreshes)
        await postAll(server.connections, refreshes)
      }
      const next = new Map([...requests].map(([server, refreshes]) => [server, endlessly(refreshes)]))
      measured.push(await inTurn(shared, alone, server => () => postFor(server.connections, next.get(server) as Iterator<Buffer>, settings.sliceMs)))
      for (const [server, [request]] of requests) {
        const { finish, content } = await answerOf(server, request as Buffer)
        if (finish || Buffer.byteLength(content) < bytes * 0.95) throw new Error(`a running stream shows ${content}`)
        await server.end()
      }
    }
    return { bytes, text, ...compare(measured) }
  })
}

async function benchOperations (url: string): Promise<Operations> {
  const { streams, bytes, chunkEveryMs, refreshesPerSecond, warmUpMs, measureMs } = settings.latency
  const client = createClient({ url })
  await client.connect()
  try {
    return await withServers(['redis'], connections, async shared => {
      const measured: Operations[] = []
      for (let round = 0; round < rounds; round++) {
        const memory = await usedMemory(client)
        const ids = await openStreams(shared, streams, { bytes, then: 'timed', everyMs: chunkEveryMs })
        const perStream = (await usedMemory(client) - memory) / streams
        const refreshes = ids.map(id => refreshRequest(id))
        await postAtRate(shared.connections, refreshes, refreshesPerSecond, warmUpMs)
        const before = await scriptCalls(client)
        const startedAt = performance.now()
        await postAtRate(shared.connections, refreshes, refreshesPerSecond, measureMs)
        const { calls, micros } = await scriptCalls(client)
        const streamSeconds = streams * (performance.now() - startedAt) / 1000
        measured.push({ perSecond: (calls - before.calls) / streamSeconds, micros: (micros - before.micros) / streamSeconds, bytes: perStream })
        await shared.end()
      }
      return {
        perSecond: median(measured.map(({ perSecond }) => perSecond)),
        micros: median(measured.map(({ micros }) => micros)),
        bytes: median(measured.map(({ bytes }) => bytes))
      }
    })
  } finally {
    client.destroy()
  }
}

interface Asked { info (section: string): Promise<string> }

/** Every command of a running stream is a script. */
async function scriptCalls (client: Asked): Promise<{ calls: number, micros: number }> {
  const [, calls, micros] = /^cmdstat_evalsha:calls=(\d+),usec=(\d+)/m.exec(await client.info('commandstats')) ?? []
  return { calls: Number(calls), micros: Number(micros) }
}

const usedMemory = async (client: Asked): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1])
