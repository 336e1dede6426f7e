import type { FailureClass } from '../util/errors.ts'

export const StreamStatus = {
  RUNNING: 'running',
  DONE: 'done',
  STOPPING: 'stopping',
  ERROR: 'error',
  MISSING: 'missing'
} as const
export type StreamStatus = typeof StreamStatus[keyof typeof StreamStatus]

/** `missing` is what a reader is told; no stream ever has it. */
export type StoredStatus = Exclude<StreamStatus, 'missing'>
export type EndStatus = 'done' | 'error'

const NEXT: Record<StoredStatus, readonly StoredStatus[]> = {
  running: ['done', 'stopping', 'error'],
  stopping: ['done', 'error'],
  done: [],
  error: []
}

export const canMove = (from: StoredStatus, to: StoredStatus): boolean => NEXT[from].includes(to)
export const isTerminal = (status: StoredStatus): boolean => NEXT[status].length === 0

/** What the user may see of a failure; never the provider's message. */
export interface StreamFailure {
  code: FailureClass
  /** The sentence of the class, in the configured language. */
  text: string
  /** Stands in the log line that holds the cause. */
  reference: string
}

export interface StreamState {
  status: StreamStatus
  /** The source's text so far: no notice, closer or placeholder of ours. Kept in every state. */
  content: string
  /** Where `content` ends: hand it back as `from` to get only what came since. Opaque; in UTF-16 units. */
  cursor: number
  /** The text since `from`; only where `from` was given. */
  delta?: string
  error?: StreamFailure
}
