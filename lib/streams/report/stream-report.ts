import { channels, publishEnd, publishStart } from '../../diagnostics/channels.ts'
import type { CallbackContext, SourceContext, TurnContext } from '../../diagnostics/contexts.ts'
import type { PseudonymOf } from '../../diagnostics/pseudonyms.ts'
import { nameOf } from '../../sources/names.ts'
import type { Source } from '../../sources/source.ts'
import type { NewStream, Outcome } from '../../stores/store.ts'
import type { FailureClass } from '../../util/errors.ts'
import type { Logger } from '../../util/logger.ts'
import type { Chat } from '../../wecom/message.ts'
import type { Measures, StreamExit } from '../contract.ts'
import type { EndReason } from '../ending.ts'

/** How a bot of the app is called in what is told of its streams. */
export interface BotNames {
  bot: string
  pseudonymOf: PseudonymOf
}

/** How the end of an answer came to its user; `unknown` if nobody could find out, `none` if nobody tried to. */
export type SettledDelivery = 'fetched' | 'delivered' | 'failed' | 'unfetched' | 'unknown' | 'none'

export interface Origin {
  sender?: string | undefined
  callback?: CallbackContext | undefined
  /** A reply to its message is on the way, of which this process will tell. */
  awaitsReply?: boolean
  /** How often the stream was adopted. */
  restarts?: number
  linkedTo?: string | undefined
}

interface End {
  reason: string
  outcome: Outcome
  measures: Measures
  firstTextMs?: number | undefined
}

/** What is told of one stream: to the log once, in the end, and to channels if somebody listens. */
export class StreamReport {
  readonly id: string
  readonly restarts: number
  readonly openedAt: number
  readonly turn: TurnContext | undefined
  readonly #chat: Chat | undefined
  readonly #instance: string
  readonly #names: BotNames | undefined
  /** Somebody will say how it was delivered. */
  isFollowed = false
  #awaitsReply: boolean
  sender: string | undefined
  /** Requests for more of it, and replies that had some, in this process. */
  refreshes = 0
  frames = 0
  firstReplyMs: number | undefined
  #source: Source | undefined
  #call: SourceContext | undefined
  #end: End | undefined

  constructor (stream: NewStream, openedAt: number, instance: string, names: BotNames | undefined, origin: Origin) {
    this.id = stream.id
    this.openedAt = openedAt
    this.restarts = origin.restarts ?? 0
    this.sender = origin.sender
    this.#awaitsReply = origin.awaitsReply === true
    this.#chat = stream.chat
    this.#instance = instance
    this.#names = names
    if (channels.turn.hasSubscribers) this.turn = publishStart('turn', this.#turnOf(origin))
  }

  /** To be called before its source is. */
  sourceCalled (source: Source): void {
    this.#source = source
    if (channels.source.hasSubscribers) this.#call = publishStart('source', this.#callOf(source))
  }

  /** Its message has its reply, after so many milliseconds. */
  replied (afterMs: number): void {
    this.#awaitsReply = false
    this.frames++
    this.firstReplyMs ??= Math.round(afterMs)
  }

  /** A request to a provider has failed, and another follows. */
  attemptFailed (failure: string): void {
    this.#call?.failedAttempts.push(failure)
  }

  /** The source has ended or was left; without an end somebody else goes on. */
  sourceLeft (reason?: EndReason, failure?: string, measures?: Measures): void {
    const call = this.#call
    if (call === undefined) return
    this.#call = undefined
    const { firstPieceMs, chunks = 0, usage } = measures ?? {}
    Object.assign(call, {
      outcome: reason === 'FAILED' ? 'failed' : reason === 'END' || reason === 'LENGTH' ? 'ended' : 'left',
      finishReason: reason,
      failure,
      firstPieceMs,
      chunks,
      inputTokens: usage?.inputTokens,
      outputTokens: usage?.outputTokens
    } satisfies Partial<SourceContext>)
    publishEnd('source', call, failure !== undefined)
  }

  /** Nobody says how it was delivered, and what is told of its replies has been seen. */
  get isComplete (): boolean {
    return this.#end !== undefined && !this.isFollowed && !this.#awaitsReply
  }

  /** How it has ended here. */
  ended (end: End): void {
    this.#end = end
  }

  /** How its source did; undefined if it had none, or was told to leave off. */
  get sourceOutcome (): 'success' | FailureClass | undefined {
    const { reason, outcome } = this.#end ?? {}
    if (this.#source === undefined || outcome === undefined || reason === 'SHUTDOWN' || reason === 'OWNER_LOST') return undefined
    return outcome.failure?.code ?? (reason === 'END' || reason === 'LENGTH' ? 'success' : undefined)
  }

  /** Tells the channel how it left this process. */
  left ({ how }: Pick<StreamExit, 'how'>): void {
    if (this.turn === undefined) return
    const { reason, outcome, measures, firstTextMs } = this.#end ?? {}
    const named = this.#source && nameOf(this.#source)
    Object.assign(this.turn, {
      exit: how,
      source: named?.name,
      model: named?.model,
      outcome: outcome?.status,
      finishReason: reason,
      failure: outcome?.failure?.code,
      firstPieceMs: measures?.firstPieceMs,
      firstTextMs,
      chunks: measures?.chunks ?? 0,
      bytes: measures?.bytes ?? 0,
      inputTokens: measures?.usage?.inputTokens,
      outputTokens: measures?.usage?.outputTokens
    } satisfies Partial<TurnContext>)
    publishEnd('turn', this.turn, outcome?.failure !== undefined)
  }

  /** The one line of the log that says all of it. */
  summarize (log: Logger, delivery: SettledDelivery): void {
    if (log.isLevelEnabled?.('info') === false) return
    const { reason, outcome, measures, firstTextMs } = this.#end ?? {}
    const named = this.#source && nameOf(this.#source)
    log.info({
      streamId: this.id,
      bot: this.#names?.bot,
      ...this.#people(),
      source: named?.name,
      model: named?.model,
      outcome: outcome?.status,
      finishReason: reason,
      class: outcome?.failure?.code,
      firstReplyMs: this.firstReplyMs,
      firstTextMs,
      durationMs: measures?.durationMs,
      chunks: measures?.chunks,
      bytes: measures?.bytes,
      usage: measures?.usage ?? 'unknown',
      refreshes: this.refreshes,
      frames: this.frames,
      restarts: this.restarts,
      delivery
    }, 'stream summary')
  }

  #people (): { user: string | undefined, chat: string | undefined } {
    const chat = this.#chat
    return { user: this.#names?.pseudonymOf(this.sender ?? chat?.user), chat: this.#names?.pseudonymOf(chat?.group ?? chat?.user) }
  }

  #turnOf ({ callback, linkedTo }: Origin): TurnContext {
    return {
      instance: this.#instance,
      bot: this.#names?.bot,
      streamId: this.id,
      ...this.#people(),
      restarts: this.restarts,
      startedAt: performance.now(),
      ...(callback && { callback }),
      ...(linkedTo !== undefined && { linkedTo })
    }
  }

  #callOf (source: Source): SourceContext {
    const { name, model } = nameOf(source)
    return {
      instance: this.#instance,
      bot: this.#names?.bot,
      streamId: this.id,
      turn: this.turn,
      source: name,
      model,
      failedAttempts: [],
      startedAt: performance.now()
    }
  }
}
