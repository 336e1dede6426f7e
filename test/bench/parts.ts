import { withServers } from './child.ts'
import type { Child } from './child.ts'
import type { Reply } from './connection.ts'
import { postAll, postAtRate, postFor } from './load.ts'
import { settings } from './settings.ts'
import type { Order } from './source.ts'
import { compare, median, medianPercentiles, percentilesOf } from './statistics.ts'
import type { Comparison, Percentiles, Speed } from './statistics.ts'
import { frameOf, messageRequest, refreshRequest } from './wecom.ts'
import type { Frame } from './wecom.ts'

const { rounds, connections } = settings

export const times = <T>(count: number, create: () => T): T[] => Array.from({ length: count }, create)

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

/** Plugin and floor in turn; who is first changes from slice to slice. The first slice of each is warming up. */
export async function inTurn (plugin: Child, floor: Child, work: (server: Child) => () => Promise<number>): Promise<{ plugin: Speed, floor: Speed }> {
  const measured = new Map<Child, Slice[]>([[plugin, []], [floor, []]])
  for (let slice = 0; slice <= settings.slices; slice++) {
    for (const server of slice % 2 === 0 ? [plugin, floor] : [floor, plugin]) {
      const result = await measure(server, work(server))
      if (slice > 0) measured.get(server)?.push(result)
    }
  }
  return { plugin: speedOf(measured.get(plugin) ?? []), floor: speedOf(measured.get(floor) ?? []) }
}

export function * endlessly<T> (items: readonly T[]): Generator<T, never> {
  for (;;) yield * items
}

export interface Refreshes extends Comparison { bytes: number, shownBytes: number, text: 'still' | 'changing' }

/** Refreshes per second against the floor. */
export async function benchRefreshes (bytes: number, text: 'still' | 'changing'): Promise<Refreshes> {
  return await withServers(['plugin', 'floor'], connections, async (plugin, floor) => {
    const measured = []
    let shownBytes = 0
    for (let round = 0; round < rounds; round++) {
      const ids = await openStreams(plugin, settings.refreshedStreams, { bytes, then: text === 'still' ? 'still' : 'asked' })
      const refreshes = ids.map(id => refreshRequest(id))
      shownBytes = Buffer.byteLength((await answerOf(plugin, refreshes[0] as Buffer)).content)
      await floor.show({ bytes: shownBytes, changing: text === 'changing' })
      // A text that stands still is laid out by the first refresh that finds it.
      await postAll(plugin.connections, refreshes)

      const pieces = await plugin.pieces()
      let refreshed = 0
      const requests = new Map([[plugin, endlessly(refreshes)], [floor, endlessly(refreshes)]])
      measured.push(await inTurn(plugin, floor, server => async () => {
        const answered = await postFor(server.connections, requests.get(server) as Iterator<Buffer>, settings.sliceMs)
        if (server === plugin) refreshed += answered
        return answered
      }))

      const changes = await plugin.pieces() - pieces
      if (text === 'still' ? changes > 0 : changes < refreshed * 0.95) throw new Error(`${changes} changes in ${refreshed} refreshes`)
      const { finish, content } = await answerOf(plugin, refreshes[0] as Buffer)
      if (finish || Buffer.byteLength(content) < shownBytes) throw new Error(`a running stream shows ${content}`)
      await plugin.end()
    }
    return { bytes, shownBytes, text, ...compare(measured) }
  })
}

/** New messages per second, each one a stream that ends at once, against the floor. */
export async function benchMessages (): Promise<Comparison> {
  return await withServers(['plugin', 'floor'], connections, async (plugin, floor) => {
    const create = (): Buffer => messageRequest({ bytes: 200, then: 'end' })
    const { content } = await answerOf(plugin, create())
    await floor.show({ bytes: Buffer.byteLength(content), changing: false })
    const measured = []
    for (let round = 0; round < rounds; round++) {
      measured.push(await inTurn(plugin, floor, ({ connections }) => {
        const messages = times(settings.messagesPerSlice, create)
        return async () => (await postAll(connections, messages)).length
      }))
    }
    return compare(measured)
  })
}

