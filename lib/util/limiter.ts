import type { Clock } from './clock.ts'

export interface Place {
  /** Settles when the request may be sent; rejects with the signal's reason when that is aborted first. */
  entered: Promise<void>
  /** Gives the place back, or leaves the queue. To be called in every case, and may be called again. */
  leave (): void
}

/** Decides when a request may be sent: at most so many at once, and none during a pause. */
export interface Limiter {
  enter (signal: AbortSignal): Place
  /** Lets nobody enter for so many milliseconds. A longer pause that is under way stays. */
  pause (ms: number): void
}

export function createLimiter (options: { clock: Clock, max?: number | undefined }): Limiter {
  const { clock, max = Infinity } = options
  const waiting = new Set<() => void>()
  let inside = 0
  let pausedUntil = -Infinity
  let cancelTimer = (): void => {}

  function admit (): void {
    cancelTimer()
    if (waiting.size === 0) return
    const left = pausedUntil - clock.now()
    if (left > 0) {
      cancelTimer = clock.setTimeout(admit, left)
      return
    }
    for (const enter of waiting) {
      if (inside >= max) return
      enter()
    }
  }

  return {
    enter (signal) {
      let leave = (): void => {}
      const entered = new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const enter = (): void => {
          waiting.delete(enter)
          signal.removeEventListener('abort', onAbort)
          inside++
          leave = () => {
            leave = () => {}
            inside--
            admit()
          }
          resolve()
        }
        const onAbort = (): void => {
          leave()
          reject(signal.reason)
        }
        leave = () => {
          waiting.delete(enter)
          signal.removeEventListener('abort', onAbort)
          admit()
        }
        signal.addEventListener('abort', onAbort)
        waiting.add(enter)
        admit()
      })
      return { entered, leave: () => leave() }
    },
    pause (ms) {
      pausedUntil = Math.max(pausedUntil, clock.now() + ms)
    }
  }
}
