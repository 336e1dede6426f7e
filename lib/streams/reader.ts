import { isTerminal } from '../stores/status.ts'
import type { StreamRecord, StreamStore } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import { UnavailableError } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'
import { OrphanWatch } from './orphan-watch.ts'
import type { Look } from './orphan-watch.ts'
import { OverdueStreams } from './overdue.ts'
import type { RunningStream } from './running-stream.ts'

/** What another process owns may have grown since it was read here. */
const FRESH_MS = 1000

/** An owner whose store takes writes has stored the end of its stream so long after the deadline. */
const STORING_MS = 1000

export interface StreamReaderOptions {
  store: StreamStore
  clock: Clock
  log: Logger
  /** Milliseconds that a bubble has. */
  deadlineMs: number
  /** The stream, if it is open in this process. */
  runOf (id: string): RunningStream | undefined
  /** Called for a stream that nobody owns any more, when a reader for a user has found it. */
  onOrphan (id: string): void
}

/** Streams as users may see them, whoever owns them, and whatever their store knows of them just now. */
export class StreamReader {
  readonly #options: StreamReaderOptions
  readonly #overdue: OverdueStreams
  readonly #orphans: OrphanWatch

  constructor (options: StreamReaderOptions) {
    const { store, clock, log, deadlineMs, onOrphan } = options
    this.#options = options
    this.#overdue = new OverdueStreams(log, deadlineMs)
    this.#orphans = new OrphanWatch({ clock, read: id => store.read(id), onOrphan })
  }

  /**
   * Reads a stream for a user: what a timer has ended is over, stored or not. If nobody owns it any more, it is adopted meanwhile.
   * Undefined if it is unknown or expired. Rejects also while its text has to be written anew.
   */
  async read (id: string): Promise<StreamRecord | undefined> {
    const { store, runOf } = this.#options
    const reading = await store.read(id).catch((error: unknown) => {
      this.#seen(id, 'away')
      throw error
    })
    this.#seen(id, reading)
    if (reading === undefined || store.shared === undefined) return reading?.record
    const { record, ageMs = 0, isIncomplete } = reading
    const shown = this.#overdue.see(record, ageMs - STORING_MS, runOf(id)?.timedOut)
    if (isIncomplete === true && shown === record) throw new UnavailableError(new Error('the store has lost some text of a stream'))
    return shown
  }

  /** Reads a stream for ourselves: whoever owns it, it is left as it is. */
  async readOnly (id: string): Promise<StreamRecord | undefined> {
    return (await this.#options.store.read(id))?.record
  }

  /** What is known here for sure of a stream whose store is away: what is open here, was read just now, or is over. */
  lastRead (id: string): StreamRecord | undefined {
    const { store, clock, deadlineMs, runOf } = this.#options
    const known = store.lastRead?.(id)
    const run = runOf(id)
    const own = run?.recordWith(known?.record)
    if (run !== undefined && own !== undefined) {
      return this.#overdue.see(own, clock.now() - run.bubbleDeadline + deadlineMs, run.timedOut)
    }
    if (known === undefined) return undefined
    const record = this.#overdue.see(known.record, known.ageMs)
    return known.sinceMs <= FRESH_MS || isTerminal(record.status) || record.metadata.sealedAt !== undefined ? record : undefined
  }

  close (): void {
    this.#orphans.close()
  }

  /** What is open here has an owner, and what one process has alone, too. */
  #seen (id: string, look: Look): void {
    const { store, runOf } = this.#options
    if (store.shared !== undefined && runOf(id) === undefined) this.#orphans.see(id, look)
  }
}
