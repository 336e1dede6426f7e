import type { StoreHealth } from '../stores/health.ts'
import type { HistoryStore } from '../stores/history.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import { createMemoryHistory } from '../stores/memory/history.ts'
import { createMemoryKeyValues } from '../stores/memory/key-values.ts'
import { createMemoryQueues } from '../stores/memory/queues.ts'
import { createMemoryStore } from '../stores/memory/streams.ts'
import type { QueueStore } from '../stores/queues.ts'
import { connectRedis, secretsOf } from '../stores/redis/client.ts'
import { adaptRedis, followMasterCure } from '../stores/redis/connection.ts'
import type { RedisClient } from '../stores/redis/connection.ts'
import { createRedisHistory } from '../stores/redis/history.ts'
import { createRedisKeyValues } from '../stores/redis/key-values.ts'
import { probeRedis } from '../stores/redis/probe.ts'
import { createRedisQueues } from '../stores/redis/queues.ts'
import { createRedisStreams } from '../stores/redis/streams.ts'
import { superviseRedis } from '../stores/redis/supervised.ts'
import type { StreamStore } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import type { StreamsConfig } from './settings.ts'

/** What is kept of conversations and users. */
export interface BotStores {
  history: HistoryStore
  lines: QueueStore
  facts: KeyValueStore
}

/** Everything that is kept. */
export interface Stores extends BotStores {
  store: StreamStore
  health: StoreHealth
  /** Closes what holds them; each of them has its own `close`. */
  close (): Promise<void>
}

export interface StoresOptions {
  config: StreamsConfig
  /** A client of the host's, in place of one for `REDIS_URL`. */
  client: RedisClient | undefined
  clock: Clock
  log: Logger
  /** Names the registration in what is told of its store. */
  instance?: string
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
    lines: createMemoryQueues(clock),
    facts: createMemoryKeyValues(clock, MAX_FACTS),
    health: { kind: 'memory' },
    async close () {}
  }
}

async function inRedis ({ config, client, clock, log, instance }: StoresOptions): Promise<Stores> {
  const timing = { clock, timeoutMs: config.REDIS_COMMAND_TIMEOUT_MS }
  const prefix = config.REDIS_PREFIX
  const url = config.REDIS_URL as string
  const connection = await superviseRedis({
    clock,
    log,
    ...(instance !== undefined && { instance }),
    prefix,
    probe: probeRedis,
    wrongServerCure: client === undefined
      ? 'nothing to do: the master is looked for with a new connection each second'
      : followMasterCure(client),
    ...(client === undefined && { secrets: secretsOf(url) }),
    connect: async events => client === undefined ? await connectRedis({ url, events, ...timing }) : adaptRedis(client, timing)
  })
  const shared = { connection, clock, prefix }
  return {
    store: createRedisStreams({ ...shared, retentionMs: config.STREAM_RETENTION_MS }),
    history: createRedisHistory({ ...shared, limits: historyLimits(config) }),
    lines: createRedisQueues(shared),
    facts: createRedisKeyValues(shared),
    health: {
      kind: 'redis',
      check: async () => await connection.command(['SET', `${prefix}p:{p}`, '1', 'PX', '1000'], `${prefix}p:{p}`, 'health'),
      lastDisruptionAt: () => connection.lastDisruptionAt?.(),
      evictionPolicy: () => connection.evictionPolicy?.()
    },
    close: () => connection.close()
  }
}

const historyLimits = (config: StreamsConfig) => ({
  turns: config.STREAM_HISTORY_TURNS,
  bytes: config.STREAM_HISTORY_BYTES,
  idleMs: config.STREAM_HISTORY_IDLE_MS
})
