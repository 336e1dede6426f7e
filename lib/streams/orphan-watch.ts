import type { StreamReading } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'

export interface OrphanWatchOptions {
  clock: Clock
  read: (id: string) => Promise<StreamReading | undefined>
  /** Called when a stream may be adopted. */
  onOrphan: (id: string) => void
}

/** What was found when a user asked: `away` if the store was. */
export type Look = StreamReading | undefined | 'away'

/** The store counts on looks that are less than two and a half seconds apart. */
const LOOK_MS = 1000
/** It counts so many milliseconds of them, so what may be adopted later than that is worth no look before. */
const LOOKS_MS = 4000
/** A store that was away is looked for more often: its streams may have waited for it. */
const AWAY_MS = 250
/** For how long a user who asks no more is believed to wait. */
const INTEREST_MS = 6000

interface Watched {
  until: number
  cancel: () => void
}

/**
 * Looks again at streams whose owner may have gone, as long as users ask for them: a store lets nobody adopt on one look, and
 * refreshes come when they like.
 */
export class OrphanWatch {
  readonly #options: OrphanWatchOptions
  readonly #watched = new Map<string, Watched>()

  constructor (options: OrphanWatchOptions) {
    this.#options = options
  }

  /** To be told of each look at a stream that this process does not own. */
  see (id: string, look: Look): void {
    const inMs = this.#lookAgainIn(id, look)
    if (inMs === undefined) return this.#forget(id)
    const until = this.#options.clock.now() + INTEREST_MS
    const watched = this.#watched.get(id)
    if (watched === undefined) this.#arm(id, inMs, until)
    else watched.until = until
  }

  close (): void {
    for (const id of [...this.#watched.keys()]) this.#forget(id)
  }

  /** Undefined if there is nothing more to be found out. */
  #lookAgainIn (id: string, look: Look): number | undefined {
    if (look === 'away') return AWAY_MS
    if (look?.isOrphan === true) this.#options.onOrphan(id)
    if (look?.orphanInMs === undefined) return undefined
    return look.orphanInMs > LOOKS_MS ? look.orphanInMs - LOOKS_MS : Math.min(look.orphanInMs, LOOK_MS)
  }

  #arm (id: string, inMs: number, until: number): void {
    const cancel = this.#options.clock.setTimeout(() => { void this.#look(id, watched) }, inMs, { background: true })
    const watched: Watched = { until, cancel }
    this.#watched.set(id, watched)
  }

  async #look (id: string, watched: Watched): Promise<void> {
    const look = await this.#options.read(id).catch(() => 'away' as const)
    // A user may have found out meanwhile.
    if (this.#watched.get(id) !== watched) return
    const inMs = this.#lookAgainIn(id, look)
    if (inMs === undefined || this.#options.clock.now() >= watched.until) this.#forget(id)
    else this.#arm(id, inMs, watched.until)
  }

  #forget (id: string): void {
    this.#watched.get(id)?.cancel()
    this.#watched.delete(id)
  }
}
