/** Small facts that are forgotten when their time is over. Every promise settles within a bounded time: replies wait behind it. */
export interface KeyValueStore {
  /**
   * Keeps a fact if there is none under that key, and returns the one that is kept: of any number of callers with
   * values of their own, one gets back what it gave. What is kept already is neither changed nor kept for longer.
   */
  putIfAbsent (key: string, value: string, ttlMs: number): Promise<string>
  /** Undefined if there is none, or none any more. */
  get (key: string): Promise<string | undefined>
  /**
   * Counts up and returns the count, which begins anew when `windowMs` milliseconds have passed since its first. Whoever asks again because
   * a reply was lost names the same attempt, which is counted once.
   */
  increment (key: string, windowMs: number, attempt?: string): Promise<number>
  close (): Promise<void>
}
