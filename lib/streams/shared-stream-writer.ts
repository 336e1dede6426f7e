import type { NewStream, StreamMetadata, StreamRecord, Outcome, SharedTiming, StreamStore, Channel } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import { sleep } from '../util/waiting.ts'
import type { Writer } from './stream-writer.ts'

export interface SharedWriting {
  store: StreamStore
  clock: Clock
  timing: SharedTiming
  /** As it was created. */
  stream: NewStream
  epoch: number
  /** When its age began, in milliseconds since the Unix epoch; default now. */
  askedAt?: number
  /** Called once, if the stream turns out to have another owner, or to have ended. */
  onLost: () => void
}

/**
 * Writes a stream to a store that is shared: slow at times, away at others. What comes within a moment goes out
 * together, one write is under way at a time, and what has failed goes out again, which is harmless. A stream that the
 * store has lost is written anew as a whole.
 */
export class SharedStreamWriter implements Writer {
  readonly #given: SharedWriting
  readonly #whole: Record<Channel, string> = { reasoning: '', content: '' }
  readonly #stored: Record<Channel, number> = { reasoning: 0, content: 0 }
  readonly #askedAt: number
  #metadata: StreamMetadata
  #storedNotes: StreamMetadata
  #left = false
  #insists = true
  #hurry: (() => void) | undefined
  #ending = false
  #syncing: Promise<boolean> | undefined

  constructor (given: SharedWriting) {
    this.#given = given
    this.#askedAt = given.askedAt ?? given.clock.now()
    this.#metadata = this.#storedNotes = given.stream.metadata ?? {}
  }

  get length (): number {
    return this.#whole.content.length
  }

  /** What the store has acknowledged, or has shown: a reply that was lost may have been to a write. */
  recordWith (known: StreamRecord | undefined): StreamRecord {
    const { id, chat } = this.#given.stream
    const textOf = (channel: Channel): string => {
      const [shown, stored] = [known?.[channel] ?? '', this.#whole[channel].slice(0, this.#stored[channel])]
      // Text of an owner before stays until there is another.
      return stored === '' || (shown.length > stored.length && this.#whole[channel].startsWith(shown)) ? shown : stored
    }
    const record = known ?? { id, status: 'running', chat, failure: undefined, notice: undefined }
    return {
      ...record, metadata: { ...known?.metadata, ...this.#storedNotes }, content: textOf('content'), reasoning: textOf('reasoning')
    }
  }

  write (track: Channel, text: string): void {
    if (text === '') return
    this.#whole[track] += text
    if (this.#unstored >= this.#given.timing.coalesceChars) this.#hurry?.()
    this.#sync().catch(() => {})
  }

  async setMetadata (metadata: StreamMetadata): Promise<boolean> {
    this.#metadata = { ...this.#metadata, ...metadata }
    return await this.#sync()
  }

  async end (outcome: Outcome): Promise<boolean> {
    const { store, stream, epoch } = this.#given
    this.#ending = true
    this.#hurry?.()
    if (!await this.#sync()) return false
    const { content, reasoning } = this.#whole
    const lengths = { content: content.length, reasoning: reasoning.length }
    return await this.#persist(() => store.end(stream.id, epoch, outcome, lengths))
  }

  /** Resolves when the store knows that the owner calls its source; false if the stream is another's. */
  async markStarted (): Promise<boolean> {
    const { store, stream, epoch } = this.#given
    return await this.#persist(() => store.markStarted(stream.id, epoch))
  }

  /** The store does not know the owner: either it has lost the stream, which is written anew, or the stream is another's. */
  async recover (): Promise<boolean> {
    const { store, clock, stream, epoch, onLost } = this.#given
    if (this.#left) return false
    const { content, reasoning } = this.#whole
    const whole = { ...stream, metadata: this.#metadata }
    if (await store.restore(whole, epoch, { content, reasoning }, clock.now() - this.#askedAt)) return true
    if (!this.#left) {
      this.#left = true
      onLost()
    }
    return false
  }

  /** Writes nothing more: the stream is another's to write. */
  handOver (): void {
    this.#left = true
    this.#hurry?.()
  }

  /** What fails from now on is not tried again: the process is about to go. */
  insistNoMore (): void {
    this.#insists = false
  }

  get #unstored (): number {
    return this.#whole.content.length - this.#stored.content + this.#whole.reasoning.length - this.#stored.reasoning
  }

  get #isStored (): boolean {
    return this.#unstored === 0 && this.#metadata === this.#storedNotes
  }

  #sync (): Promise<boolean> {
    if (this.#left || this.#isStored) return Promise.resolve(!this.#left)
    this.#syncing ??= this.#storeAll()
    return this.#syncing
  }

  async #storeAll (): Promise<boolean> {
    try {
      while (!this.#isStored) {
        await this.#gather()
        if (!await this.#storeOnce()) return false
      }
      return true
    } finally {
      // Not a moment later, for what is written then needs another.
      this.#syncing = undefined
    }
  }

  async #storeOnce (): Promise<boolean> {
    const { store, stream: { id }, epoch } = this.#given
    for (const track of ['reasoning', 'content'] as const) {
      const offset = this.#stored[track]
      const text = this.#whole[track].slice(offset)
      if (text === '') continue
      if (!await this.#persist(async () => await store.append(id, epoch, track, offset, text))) return false
      this.#stored[track] = offset + text.length
    }
    const metadata = this.#metadata
    if (metadata === this.#storedNotes) return true
    if (!await this.#persist(() => store.setMetadata(id, epoch, metadata))) return false
    this.#storedNotes = metadata
    return true
  }

  /** The first text and the end go out at once. */
  async #gather (): Promise<void> {
    const { clock, timing } = this.#given
    const isFirst = this.#stored.content === 0 && this.#stored.reasoning === 0
    if (isFirst || this.#ending || this.#unstored >= timing.coalesceChars) return
    await new Promise<void>(resolve => {
      const cancel = clock.setTimeout(resolve, timing.coalesceMs)
      this.#hurry = () => {
        cancel()
        resolve()
      }
    })
    this.#hurry = undefined
  }

  /** Rejects if the store was away for too long. */
  async #persist (write: () => Promise<boolean>): Promise<boolean> {
    const { clock, timing } = this.#given
    for (let awaySince: number | undefined; !this.#left;) {
      try {
        return await write() || (await this.recover() && await write())
      } catch (error) {
        awaySince ??= clock.now()
        if (!this.#insists || clock.now() - awaySince >= timing.patienceMs) throw error
        await sleep(clock, timing.retryMs)
      }
    }
    return false
  }
}