/** The same with conversations and their history, against the plugin without them. */
export async function benchConversations (): Promise<Comparison> {
  return await withServers(['conversing', 'plugin'], connections, async (conversing, plain) => {
    const measured = []
    for (let round = 0; round < rounds; round++) {
      measured.push(await inTurn(conversing, plain, ({ connections }) => {
        // Everybody asks once in each slice, and has asked so many times before.
        const messages = Array.from({ length: settings.messagesPerSlice }, (_, user) => messageRequest({ bytes: 200, then: 'end' }, `user-${user}`))
        return async () => (await postAll(connections, messages)).length
      }))
    }
    return compare(measured)
  })
}

export interface Latencies { refreshes: Percentiles, firstAnswers: Percentiles }

/** Milliseconds to an answer at a fixed rate while 1,000 streams grow. */
export async function benchLatency (kind: 'plugin' | 'redis' = 'plugin'): Promise<Latencies> {
  const { streams, bytes, chunkEveryMs, refreshesPerSecond, messagesPerSecond, warmUpMs, measureMs, connections } = settings.latency
  return await withServers([kind], connections, async plugin => {
    // Refreshes and messages do not wait for one another's connections.
    const forRefreshes = plugin.connections.slice(connections / 2)
    const forMessages = plugin.connections.slice(0, connections / 2)
    const measured = []
    for (let round = 0; round < rounds; round++) {
      const ids = await openStreams(plugin, streams, { bytes, then: 'timed', everyMs: chunkEveryMs })
      const refreshes = ids.map(id => refreshRequest(id))
      const messages = times(Math.ceil(messagesPerSecond * measureMs / 1000) + 1, () => messageRequest({ bytes: 200, then: 'end' }))
      await postAtRate(forRefreshes, refreshes, refreshesPerSecond, warmUpMs)
      const [refreshed, answered] = await Promise.all([
        postAtRate(forRefreshes, refreshes, refreshesPerSecond, measureMs),
        postAtRate(forMessages, messages, messagesPerSecond, measureMs)
      ])
      measured.push({ refreshes: percentilesOf(refreshed), firstAnswers: percentilesOf(answered) })
      await plugin.end()
    }
    return {
      refreshes: medianPercentiles(measured.map(({ refreshes }) => refreshes)),
      firstAnswers: medianPercentiles(measured.map(({ firstAnswers }) => firstAnswers))
    }
  })
}

export interface Heap { streams: number, bytesPerStream: number, rounds: number[] }

/** Heap of a stream that was opened by a message and waits for its mock source, without any text. */
export async function benchHeap (): Promise<Heap> {
  const { heapStreams: streams } = settings
  const perStream: number[] = []
  for (let round = 0; round < rounds; round++) {
    perStream.push(await withServers(['mock'], connections, async mock => {
      const open = (count: number): Promise<unknown> => openStreams(mock, count, { bytes: 0, then: 'still' })
      // What is built once, by the first streams, is not counted.
      await open(100)
      const before = await mock.heap()
      await open(streams)
      return (await mock.heap() - before) / streams
    }))
  }
  return { streams, bytesPerStream: median(perStream), rounds: perStream }
}

export interface IntakeSpeed { followed: number, unread: number, bare: number, ratio: number }

/** Chunks per second from a source that never waits, until the content cap. */
export async function benchIntake (): Promise<IntakeSpeed> {
  return await withServers(['plugin'], 0, async plugin => {
    await plugin.intake(settings.intakeBytes)
    const measured = []
    for (let round = 0; round < rounds; round++) measured.push(await plugin.intake(settings.intakeBytes))
    return {
      followed: median(measured.map(({ followed }) => followed)),
      unread: median(measured.map(({ unread }) => unread)),
      bare: median(measured.map(({ bare }) => bare)),
      ratio: median(measured.map(({ unread, bare }) => unread / bare))
    }
  })
}
