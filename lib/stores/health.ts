/** What is known of the store without asking it, and a way to ask. */
export interface StoreHealth {
  readonly kind: 'memory' | 'redis'
  /** Sends one command. Rejects if the store is away or refuses it. */
  check? (): Promise<unknown>
  /** In milliseconds since the Unix epoch; -Infinity if it never was. */
  lastDisruptionAt? (): number | undefined
  /** How keys are evicted when it is full; undefined if it does not say. */
  evictionPolicy? (): string | undefined
}
