import type { Clock } from '../../util/clock.ts'
import type { QueueStore } from '../queues.ts'
import type { RedisConnection } from './connection.ts'
import { PolledWatchers } from './polled-watchers.ts'
import { DEFAULT_PREFIX, defineScript, hashTag, NOW, runScript } from './script.ts'

export interface RedisLinesOptions {
  connection: RedisConnection
  clock: Clock
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

/** How soon a watcher learns of what another replica did. */
const POLL_MS = 500

// The keys of a line: who stands in it by the order of coming, and by the time at which the place is given up.

const GIVE_UP = `${NOW}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
`

const JOIN = defineScript(`${GIVE_UP}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  redis.call('ZADD', KEYS[1], (last[2] or 0) + 1, ARGV[1])
end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
local latest = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
redis.call('PEXPIREAT', KEYS[1], latest)
redis.call('PEXPIREAT', KEYS[2], latest)
return 1
`)

const LEAVE = defineScript(`
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`)

const READ = defineScript(`${GIVE_UP}
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

/** Lines in Redis, where all replicas share them. */
export function createRedisQueues ({ connection, clock, prefix = DEFAULT_PREFIX }: RedisLinesOptions): QueueStore {
  const watchers = new PolledWatchers({ clock, everyMs: POLL_MS, read })
  const keysOf = (key: string): string[] => {
    const order = `${prefix}l:${hashTag(key)}`
    return [order, `${order}:e`]
  }

  async function read (key: string): Promise<string[]> {
    const line = (await runScript(connection, READ, keysOf(key), []) as unknown[]).map(String)
    watchers.see(key, JSON.stringify(line))
    return line
  }

  return {
    read,
    async join (key, id, expires) {
      // A span, because the time of day is the caller's.
      await runScript(connection, JOIN, keysOf(key), [id, String(Math.ceil(expires - clock.now()))])
      watchers.ring(key)
    },
    async leave (key, id) {
      if (Number(await runScript(connection, LEAVE, keysOf(key), [id])) === 1) watchers.ring(key)
    },
    watch: (key, listener) => watchers.watch(key, listener),
    async close () { watchers.close() }
  }
}
