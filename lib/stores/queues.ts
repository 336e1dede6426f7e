/** Lines of streams that wait for one another, in the order in which they came. */
export interface QueueStore {
  /**
   * Joins a line at its end; who stands in it keeps its place. A place is given up by itself at `expires`, in milliseconds since the Unix
   * epoch.
   */
  join (key: string, id: string, expires: number): Promise<void>
  leave (key: string, id: string): Promise<void>
  /** Who stands in a line, the first one first. */
  read (key: string): Promise<string[]>
  /** Calls back after each change, a place given up included, until the returned function is called. */
  watch (key: string, listener: () => void): () => void
  close (): Promise<void>
}
