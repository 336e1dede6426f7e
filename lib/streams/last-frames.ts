import type { Clock } from '../util/clock.ts'

/** WeCom asks about once a second; who has not asked by then has given up. */
export const PATIENCE_MS = 3000

/** Knows which ended streams still have their last frame to be fetched, for a server that would like to go. */
export class LastFrames {
  readonly #clock: Clock
  readonly #awaited = new Map<string, () => void>()
  #empty: Promise<void> | undefined
  #resolveEmpty = (): void => {}

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** The stream has ended, and WeCom will ask for it once more. */
  await (id: string): void {
    this.#awaited.set(id, this.#clock.setTimeout(() => this.fetched(id), PATIENCE_MS, { background: true }))
  }

  fetched (id: string): void {
    this.#awaited.get(id)?.()
    this.#awaited.delete(id)
    if (this.#awaited.size > 0) return
    this.#resolveEmpty()
    this.#empty = undefined
  }

  /** Resolves when none is awaited, a few seconds after the last end at the latest. */
  async allFetched (): Promise<void> {
    while (this.#awaited.size > 0) {
      // One for all who wait.
      this.#empty ??= new Promise<void>(resolve => { this.#resolveEmpty = resolve })
      await this.#empty
    }
  }

  close (): void {
    for (const id of [...this.#awaited.keys()]) this.fetched(id)
  }
}
