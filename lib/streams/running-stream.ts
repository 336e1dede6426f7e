import { Buffer } from 'node:buffer'
import { readPiece } from '../sources/piece.ts'
import type { Source, SourceContext, Turn, Usage } from '../sources/source.ts'
import type { Channel, NewStream, RefusalNotice, StreamMetadata, StreamStore } from '../stores/store.ts'
import { attempt } from '../util/attempt.ts'
import type { Clock } from '../util/clock.ts'
import { SourceError } from '../util/errors.ts'
import { withTrace } from '../util/logger.ts'
import type { ContextLogger, Logger } from '../util/logger.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import { createTextJoiner } from '../util/text-joiner.ts'
import type { TextJoiner } from '../util/text-joiner.ts'
import { headOf } from '../util/utf8.ts'
import { endingOf, FAILURE_LEVELS } from './ending.ts'
import type { EndReason } from './ending.ts'
import { historyNoteOf, historyUseOf, turnsIn } from './history-use.ts'
import type { HistoryUse } from './history-use.ts'
import { pump } from './pump.ts'
import { ReplyMedia } from './reply-media.ts'
import { SharedStreamWriter } from './shared-stream-writer.ts'
import { StreamWriter } from './stream-writer.ts'
import type { Writer } from './stream-writer.ts'
import { Watchdog } from './watchdog.ts'
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
}

/** What a stream took. */
export interface Measures {
  /** Milliseconds from its opening to its end, and to the first piece of its source. */
  durationMs: number
  firstPieceMs?: number
  chunks: number
  /** Of UTF-8 that was kept. */
  bytes: number
  usage?: Usage
}

/** How a stream left this process. */
export type StreamExit =
  /** It has ended here, and its end has been stored, or could not be. */
  | { how: 'ended', measures: Measures, historyUse?: HistoryUse }
  /** Another process owns it. */
  | { how: 'fenced' }
  /** It was left to whoever adopts it, because this process is going. */
  | { how: 'handed-over' }
  /** It never was: an earlier delivery had created it, or the store did not take it. */
  | { how: 'discarded' }

const FENCED: StreamExit = { how: 'fenced' }
const HANDED_OVER: StreamExit = { how: 'handed-over' }
const DISCARDED: StreamExit = { how: 'discarded' }

/** A stream that is open in this process: what whoever opened it can do with it. */
export interface OpenStream {
  readonly id: string
  /** When it is ended whatever its source does: milliseconds since the Unix epoch. */
  readonly deadline: number
  /** Resolves when the stream has left this process. Never rejects. */
  readonly ended: Promise<StreamExit>
  /**
   * Does what has to be done before the source is set to work, with the signal that ends it, while only the deadline counts.
   * Undefined if the stream has ended meanwhile; a failure ends it as one of a source does.
   */
  prepare<T> (work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>
  /** Ends the stream with a text in place of a source's. */
  answer (text: string): void
  /** Ends the stream unanswered, with the host's sentence if there is one. */
  refuse (refusal: RefusalNotice, sentence?: string): void
  /** Sets metadata, in order with the text. */
  setMetadata (metadata: StreamMetadata): void
  /** Resolves when the stream has left this process, or after `ms` milliseconds. */
  untilEnded (ms: number): Promise<void>
}

/** What becomes of a model's thinking. It counts as progress in any case. */
export type ReasoningMode = 'hide' | 'show' | 'placeholder'

export interface SourceCall {
  source: Source
  turn: Turn
  reasoning: ReasoningMode
}

/** A stream, as one process owns it. Times are in milliseconds since the Unix epoch. */
export interface StreamOwnership {
  stream: NewStream
  epoch: number
  /** When WeCom shows no more of it. */
  bubbleDeadline: number
  /** When it is ended whatever its source does. */
  deadline: number
  /** Gives the id that the store keeps. */
  created: Promise<string>
}

export const FIRST_EPOCH = 1

async function * nothing (): AsyncGenerator<never> {}

const NO_EXTRAS = { metadata: undefined, refused: [] }

// One for all: an error of its own for each stream, with its stack, costs more than the rest of an ending.
const ENDED = new DOMException('The stream has ended', 'AbortError')

// A class, because a getter in an object literal costs each stream some 400 bytes.
class Context implements SourceContext {
  readonly signal: AbortSignal
  readonly untimed: SourceContext['untimed']
  readonly #log: Logger
  readonly #streamId: string

  constructor (signal: AbortSignal, log: Logger, streamId: string, untimed: SourceContext['untimed']) {
    this.signal = signal
    this.untimed = untimed
    this.#log = log
    this.#streamId = streamId
  }

