import type { Clock } from '../util/clock.ts'
import type { Switches } from './model.ts'

const OFFLINE_MS = 10_000

/** Switches that are used up by the next message. */
type OneShot = 'dropReply' | 'repeat' | 'late' | 'wrongSignature' | 'clockOff'

export interface SwitchBoard {
  readonly state: Readonly<Switches>
  set (changes: Partial<Switches>): void
  /** Tells whether it is on, and turns it off. */
  use (name: OneShot): boolean
  /** Resolves when the refreshes are not stopped, at once if they run; rejects with the signal's reason. */
  running (signal: AbortSignal): Promise<void>
  close (): void
}

/** How WeCom and its network are to misbehave. */
export function createSwitchBoard (clock: Clock, onChange: (state: Switches) => void): SwitchBoard {
  const state: Switches = {
    dropReply: false,
    repeat: false,
    late: false,
    wrongSignature: false,
    clockOff: false,
    twice: false,
    stopped: false,
    offline: false,
    refreshMs: 1000
  }
  const waiting = new Set<() => void>()
  let cancel = (): void => {}

  function set (changes: Partial<Switches>): void {
    Object.assign(state, changes)
    if (changes.offline !== undefined) cancel()
    if (changes.offline === true) cancel = clock.setTimeout(() => set({ offline: false }), OFFLINE_MS, { background: true })
    if (!state.stopped) for (const go of [...waiting]) go()
    onChange({ ...state })
  }

  return {
    state,
    set,
    use (name) {
      const isOn = state[name]
      if (isOn) set({ [name]: false })
      return isOn
    },
    running: async signal => await new Promise((resolve, reject) => {
      signal.throwIfAborted()
      if (!state.stopped) return resolve()
      const settle = (): void => {
        waiting.delete(go)
        signal.removeEventListener('abort', leave)
      }
      const go = (): void => { settle(); resolve() }
      const leave = (): void => { settle(); reject(signal.reason) }
      waiting.add(go)
      signal.addEventListener('abort', leave)
    }),
    close: () => cancel()
  }
}
