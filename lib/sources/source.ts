import type { ContextLogger, Logger } from '../util/logger.ts'
import type { TemplateCard } from '../wecom/cards/card-types.ts'
import type { AttachmentKind } from '../wecom/content.ts'
import type { MediaFailure } from '../wecom/media/error.ts'

/** A file of the user's, fetched and decrypted. */
export interface Attachment {
  kind: AttachmentKind
  /** MIME type by its first bytes; `application/octet-stream` if they say nothing. */
  type: string
  /** As WeCom's storage names it, made safe. */
  name?: string
  /** Bytes. */
  size: number
  /** Base64. */
  data: string
}

/** A file of the user's that could not be had. */
export interface LostAttachment {
  kind: AttachmentKind
  lost: MediaFailure
}

/** An earlier message that the user refers to. */
export interface Quote {
  text?: string
  attachments?: Array<Attachment | LostAttachment>
}

/** A question of before, with its answer. */
export interface HistoryTurn {
  prompt: string
  reply: string
  /** The reply was stopped or failed; this is what was shown of it. */
  cut?: true
}

/** One question to a source. Plain data: it survives `JSON.stringify`, so that another process can take it up. */
export interface Turn {
  /** What the user said, without the mention of the bot. */
  prompt: string
  /** What the user sent with it. */
  attachments?: Array<Attachment | LostAttachment>
  quote?: Quote
  /** What was said before in this conversation, oldest first. */
  history?: HistoryTurn[]
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
  /** JPG or PNG, as bytes or base64, shown below the finished text: at most 10, of at most 10 MB each. */
  | { type: 'image', data: Uint8Array | string }
  /** A template card, as `cards` builds them; it comes with the finished text. One for each answer. */
  | { type: 'card', card: TemplateCard }
  /**
   * The end of the answer; nothing is read after it. A source that just returns has ended with `stop`. `historyUsed` is how many of
   * the turns of the history it could use, the newest ones.
   */
  | { type: 'end', reason: 'stop' | 'length', usage?: Usage, historyUsed?: number }

export interface SourceContext {
  /** Aborted when the stream is stopped, late, too large or shut down. What is yielded after it is dropped. */
  signal: AbortSignal
  /** Bound to the stream. Whatever a source logs is logged: keep prompts and keys out of it. */
  log: ContextLogger
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

/** A source that takes any logger, as those of ours do: a host that calls one in a test need not have all of pino. */
export type AnyLogSource = (turn: Turn, context: Omit<SourceContext, 'log'> & { log: Logger }) => AsyncIterable<string | ReplyPart>
