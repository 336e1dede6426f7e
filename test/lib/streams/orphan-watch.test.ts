import t from 'tap'
import type { StreamReading } from '../../../lib/stores/store.ts'
import { OrphanWatch } from '../../../lib/streams/orphan-watch.ts'
import type { Look } from '../../../lib/streams/orphan-watch.ts'
import { createManualClock } from '../../fixtures/clock.ts'

const reading = (found: Omit<StreamReading, 'record'>): StreamReading => ({ record: {} as StreamReading['record'], ...found })
const OWNED = reading({ isOrphan: false })
const ORPHAN = reading({ isOrphan: true })
const silent = (orphanInMs: number): StreamReading => reading({ isOrphan: false, orphanInMs })

/** A watch whose looks find these, one after the other, the last one for good. */
function watching (...found: Look[]) {
  const clock = createManualClock()
  const startedAt = clock.now()
  const looks: number[] = []
  const orphans: number[] = []
  const watch = new OrphanWatch({
    clock,
    async read () {
      looks.push(clock.now() - startedAt)
      const look = found.length > 1 ? found.shift() : found[0]
      if (look === 'away') throw new Error('away')
      return look
    },
    onOrphan: () => orphans.push(clock.now() - startedAt)
  })
  return { clock, watch, looks, orphans }
}

t.test('an owner that is silent is looked at each second, and at the moment from which its stream may be adopted', async t => {
  const { clock, watch, looks, orphans } = watching(silent(1500), silent(500), ORPHAN)
  watch.see('s', silent(2500))
  await clock.advance(10_000)
  t.strictSame(looks, [1000, 2000, 2500])
  t.strictSame(orphans, [2500])
  t.equal(clock.pending, 0)
})

t.test('an owner that is late is looked at when it begins to be silent', async t => {
  const { clock, watch, looks } = watching(silent(4000), OWNED)
  watch.see('s', silent(4300))
  await clock.advance(10_000)
  t.strictSame(looks, [300, 1300])
})

t.test('what has an owner, is unknown, or may be adopted at once needs no look', async t => {
  const { clock, watch, orphans } = watching(OWNED)
  for (const look of [OWNED, undefined]) watch.see('s', look)
  t.strictSame(orphans, [])
  watch.see('s', ORPHAN)
  t.strictSame(orphans, [0])
  t.equal(clock.pending, 0)
})

t.test('an owner that comes back, or a stream that is gone, ends the looks', async t => {
  for (const found of [OWNED, undefined]) {
    const { clock, watch, looks, orphans } = watching(found)
    watch.see('s', silent(4000))
    await clock.advance(10_000)
    t.strictSame(looks, [1000])
    t.strictSame(orphans, [])
    t.equal(clock.pending, 0)
  }
})

t.test('a user who learns that the owner is back ends the looks, too, also one that is under way', async t => {
  const { clock, watch, looks, orphans } = watching(ORPHAN)
  watch.see('s', silent(4000))
  watch.see('s', OWNED)
  await clock.advance(10_000)
  t.strictSame(looks, [])
  watch.see('s', silent(0))
  const advanced = clock.advance(0)
  watch.see('s', OWNED)
  await advanced
  t.strictSame(looks, [10_000])
  t.strictSame(orphans, [])
  t.equal(clock.pending, 0)
})

t.test('a store that is away is looked for four times a second, as long as a user may wait', async t => {
  const { clock, watch, looks } = watching('away')
  watch.see('s', 'away')
  await clock.advance(1000)
  t.strictSame(looks, [250, 500, 750, 1000])
  await clock.advance(2000)
  watch.see('s', 'away')
  await clock.advance(20_000)
  t.equal(looks.at(-1), 9000, 'six seconds from when a user asked last')
  t.equal(looks.length, 36, 'however often it was asked')
  t.equal(clock.pending, 0)
})

t.test('streams are watched each for itself, until the end', async t => {
  const { clock, watch, looks } = watching(silent(4000))
  watch.see('a', silent(4000))
  watch.see('b', silent(4000))
  await clock.advance(1000)
  t.strictSame(looks, [1000, 1000])
  watch.close()
  t.equal(clock.pending, 0)
})
