import type { Readable, Writable } from 'node:stream'
import type { Env } from '../config/environment.ts'
import type { Clock } from '../util/clock.ts'

/** What a command has of its process, so that tests run it without one. */
export interface Io {
  stdin: Readable & { isTTY?: boolean, setRawMode?: (raw: boolean) => unknown }
  stdout: Writable & { isTTY?: boolean, columns?: number, rows?: number }
  stderr: Writable
  env: Env
  /** The folder of `.env` and of the files that a command is told of. */
  cwd: string
  clock: Clock
  /** Aborted when the command is to clean up and leave: at SIGTERM, SIGHUP, and at Ctrl-C unless `onInterrupt` has a listener. */
  signal: AbortSignal
  /** Takes Ctrl-C in place of `signal`; the returned function gives it back. */
  onInterrupt: (listener: () => void) => () => void
}

/** What a command returns, and its process ends with. */
export const EXIT = { OK: 0, FAILED: 1, USAGE: 2 } as const

export interface Command {
  run (argv: readonly string[], io: Io): Promise<number>
}
