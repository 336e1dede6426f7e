import type { FactStore } from '../stores/facts.ts'
import type { HistoryStore } from '../stores/history.ts'
import type { LineStore } from '../stores/lines.ts'
import { createMemoryFacts } from '../stores/memory/facts.ts'
import { createMemoryHistory } from '../stores/memory/history.ts'
import { createMemoryLines } from '../stores/memory/lines.ts'
import { createMemoryStore } from '../stores/memory/streams.ts'
import { connectRedis } from '../stores/redis/client.ts'
import { adaptRedis } from '../stores/redis/connection.ts'
import type { RedisClient } from '../stores/redis/connection.ts'
import { createRedisFacts } from '../stores/redis/facts.ts'
import { createRedisHistory } from '../stores/redis/history.ts'
import { createRedisLines } from '../stores/redis/lines.ts'
import { createRedisStreams } from '../stores/redis/streams.ts'
import type { StreamStore } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { StreamsConfig } from './settings.ts'

/** What is kept of conversations and users. */
export interface BotStores {
  history: HistoryStore
  lines: LineStore
  facts: FactStore
}

/** Everything that is kept. */
export interface Stores extends BotStores {
  store: StreamStore
  /** Closes what holds them; each of them has its own `close`. */
  close (): Promise<void>
}

export interface StoresOptions {
  config: StreamsConfig
  /** A client of the host's, in place of one for `REDIS_URL`. */
  client: RedisClient | undefined
  clock: Clock
  log: Logger
}

/** Beyond these, the one that was silent for longest is forgotten. */
const MAX_CONVERSATIONS = 10_000

/** Some 200 bytes each. */
const MAX_FACTS = 50_000

/** In Redis where there is one, else in this process. */
export async function createStores (options: StoresOptions): Promise<Stores> {
  const { config: { REDIS_URL: url }, client } = options
  return url === undefined && client === undefined ? inMemory(options) : await inRedis(options)
}

function inMemory ({ config, clock }: StoresOptions): Stores {
  return {
    store: createMemoryStore({
      clock,
      retentionMs: config.STREAM_RETENTION_MS,
      maxFinished: config.STREAM_MAX_FINISHED,
      maxFinishedBytes: config.STREAM_MAX_FINISHED_BYTES
    }),
    history: createMemoryHistory(clock, historyLimits(config), MAX_CONVERSATIONS),
    lines: createMemoryLines(clock),
    facts: createMemoryFacts(clock, MAX_FACTS),
    async close () {}
  }
}

async function inRedis ({ config, client, clock, log }: StoresOptions): Promise<Stores> {
  const timing = { clock, timeoutMs: config.REDIS_COMMAND_TIMEOUT_MS }
  const connection = client === undefined
    ? await connectRedis({ url: config.REDIS_URL as string, log, ...timing })
    : adaptRedis(client, timing)
  const shared = { connection, clock, prefix: config.REDIS_PREFIX }
  return {
    store: createRedisStreams({ ...shared, retentionMs: config.STREAM_RETENTION_MS }),
    history: createRedisHistory({ ...shared, limits: historyLimits(config) }),
    lines: createRedisLines(shared),
    facts: createRedisFacts(shared),
    close: () => connection.close()
  }
}

const historyLimits = (config: StreamsConfig) => ({
  turns: config.STREAM_HISTORY_TURNS,
  bytes: config.STREAM_HISTORY_BYTES,
  idleMs: config.STREAM_HISTORY_IDLE_MS
})
