interface Worker {
  readonly hasEnded: boolean
}

/** Who may work at once. The others wait in the order in which they came. */
export class Places<W extends Worker> {
  readonly #count: number
  readonly #working = new Set<W>()
  readonly #waiting = new Map<W, () => void>()

  constructor (count: number) {
    this.#count = count
  }

  get taken (): number {
    return this.#working.size
  }

  get waiting (): number {
    return this.#waiting.size
  }

  /** Calls `start` now or when a place is free, unless the worker has ended by then. */
  take (worker: W, start: () => void): void {
    if (this.#working.size >= this.#count) {
      this.#waiting.set(worker, start)
      return
    }
    if (worker.hasEnded) return
    this.#working.add(worker)
    start()
  }

  /** Gives up a place, taken or waited for. */
  release (worker: W): void {
    this.#waiting.delete(worker)
    this.#working.delete(worker)
    for (const [next, start] of this.#waiting) {
      if (this.#working.size >= this.#count) return
      this.#waiting.delete(next)
      this.take(next, start)
    }
  }
}
