import { channels, publishEnd, publishStart } from '../../diagnostics/channels.ts'
import type { StoreContext } from '../../diagnostics/contexts.ts'
import type { Clock } from '../../util/clock.ts'
import { UnavailableError } from '../../util/errors.ts'
import { insist } from '../../util/insist.ts'
import type { Logger } from '../../util/logger.ts'
import { sleep } from '../../util/waiting.ts'
import type { ConnectionEvents } from './client.ts'
import { RedisTimeoutError } from './connection.ts'
import type { RedisConnection } from './connection.ts'
import { readFailure } from './error-replies.ts'
import type { CommandFailure } from './error-replies.ts'
import { lookKey } from './format.ts'
import { OutageLog } from './outage-log.ts'
import { readEvictionPolicy, readRunId } from './probe.ts'
import type { ProbeOptions } from './probe.ts'
import { isUnknownScript } from './script.ts'

export interface SupervisedOptions {
  clock: Clock
  log: Logger
  /** Of all keys. */
  prefix: string
  /** What the host has to do if its client stays with a server that is not the master. */
  wrongServerCure: string
  /** What no log line may hold. */
  secrets?: readonly string[]
  /** Tries everything that will be asked, at the first connection: what is refused is told then, and not when a user asks. */
  probe?: (options: ProbeOptions) => Promise<void>
  /** Whose connection it is, for what is told of commands. */
  instance?: string
  connect: (events: ConnectionEvents) => Promise<RedisConnection>
}

const LOOK = 'look'
/** After a lost reply. Whoever waits for a reply to a message has 1.5 s, of several commands. */
const REPEAT_MS = [50, 150, 300]
/** A command that may take longer is not sent again when it was late: two of them would be too long for a reply. */
const MAX_REPEATED_MS = 500
/** Between two looks whether Redis is there again, and between two connections to find the master. */
const LOOK_MS = 1000
/** A server that loads its data for longer is about to be replaced by another. */
const LOADING_MS = 2000

/**
 * Watches over a connection: commands that fail reject with an `UnavailableError`, the log says what is wrong and what to do about
 * it, and while Redis is away, or another server is the master, it is looked for each second.
 */
