import { createId } from '../../util/ids.ts'
import type { KeyValueStore } from '../key-values.ts'
import type { RedisConnection } from './connection.ts'
import { countKeys, DEFAULT_PREFIX, factKey } from './format.ts'
import { INCREMENT, PUT_IF_ABSENT } from './key-value-scripts.ts'
import { runScript, ttlArg } from './script.ts'

export interface RedisFactsOptions {
  connection: RedisConnection
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

/** Facts in Redis, where all replicas share them. */
export function createRedisKeyValues ({ connection, prefix = DEFAULT_PREFIX }: RedisFactsOptions): KeyValueStore {
  return {
    async putIfAbsent (key, value, ttlMs) {
      return String(await runScript(connection, PUT_IF_ABSENT, [factKey(prefix, key)], [value, ttlArg(ttlMs)]))
    },
    async get (key) {
      const fact = await connection.command(['GET', factKey(prefix, key)], factKey(prefix, key))
      return fact === null ? undefined : String(fact)
    },
    async increment (key, windowMs, attempt = createId()) {
      return Number(await runScript(connection, INCREMENT, countKeys(prefix, key, attempt), [ttlArg(windowMs)]))
    },
    // The connection is another's, and nothing is held here.
    async close () {}
  }
}
