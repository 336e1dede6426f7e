import { Buffer } from 'node:buffer'
import { randomInt } from 'node:crypto'
import type { HistoryTurn } from '../sources/source.ts'
import type { HistoryLimits, HistoryStore } from './history.ts'
import type { RedisConnection } from './redis-connection.ts'
import { DEFAULT_PREFIX, defineScript, hashTag, runScript, ttlArg } from './redis-script.ts'

export interface RedisHistoryOptions {
  connection: RedisConnection
  limits: HistoryLimits
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

// The keys of a conversation: the generation, and the list of its turns, each as its size, a colon and JSON.

const READ = defineScript(`
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return { redis.call('GET', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1) }
`)

const ADD = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[2])
local turns = redis.call('LRANGE', KEYS[2], 0, -1)
local kept, bytes = 0, 0
while kept < #turns and kept < tonumber(ARGV[3]) do
  bytes = bytes + tonumber(string.match(turns[#turns - kept], '^%d+'))
  if bytes > tonumber(ARGV[4]) then break end
  kept = kept + 1
end
if kept == 0 then
  redis.call('DEL', KEYS[2])
else
  redis.call('LTRIM', KEYS[2], -kept, -1)
end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`)

const CLEAR = defineScript('return redis.call(\'DEL\', KEYS[1], KEYS[2])')

/** Histories in Redis, where all replicas share them. */
export function createRedisHistory ({ connection, limits, prefix = DEFAULT_PREFIX }: RedisHistoryOptions): HistoryStore {
  const keysOf = (key: string): string[] => {
    const generation = `${prefix}h:${hashTag(key)}`
    return [generation, `${generation}:t`]
  }

  return {
    async read (key) {
      // Drawn, and not counted: nothing is left of a forgotten conversation that could be counted on from.
      const candidate = String(randomInt(1, 2 ** 47))
      const [generation, turns] = await runScript(connection, READ, keysOf(key), [candidate, ttlArg(limits.idleMs)]) as [unknown, unknown[]]
      return { generation: Number(generation), turns: turns.map(turn => turnOf(String(turn))) }
    },
    async add (key, generation, turn) {
      const bytes = Buffer.byteLength(turn.prompt) + Buffer.byteLength(turn.reply)
      await runScript(connection, ADD, keysOf(key), [
        String(generation), `${bytes}:${JSON.stringify(turn)}`, String(limits.turns), String(limits.bytes), ttlArg(limits.idleMs)
      ])
    },
    async clear (key) { await runScript(connection, CLEAR, keysOf(key), []) },
    // The connection is another's, and nothing is held here.
    async close () {}
  }
}

const turnOf = (text: string): HistoryTurn => JSON.parse(text.slice(text.indexOf(':') + 1)) as HistoryTurn
