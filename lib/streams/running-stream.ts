import type { Source } from '../sources/source.ts'
import { FIRST_EPOCH } from '../stores/store.ts'
import type { NewStream, Outcome, RefusalNotice, StreamMetadata, StreamRecord, StreamStore } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import { inTime } from '../util/waiting.ts'
import type { Measures, OpenStream, SourceCall, StreamExit } from './contract.ts'
import { causeOf, endingOf, logEnd } from './ending.ts'
import type { EndReason } from './ending.ts'
import { Intake } from './intake.ts'
import { DEFAULT_IMAGES } from './media/image-fit.ts'
import type { ImageBudget } from './media/image-fit.ts'
import { pump } from './pump.ts'
import type { StreamReport } from './report/stream-report.ts'
import { SharedStreamWriter } from './shared-stream-writer.ts'
import { StreamSourceContext } from './source-context.ts'
import { StreamWriter } from './stream-writer.ts'
import type { Writer } from './stream-writer.ts'
import { isTimeout, Watchdog } from './watchdog.ts'
import type { TimeoutReason, WatchdogLimits } from './watchdog.ts'

export interface RunningStreamLimits extends WatchdogLimits {
  maxContentBytes: number
}

export interface RunningStreamDependencies {
  store: StreamStore
  clock: Clock
  log: Logger
  createId: () => string
  limits: RunningStreamLimits
  /** Default: half a megabyte, and nobody makes images smaller. */
  images?: ImageBudget
}

const FENCED: StreamExit = { how: 'fenced' }
const HANDED_OVER: StreamExit = { how: 'handed-over' }
const DISCARDED: StreamExit = { how: 'discarded' }

/** A stream, as one process owns it. Times are in milliseconds since the Unix epoch. */
export interface StreamOwnership {
  stream: NewStream
  report: StreamReport
  epoch: number
  /** When it was asked for, be it by another process. */
  askedAt: number
  /** When WeCom shows no more of it. */
  bubbleDeadline: number
  /** When it is ended whatever its source does. */
  deadline: number
  /** Returns the id that the store keeps. */
  created: Promise<string>
}

async function * nothing (): AsyncGenerator<never> {}

// One for all: an error of its own for each stream, with its stack, costs more than the rest of an ending.
const ENDED = new DOMException('The stream has ended', 'AbortError')

/** One stream as the process that owns it sees it, from its opening to its one and only end. */
export class RunningStream implements OpenStream {
  readonly id: string
  readonly askedAt: number
  readonly report: StreamReport
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number
  /** When WeCom shows no more of it. */
  readonly bubbleDeadline: number
  readonly ended: Promise<StreamExit>
  readonly #deps: RunningStreamDependencies
  readonly #created: Promise<string>
  readonly #epoch: number
  readonly #writer: Writer
  readonly #shared: SharedStreamWriter | undefined
  readonly #watchdog: Watchdog
  readonly #intake: Intake
  /** How the stream left this process, if that was not its end. */
  #exit: StreamExit | undefined
  #resolveEnded!: (exit: StreamExit) => void
  #work: SourceCall | undefined
  #abort: AbortController | undefined
  #leave: (() => void) | undefined
  #hasEnded = false
  #timedOut: Outcome | undefined

