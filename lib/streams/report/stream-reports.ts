import type { NewStream, Outcome } from '../../stores/store.ts'
import type { Clock } from '../../util/clock.ts'
import type { FailureClass } from '../../util/errors.ts'
import type { Logger } from '../../util/logger.ts'
import type { StreamExit } from '../contract.ts'
import { StreamReport } from './stream-report.ts'
import type { BotNames, Origin, SettledDelivery } from './stream-report.ts'

/** In milliseconds since the Unix epoch. */
export interface SourceHealth {
  readonly lastSuccessAt?: number
  readonly lastFailure?: { class: FailureClass, at: number }
}

export interface ReportsOptions {
  instance: string
  clock: Clock
  log: Logger
}

/** What is told of all streams of a process. */
export class StreamReports {
  readonly #options: ReportsOptions
  readonly #bots = new Map<string, BotNames>()
  /** Until it is known how they were delivered. */
  readonly #kept = new Map<string, StreamReport>()
  #sourceHealth: SourceHealth = {}

  constructor (options: ReportsOptions) {
    this.#options = options
  }

  nameBot (scope: string, names: BotNames): void {
    this.#bots.set(scope, names)
  }

  open (stream: NewStream, origin: Origin): StreamReport {
    const { instance, clock } = this.#options
    const names = stream.chat && this.#bots.get(stream.chat.scope)
    const report = new StreamReport(stream, clock.now(), instance, names, origin)
    this.#kept.set(stream.id, report)
    return report
  }

  /** Its message was replied to. */
  replied (id: string): void {
    const report = this.#kept.get(id)
    if (report === undefined) return
    report.replied(this.#options.clock.now() - report.openedAt)
    if (report.isComplete) this.settle(id, 'none')
  }

  /** A request for more of it was answered, with a frame or without one. */
  refreshed (id: string, hasFrame: boolean): void {
    const report = this.#kept.get(id)
    if (report === undefined) return
    report.refreshes++
    if (hasFrame) report.frames++
  }

  /** It was created as ended: what was asked is refused. */
  bornEnded (report: StreamReport, outcome: Outcome): void {
    const { notice, failure } = outcome
    report.ended({ reason: notice ?? failure?.code ?? 'END', outcome, measures: { durationMs: 0, chunks: 0, bytes: 0 } })
    this.left(report, { how: 'ended' })
  }

  /** The stream has left this process. */
  left (report: StreamReport, exit: Pick<StreamExit, 'how'>): void {
    report.left(exit)
    this.#noteSource(report.sourceOutcome)
    if (exit.how !== 'ended') this.#kept.delete(report.id)
    else if (report.isComplete) this.settle(report.id, 'none')
  }

  sourceHealth (): SourceHealth {
    return this.#sourceHealth
  }

  #noteSource (outcome: StreamReport['sourceOutcome']): void {
    if (outcome === undefined) return
    const at = Math.round(this.#options.clock.now())
    const news: SourceHealth = outcome === 'success' ? { lastSuccessAt: at } : { lastFailure: { class: outcome, at } }
    this.#sourceHealth = { ...this.#sourceHealth, ...news }
  }

  settle (id: string, delivery: SettledDelivery): void {
    const report = this.#kept.get(id)
    this.#kept.delete(id)
    report?.summarize(this.#options.log, delivery)
  }

  close (): void {
    for (const id of [...this.#kept.keys()]) this.settle(id, 'unknown')
  }
}
