/** The part of `process` that shutting down takes. */
export interface Signals {
  on (signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown
  exit (code: number): unknown
}

/** Closes on the first SIGTERM or SIGINT and exits with 0, or 1 if that fails; a second signal exits at once. */
export function onShutdown (signals: Signals, close: () => Promise<void>): void {
  let asked = false
  const shutdown = (): void => {
    if (asked) {
      signals.exit(1)
      return
    }
    asked = true
    close().then(
      () => signals.exit(0),
      (error: unknown) => {
        console.error(error)
        signals.exit(1)
      }
    )
  }
  signals.on('SIGTERM', shutdown)
  signals.on('SIGINT', shutdown)
}
