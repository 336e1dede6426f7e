import { Buffer } from 'node:buffer'
import type { HistoryTurn } from '../../sources/source.ts'
import { createId } from '../../util/ids.ts'
import type { HistoryLimits, HistoryStore } from '../history.ts'
import type { RedisConnection } from './connection.ts'
import { DEFAULT_PREFIX, defineScript, hashTag, runScript, ttlArg } from './script.ts'

export interface RedisHistoryOptions {
  connection: RedisConnection
  limits: HistoryLimits
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

// The keys of a conversation: when it was cleared, and the list of its turns, each as its size, an id and JSON, with colons between.

/** No turn lasts longer: a clearing has to be known for as long as one may be added that was asked before it. */
const MAX_TURN_MS = 60 * 60_000

/** `at`, in microseconds: no two commands share one. */
const AT = `
local time = redis.call('TIME')
local at = time[1] .. string.format('%06d', time[2])
`

const READ = defineScript(`${AT}
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return { at, redis.call('LRANGE', KEYS[2], 0, -1) }
`)

const ADD = defineScript(`
local cleared = redis.call('GET', KEYS[1])
if cleared and tonumber(cleared) >= tonumber(ARGV[1]) then return 0 end
-- Some clients send a command again whose reply was lost.
for _, turn in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if turn == ARGV[2] then return 1 end
end
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
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
`)

const CLEAR = defineScript(`${AT}
redis.call('SET', KEYS[1], at, 'PX', ${MAX_TURN_MS})
return redis.call('DEL', KEYS[2])
`)

/** Histories in Redis, where all replicas share them. */
export function createRedisHistory ({ connection, limits, prefix = DEFAULT_PREFIX }: RedisHistoryOptions): HistoryStore {
  const keysOf = (key: string): string[] => {
    const cleared = `${prefix}h:${hashTag(key)}`
    return [cleared, `${cleared}:t`]
  }

  return {
    async read (key) {
      const [at, turns] = await runScript(connection, READ, keysOf(key), [ttlArg(limits.idleMs)]) as [unknown, unknown[]]
      return { generation: Number(at), turns: turns.map(turn => turnOf(String(turn))) }
    },
    async add (key, generation, turn) {
      const bytes = Buffer.byteLength(turn.prompt) + Buffer.byteLength(turn.reply)
      await runScript(connection, ADD, keysOf(key), [
        String(generation), `${bytes}:${createId()}:${JSON.stringify(turn)}`, String(limits.turns), String(limits.bytes), ttlArg(limits.idleMs)
      ])
    },
    async clear (key) { await runScript(connection, CLEAR, keysOf(key), []) },
    // The connection is another's, and nothing is held here.
    async close () {}
  }
}

const turnOf = (text: string): HistoryTurn => JSON.parse(text.slice(text.indexOf('{'))) as HistoryTurn
