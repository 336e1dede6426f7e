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