  // A child logger costs more than the rest of a waiting stream, and most sources never log.
  get log (): ContextLogger {
    return withTrace(this.#log.child({ streamId: this.#streamId }))
  }
}

/** One stream as the process that owns it sees it, from its opening to its one and only end. */
export class RunningStream implements OpenStream {
  readonly id: string
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number
  readonly ended: Promise<StreamExit>
  readonly #deps: RunningStreamDependencies
  readonly #created: Promise<string>
  readonly #epoch: number
  readonly #openedAt: number
  readonly #writer: Writer
  readonly #shared: SharedStreamWriter | undefined
  readonly #watchdog: Watchdog
  #sealed = false
  /** How the stream left this process, if that was not its end. */
  #exit: StreamExit | undefined
  readonly #joiners: Record<Channel, TextJoiner> = { content: createTextJoiner(), reasoning: createTextJoiner() }
  #resolveEnded!: (exit: StreamExit) => void
  #extras: ReplyMedia | undefined
  #work: SourceCall | undefined
  #abort: AbortController | undefined
  #thinkingNoted = false
  #leave: (() => void) | undefined
  #hasEnded = false
  #firstPieceAt: number | undefined
  #chunks = 0
  #bytes = 0
  #usage: Usage | undefined
  /** How many turns of a history its source was given. */
  #turnsGiven = 0
  #historyUse: HistoryUse | undefined

