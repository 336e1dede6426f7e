import t from 'tap'
import { ExpiringMap } from '../../../lib/util/expiring-map.ts'
import { createManualClock } from '../../fixtures/clock.ts'

function create (max = 100) {
  const clock = createManualClock()
  return { clock, map: new ExpiringMap<unknown>(clock, max) }
}

const kept = (map: ExpiringMap<unknown>, ...keys: string[]): string => keys.filter(key => map.get(key) !== undefined).join(' ')

t.test('an entry is kept to the millisecond, each for a time of its own', async t => {
  const { clock, map } = create()
  map.set('a', 1, 1000)
  map.set('b', 2, 500)
  await clock.advance(499)
  t.equal(kept(map, 'a', 'b'), 'a b')
  await clock.advance(1)
  t.equal(kept(map, 'a', 'b'), 'a')
  t.equal(map.size, 1, 'what is found to be over is dropped')
  await clock.advance(499)
  t.equal(map.get('a'), 1)
  await clock.advance(1)
  t.equal(map.get('a'), undefined)
  t.equal(map.size, 0)
})

t.test('setting replaces the value and begins its time anew, reading does not', async t => {
  const { clock, map } = create()
  map.set('a', 1, 1000)
  map.set('b', 1, 1000)
  await clock.advance(600)
  map.set('a', 2, 1000)
  t.equal(map.get('b'), 1)
  await clock.advance(600)
  t.equal(map.get('a'), 2)
  t.equal(map.get('b'), undefined)
})

t.test('beyond the bound the one that was set longest ago goes', async t => {
  const { map } = create(2)
  map.set('a', 1, 1000)
  map.set('b', 1, 1000)
  map.set('a', 2, 1000)
  t.equal(kept(map, 'a', 'b'), 'a b', 'exactly at the bound')
  map.set('c', 1, 1000)
  t.equal(kept(map, 'a', 'b', 'c'), 'a c')
  t.equal(map.size, 2)
})

t.test('no key is special, and a value may be anything', async t => {
  const { map } = create()
  for (const key of ['', '__proto__', 'constructor']) {
    t.equal(map.get(key), undefined)
    map.set(key, key, 1000)
    t.equal(map.get(key), key)
  }
  map.set('zero', 0, 1000)
  t.equal(map.get('zero'), 0)
})

t.test('what nobody asks for is swept out within a minute, by one background timer', async t => {
  const { clock, map } = create()
  const options: unknown[] = []
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, given) => {
    options.push(given)
    return setTimeout(callback, ms, given)
  }
  t.equal(clock.pending, 0)
  map.set('a', 1, 60_000)
  map.set('b', 1, 60_001)
  t.equal(clock.pending, 1)
  await clock.advance(59_999)
  t.equal(map.size, 2)
  await clock.advance(1)
  t.equal(map.size, 1)
  t.equal(map.get('b'), 1)
  t.equal(clock.pending, 1, 'it goes on as long as there is something')
  await clock.advance(60_000)
  t.equal(map.size, 0)
  t.equal(clock.pending, 0)
  map.set('c', 1, 1)
  t.equal(clock.pending, 1, 'and begins again')
  await clock.advance(60_000)
  t.equal(map.size, 0)
  t.strictSame(options, Array.from({ length: 3 }, () => ({ background: true })))
})

t.test('entries and their timer can be dropped', async t => {
  const { clock, map } = create()
  map.clear()
  map.set('a', 1, 1000)
  map.set('b', 1, 1000)
  map.delete('a')
  map.delete('unknown')
  t.equal(kept(map, 'a', 'b'), 'b')
  map.clear()
  t.equal(map.size, 0)
  t.equal(clock.pending, 0)
  map.set('c', 1, 1000)
  t.equal(map.get('c'), 1)
  await clock.advance(60_000)
  t.equal(map.size, 0, 'a cleared map sweeps again')
})
