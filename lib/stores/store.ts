import type { FailureClass } from '../util/errors.ts'
import type { TemplateCard } from '../wecom/cards/card-types.ts'
import type { MediaFailure } from '../wecom/media/error.ts'
import type { Chat } from '../wecom/message.ts'
import type { ImageItem } from '../wecom/reply-images.ts'
import type { EndStatus, StoredStatus } from './status.ts'

/** Why a message was not answered: who sent it may not talk to the bot, or not so much, or the host refuses what it asks. */
export type RefusalNotice = 'DENIED' | 'LIMITED' | 'REFUSED'

/** What is said below the text of an ended stream, if it is no failure (or a failure with a sentence of its own). */
export type Notice = 'LENGTH' | 'TOO_LARGE' | 'STOPPED' | 'UNSUPPORTED' | 'NO_PROMPT' | 'CLOSING' | RefusalNotice

export interface Failure {
  code: FailureClass
  /** What the user is told, and the log says, so that the one finds the other. */
  reference: string
}

export interface Outcome {
  status: EndStatus
  failure?: Failure
  notice?: Notice
}

export interface NewStream {
  id: string
  /** Names the message that asks for the stream: of all streams created with one claim, the first is the only one. */
  claim?: string
  /** A stream without a chat is never shown through the callback. */
  chat?: Chat
  /** Text and metadata that the stream has from the beginning. */
  content?: string
  metadata?: StreamMetadata
  /** Creates a stream that has ended already. */
  outcome?: Outcome
  /** What another process needs to answer in this one's place. Kept for five minutes at most, and not beyond the end. */
  work?: string
}

/** Of the first owner of a stream. Each further one has the next. */
export const FIRST_EPOCH = 1

/** What an owner is told when it gives a sign of life: `lost` where the stream is another's, has ended, or is unknown. */
export type Ownership = 'owned' | 'stopping' | 'lost'

/** How those who write to a store that other processes share deal with it. In milliseconds. */
export interface SharedTiming {
  /** Between two signs of life of an owner. */
  heartbeatMs: number
  /** For how long text is gathered before it is written, and how much of it at most, in UTF-16 units. */
  coalesceMs: number
  coalesceChars: number
  /** Between two attempts at a write, and for how long the end of a stream is attempted. */
  retryMs: number
  patienceMs: number
}

export interface Adoption {
  /** The new owner's. */
  epoch: number
  /** How often the stream was adopted, this time included. */
  adoptions: number
  /** The epoch of the last owner that has called its source; 0 if none has. */
  started: number
  work: string | undefined
  /** Milliseconds since the stream was created; 0 in a store that is not shared. */
  ageMs: number
}

/** What there is to know of a stream besides its text. */
export interface StreamMetadata {
  /** It waits until earlier messages of its conversation have been answered. */
  readonly waiting?: boolean
  /** Why files of the user's could not be had. */
  readonly lost?: readonly MediaFailure[]
  /** Thinking has come that is not kept. */
  readonly thinking?: true
  /** There is a way to the user besides its bubble, for text that the bubble cannot hold. */
  readonly deliverable?: true
  /** How much of its text a full bubble shows, in bytes of UTF-8. */
  readonly bubbleBytes?: number
  /** Its bubble is over while its source goes on: so many UTF-16 units of the text had come by then. */
  readonly sealedAt?: number
  /** For the last frame. */
  readonly images?: readonly ImageItem[]
  readonly card?: TemplateCard
  /** An image was too large to be shown. */
  readonly imageTooLarge?: true
  /** None of the history could be used for the answer, or it was the history that was refused. */
  readonly history?: 'left-out' | 'refused'
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
  readonly metadata: StreamMetadata
}

export interface LastRead {
  record: StreamRecord
  /** Milliseconds since the stream was created, and since it was read. */
  ageMs: number
  sinceMs: number
}

/** What one look at a stream tells, in one round trip. */
export interface StreamReading {
  record: StreamRecord
  /** It has not ended, and nobody owns it any more: it may be adopted. Of the moment, so it is no part of the record. */
  isOrphan: boolean
  /** In how many milliseconds it may be, if its owner gives no sign of life and somebody looks at it each second until then. */
  orphanInMs?: number
  /** Milliseconds since it was created, by the clock of a store that is shared. */
  ageMs?: number
  /** The store has lost some of its text, which its owner is about to write anew, and which is not known here. */
  isIncomplete?: boolean
}