export async function superviseRedis (
  { clock, log, prefix, wrongServerCure, secrets = [], instance = '', probe, connect }: SupervisedOptions
): Promise<RedisConnection> {
  const outages = new OutageLog({ clock, log, secrets, wrongServerCure, instance })
  const standing: { connection?: RedisConnection } = {}
  let disturbedAt = -Infinity
  let loadingSince: number | undefined
  let lastKey = ''
  let answers = false
  let looking = false
  let cancelLook = (): void => {}
  let closed = false
  let policy: string | undefined
  const closing = new AbortController()
  const servers = new Set<string>()

  function failed (operation: string, error: unknown, isTrial = false): CommandFailure {
    const failure = withLoading(readFailure(error))
    if (failure.kind === 'refused') outages.refused(operation, failure, isTrial)
    else disturbed(operation, error, failure)
    return failure
  }

  /** A server that loads its data will be there in a moment, as a rule. */
  function withLoading (failure: CommandFailure): CommandFailure {
    if (failure.code !== 'LOADING') return failure
    loadingSince ??= clock.now()
    return clock.now() - loadingSince < LOADING_MS ? { ...failure, kind: 'away' } : failure
  }

  function disturbed (operation: string, error: unknown, failure: CommandFailure): void {
    if (closed) return
    disturbedAt = clock.now()
    // One reply that is late is no outage. Another look says at once whether it is more.
    if (!(error instanceof RedisTimeoutError) || outages.kind !== undefined || operation === LOOK) outages.away(operation, error, failure)
    if (!looking) look()
  }

  /** Goes on until a whole interval has passed without a failure. */
  function look (): void {
    looking = true
    const askedAt = clock.now()
    void isThere().then(there => {
      if (closed) return
      if (!there && outages.kind === 'wrong server') standing.connection?.reconnect?.()
      if (there && outages.kind === undefined) return stopLooking()
      cancelLook = clock.setTimeout(() => {
        if (!there || disturbedAt > askedAt) return look()
        stopLooking()
        outages.back(disturbedAt)
      }, LOOK_MS, { background: true })
    })
  }

  function stopLooking (): void {
    looking = false
    loadingSince = undefined
  }

  /** Whether the server takes writes, or says why not. A cluster is asked if a command has failed. */
  async function isThere (): Promise<boolean> {
    const key = lookKey(prefix, lastKey)
    try {
      await standing.connection?.command(['SET', key, '1', 'PX', String(LOOK_MS)], key)
      return standing.connection !== undefined
    } catch (error) {
      return !closed && failed(LOOK, error).kind === 'refused'
    }
  }

  const opened = await connect({
    lost: error => disturbed('connect', error, readFailure(error)),
    stands () { if (outages.kind !== undefined) disturbedAt = clock.now() }
  })
  standing.connection = opened

  /** Every command may come twice. If it was not known that Redis is away, one whose reply was lost with its connection does. */
  async function ask (args: readonly string[], key: string | undefined, pauses: readonly number[]): Promise<unknown> {
    try {
      const reply = await opened.command(args, key)
      answers = true
      return reply
    } catch (error) {
      const [pauseMs, ...rest] = pauses
      const { kind } = readFailure(error)
      if (kind === 'away') answers = false
      const isLate = error instanceof RedisTimeoutError
      if (kind !== 'away' || pauseMs === undefined || closed || (isLate && error.timeoutMs > MAX_REPEATED_MS)) throw error
      await sleep(clock, pauseMs)
      // Whoever waits for a reply has time for one more.
      return await ask(args, key, isLate ? [] : rest)
    }
  }

  const commandOf = (isTrial: boolean): RedisConnection['command'] => async (args, key, operation = String(args[0])) => {
    const context = channels.store.hasSubscribers ? startCommand(instance, operation) : undefined
    try {
      const reply = await ask(args, key, answers ? REPEAT_MS : [])
      if (context !== undefined) endCommand(context, 'answered')
      return reply
    } catch (error) {
      if (isUnknownScript(error)) {
        if (context !== undefined) endCommand(context, 'answered')
        throw error
      }
      lastKey = String(key)
      const { reason, code, kind } = failed(operation, error, isTrial)
      if (context !== undefined) endCommand(context, kind)
      // The client's own error may hold what was asked.
      throw new UnavailableError(Object.assign(new Error(reason), { code, kind }))
    }
  }

  async function tryOut (probe: (options: ProbeOptions) => Promise<void>): Promise<void> {
    const connection: RedisConnection = { ...opened, command: commandOf(true) }
    await insist(clock, () => probe({ connection, clock, prefix }), Infinity, closing.signal)
    await checkServer()
    policy = await readEvictionPolicy(opened)
    if (policy === undefined || policy === 'noeviction') return
    log.warn({ policy, cure: 'set maxmemory-policy noeviction' }, 'Redis evicts keys when it is full: answers and conversations get lost')
  }

  /** A server that was started anew, behind a client of the host's that has not said so, may have lost everything. */
  async function checkServer (key?: string): Promise<void> {
    const server = await readRunId(opened, key)
    if (server === undefined || servers.has(server)) return
    if (servers.size > 0) disturbedAt = clock.now()
    servers.add(server)
  }

  // Nobody waits for it. It ends when the connection is closed, at the latest.
  if (probe !== undefined) tryOut(probe).catch(() => {})

  return {
    command: commandOf(false),
    checkServer,
    evictionPolicy: () => policy,
    lastDisruptionAt: () => Math.max(disturbedAt, opened.lastDisruptionAt?.() ?? -Infinity),
    async close () {
      closed = true
      closing.abort()
      cancelLook()
      await opened.close()
    }
  }
}

const startCommand = (instance: string, operation: string): StoreContext =>
  publishStart('store', { instance, kind: 'command', operation, startedAt: performance.now() })

function endCommand (context: StoreContext, outcome: NonNullable<StoreContext['outcome']>): void {
  context.outcome = outcome
  publishEnd('store', context, outcome !== 'answered')
}
