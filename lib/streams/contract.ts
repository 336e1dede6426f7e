import type { CallbackContext } from '../diagnostics/contexts.ts'
import type { Source, Turn, Usage } from '../sources/source.ts'
import type { Outcome, RefusalNotice, StreamMetadata } from '../stores/store.ts'
import type { Chat } from '../wecom/message.ts'
import type { HistoryUse } from './history-use.ts'

// What streams are asked, and what comes of it.

/** What a host asks a source. All but `source` is handed to it as its `Turn`. */
export interface StreamInput extends Omit<Turn, 'deadline'> {
  /** The source to ask, or the name of one in the option `sources`; by default the configured one. */
  source?: string | Source
}

/** What is to be done in a stream, as plain data: a message for the callback of that scope, or what the host had asked a source. */
export type StoredWork = { traceparent?: string } & (
  | { scope: string, message: Record<string, unknown> }
  | { input: Omit<StreamInput, 'source'> & { source?: string } }
)

export interface Opening {
  /** Who asks, and in which request, for what is told of the stream. */
  sender?: string | undefined
  callback?: CallbackContext | undefined
  /** `replied` will be called for it. */
  awaitsReply?: boolean
  /** Names the message that asks for the stream. */
  claim?: string
  chat?: Chat
  /** For a stream that needs no source: it is created as ended, with this text if there is one. */
  outcome?: Outcome
  content?: string
  /** There is a way to the user besides the bubble: text that comes when that is over is not lost. */
  deliverable?: boolean
  /** How much of the text a full bubble shows, in bytes. */
  bubbleBytes?: number
  /** Why the outcome is a refusal, for the log. */
  why?: string
  /** What another process of a shared store needs to answer in this one's place. */
  work?: StoredWork
  /** Takes the stream in however many there are: for what costs no model. */
  always?: boolean
}

export interface Opened {
  id: string
  /** The stream, if it is open in this process, whichever delivery has opened it. */
  stream?: OpenStream
  /** True if the stream waits to be given to `run`; else it has ended already, or another delivery sees to it. */
  runnable: boolean
}

/** What becomes of a model's thinking. It counts as progress in any case. */
export type ReasoningMode = 'hide' | 'show' | 'placeholder'

export interface SourceCall {
  source: Source
  turn: Turn
  reasoning: ReasoningMode
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

/** A stream that is open in this process: what whoever opened it can do with it. */
export interface OpenStream {
  readonly id: string
  /** When it was asked for, be it by another process: milliseconds since the Unix epoch. */
  readonly askedAt: number
  /** What is told of it: who asked, and whether somebody will say how its end was delivered. */
  readonly report: { isFollowed: boolean, sender: string | undefined }
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
