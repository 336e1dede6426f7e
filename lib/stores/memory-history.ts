import { Buffer } from 'node:buffer'
import type { Clock } from '../clock.ts'
import type { HistoryTurn } from '../sources/source.ts'
import { ExpiringMap } from './expiring-map.ts'
import type { History, HistoryLimits, HistoryStore } from './history.ts'

/** Histories in this process's memory; beyond `max` conversations the longest untouched one is forgotten early. */
export function createMemoryHistory (clock: Clock, limits: HistoryLimits, max: number): HistoryStore {
  const histories = new ExpiringMap<History>(clock, max)
  // Of the whole store, so that a forgotten conversation never takes up an old number again.
  let generations = 0

  const start = (): History => ({ turns: [], generation: ++generations })

  return {
    async read (key) {
      const history = histories.get(key) ?? start()
      // A conversation that has begun can be cleared before its first turn is over.
      histories.set(key, history, limits.idleMs)
      return { ...history, turns: history.turns.map(turn => ({ ...turn })) }
    },
    async add (key, generation, turn) {
      const history = histories.get(key)
      if (history === undefined || history.generation !== generation) return
      histories.set(key, { generation, turns: withinLimits([...history.turns, { ...turn }], limits) }, limits.idleMs)
    },
    async clear (key) { histories.delete(key) },
    async close () { histories.clear() }
  }
}

function withinLimits (turns: readonly HistoryTurn[], { turns: maxTurns, bytes: maxBytes }: HistoryLimits): HistoryTurn[] {
  let bytes = 0
  let first = turns.length
  while (first > 0 && turns.length - first < maxTurns) {
    const { prompt, reply } = turns[first - 1] as HistoryTurn
    bytes += Buffer.byteLength(prompt) + Buffer.byteLength(reply)
    if (bytes > maxBytes) break
    first--
  }
  return turns.slice(first)
}
