import type { Clock } from '../../util/clock.ts'

export interface PolledWatchersOptions {
  clock: Clock
  everyMs: number
  /** Reads what is watched under a key, and tells `see` what it found. May reject. */
  read: (key: string) => Promise<unknown>
}

interface Watched {
  readonly listeners: Set<() => void>
  /** What was last found there; undefined if nothing was since the listeners were called. */
  seen: unknown
  cancel: (() => void) | undefined
}

/** Calls back when what others write has changed: it is read at intervals, as long as anybody watches. */
export class PolledWatchers {
  readonly #options: PolledWatchersOptions
  readonly #watched = new Map<string, Watched>()

  constructor (options: PolledWatchersOptions) {
    this.#options = options
  }

  watch (key: string, listener: () => void): () => void {
    const watched = this.#watched.get(key) ?? this.#begin(key)
    watched.listeners.add(listener)
    return () => {
      watched.listeners.delete(listener)
      if (watched.listeners.size === 0 && this.#watched.get(key) === watched) this.#end(key, watched)
    }
  }

  /** A change was made here. */
  ring (key: string): void {
    const watched = this.#watched.get(key)
    if (watched === undefined) return
    // What is found next is what the listeners have just been told of.
    watched.seen = undefined
    call(watched)
  }

  /** Told by whoever reads, so that nobody is left with an older state than the one that is compared with. */
  see (key: string, state: unknown): void {
    const watched = this.#watched.get(key)
    if (watched === undefined) return
    const changed = watched.seen !== undefined && watched.seen !== state
    watched.seen = state
    if (changed) call(watched)
  }

  /** There is nothing under the key, and never will be again. */
  gone (key: string): void {
    const watched = this.#watched.get(key)
    if (watched === undefined) return
    this.#end(key, watched)
    if (watched.seen !== undefined) call(watched)
  }

  close (): void {
    for (const [key, watched] of [...this.#watched]) {
      this.#end(key, watched)
      call(watched)
    }
  }

  #begin (key: string): Watched {
    const watched: Watched = { listeners: new Set(), seen: undefined, cancel: undefined }
    this.#watched.set(key, watched)
    this.#poll(key, watched)
    return watched
  }

  #end (key: string, watched: Watched): void {
    this.#watched.delete(key)
    watched.cancel?.()
  }

  #poll (key: string, watched: Watched): void {
    // Whoever reads for itself is told what is wrong.
    this.#options.read(key).catch(() => {}).finally(() => {
      if (this.#watched.get(key) !== watched) return
      watched.cancel = this.#options.clock.setTimeout(() => this.#poll(key, watched), this.#options.everyMs, { background: true })
    })
  }
}

function call ({ listeners }: Watched): void {
  for (const listener of [...listeners]) if (listeners.has(listener)) listener()
}
