import type { TemplateCard } from '../cards/card-types.ts'
import type { FailureClass } from '../errors.ts'
import type { MediaFailure } from '../media/error.ts'
import type { ImageItem } from '../reply-images.ts'
import type { EndStatus, StoredStatus } from '../stream-state.ts'

/** The chat a stream may be shown in. `scope` keeps two bots of one app apart. */
export interface Chat {
  scope: string
  bot?: string
  group?: string
  user?: string
}

/** Why a message was not answered: who sent it may not talk to the bot, or not so much. */
export type Refusal = 'DENIED' | 'LIMITED'

/** What is said below the text of an ended stream, where it is no failure (or a failure with a sentence of its own). */
export type Notice = 'LENGTH' | 'TOO_LARGE' | 'STOPPED' | 'UNSUPPORTED' | 'NO_PROMPT' | 'CLOSING' | Refusal

export interface Outcome {
  status: EndStatus
  failure?: { code: FailureClass, reference: string }
  notice?: Notice
}

export interface NewStream {
  id: string
  /** Names the message that asks for the stream: of all streams created with one claim, the first is the only one. */
  claim?: string
  /** A stream without a chat is never shown through the callback. */
  chat?: Chat
  /** Text and notes that the stream has from the beginning. */
  content?: string
  notes?: Notes
  /** Creates a stream that has ended already. */
  outcome?: Outcome
}

/** What there is to know of a stream besides its text. */
export interface Notes {
  /** It waits until earlier messages of its conversation have been answered. */
  readonly waiting?: boolean
  /** Why files of the user's could not be had. */
  readonly lost?: readonly MediaFailure[]
  /** Thinking has come that is not kept. */
  readonly thinking?: true
  /** There is a way to the user besides its bubble, for text that the bubble cannot hold. */
  readonly deliverable?: true
  /** Its bubble is over while its source goes on: so many UTF-16 units of the text had come by then. */
  readonly sealedAt?: number
  /** For the last frame. */
  readonly images?: readonly ImageItem[]
  readonly card?: TemplateCard
  /** Images or a card have come since the bubble was over. */
  readonly tooLate?: true
}

/** An immutable snapshot. The same object is handed out until something changes. */
export interface StreamRecord {
  readonly id: string
  readonly status: StoredStatus
  readonly content: string
  readonly reasoning: string
  readonly chat: Chat | undefined
  readonly failure: Outcome['failure']
  readonly notice: Notice | undefined
  readonly notes: Notes
}

/** A stream has two growing texts. */
export type Track = 'content' | 'reasoning'

/**
 * Where streams live. A stream has one writer (its owner, told apart by `epoch`) and any number of readers.
 * An ended stream stays readable for the retention time, within the store's bounds; running ones are never evicted.
 * Every promise settles within a bounded time: streams end, drain and close behind it.
 */
export interface StreamStore {
  /**
   * Creates a stream, running and empty, with epoch 1, and gives its id; where a stream with the same claim is kept
   * already, nothing is created and that stream's id is given. Atomic.
   */
  create (stream: NewStream): Promise<string>
  /**
   * Adds text behind the first `offset` UTF-16 units of a track. Text that stands there already is left as it is, so a
   * repeated append is harmless. False, and nothing changed, where the stream is unknown or ended, the epoch is not
   * the owner's, or the track is shorter than `offset` or differs from the text.
   */
  append (id: string, epoch: number, track: Track, offset: number, text: string): Promise<boolean>
  /** Sets those of the notes that are given. False, and nothing changed, as with `append`. */
  note (id: string, epoch: number, notes: Notes): Promise<boolean>
  /** Ends a stream. False, and nothing changed, where it is unknown or ended already, or the epoch is not the owner's. */
  end (id: string, epoch: number, outcome: Outcome): Promise<boolean>
  /** Undefined where the stream is unknown, evicted or expired. */
  read (id: string): Promise<StreamRecord | undefined>
  /** Moves a running stream to `stopping`; leaves any other as it is. Gives what `read` would give now. */
  requestStop (id: string): Promise<StreamRecord | undefined>
  /** Calls back after each change, until the returned function is called or the stream is gone. */
  watch (id: string, listener: () => void): () => void
  /** Drops everything held here; every watcher is called once more. */
  close (): Promise<void>
}
