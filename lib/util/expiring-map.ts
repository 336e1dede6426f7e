import type { Clock } from './clock.ts'

const SWEEP_MS = 60_000

/** A bounded map whose entries are forgotten when their time is over; if it is full, the one that was set longest ago goes. */
export class ExpiringMap<V> {
  readonly #clock: Clock
  readonly #max: number
  readonly #entries = new Map<string, { value: V, expires: number }>()
  #cancelSweep: (() => void) | undefined

  constructor (clock: Clock, max: number) {
    this.#clock = clock
    this.#max = max
  }

  get size (): number {
    return this.#entries.size
  }

  get (key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expires > this.#clock.now()) return entry?.value
    this.#entries.delete(key)
    return undefined
  }

  set (key: string, value: V, ttlMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, expires: this.#clock.now() + ttlMs })
    if (this.#entries.size > this.#max) this.#entries.delete(this.#entries.keys().next().value as string)
    this.#cancelSweep ??= this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS, { background: true })
  }

  delete (key: string): void {
    this.#entries.delete(key)
  }

  clear (): void {
    this.#entries.clear()
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
  }

  #sweep (): void {
    const now = this.#clock.now()
    for (const [key, { expires }] of this.#entries) if (expires <= now) this.#entries.delete(key)
    this.#cancelSweep = this.#entries.size === 0
      ? undefined
      : this.#clock.setTimeout(() => this.#sweep(), SWEEP_MS, { background: true })
  }
}
