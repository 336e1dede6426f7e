import type { Clock } from './clock.ts'

/** Resolves after `ms` milliseconds; rejects with the signal's reason, at once, when it is aborted. */
export function sleep (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const leave = (): void => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener('abort', leave)
      resolve()
    }, ms)
    signal?.addEventListener('abort', leave, { once: true })
  })
}

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

/** Settles as the work does; undefined if that takes longer than `ms` milliseconds, and then nothing comes of it any more. */
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

/** The outcome of `work`, or the signal's reason as soon as it is aborted; what the work does after that is swallowed. */
export function abortable<T> (work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    const settled = (): void => signal.removeEventListener('abort', onAbort)

    signal.addEventListener('abort', onAbort)
    work.then(
      value => { settled(); resolve(value) },
      error => { settled(); reject(error) }
    )
    if (signal.aborted) {
      settled()
      onAbort()
    }
  })
}