  /** The deadline counts from now on, the other clocks from `start`. Where the bubble is over before it, the source goes on behind it. */
  constructor (
    deps: RunningStreamDependencies, { stream, report, epoch, askedAt, bubbleDeadline: bubble, deadline, created }: StreamOwnership
  ) {
    const { store, clock, limits } = deps
    this.#deps = deps
    this.#created = created
    this.id = stream.id
    this.askedAt = askedAt
    this.report = report
    this.#epoch = epoch
    this.deadline = deadline
    this.bubbleDeadline = bubble
    this.ended = new Promise(resolve => { this.#resolveEnded = resolve })
    this.#shared = store.shared &&
      new SharedStreamWriter({ store, clock, timing: store.shared, stream, epoch, askedAt, onLost: () => this.#fence() })
    this.#writer = this.#shared ?? new StreamWriter(store, stream.id, epoch)
    this.#watchdog = new Watchdog(clock, limits, bubble, reason => this.#late(reason))
    this.#intake = new Intake({
      clock,
      writer: this.#writer,
      watchdog: this.#watchdog,
      maxContentBytes: limits.maxContentBytes,
      images: deps.images ?? DEFAULT_IMAGES
    })
  }

  /** The bubble is over. */
  get bubbleClosed (): boolean {
    return this.#intake.bubbleClosed
  }

  /** How a timer has ended it, be it stored or not. */
  get timedOut (): Outcome | undefined {
    return this.#timedOut
  }

  /** The stream as far as a shared store is known to have it; `known` is what was read of it, if anything was. */
  recordWith (known: StreamRecord | undefined): StreamRecord | undefined {
    return this.#shared?.recordWith(known)
  }

  /** Of text that it holds. */
  get bytes (): number {
    return this.#intake.bytes
  }

  get hasEnded (): boolean {
    return this.#hasEnded
  }

  async prepare<T> (work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    if (this.#hasEnded) return undefined
    this.#abort ??= new AbortController()
    try {
      const result = await work(this.#abort.signal)
      return this.#hasEnded ? undefined : result
    } catch (error) {
      this.finish('FAILED', error)
      return undefined
    }
  }

  setMetadata (metadata: StreamMetadata): void {
    this.#intake.setMetadata(metadata)
  }

  answer (text: string): void {
    this.#endWith(text, 'END')
  }

  refuse (refusal: RefusalNotice, sentence = ''): void {
    this.#endWith(sentence, refusal)
  }

  #endWith (text: string, reason: EndReason): void {
    if (this.#hasEnded) return
    this.finish(this.#intake.accept(text)?.reason ?? reason)
  }

  async untilEnded (ms: number): Promise<void> {
    if (ms > 0) await inTime(this.#deps.clock, ms, this.ended)
  }

  start (work: SourceCall): void {
    this.#work = work
    this.#intake.expect(work)
    this.#abort ??= new AbortController()
    this.#watchdog.sourceStarted()
    this.report.sourceCalled(work.source)
    const context = new StreamSourceContext(this.#abort.signal, this.#deps.log, this.report, this.#watchdog)
    const leave = pump(() => this.#open(() => work.source(work.turn, context)), yielded => this.#accept(yielded), end => {
      // It has ended by itself: there is nobody to be told.
      this.#abort = undefined
      if ('error' in end) this.finish('FAILED', end.error)
      else this.finish('END')
    })
    // The call of the source may have ended the stream.
    if (this.#hasEnded) leave()
    else this.#leave = leave
  }

  /** A run that another one preceded is counted before its source is called. Nobody waits for the count of the first one. */
  #open (call: () => ReturnType<Source>): ReturnType<Source> | Promise<ReturnType<Source>> {
    const marked = this.#shared?.markStarted()
    if (marked === undefined || this.#epoch === FIRST_EPOCH) {
      marked?.catch(() => {})
      return call()
    }
    const failed = (error: unknown): void => this.finish('OWNER_LOST', error)
    return marked.catch(failed).then(() => this.#hasEnded ? nothing() : call())
  }

  /** Ends the stream; only the first call counts. */
  finish (reason: EndReason, error?: unknown): void {
    const turn = this.#work?.turn
    if (!this.#stopWork()) return
    const cause = causeOf(error, turn)
    if (isTimeout(reason)) this.#timedOut = this.#outcomeOf(reason, error)
    const measures = this.#intake.measuresSince(this.report.openedAt)
    this.report.sourceLeft(reason, endingOf(reason, error).class, measures)
    const { historyUse } = this.#intake
    const ended: StreamExit = { how: 'ended', measures, ...(historyUse && { historyUse }) }
    this.#storeEnd(reason, error, cause, measures).catch((failure: unknown) => {
      this.#deps.log.error({ streamId: this.id, reason, cause: describeError(failure) }, 'the end of a stream could not be stored')
      return undefined
      // Whatever becomes of a log line, who waits for the end is told.
    }).then(exit => this.#resolveEnded(exit ?? ended), () => this.#resolveEnded(ended))
  }

  /** For a stream that never came to be, or is another's: nothing is stored or logged. */
  discard (): void {
    this.#stopWork()
    this.#resolveEnded(DISCARDED)
  }

  /** Gives the owner's sign of life, and hears whether the stream is still its own, and whether it is to stop. */
  async renew (): Promise<void> {
    if (this.#shared === undefined || await this.#created !== this.id || this.#exit) return
    const ownership = await this.#deps.store.renew(this.id, this.#epoch)
    if (ownership === 'stopping') this.finish('STOP')
    if (ownership === 'lost' && !this.#hasEnded) await this.#shared.recover()
  }

  /** Leaves the stream, as it is, to whoever will adopt it. */
  async handOver (): Promise<void> {
    // An end that is being stored needs no other owner, and nobody waits for long for a store that is away.
    this.#shared?.insistNoMore()
    if (!this.#stopWork()) return
    this.#exit = HANDED_OVER
    this.#shared?.handOver()
    try {
      if (await this.#created === this.id) await this.#deps.store.release(this.id, this.#epoch)
    } finally {
      this.#resolveEnded(HANDED_OVER)
    }
  }

  /** The stream is another's by now. */
  #fence (): void {
    this.#exit = FENCED
    this.#deps.log.warn({ streamId: this.id }, 'a stream was lost to another owner')
    if (this.#stopWork()) this.#resolveEnded(FENCED)
  }

  /** The source is told and left at once, whether it listens or not. False if that has been done. */
  #stopWork (): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    this.#watchdog.stop()
    this.#leave?.()
    this.#abort?.abort(ENDED)
    // The turn can hold files. Who keeps it now is its source.
    this.#work = this.#leave = undefined
    return true
  }

  #late (reason: TimeoutReason): void {
    if (reason !== 'DEADLINE' || this.bubbleClosed || this.deadline <= this.#deps.clock.now()) return this.finish(reason)
    this.#intake.closeBubble()
    this.#watchdog.extend(this.deadline)
  }

  /** Returns how else it left, if this was not its end. */
  async #storeEnd (reason: EndReason, error: unknown, cause: object, measures: Measures): Promise<StreamExit | undefined> {
    if (await this.#created !== this.id) return DISCARDED
    const refused = await this.#intake.complete(this.id, reason, error)
    const outcome = this.#timedOut ?? this.#outcomeOf(reason, error)
    const { status, failure } = outcome
    this.report.ended({ reason, outcome, measures, firstTextMs: this.#intake.firstTextMsSince(this.report.openedAt) })
    const stored = await this.#writer.end(outcome)
    if (this.#exit) return this.#exit
    const fields = {
      streamId: this.id, status, reason, stored, ...(refused.length > 0 && { refused }), ...measures, usage: measures.usage ?? 'unknown'
    }
    const { historyUse } = this.#intake
    if (historyUse !== undefined) this.#deps.log.warn({ streamId: this.id, ...historyUse }, 'history was left out')
    logEnd(this.#deps.log, { fields, failure, cause })
    return undefined
  }

  #outcomeOf (reason: EndReason, error: unknown): Outcome {
    const { status, class: code, notice } = endingOf(reason, error)
    const failure = code && { code, reference: this.#deps.createId().slice(0, 8) }
    return { status, ...(failure && { failure }), ...(notice && { notice }) }
  }

  /** False ends the reading. */
  #accept (yielded: unknown): boolean {
    const end = this.#intake.accept(yielded)
    if (end !== undefined) this.finish(end.reason, end.error)
    return end === undefined
  }
}
