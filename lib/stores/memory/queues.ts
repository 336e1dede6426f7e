import type { Clock } from '../../util/clock.ts'
import type { QueueStore } from '../queues.ts'

interface Line {
  /** Who stands in it, each with when its place is given up. */
  places: Map<string, number>
  watchers: Set<() => void>
}

/** Lines in this process's memory. */
export function createMemoryQueues (clock: Clock): QueueStore {
  const lines = new Map<string, Line>()
  // One timer for all: each place is there for as long as its answer.
  let armedFor = Infinity
  let disarm = (): void => {}

  function lineOf (key: string): Line {
    const line = lines.get(key) ?? { places: new Map(), watchers: new Set() }
    lines.set(key, line)
    return line
  }

  function forgetIfEmpty (key: string, line: Line): void {
    if (line.places.size === 0 && line.watchers.size === 0 && lines.get(key) === line) lines.delete(key)
    if (lines.size === 0) stopClock()
  }

  function changed (key: string, line: Line): void {
    forgetIfEmpty(key, line)
    for (const ring of line.watchers) ring()
  }

  function leave (key: string, id: string): void {
    const line = lines.get(key)
    if (line?.places.delete(id) === true) changed(key, line)
  }

  function stopClock (): void {
    disarm()
    armedFor = Infinity
  }

  function arm (expires: number): void {
    if (expires >= armedFor) return
    disarm()
    armedFor = expires
    disarm = clock.setTimeout(giveUpExpired, Math.max(0, expires - clock.now()), { background: true })
  }

  function giveUpExpired (): void {
    armedFor = Infinity
    for (const [key, { places }] of [...lines]) {
      for (const [id, expires] of places) {
        if (expires <= clock.now()) leave(key, id)
        else arm(expires)
      }
    }
  }

  return {
    async join (key, id, expires) {
      const line = lineOf(key)
      line.places.set(id, expires)
      arm(expires)
      changed(key, line)
    },
    async leave (key, id) { leave(key, id) },
    async read (key) { return [...lines.get(key)?.places.keys() ?? []] },
    watch (key, listener) {
      const line = lineOf(key)
      line.watchers.add(listener)
      return () => {
        line.watchers.delete(listener)
        forgetIfEmpty(key, line)
      }
    },
    async close () {
      const all = [...lines.values()]
      lines.clear()
      stopClock()
      for (const { watchers } of all) {
        for (const ring of watchers) ring()
      }
    }
  }
}
