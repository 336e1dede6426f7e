import type { Clock } from '../../util/clock.ts'
import { ExpiringMap } from '../../util/expiring-map.ts'
import type { FactStore } from '../facts.ts'

/** Facts in this process's memory; beyond `max` of them, and as many counts, the oldest is forgotten early. */
export function createMemoryFacts (clock: Clock, max: number): FactStore {
  const facts = new ExpiringMap<string>(clock, max)
  const counts = new ExpiringMap<{ value: number }>(clock, max)

  return {
    async keep (key, value, ttlMs) {
      const kept = facts.get(key)
      if (kept !== undefined) return kept
      facts.set(key, value, ttlMs)
      return value
    },
    async get (key) { return facts.get(key) },
    async count (key, windowMs) {
      const count = counts.get(key)
      if (count !== undefined) return ++count.value
      counts.set(key, { value: 1 }, windowMs)
      return 1
    },
    async close () {
      facts.clear()
      counts.clear()
    }
  }
}
