import { Buffer } from 'node:buffer'
import type { HistoryTurn } from '../../sources/source.ts'
import type { Clock } from '../../util/clock.ts'
import { ExpiringMap } from '../../util/expiring-map.ts'
import type { HistoryLimits, HistoryStore } from '../history.ts'

/** No turn lasts longer: a clearing has to be known for as long as one may be added that was asked before it. */
const MAX_TURN_MS = 60 * 60_000

interface StoredTurn {
  id: string
  turn: HistoryTurn
}

/** Histories in this process's memory; beyond `max` conversations the longest untouched one is forgotten early. */
export function createMemoryHistory (clock: Clock, limits: HistoryLimits, max: number): HistoryStore {
  const histories = new ExpiringMap<readonly StoredTurn[]>(clock, max)
  const cleared = new ExpiringMap<number>(clock, max)
  // Of the whole store: it counts the clearings.
  let generation = 0
  let added = 0

  return {
    async read (key) {
      const turns = histories.get(key) ?? []
      if (turns.length > 0) histories.set(key, turns, limits.idleMs)
      return { generation, turns: turns.map(({ turn }) => ({ ...turn })), ids: turns.map(({ id }) => id) }
    },
    async add (key, asked, turn) {
      if ((cleared.get(key) ?? 0) > asked) return
      histories.set(key, withinLimits([...histories.get(key) ?? [], { id: String(++added), turn: { ...turn } }], limits), limits.idleMs)
    },
    async drop (key, ids) {
      const left = histories.get(key)?.filter(({ id }) => !ids.includes(id)) ?? []
      if (left.length === 0) histories.delete(key)
      else histories.set(key, left, limits.idleMs)
    },
    async clear (key) {
      histories.delete(key)
      cleared.set(key, ++generation, MAX_TURN_MS)
    },
    async close () {
      histories.clear()
      cleared.clear()
    }
  }
}

function withinLimits (turns: readonly StoredTurn[], { turns: maxTurns, bytes: maxBytes }: HistoryLimits): StoredTurn[] {
  let bytes = 0
  let first = turns.length
  while (first > 0 && turns.length - first < maxTurns) {
    const { prompt, reply } = (turns[first - 1] as StoredTurn).turn
    bytes += Buffer.byteLength(prompt) + Buffer.byteLength(reply)
    if (bytes > maxBytes) break
    first--
  }
  return turns.slice(first)
}
