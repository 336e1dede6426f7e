import type { Clock } from '../../util/clock.ts'
import type { QueueStore } from '../queues.ts'
import type { RedisConnection } from './connection.ts'
import { DEFAULT_PREFIX, queueKeys } from './format.ts'
import { PolledWatchers } from './polled-watchers.ts'
import { JOIN, LEAVE, READ } from './queue-scripts.ts'
import { runScript } from './script.ts'

export interface RedisLinesOptions {
  connection: RedisConnection
  clock: Clock
  /** Of all keys; default `wecom:`. */
  prefix?: string
}

/** How soon a watcher learns of what another replica did. */
const POLL_MS = 500

/** Lines in Redis, where all replicas share them. */
export function createRedisQueues ({ connection, clock, prefix = DEFAULT_PREFIX }: RedisLinesOptions): QueueStore {
  const watchers = new PolledWatchers({ clock, everyMs: POLL_MS, read })
  const keysOf = (key: string): string[] => queueKeys(prefix, key)

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
