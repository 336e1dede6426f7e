import type { Clock } from '../util/clock.ts'

const TIMEOUTS = ['DEADLINE', 'FIRST_TOKEN', 'IDLE'] as const

export type TimeoutReason = typeof TIMEOUTS[number]

export const isTimeout = (reason: string): reason is TimeoutReason => TIMEOUTS.some(timeout => timeout === reason)

export interface WatchdogLimits {
  firstTokenTimeoutMs: number
  idleTimeoutMs: number
}

/** The three clocks of a stream on one timer: the deadline, the wait for the first token, and silence after it. */
export class Watchdog {
  readonly #clock: Clock
  readonly #limits: WatchdogLimits
  #deadline: number
  readonly #late: (reason: TimeoutReason) => void
  #cancel: (() => void) | undefined
  #armedFor = Infinity
  #silentSince: number | undefined
  #spoken = false
  #holds = 0

  /** `deadline` counts from now on; the other clocks from `sourceStarted()`. `late` is called once at most. */
  constructor (clock: Clock, limits: WatchdogLimits, deadline: number, late: (reason: TimeoutReason) => void) {
    this.#clock = clock
    this.#limits = limits
    this.#deadline = deadline
    this.#late = late
    this.#arm()
  }

  sourceStarted (): void {
    this.#silentSince = this.#clock.now()
    this.#arm()
  }

  /** Called for every piece, so only the first one touches the timer: one that fires early finds out and is set anew. */
  progress (): void {
    this.#silentSince = this.#clock.now()
    if (this.#spoken) return
    this.#spoken = true
    // The idle time may be the shorter one.
    this.#arm()
  }

  /** A sign of life that is no progress: it counts for a silence, not for the wait for the first token. */
  alive (): void {
    if (this.#spoken) this.progress()
  }

  /** Goes on, with another deadline, if the first one has passed. */
  extend (deadline: number): void {
    this.#deadline = deadline
    this.#armedFor = Infinity
    this.#arm()
  }

  /** Stops the clocks other than the deadline until the returned function is called; holds may overlap. */
  hold (): () => void {
    let held = true
    this.#holds++
    return () => {
      if (!held) return
      held = false
      this.#holds--
      this.#silentSince = this.#clock.now()
      this.#arm()
    }
  }

  stop (): void {
    this.#cancel?.()
    this.#armedFor = -Infinity
  }

  #due (): { at: number, reason: TimeoutReason } {
    const deadline = { at: this.#deadline, reason: 'DEADLINE' } as const
    if (this.#silentSince === undefined || this.#holds > 0) return deadline
    const silence = this.#spoken
      ? { at: this.#silentSince + this.#limits.idleTimeoutMs, reason: 'IDLE' } as const
      : { at: this.#silentSince + this.#limits.firstTokenTimeoutMs, reason: 'FIRST_TOKEN' } as const
    return silence.at < deadline.at ? silence : deadline
  }

  #arm (): void {
    const { at } = this.#due()
    if (at >= this.#armedFor) return
    this.#cancel?.()
    this.#armedFor = at
    this.#cancel = this.#clock.setTimeout(() => this.#fire(), Math.max(0, at - this.#clock.now()))
  }

  #fire (): void {
    this.#armedFor = Infinity
    const { at, reason } = this.#due()
    if (this.#clock.now() < at) return this.#arm()
    this.stop()
    this.#late(reason)
  }
}
