import type { Clock } from '../../util/clock.ts'

/** All that the stores ask of a Redis client. */
export interface RedisConnection {
  /**
   * Sends a command and returns its reply. `key` tells a cluster which node to ask. Rejects if there is no reply in
   * time, which does not mean that the command was not, or will not be, carried out. `operation` names it in the log.
   */
  command (args: readonly string[], key?: string, operation?: string): Promise<unknown>
  /** When the connection was lost, or stood again, for the last time: whoever sent nothing meanwhile has not noticed. */
  lastDisruptionAt? (): number
  /** To be called if something is not there: a server that was not there before is a disruption. `key` is as with a command. */
  checkServer? (key: string): Promise<void>
  /** How the server evicts keys when it is full, if it has said so. */
  evictionPolicy? (): string | undefined
  /** Looks for the server anew, as the one that is there may be the wrong one. Only for a connection that was opened here. */
  reconnect? (): void
  /** Closes what was opened here; a client of the host's stays open. */
  close (): Promise<void>
}

/** A client, pool, cluster or sentinel of the package `redis`. */
export interface NodeRedisClient { sendCommand: (...args: never[]) => Promise<unknown> }
/** A client or cluster of the package `ioredis`. */
export interface IoRedisClient { call: (...args: never[]) => Promise<unknown> }
export type RedisClient = NodeRedisClient | IoRedisClient

export interface RedisTiming {
  clock: Clock
  /** How long a command may take, in milliseconds. */
  timeoutMs: number
}

export class RedisTimeoutError extends Error {
  override readonly name = 'RedisTimeoutError'
  readonly code = 'WECOM_ERR_REDIS_TIMEOUT'
  readonly timeoutMs: number

  constructor (timeoutMs: number) {
    super(`Redis did not answer within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

type Send = (args: readonly string[], key: string | undefined) => Promise<unknown>

/** Uses a client that the host has opened and will close; `clientFaults` has looked at it. */
export function adaptRedis (client: RedisClient, timing: RedisTiming): RedisConnection {
  const send = senderOf(client)
  return {
    command: (args, key) => withTimeout(timing, () => send(args, key)),
    async close () {}
  }
}

/** What makes a client of the host's find the master again. */
export const followMasterCure = (client: RedisClient): string => 'call' in client
  ? 'set reconnectOnError of your ioredis client, so that it reconnects at READONLY (lib/stores/redis/README.md)'
  : 'your client of the package redis has to follow the master: use createSentinel, or REDIS_URL in place of a client ' +
    '(lib/stores/redis/README.md)'

/** Rejects with a `RedisTimeoutError` if a command takes too long. The command itself goes on. */
export function withTimeout ({ clock, timeoutMs }: RedisTiming, send: () => Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // Where the event loop stood still the reply may be there, and is read before an immediate runs.
    const late = (): void => { setImmediate(() => reject(new RedisTimeoutError(timeoutMs))) }
    const cancel = clock.setTimeout(late, timeoutMs)
    send().then(resolve, reject).finally(cancel)
  })
}

function senderOf (client: RedisClient): Send {
  if ('call' in client) {
    const call = client.call.bind(client) as (...args: string[]) => Promise<unknown>
    return args => call(...args)
  }
  const sendCommand = (client as NodeRedisClient).sendCommand.bind(client) as (...args: unknown[]) => Promise<unknown>
  if ('masters' in client) return (args, key) => sendCommand(key, false, args)
  if ('getSentinelNode' in client) return args => sendCommand(false, args)
  return args => sendCommand(args)
}
