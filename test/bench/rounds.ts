// One round of what is measured, on servers that are up.
import type { createClient } from 'redis'
import type { Child } from './child.ts'
import type { Reply } from './connection.ts'
import { postAll, postAtRate, postFor } from './load.ts'
import { settings } from './settings.ts'
import type { Order } from './source.ts'
import { percentilesOf } from './statistics.ts'
import type { Percentiles, Speed } from './statistics.ts'
import { frameOf, messageRequest, refreshRequest } from './wecom.ts'
import type { Frame } from './wecom.ts'

/** Whether each refresh finds another text. */
export type Text = 'still' | 'changing'

export const times = <T>(count: number, create: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => create(index))

/** Opens streams with a message each. Gives their ids. */
export async function openStreams (plugin: Child, count: number, order: Order): Promise<string[]> {
  const replies = await postAll(plugin.connections, times(count, () => messageRequest(order)))
  return replies.map(reply => frameOf(reply).id)
}

/** What a server answers now. */
export async function answerOf (server: Child, request: Buffer): Promise<Frame> {
  const [reply] = await postAll(server.connections.slice(0, 1), [request])
  return frameOf(reply as Reply)
}

interface Slice { count: number, seconds: number, cpuMicros: number }

/** What a server does within some work, which tells how many requests it took. */
async function measure (server: Child, work: () => Promise<number>): Promise<Slice> {
  const cpu = await server.cpu()
  const startedAt = performance.now()
  const count = await work()
  const seconds = (performance.now() - startedAt) / 1000
  return { count, seconds, cpuMicros: await server.cpu() - cpu }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function speedOf (slices: readonly Slice[]): Speed {
  const count = sum(slices.map(slice => slice.count))
  return { perSecond: count / sum(slices.map(slice => slice.seconds)), cpuMicros: sum(slices.map(slice => slice.cpuMicros)) / count }
}

/** Two servers in turn; who is first changes from slice to slice. The first slice of each is warming up. */
export async function inTurn (first: Child, second: Child, work: (server: Child) => () => Promise<number>): Promise<[Speed, Speed]> {
  const measured = new Map<Child, Slice[]>([[first, []], [second, []]])
  for (let slice = 0; slice <= settings.slices; slice++) {
    for (const server of slice % 2 === 0 ? [first, second] : [second, first]) {
      const result = await measure(server, work(server))
      if (slice > 0) measured.get(server)?.push(result)
    }
  }
  return [speedOf(measured.get(first) ?? []), speedOf(measured.get(second) ?? [])]
}

export function * endlessly<T> (items: readonly T[]): Generator<T, never> {
  for (;;) yield * items
}

/** Refreshes of two servers in turn, each with streams of its own. */
export async function refreshesInTurn (first: Child, second: Child, bytes: number, text: Text): Promise<[Speed, Speed]> {
  const requests = new Map<Child, readonly Buffer[]>()
  for (const server of [first, second]) {
    const ids = await openStreams(server, settings.refreshedStreams, { bytes, then: text === 'still' ? 'still' : 'asked' })
    const refreshes = ids.map(id => refreshRequest(id))
    requests.set(server, refreshes)
    await postAll(server.connections, refreshes)
  }
  const next = new Map([...requests].map(([server, refreshes]) => [server, endlessly(refreshes)]))
  const speeds = await inTurn(
    first, second, server => () => postFor(server.connections, next.get(server) as Iterator<Buffer>, settings.sliceMs)
  )
  for (const [server, [request]] of requests) {
    const { finish, content } = await answerOf(server, request as Buffer)
    if (finish || Buffer.byteLength(content) < bytes * 0.8) throw new Error(`a running stream shows …${content.slice(-100)}`)
    await server.end()
  }
  return speeds
}

/** New messages, each one a stream that ends as soon as its pieces have come. */
export const messagesInTurn = (first: Child, second: Child): Promise<[Speed, Speed]> =>
  postedInTurn(first, second, () => messageRequest({ ...settings.answer, then: 'end' }))

/** Messages for a while, to warm up a server. */
export async function messagesFor ({ connections }: Child, ms: number): Promise<void> {
  for (const until = performance.now() + ms; performance.now() < until;) {
    await postAll(connections, times(settings.messagesPerSlice, () => messageRequest({ ...settings.answer, then: 'end' })))
  }
}

/** Everybody asks once in each slice, and has asked so many times before. */
export const conversationsInTurn = (first: Child, second: Child): Promise<[Speed, Speed]> =>
  postedInTurn(first, second, user => messageRequest({ ...settings.answer, then: 'end' }, `user-${user}`))

const postedInTurn = (first: Child, second: Child, create: (index: number) => Buffer): Promise<[Speed, Speed]> =>
  inTurn(first, second, ({ connections }) => {
    const messages = times(settings.messagesPerSlice, create)
    return async () => (await postAll(connections, messages)).length
  })

export interface Latencies { refreshes: Percentiles, firstAnswers: Percentiles }

/** Milliseconds to an answer at a fixed rate while streams grow. */
export async function latencyOf (plugin: Child): Promise<Latencies> {
  const { streams, bytes, chunkEveryMs, refreshesPerSecond, messagesPerSecond, warmUpMs, measureMs, connections } = settings.latency
  // Refreshes and messages do not wait for one another's connections.
  const forRefreshes = plugin.connections.slice(connections / 2)
  const forMessages = plugin.connections.slice(0, connections / 2)
  const ids = await openStreams(plugin, streams, { bytes, then: 'timed', everyMs: chunkEveryMs })
  const refreshes = ids.map(id => refreshRequest(id))
  const messages = times(Math.ceil(messagesPerSecond * measureMs / 1000) + 1, () => messageRequest({ bytes: 200, then: 'end' }))
  await postAtRate(forRefreshes, refreshes, refreshesPerSecond, warmUpMs)
  const [refreshed, answered] = await Promise.all([
    postAtRate(forRefreshes, refreshes, refreshesPerSecond, measureMs),
    postAtRate(forMessages, messages, messagesPerSecond, measureMs)
  ])
  await plugin.end()
  return { refreshes: percentilesOf(refreshed), firstAnswers: percentilesOf(answered) }
}

/** Bytes of heap of a stream that waits for its mock source, without any text. The process must be a fresh one. */
export async function heapOf (mock: Child): Promise<number> {
  const open = (count: number): Promise<unknown> => openStreams(mock, count, { bytes: 0, then: 'still' })
  // What is built once, by the first streams, is not counted.
  await open(100)
  const before = await mock.heap()
  await open(settings.heapStreams)
  return (await mock.heap() - before) / settings.heapStreams
}

/** What a running stream asks of Redis: round trips and time of the server for each second, and memory. */
export interface Operations { perSecond: number, micros: number, bytes: number }

export type RedisClient = ReturnType<typeof createClient>

/** What Redis does for a server's growing streams while they are refreshed. */
export async function operationsOf (client: RedisClient, shared: Child): Promise<Operations> {
  const { streams, bytes, chunkEveryMs, refreshesPerSecond, warmUpMs, measureMs } = settings.latency
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
  await shared.end()
  return { perSecond: (calls - before.calls) / streamSeconds, micros: (micros - before.micros) / streamSeconds, bytes: perStream }
}

/** Every command of a running stream is a script. */
async function scriptCalls (client: RedisClient): Promise<{ calls: number, micros: number }> {
  const [, calls, micros] = /^cmdstat_evalsha:calls=(\d+),usec=(\d+)/m.exec(await client.info('commandstats')) ?? []
  return { calls: Number(calls), micros: Number(micros) }
}

const usedMemory = async (client: RedisClient): Promise<number> => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1])
