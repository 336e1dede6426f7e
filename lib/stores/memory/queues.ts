import type { Clock } from '../../util/clock.ts'
import type { QueueStore } from '../queues.ts'

interface Line {
  /** Who stands in it, each with what stops the clock of its place. */
  places: Map<string, () => void>
  watchers: Set<() => void>
}

/** Lines in this process's memory. */
export function createMemoryQueues (clock: Clock): QueueStore {
  const lines = new Map<string, Line>()

  function lineOf (key: string): Line {
    const line = lines.get(key) ?? { places: new Map(), watchers: new Set() }
    lines.set(key, line)
    return line
  }

  function forgetIfEmpty (key: string, line: Line): void {
    if (line.places.size === 0 && line.watchers.size === 0 && lines.get(key) === line) lines.delete(key)
  }

  function changed (key: string, line: Line): void {
    forgetIfEmpty(key, line)
    for (const ring of line.watchers) ring()
  }

  function leave (key: string, id: string): void {
    const line = lines.get(key)
    const stopClock = line?.places.get(id)
    if (line === undefined || stopClock === undefined) return
    stopClock()
    line.places.delete(id)
    changed(key, line)
  }

  return {
    async join (key, id, expires) {
      const line = lineOf(key)
      line.places.get(id)?.()
      line.places.set(id, clock.setTimeout(() => leave(key, id), expires - clock.now(), { background: true }))
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
      for (const { places, watchers } of all) {
        for (const stopClock of places.values()) stopClock()
        for (const ring of watchers) ring()
      }
    }
  }
}
