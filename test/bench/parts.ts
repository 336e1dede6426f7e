import { withServers } from './child.ts'
import { postFor } from './load.ts'
import {
  answerOf, conversationsInTurn, endlessly, heapOf, inTurn, latencyOf, messagesFor, messagesInTurn, openStreams
} from './rounds.ts'
import type { Latencies, Text } from './rounds.ts'
import { settings } from './settings.ts'
import { compare, median, medianPercentiles } from './statistics.ts'
import type { Comparison, Speed } from './statistics.ts'
import { refreshRequest } from './wecom.ts'

const { rounds, connections } = settings

const named = ([plugin, floor]: [Speed, Speed]): { plugin: Speed, floor: Speed } => ({ plugin, floor })

export interface Refreshes extends Comparison { bytes: number, shownBytes: number, text: Text }

/** Refreshes per second against the floor. */
export async function benchRefreshes (bytes: number, text: Text): Promise<Refreshes> {
  return await withServers(['plugin', 'floor'], connections, async (plugin, floor) => {
    const measured = []
    let shownBytes = 0
    for (let round = 0; round < rounds; round++) {
      const ids = await openStreams(plugin, settings.refreshedStreams, { bytes, then: text === 'still' ? 'still' : 'asked' })
      const refreshes = ids.map(id => refreshRequest(id))
      shownBytes = Buffer.byteLength((await answerOf(plugin, refreshes[0] as Buffer)).content)
      await floor.show({ bytes: shownBytes, changing: text === 'changing' })
      // Both are warm then, and a text that stands still was laid out by the first refresh that found it.
      for (const server of [plugin, floor]) await postFor(server.connections, endlessly(refreshes), settings.warmUpMs)

      const pieces = await plugin.pieces()
      let refreshed = 0
      const requests = new Map([[plugin, endlessly(refreshes)], [floor, endlessly(refreshes)]])
      measured.push(named(await inTurn(plugin, floor, server => async () => {
        const answered = await postFor(server.connections, requests.get(server) as Iterator<Buffer>, settings.sliceMs)
        if (server === plugin) refreshed += answered
        return answered
      })))

      const changes = await plugin.pieces() - pieces
      if (text === 'still' ? changes > 0 : changes < refreshed * 0.95) throw new Error(`${changes} changes in ${refreshed} refreshes`)
      const { finish, content } = await answerOf(plugin, refreshes[0] as Buffer)
      if (finish || Buffer.byteLength(content) < shownBytes) throw new Error(`a running stream shows …${content.slice(-100)}`)
      await plugin.end()
    }
    return { bytes, shownBytes, text, ...compare(measured) }
  })
}

/** New messages per second, each one a stream that ends as soon as its pieces have come, against a floor that answers with an id alone. */
export async function benchMessages (): Promise<Comparison> {
  return await withServers(['plugin', 'floor'], connections, async (plugin, floor) => {
    await floor.show({ bytes: 0, changing: false })
    for (const server of [plugin, floor]) await messagesFor(server, settings.warmUpMs)
    const measured = []
    for (let round = 0; round < rounds; round++) measured.push(named(await messagesInTurn(plugin, floor)))
    return compare(measured)
  })
}

/** The same with conversations and their history, against the plugin without them. */
export async function benchConversations (): Promise<Comparison> {
  return await withServers(['conversing', 'plugin'], connections, async (conversing, plain) => {
    const measured = []
    for (let round = 0; round < rounds; round++) measured.push(named(await conversationsInTurn(conversing, plain)))
    return compare(measured)
  })
}

/** Milliseconds to an answer at a fixed rate while 1,000 streams grow. */
export async function benchLatency (kind: 'plugin' | 'redis' = 'plugin'): Promise<Latencies> {
  return await withServers([kind], settings.latency.connections, async plugin => {
    const measured: Latencies[] = []
    for (let round = 0; round < rounds; round++) measured.push(await latencyOf(plugin))
    return {
      refreshes: medianPercentiles(measured.map(({ refreshes }) => refreshes)),
      firstAnswers: medianPercentiles(measured.map(({ firstAnswers }) => firstAnswers))
    }
  })
}

export interface Heap { streams: number, bytesPerStream: number, rounds: number[] }

/** Heap of a stream that was opened by a message and waits for its mock source, without any text. */
export async function benchHeap (): Promise<Heap> {
  const perStream: number[] = []
  for (let round = 0; round < rounds; round++) perStream.push(await withServers(['mock'], connections, heapOf))
  return { streams: settings.heapStreams, bytesPerStream: median(perStream), rounds: perStream }
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
