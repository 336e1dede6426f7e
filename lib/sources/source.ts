import type { Logger } from '../logger.ts'

/** One question to a source. Plain data: it survives `JSON.stringify`, so that another process can take it up. */
export interface Turn {
  /** What the user said, without the mention of the bot. */
  prompt: string
  /** Who said it: WeCom's userid, opaque. */
  sender?: string
  chat?: { type: 'single' | 'group', id?: string }
  /** WeCom's `aibotid`. */
  bot?: string
  /** The decrypted message as WeCom sent it. */
  message?: Record<string, unknown>
  /** When the stream is ended whatever the source does: milliseconds since the Unix epoch. */
  deadline: number
}

export interface Usage {
  inputTokens?: number
  outputTokens?: number
}

/** What a source can yield besides text. */
export type ReplyPart =
  /** Thinking. Counts as progress; shown in the thinking area or left out, as `reasoning` says. */
  | { type: 'reasoning', text: string }
  /** The end of the answer; nothing is read after it. A source that just returns has ended with `stop`. */
  | { type: 'end', reason: 'stop' | 'length', usage?: Usage }

export interface SourceContext {
  /** Aborted when the stream is stopped, late, too large or shut down. What is yielded after it is dropped. */
  signal: AbortSignal
  /** Bound to the stream. Whatever a source logs is logged: keep prompts and keys out of it. */
  log: Logger
  /**
   * Waits for work that is not the model (a tool call, a place in a queue) while the first-token and idle clocks
   * stand still; the total deadline goes on. Settles as the work does.
   */
  untimed<T> (work: Promise<T>): Promise<T>
}

/**
 * Produces the reply to a turn, piece by piece: any async generator will do. An empty string says that it is alive: the
 * idle clock begins anew. It fails by throwing: a `SourceError`
 * chooses the sentence that the user sees. Its iterator is always closed (`return()`), unless it has ended by itself.
 */
export type Source = (turn: Turn, context: SourceContext) => AsyncIterable<string | ReplyPart>
