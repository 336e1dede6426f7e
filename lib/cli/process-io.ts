import { wallClock } from '../util/clock.ts'
import type { Io } from './io.ts'

/** The part of `process` that a command has. */
export type ProcessLike = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr' | 'env' | 'cwd'> & {
  on (signal: NodeJS.Signals, listener: () => void): unknown
  exit (code?: number): unknown
}

export function createIo (process: ProcessLike): Io {
  const leave = new AbortController()
  const listeners = new Set<() => void>()
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leave.abort())
  process.on('SIGINT', () => {
    if (listeners.size === 0) leave.abort()
    for (const listener of listeners) listener()
  })
  // Whoever read this, `head` for instance, has read enough.
  process.stdout.on('error', () => process.exit())
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    clock: wallClock,
    signal: leave.signal,
    onInterrupt (listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
}
