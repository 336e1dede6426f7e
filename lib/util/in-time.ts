import type { Clock } from './clock.ts'

/** Settles as the work does; undefined where that takes longer than `ms` milliseconds, and then nothing comes of it any more. */
export async function inTime<T> (clock: Clock, ms: number, work: Promise<T>): Promise<{ value: T } | undefined> {
  let cancel!: () => void
  const late = new Promise<undefined>(resolve => { cancel = clock.setTimeout(() => resolve(undefined), ms) })
  try {
    // A race listens to the loser too: its rejection is not unhandled.
    return await Promise.race([work.then(value => ({ value })), late])
  } finally {
    cancel()
  }
}
