/** What `read` returns; undefined if it throws. For what others have thrown: its getters, its prototype and its traps are theirs. */
export function attempt<T> (read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