  /** The deadline counts from now on, the other clocks from `start`. Where the bubble is over before it, the source goes on behind it. */
  constructor (deps: RunningStreamDependencies, { stream, epoch, bubbleDeadline: bubble, deadline, created }: StreamOwnership) {
    const { store, clock } = deps
    this.#deps = deps
    this.#created = created
    this.id = stream.id
    this.#epoch = epoch
    this.deadline = deadline
    this.ended = new Promise(resolve => { this.#resolveEnded = resolve })
    this.#openedAt = deps.clock.now()
    this.#shared = store.shared &&
      new SharedStreamWriter({ store, clock, timing: store.shared, stream, epoch, onLost: () => this.#fence() })
    this.#writer = this.#shared ?? new StreamWriter(store, stream.id, epoch)
    this.#watchdog = new Watchdog(deps.clock, deps.limits, bubble, reason => this.#late(reason))
  }

  /** The bubble is over. */
  get bubbleClosed (): boolean {
    return this.#sealed
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
    this.#writer.setMetadata(metadata).catch(() => {})
  }

  answer (text: string): void {
    this.#endWith(text, 'END')
  }

  refuse (refusal: RefusalNotice, sentence = ''): void {
    this.#endWith(sentence, refusal)
  }

  #endWith (text: string, reason: EndReason): void {
    if (this.#hasEnded || !this.#take('content', text, true)) return
    this.finish(reason)
  }

  async untilEnded (ms: number): Promise<void> {
    if (ms === 0) return
    await new Promise<void>(resolve => {
      const cancel = this.#deps.clock.setTimeout(resolve, ms)
      void this.ended.then(() => {
        cancel()
        resolve()
      })
    })
  }

  start (work: SourceCall): void {
    this.#work = work
    this.#turnsGiven = turnsIn(work.turn)
    this.#abort ??= new AbortController()
    this.#watchdog.sourceStarted()
    const context = this.#context(this.#abort.signal)
    this.#leave = pump(() => this.#open(() => work.source(work.turn, context)), yielded => this.#accept(yielded), end => {
      // It has ended by itself: there is nobody to be told.
      this.#abort = undefined
      if ('error' in end) this.finish('FAILED', end.error)
      else this.finish('END')
    })
    // The call of the source may have ended the stream.
    if (this.#hasEnded) this.#leave()
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
    if (!this.#stopWork()) return
    const measures = this.#measures()
    const historyUse = this.#historyUse
    const ended: StreamExit = { how: 'ended', measures, ...(historyUse && { historyUse }) }
    this.#storeEnd(reason, error, measures).catch((failure: unknown) => {
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

  /** The source is told and left at once, whether it listens or not. False where that has been done. */
  #stopWork (): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    this.#watchdog.stop()
    this.#leave?.()
    this.#abort?.abort(ENDED)
    return true
  }

  #late (reason: TimeoutReason): void {
    if (reason !== 'DEADLINE' || this.#sealed || this.deadline <= this.#deps.clock.now()) return this.finish(reason)
    this.#sealed = true
    this.setMetadata({ ...this.#extras?.metadata().metadata, sealedAt: this.#writer.length })
    this.#watchdog.extend(this.deadline)
  }

  /** Gives how else it left, if this was not its end. */
  async #storeEnd (reason: EndReason, error: unknown, measures: Measures): Promise<StreamExit | undefined> {
    if (await this.#created !== this.id) return DISCARDED
    const { metadata, refused } = this.#extras?.metadata() ?? NO_EXTRAS
    if (metadata !== undefined && !this.#sealed) await this.#writer.setMetadata(metadata)
    const history = historyNoteOf({ given: this.#turnsGiven, use: this.#historyUse, error, hasText: this.#bytes > 0 })
    if (history !== undefined) await this.#writer.setMetadata({ history })
    const { status, class: code, notice } = endingOf(reason, error)
    const failure = code && { code, reference: this.#deps.createId().slice(0, 8) }
    const stored = await this.#writer.end({ status, ...(failure && { failure }), ...(notice && { notice }) })
    if (this.#exit) return this.#exit
    const fields = {
      streamId: this.id, status, reason, stored, ...(refused.length > 0 && { refused }), ...measures, usage: measures.usage ?? 'unknown'
    }
    if (this.#historyUse !== undefined) this.#deps.log.warn({ streamId: this.id, ...this.#historyUse }, 'history was left out')
    if (failure === undefined) this.#deps.log.info(fields, 'stream ended')
    else {
      this.#deps.log[FAILURE_LEVELS[failure.code]](
        { ...fields, class: failure.code, reference: failure.reference, ...this.#causeOf(error) }, 'stream failed'
      )
    }
    return undefined
  }

  #measures (): Measures {
    const now = this.#deps.clock.now()
    return {
      durationMs: Math.round(now - this.#openedAt),
      ...(this.#firstPieceAt !== undefined && { firstPieceMs: Math.round(this.#firstPieceAt - this.#openedAt) }),
      chunks: this.#chunks,
      bytes: this.#bytes,
      ...(this.#usage && { usage: this.#usage })
    }
  }

  #causeOf (error: unknown): object {
    const source = attempt(() => error instanceof SourceError ? { details: { ...error.details }, cause: error.cause } : undefined)
    const { details, cause } = source ?? { details: undefined, cause: error }
    return {
      ...(details && { details }),
      ...(cause !== undefined && { cause: describeError(cause, privateTextsIn(this.#work?.turn)) })
    }
  }

  #context (signal: AbortSignal): SourceContext {
    return new Context(signal, this.#deps.log, this.id, async work => {
      const release = this.#watchdog.hold()
      try {
        return await work
      } finally {
        release()
      }
    })
  }

  /** False ends the reading. */
  #accept (yielded: unknown): boolean {
    const piece = readPiece(yielded)
    switch (piece?.type) {
      case 'text': return this.#take('content', piece.text, true)
      case 'reasoning': return this.#think(piece.text)
      case 'image':
      case 'card':
        this.#watchdog.progress()
        if (this.#sealed) {
          this.setMetadata({ tooLate: true })
        } else {
          this.#extras ??= new ReplyMedia()
          this.#extras.add(piece)
        }
        return true
      case 'end':
        this.#usage = piece.usage
        this.#historyUse = historyUseOf(this.#turnsGiven, piece.historyUsed)
        this.finish(piece.reason === 'length' ? 'LENGTH' : 'END')
        return false
      default:
        this.finish('FAILED', new TypeError('a source yields strings and reply parts only'))
        return false
    }
  }

  #think (text: string): boolean {
    if (this.#work?.reasoning === 'placeholder' && !this.#thinkingNoted && text !== '') {
      this.#thinkingNoted = true
      this.setMetadata({ thinking: true })
    }
    return this.#take('reasoning', text, this.#work?.reasoning === 'show')
  }

  #take (track: Channel, chunk: string, keep: boolean): boolean {
    if (chunk === '') {
      this.#watchdog.alive()
      return true
    }
    this.#watchdog.progress()
    this.#firstPieceAt ??= this.#deps.clock.now()
    this.#chunks++
    if (!keep) return true
    const text = this.#joiners[track].push(chunk)
    const room = this.#deps.limits.maxContentBytes - this.#bytes
    const fitting = Buffer.byteLength(text) <= room ? text : headOf(text, room)
    this.#bytes += Buffer.byteLength(fitting)
    this.#writer.write(track, fitting)
    if (fitting === text) return true
    this.finish('TOO_LARGE')
    return false
  }
}
