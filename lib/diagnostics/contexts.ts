// What is published. A context is one object from the start of a thing to its end, and is filled in meanwhile. It never holds text of users
// or models, keys, addresses, paths or messages of errors.

/** Whose it is: channels are global to a process, and an app may have several bots. */
export interface Identity {
  /** Of one registration of the streams. */
  readonly instance: string
  /** The configured name of the bot; undefined for what belongs to none. */
  readonly bot?: string | undefined
}

interface Context extends Identity {
  /** By the monotonic clock of the process (`performance.now()`). */
  readonly startedAt: number
  /** Set with the end. */
  durationMs?: number
}

export type CallbackKind = 'verification' | 'message' | 'refresh' | 'event' | 'unknown'

/** One request of WeCom. */
export interface CallbackContext extends Context {
  kind: CallbackKind
  outcome?: 'answered' | 'empty' | 'refused' | 'failed'
  /** Why it was refused, as in the log. */
  code?: string
  status?: number
  /** Which pair of credentials has opened it. */
  pair?: 'present' | 'old'
  streamId?: string | undefined
  user?: string | undefined
  chat?: string | undefined
  requestBytes?: number
  replyBytes?: number
}

/** One stream, from its opening to its end in this process. */
export interface TurnContext extends Context {
  readonly streamId: string
  readonly user?: string | undefined
  readonly chat?: string | undefined
  /** Of the request that has opened it. */
  readonly callback?: CallbackContext | undefined
  /** How often it was adopted from a process that had gone. */
  readonly restarts: number
  /** For a tracer to set when it starts: kept with the stream, for the process that may adopt it. */
  traceparent?: string | undefined
  /** Such a one of the process before. */
  readonly linkedTo?: string | undefined
  source?: string | undefined
  model?: string | undefined
  exit?: 'ended' | 'fenced' | 'handed-over' | 'discarded'
  outcome?: 'done' | 'error' | undefined
  /** Why it ended, as in the log. */
  finishReason?: string | undefined
  failure?: string | undefined
  firstPieceMs?: number | undefined
  firstTextMs?: number | undefined
  chunks?: number
  bytes?: number
  inputTokens?: number | undefined
  outputTokens?: number | undefined
}

/** One call of a source. */
export interface SourceContext extends Context {
  readonly streamId: string
  readonly turn?: TurnContext | undefined
  readonly source: string
  readonly model?: string | undefined
  outcome?: 'ended' | 'failed' | 'left'
  finishReason?: string | undefined
  failure?: string | undefined
  /** The classes of requests to a provider that failed and were made anew. */
  readonly failedAttempts: string[]
  firstPieceMs?: number | undefined
  chunks?: number
  inputTokens?: number | undefined
  outputTokens?: number | undefined
}

/** One command to Redis, or one outage of it. */
export interface StoreContext extends Context {
  readonly kind: 'command' | 'outage'
  readonly operation: string
  outcome?: 'answered' | 'away' | 'wrong server' | 'refused'
}

/** What becomes of an ended answer on its way to the user. */
export interface DeliveryContext extends Context {
  readonly streamId: string
  readonly user?: string | undefined
  readonly chat?: string | undefined
  outcome?: 'fetched' | 'delivered' | 'failed' | 'unfetched'
  /** What was sent through the `response_url`, if something was. */
  sent?: 'whole' | 'rest' | 'card'
  bytes?: number
  /** Why WeCom did not take it, as in the log. */
  reason?: string | undefined
}

export interface Contexts {
  callback: CallbackContext
  turn: TurnContext
  source: SourceContext
  store: StoreContext
  delivery: DeliveryContext
}
