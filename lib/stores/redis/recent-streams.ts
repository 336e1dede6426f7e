import type { StreamRecord } from '../store.ts'

/** A stream as it was last read from elsewhere, and what tells it from what it is there now. */
export interface SeenStream {
  readonly record: StreamRecord
  /** Told apart from another stream of that id, which has its own versions. */
  readonly birth: string
  /** Goes up with each change, and with each of the metadata. */
  readonly version: number
  readonly notesVersion: string
  /** Text of one epoch only grows. */
  readonly textEpoch: string
  /** In UTF-8. */
  readonly contentBytes: number
  readonly reasoningBytes: number
  readonly metadataBytes: number
  /** By the clock of this process, whatever the one of the server says. */
  createdAt: number
  readAt: number
  /** It has text that the server has lost: what is there is to be read as a whole. */
  readonly isAhead?: true
  /** It was not there any more when it was read again. */
  readonly missed?: true
}

const ENTRY_BYTES = 500

const bytesOf = ({ contentBytes, reasoningBytes, metadataBytes }: SeenStream): number =>
  contentBytes + reasoningBytes + metadataBytes + ENTRY_BYTES

/** The streams that were read most recently, within bounds of number and bytes. */
export class RecentStreams {
  readonly #max: number
  readonly #maxBytes: number
  readonly #streams = new Map<string, SeenStream>()
  #bytes = 0

  constructor (max: number, maxBytes: number) {
    this.#max = max
    this.#maxBytes = maxBytes
  }

  get (id: string): SeenStream | undefined {
    return this.#streams.get(id)
  }

  set (id: string, stream: SeenStream): void {
    this.#drop(id)
    this.#streams.set(id, stream)
    this.#bytes += bytesOf(stream)
    for (const oldest of this.#streams.keys()) {
      if (this.#streams.size <= this.#max && this.#bytes <= this.#maxBytes) break
      this.#drop(oldest)
    }
  }

  clear (): void {
    this.#streams.clear()
    this.#bytes = 0
  }

  #drop (id: string): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    this.#bytes -= bytesOf(stream)
    this.#streams.delete(id)
  }
}
