import type { Clock } from './clock.ts'

/** Calls back each `everyMs` milliseconds until the returned function is called. Keeps no process alive. */
export function startHeartbeat (clock: Clock, everyMs: number, beat: () => void): () => void {
  let cancel!: () => void
  const arm = (): void => {
    cancel = clock.setTimeout(() => {
      arm()
      beat()
    }, everyMs, { background: true })
  }
  arm()
  return () => cancel()
}