/** A stream has two growing texts. */
export type Channel = 'content' | 'reasoning'

/**
 * Where streams live. A stream has one writer (its owner, told apart by `epoch`) and any number of readers.
 * An ended stream stays readable for the retention time, within the store's bounds; running ones are never evicted.
 * Every promise settles within a bounded time: streams end, drain and close behind it.
 */
export interface StreamStore {
  /** Of a store that other processes share; they may take streams over, and it may lose them. */
  readonly shared?: SharedTiming
  /**
   * Creates a stream, running and empty, with epoch 1, and returns its id; if a stream with the same claim is kept
   * already, nothing is created and that stream's id is given. Atomic.
   */
  create (stream: NewStream): Promise<string>
  /**
   * Adds text behind the first `offset` UTF-16 units of a track. Text that stands there already is left as it is, so a
   * repeated append is harmless. False, and nothing changed, if the stream is unknown or ended, the epoch is not
   * the owner's, or the track is shorter than `offset` or differs from the text.
   * A store of this process says so at once: a promise for each piece would cost more than all else that is done with it.
   */
  append (id: string, epoch: number, track: Channel, offset: number, text: string): boolean | Promise<boolean>
  /** Sets those of the metadata that are given. False, and nothing changed, as with `append`. */
  setMetadata (id: string, epoch: number, metadata: StreamMetadata): Promise<boolean>
  /**
   * Ends a stream. False, and nothing changed, if it is unknown, the epoch is not the owner's, or it has ended already
   * with another outcome; the same once more is harmless. `lengths` are those of the owner's text, in UTF-16 units: a shared
   * store that has lost some of it gives false, too.
   */
  end (id: string, epoch: number, outcome: Outcome, lengths?: Record<Channel, number>): Promise<boolean>
  /** Undefined if the stream is unknown, evicted or expired. A look that finds its owner silent for 1.5 s leaves a mark. */
  read (id: string): Promise<StreamReading | undefined>
  /** What this process has last read of a stream: for when the store is away. */
  lastRead? (id: string): LastRead | undefined
  /** Text, reasoning and images of the ended streams that are held here, in bytes. */
  heldBytes? (): number
  /** True for some seconds after it was away: what it does not know then, an owner may be about to restore. */
  isRecovering? (): boolean
  /** Moves a running stream to `stopping`; leaves any other as it is. Gives what `read` would give now. */
  requestStop (id: string): Promise<StreamRecord | undefined>
  /** To be called just before the owner calls its source, any number of times. False, and nothing changed, as with `append`. */
  markStarted (id: string, epoch: number): Promise<boolean>
  /** The owner's sign of life, due each second. It takes away the mark of those who have missed it. */
  renew (id: string, epoch: number): Promise<Ownership>
  /**
   * Takes over a stream that has not ended and that nobody owns any more: of all who try, one is given the next epoch. Nobody
   * owns it if it was given up, if its owner was silent for four seconds of looks (a store that was away is no owner's
   * silence), or if it was asked to stop two seconds ago. To try is to look.
   * Its text stays until the new owner's first, at offset 0, takes the place of both tracks; that it waits or thinks, and
   * its card, are forgotten at once. Undefined if the stream is owned, has ended, or is unknown. Whoever asks again because a
   * reply was lost names the same attempt, and gets the first answer.
   */
  adopt (id: string, attempt?: string): Promise<Adoption | undefined>
  /**
   * Writes a stream anew, as its owner knows it, where the store has lost it or some of its text. False, and nothing
   * changed, if it is another's by now, or has ended.
   */
  restore (stream: NewStream, epoch: number, texts: Record<Channel, string>, ageMs?: number): Promise<boolean>
  /** Lets the stream be adopted at once. Nothing happens if the epoch is not the owner's. */
  release (id: string, epoch: number): Promise<void>
  /** Calls back after each change, until the returned function is called or the stream is gone. */
  watch (id: string, listener: () => void): () => void
  /** Drops everything held here; every watcher is called once more. */
  close (): Promise<void>
}
