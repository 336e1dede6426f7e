import { createId } from '../../util/ids.ts'
import type { HistoryLimits, HistoryStore } from '../history.ts'
import type { RedisConnection } from './connection.ts'
import { DEFAULT_PREFIX, historyKeys, idOfTurn, turnOf, turnText } from './format.ts'
import { ADD, CLEAR, DROP, MAX_TURN_MS, READ } from './history-scripts.ts'
import { runScript, ttlArg } from './script.ts'

export interface RedisHistoryOptions {
  connection: RedisConnection
  limits: HistoryLimits
  /** Of all keys; default `wecom:`. */
  prefix?: string
  /** For how long it is known that a conversation was cleared. */
  clearedMs?: number
}

/** Histories in Redis, where all replicas share them. */
export function createRedisHistory (
  { connection, limits, prefix = DEFAULT_PREFIX, clearedMs = MAX_TURN_MS }: RedisHistoryOptions
): HistoryStore {
  const keysOf = (key: string): string[] => historyKeys(prefix, key)

  return {
    async read (key) {
      const [at, turns] = await runScript(connection, READ, keysOf(key), [ttlArg(limits.idleMs)]) as [unknown, unknown[]]
      const stored = turns.map(String)
      return { generation: Number(at), turns: stored.map(turnOf), ids: stored.map(idOfTurn) }
    },
    async add (key, generation, turn, id = createId()) {
      await runScript(connection, ADD, keysOf(key), [
        String(generation), turnText(turn, id), String(limits.turns), String(limits.bytes), ttlArg(limits.idleMs)
      ])
    },
    async drop (key, ids) {
      await runScript(connection, DROP, keysOf(key), [ttlArg(limits.idleMs), ...ids])
    },
    async clear (key) { await runScript(connection, CLEAR, keysOf(key), [ttlArg(clearedMs)]) },
    // The connection is another's, and nothing is held here.
    async close () {}
  }
}
