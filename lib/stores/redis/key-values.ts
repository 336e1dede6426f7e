import type { KeyValueStore } from '../key-values.ts'
import type { RedisConnection } from './connection.ts'
import { DEFAULT_PREFIX, defineScript, hashTag, runScript, ttlArg } from './script.ts'

export interface RedisFactsOptions {
  connection: RedisConnection
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

const KEEP = defineScript(`
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
`)

const COUNT = defineScript(`
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
`)

/** Facts in Redis, where all replicas share them. */
export function createRedisKeyValues ({ connection, prefix = DEFAULT_PREFIX }: RedisFactsOptions): KeyValueStore {
  const factKey = (key: string): string => `${prefix}f:${hashTag(key)}`
  const countKey = (key: string): string => `${prefix}n:${hashTag(key)}`

  return {
    async putIfAbsent (key, value, ttlMs) {
      return String(await runScript(connection, KEEP, [factKey(key)], [value, ttlArg(ttlMs)]))
    },
    async get (key) {
      const fact = await connection.command(['GET', factKey(key)], factKey(key))
      return fact === null ? undefined : String(fact)
    },
    async increment (key, windowMs) {
      return Number(await runScript(connection, COUNT, [countKey(key)], [ttlArg(windowMs)]))
    },
    // The connection is another's, and nothing is held here.
    async close () {}
  }
}
