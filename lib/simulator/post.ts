import type { Answer, Headers, Outgoing } from './transport.ts'

/** What to send otherwise than WeCom would. */
export interface PostOverrides {
  /** Query fields: a list is sent repeated, undefined leaves the field out. */
  query?: Record<string, string | readonly string[] | undefined>
  /** Sent in place of the sealed envelope. */
  body?: string | Buffer
  /** Default `application/json`; `false` sends none. */
  contentType?: string | false
  /** Signed and sent in place of the clock's seconds. */
  timestamp?: string | number
  /** Signed and sent in place of a fresh one. */
  nonce?: string
  /** True loses the answer on its way back: to WeCom the connection broke, and it tries again. */
  lose?: (result: PostResult) => boolean
  signal?: AbortSignal
}

export interface PostResult {
  /** 0 if no try was answered. */
  statusCode: number
  headers: Headers
  /** As it came: the sealed reply. */
  body: string
  /** The opened and parsed plaintext; undefined for the empty reply, and for one that does not open. */
  reply: Record<string, unknown> | undefined
  /** Of the answered try; of all of them if none was answered. */
  tookMs: number
  /** How often it was posted: 1 to 3. */
  tries: number
  /** What breaks document 101033 or went unanswered, in sentences. */
  problems: string[]
}

/** One request and its answer, as they went over the wire. */
export interface Exchange {
  /** When it was sent: milliseconds since the Unix epoch. */
  at: number
  /** From the request to its answer, or to the end of waiting for it. */
  tookMs: number
  /** 1 to 3. */
  tries: number
  /** What was sealed. */
  text: string
  request: Outgoing
  /** Undefined if nobody answered. */
  answer: Answer | undefined
  /** The opened and parsed plaintext of the answer. */
  reply: Record<string, unknown> | undefined
  problems: string[]
}
