import type { StreamMetadata, Outcome, StreamStore, Channel } from '../stores/store.ts'

/** What an owner writes its stream with, behind its source. */
export interface Writer {
  /** UTF-16 units of content so far, stored or not. */
  readonly length: number
  /** Never waits; a failure shows at `end`. */
  write (track: Channel, text: string): void
  /** Resolves when everything written before has been stored, and the metadata; false if they were refused. */
  setMetadata (metadata: StreamMetadata): Promise<boolean>
  /** Resolves when everything written before has been stored and the stream has ended; false if it was refused. */
  end (outcome: Outcome): Promise<boolean>
}

interface Text {
  pending: string
  /** UTF-16 units that the store has, or is being given. */
  written: number
}

type Texts = Record<Channel, Text>

const createTexts = (): Texts => ({ reasoning: { pending: '', written: 0 }, content: { pending: '', written: 0 } })

const NOTHING_YET = createTexts()

/**
 * Writes a stream's text behind its source: what comes while a write is under way goes out with the next one, in order.
 * Once a write is refused the stream has another owner, or none, and nothing more is written.
 */
export class StreamWriter implements Writer {
  readonly #store: StreamStore
  readonly #id: string
  readonly #epoch: number
  #texts = NOTHING_YET
  /** Set as long as text is pending, and for good once a write has failed. */
  #writing: Promise<boolean> | undefined

  constructor (store: StreamStore, id: string, epoch: number) {
    this.#store = store
    this.#id = id
    this.#epoch = epoch
  }

  get length (): number {
    const { written, pending } = this.#texts.content
    return written + pending.length
  }

  write (track: Channel, text: string): void {
    if (text === '') return
    // Many streams wait for long until there is text.
    if (this.#texts === NOTHING_YET) this.#texts = createTexts()
    this.#texts[track].pending += text
    if (this.#writing !== undefined) return
    this.#writing = this.#tryToWrite()
    this.#writing?.catch(() => {})
  }

  async setMetadata (metadata: StreamMetadata): Promise<boolean> {
    return await (this.#writing ?? true) && await this.#store.setMetadata(this.#id, this.#epoch, metadata)
  }

  async end (outcome: Outcome): Promise<boolean> {
    return await (this.#writing ?? true) && await this.#store.end(this.#id, this.#epoch, outcome)
  }

  /** Undefined if all has been written. */
  #tryToWrite (): Promise<boolean> | undefined {
    try {
      const written = this.#writePending()
      return written === true ? undefined : Promise.resolve(written)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #writePending (): boolean | Promise<boolean> {
    const { reasoning, content } = this.#texts
    while (reasoning.pending !== '' || content.pending !== '') {
      const track = reasoning.pending !== '' ? 'reasoning' : 'content'
      const { pending: text, written: offset } = this.#texts[track]
      this.#texts[track].pending = ''
      this.#texts[track].written += text.length
      const stored = this.#store.append(this.#id, this.#epoch, track, offset, text)
      if (stored === false) return false
      if (stored !== true) return stored.then(isStored => isStored && this.#writePending())
    }
    this.#writing = undefined
    return true
  }
}
