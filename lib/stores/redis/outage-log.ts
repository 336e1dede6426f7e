import { channels, publishEnd, publishStart } from '../../diagnostics/channels.ts'
import type { StoreContext } from '../../diagnostics/contexts.ts'
import type { Clock } from '../../util/clock.ts'
import type { Logger } from '../../util/logger.ts'
import { describeError, redact } from '../../util/redact.ts'
import type { CommandFailure, FailureKind } from './error-replies.ts'

export interface OutageLogOptions {
  clock: Clock
  log: Logger
  secrets: readonly string[]
  /** What to do about a server that is the wrong one for good. */
  wrongServerCure: string
  /** Whose connection it is, for what is told of outages. */
  instance: string
}

interface Told {
  at: number
  /** Failures since then. */
  count: number
  operations: Set<string>
}

interface Refusal extends Told {
  /** Operations that were told alone. */
  first: Set<string>
}

interface Outage extends Told {
  kind: FailureKind
  since: number
  failures: number
  context: StoreContext | undefined
}

const EVERY_MS = 60_000

/** Tells of failures: the first of its kind at once, then at most one line a minute with a count. */
export class OutageLog {
  readonly #options: OutageLogOptions
  readonly #refusals = new Map<string, Refusal>()
  #outage: Outage | undefined

  constructor (options: OutageLogOptions) {
    this.#options = options
  }

  get kind (): FailureKind | undefined {
    return this.#outage?.kind
  }

  /** Of an outage of the one kind that turns out to be one of the other: only that the server is the wrong one is told anew. */
  away (operation: string, error: unknown, { kind, code, cure }: CommandFailure): void {
    const { clock, log, secrets, wrongServerCure } = this.#options
    const now = clock.now()
    if (this.#outage === undefined || (kind === 'wrong server' && this.#outage.kind !== kind)) {
      const { since = now, failures = 0, context = this.#startOutage(operation) } = this.#outage ?? {}
      this.#outage = { kind, since, failures: failures + 1, context, at: now, count: 0, operations: new Set() }
      if (kind === 'wrong server') log.error({ operation, code, cure: wrongServerCure }, 'this server of Redis takes no commands now')
      else log.error({ operation, cause: describeError(error, secrets), ...(cure !== '' && { cure }) }, 'Redis is away')
      return
    }
    const { since } = this.#outage
    this.#outage.failures++
    this.#count(this.#outage, operation, told => log.error({ ...told, forMs: Math.round(now - since) }, 'Redis is still away'))
  }

  /** Ends an outage, whose last failure was at that time. */
  back (at: number): void {
    const { failures, since, kind, context } = this.#outage as Outage
    if (context !== undefined) {
      context.outcome = kind
      publishEnd('store', context, true)
    }
    this.#options.log.info({ failures, forMs: Math.round(at - since) }, 'Redis is back')
    this.#outage = undefined
  }

  #startOutage (operation: string): StoreContext | undefined {
    if (!channels.store.hasSubscribers) return undefined
    return publishStart('store', { instance: this.#options.instance, kind: 'outage', operation, startedAt: performance.now() })
  }

  /** Of a trial each operation is told. */
  refused (operation: string, { code, reason, cure }: CommandFailure, isTrial = false): void {
    const { clock, log, secrets } = this.#options
    const refusal = this.#refusals.get(code) ?? { at: clock.now(), count: 0, operations: new Set(), first: new Set() }
    if (isTrial ? refusal.first.has(operation) : refusal.first.size > 0) {
      return this.#count(refusal, operation, told => log.error({ ...told, code, cure }, 'Redis still refuses commands'))
    }
    refusal.first.add(operation)
    this.#refusals.set(code, refusal)
    log.error({ operation, code, reason: redact(reason, secrets), cure }, 'Redis refuses a command')
  }

  #count (told: Told, operation: string, tell: (told: { count: number, operations: string[] }) => void): void {
    told.count++
    told.operations.add(operation)
    const now = this.#options.clock.now()
    if (now - told.at < EVERY_MS) return
    tell({ count: told.count, operations: [...told.operations] })
    told.at = now
    told.count = 0
    told.operations.clear()
  }
}
