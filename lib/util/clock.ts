/** Time as the package sees it, so that a test can turn the hands itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch; never runs backwards within a process. */
  now (): number
  /**
   * Calls back once after `ms` milliseconds. The returned function cancels it, and may be called any number of times.
   * A `background` timer does not keep the process alive.
   */
  setTimeout (callback: () => void, ms: number, options?: { background?: boolean }): () => void
}

const { timeOrigin } = performance

/** For deadlines and waits. */
export const systemClock: Clock = {
  // Anchored to the wall clock, driven by the monotonic one: a corrected system time moves no deadline.
  now: () => timeOrigin + performance.now(),
  setTimeout (callback, ms, options) {
    const timer = setTimeout(callback, ms)
    if (options?.background === true) timer.unref()
    return () => clearTimeout(timer)
  }
}

/** For what is compared with the clocks of others: follows every correction of the system time. */
export const wallClock: Clock = { ...systemClock, now: () => Date.now() }
