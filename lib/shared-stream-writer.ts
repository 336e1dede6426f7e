import type { Clock } from './clock.ts'
import { sleep } from './sleep.ts'
import type { Writer } from './stream-writer.ts'
import type { NewStream, Notes, Outcome, SharedTiming, StreamStore, Track } from './stores/store.ts'

export interface SharedWriting {
  store: StreamStore
  clock: Clock
  timing: SharedTiming
  /** As it was created. */
  stream: NewStream
  epoch: number
  /** Called once, where the stream turns out to have another owner, or to have ended. */
  onLost: () => void
}

/**
 * Writes a stream to a store that is shared: slow at times, away at others. What comes within a moment goes out
 * together, one write is under way at a time, and what has failed goes out again, which is harmless. A stream that the
 * store has lost is written anew as a whole.
 */
export class SharedStreamWriter implements Writer {
  readonly #given: SharedWriting
  readonly #whole: Record<Track, string> = { reasoning: '', content: '' }
  readonly #stored: Record<Track, number> = { reasoning: 0, content: 0 }
  #notes: Notes
  #notesChanged = false
  #begun = false
  #lost = false
  #hurry: (() => void) | undefined
  #ending = false
  #syncing: Promise<boolean> | undefined

  constructor (given: SharedWriting) {
    this.#given = given
    this.#notes = given.stream.notes ?? {}
  }

  get length (): number {
    return this.#whole.content.length
  }

  write (track: Track, text: string): void {
    if (text === '') return
    this.#whole[track] += text
    if (this.#unstored >= this.#given.timing.coalesceChars) this.#hurry?.()
    this.#sync().catch(() => {})
  }

  async note (notes: Notes): Promise<boolean> {
    this.#notes = { ...this.#notes, ...notes }
    this.#notesChanged = true
    return await this.#sync()
  }

  async end (outcome: Outcome): Promise<boolean> {
    const { store, stream, epoch } = this.#given
    this.#ending = true
    this.#hurry?.()
    return await this.#sync() && await this.#persist(() => store.end(stream.id, epoch, outcome))
  }

  /** The store does not know the owner: either it has lost the stream, which is written anew, or the stream is another's. */
  async recover (): Promise<boolean> {
    const { store, stream, epoch, onLost } = this.#given
    if (this.#lost) return false
    const { content, reasoning } = this.#whole
    if (await store.restore({ ...stream, notes: this.#notes }, epoch, { content, reasoning })) return true
    if (!this.#lost) {
      this.#lost = true
      onLost()
    }
    return false
  }

  get #unstored (): number {
    return this.#whole.content.length - this.#stored.content + this.#whole.reasoning.length - this.#stored.reasoning
  }

  #sync (): Promise<boolean> {
    this.#syncing ??= this.#storeAll().finally(() => { this.#syncing = undefined })
    return this.#syncing
  }

  async #storeAll (): Promise<boolean> {
    const { store, stream: { id }, epoch } = this.#given
    while (this.#unstored > 0 || this.#notesChanged) {
      await this.#gather()
      for (const track of ['reasoning', 'content'] as const) {
        const offset = this.#stored[track]
        const text = this.#whole[track].slice(offset)
        if (text === '') continue
        if (!await this.#persist(() => store.append(id, epoch, track, offset, text))) return false
        this.#stored[track] = offset + text.length
      }
      if (!this.#notesChanged) continue
      this.#notesChanged = false
      const notes = this.#notes
      if (!await this.#persist(() => store.note(id, epoch, notes))) return false
    }
    return true
  }

  /** The first text and the end go out at once. */
  async #gather (): Promise<void> {
    const { clock, timing } = this.#given
    if (!this.#begun || this.#ending || this.#unstored >= timing.coalesceChars) {
      this.#begun = true
      return
    }
    await new Promise<void>(resolve => {
      const cancel = clock.setTimeout(resolve, timing.coalesceMs)
      this.#hurry = () => {
        cancel()
        resolve()
      }
    })
    this.#hurry = undefined
  }

  /** Rejects where the store was away for too long. */
  async #persist (write: () => Promise<boolean>): Promise<boolean> {
    const { clock, timing } = this.#given
    for (let awaySince: number | undefined; ;) {
      try {
        return await write() || (await this.recover() && await write())
      } catch (error) {
        awaySince ??= clock.now()
        if (clock.now() - awaySince >= timing.patienceMs) throw error
        await sleep(clock, timing.retryMs)
      }
    }
  }
}
