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
