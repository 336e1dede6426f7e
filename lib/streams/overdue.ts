import { isTerminal } from '../stores/status.ts'
import type { Outcome, StreamRecord } from '../stores/store.ts'
import type { Logger } from '../util/logger.ts'

/** Ends that users see although no store has taken them: a bubble shall not stay open because of it. */
export class OverdueStreams {
  readonly #log: Logger
  readonly #deadlineMs: number
  /** A record is immutable, and so is how it ends. */
  readonly #ended = new WeakMap<StreamRecord, StreamRecord>()

  constructor (log: Logger, deadlineMs: number) {
    this.#log = log
    this.#deadlineMs = deadlineMs
  }

  /** A record as its user sees it. `timedOut` is how its owner has ended it, if a timer did. */
  see (record: StreamRecord, ageMs: number, timedOut?: Outcome): StreamRecord {
    if (isTerminal(record.status) || record.metadata.sealedAt !== undefined) return record
    if (timedOut === undefined && ageMs <= this.#deadlineMs) return record
    const ended = this.#ended.get(record) ?? this.#end(record, timedOut)
    this.#ended.set(record, ended)
    return ended
  }

  #end (record: StreamRecord, timedOut: Outcome | undefined): StreamRecord {
    if (timedOut !== undefined) return Object.freeze({ ...record, notice: undefined, failure: undefined, ...timedOut })
    // The same from each replica that is asked.
    const failure = { code: 'TIMEOUT', reference: record.id.slice(0, 8) } as const
    this.#log.warn({ streamId: record.id, class: failure.code, reference: failure.reference }, 'a stream is beyond its deadline')
    return Object.freeze({ ...record, status: 'error', failure })
  }
}
