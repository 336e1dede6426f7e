import type { Clock } from './clock.ts'
import { isPassing } from './errors.ts'
import { sleep } from './waiting.ts'

const FIRST_MS = 100
const MAX_MS = 1000

/** As `insist`, with a clock. */
export type Insist = <T>(call: () => Promise<T>, until: number, signal?: AbortSignal) => Promise<T>

/** For what nobody else has, so that it cannot be away. */
export const callOnce: Insist = call => call()

/** Calls again what failed because a store is away, until it is back, the time is over, or the signal is aborted. */
export const insist = <T>(clock: Clock, call: () => Promise<T>, until: number, signal?: AbortSignal): Promise<T> =>
  attempt(clock, call, until, signal, FIRST_MS)

async function attempt<T> (
  clock: Clock, call: () => Promise<T>, until: number, signal: AbortSignal | undefined, pauseMs: number
): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!isPassing(error) || clock.now() + pauseMs > until) throw error
  }
  await sleep(inBackground(clock), pauseMs, signal)
  return await attempt(clock, call, until, signal, Math.min(2 * pauseMs, MAX_MS))
}

/** Its timers keep no process alive. */
const inBackground = (clock: Clock): Clock => ({
  ...clock, setTimeout: (callback, ms) => clock.setTimeout(callback, ms, { background: true })
})
