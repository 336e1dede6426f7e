import type { Source, Turn, Usage } from '../sources/source.ts'
import type { RefusalNotice, StreamMetadata } from '../stores/store.ts'
import type { HistoryUse } from './history-use.ts'

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
