import type { Clock } from '../../util/clock.ts'
import { ExpiringMap } from '../../util/expiring-map.ts'
import type { KeyValueStore } from '../key-values.ts'

/** Facts in this process's memory; beyond `max` of them, and as many counts, the oldest is forgotten early. */
export function createMemoryKeyValues (clock: Clock, max: number): KeyValueStore {
  const facts = new ExpiringMap<string>(clock, max)
  const counts = new ExpiringMap<{ value: number }>(clock, max)

  return {
    async putIfAbsent (key, value, ttlMs) {
      const kept = facts.get(key)
      if (kept !== undefined) return kept
      facts.set(key, value, ttlMs)
      return value
    },
    async get (key) { return facts.get(key) },
    async increment (key, windowMs) {
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
