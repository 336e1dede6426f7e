import { ConfigError } from '../../util/errors.ts'
import { withTimeout, RedisTimeoutError } from './connection.ts'
import type { RedisConnection, RedisTiming } from './connection.ts'

/** The part of the package `redis` that is used: it need not be installed. */
export interface RedisModule {
  createClient (options: {
    url: string
    disableOfflineQueue: boolean
    pingInterval: number
    commandOptions: { timeout: number }
    socket: { connectTimeout: number, socketTimeout: number, reconnectStrategy: (retries: number) => number }
  }): OwnClient
}

interface OwnClient {
  on (event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  connect (): Promise<unknown>
  /** Behind the replies that are still to come. */
  close (): Promise<unknown>
  destroy (): void
  sendCommand (args: string[]): Promise<unknown>
}

export interface ConnectionEvents {
  /** Called for each attempt that fails, too. */
  lost (error: unknown): void
  stands (): void
}

export interface RedisUrlOptions extends RedisTiming {
  url: string
  events?: ConnectionEvents
  load?: () => Promise<RedisModule>
}

const CONNECT_TIMEOUT_MS = 2000
const PING_MS = 1000
// A connection on which nothing moves, not even a ping; it covers the greeting, too, which has no time-out of its own.
const SOCKET_TIMEOUT_MS = 5000
// What is sent counts as movement there: a peer that takes everything and answers nothing shows only here.
const SILENT_MS = 3000
const MAX_BACKOFF_MS = 1000

/**
 * Opens a connection to the server of a URL, and again whenever it is lost; meanwhile commands fail at once. Resolves
 * when it stands, or when the first attempt has failed.
 */
export async function connectRedis (
  { url, events, clock, timeoutMs, load = () => import('redis') }: RedisUrlOptions
): Promise<RedisConnection> {
  const { createClient } = await load().catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError([{ name: 'REDIS_URL', problem: 'needs a package that is not installed: npm install redis' }])
  })
  // A faulty one is refused.
  secretsOf(url)
  let away = false
  let disturbedAt = -Infinity
  let silentSince: number | undefined
  let settle!: () => void
  const settled = new Promise<void>(resolve => { settle = resolve })

  function open (): OwnClient {
    const opened = createClient({
      url,
      disableOfflineQueue: true,
      pingInterval: PING_MS,
      // A signal for each command, as the client has it by default, costs more than the rest of the command.
      commandOptions: { timeout: 0 },
      socket: { connectTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS, reconnectStrategy: backoffMs }
    })
    opened.on('error', error => {
      // It was replaced.
      if (opened !== client && opened !== replacement) return
      away = true
      disturbedAt = clock.now()
      events?.lost(error)
      settle()
    })
    opened.on('ready', () => {
      if (away || opened === replacement) disturbedAt = clock.now()
      away = false
      if (opened === replacement) {
        void Promise.allSettled([client.close()])
        client = opened
        replacement = undefined
      }
      events?.stands()
      settle()
    })
    // The listeners are told of failures; it rejects when it is closed.
    opened.connect().catch(() => {})
    return opened
  }

  let replacement: OwnClient | undefined
  let client = open()
  let closed = false
  await settled

  return {
    async command (args) {
      const asked = client
      try {
        const reply = await withTimeout({ clock, timeoutMs }, () => asked.sendCommand([...args]))
        silentSince = undefined
        return reply
      } catch (error) {
        silentSince = error instanceof RedisTimeoutError ? silentSince ?? clock.now() : undefined
        if (silentSince !== undefined && clock.now() - silentSince >= SILENT_MS) {
          silentSince = undefined
          client = open()
          asked.destroy()
        }
        throw error
      }
    },
    reconnect () {
      // The one that is there serves until then: a replica reads.
      if (!closed) replacement ??= open()
    },
    lastDisruptionAt: () => disturbedAt,
    async close () {
      if (closed) return
      closed = true
      client.destroy()
      replacement?.destroy()
    }
  }
}

/** A faulty URL is refused here, for the error of the client would hold it with its password. */
export function secretsOf (url: string): string[] {
  try {
    const { protocol, password } = new URL(url)
    if (protocol === 'redis:' || protocol === 'rediss:') return [url, password, decodeURIComponent(password)]
  } catch {}
  throw new ConfigError([
    { name: 'REDIS_URL', problem: 'is no address of a Redis server, expected redis://[user:password@]host[:port][/database] or rediss://…' }
  ])
}

// Random, so that replicas do not come back all at once.
const backoffMs = (retries: number): number => Math.min(50 * 2 ** retries, MAX_BACKOFF_MS) * (0.5 + Math.random() / 2)
