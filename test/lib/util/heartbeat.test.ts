import t from 'tap'
import { startHeartbeat } from '../../../lib/util/heartbeat.ts'
import { createManualClock } from '../../fixtures/clock.ts'

t.test('a heart beats at its interval until it is stopped', async t => {
  const clock = createManualClock()
  const beats: number[] = []
  const start = clock.now()
  const stop = startHeartbeat(clock, 1000, () => { beats.push(clock.now() - start) })
  await clock.advance(999)
  t.strictSame(beats, [])
  await clock.advance(2001)
  t.strictSame(beats, [1000, 2000, 3000])
  t.equal(clock.pending, 1)
  stop()
  stop()
  t.equal(clock.pending, 0)
  await clock.advance(5000)
  t.equal(beats.length, 3)
})

t.test('a heart can be stopped by its own beat', async t => {
  const clock = createManualClock()
  let beats = 0
  const stop = startHeartbeat(clock, 1000, () => {
    beats++
    stop()
  })
  await clock.advance(3000)
  t.equal(beats, 1)
  t.equal(clock.pending, 0)
})

t.test('it keeps no process alive', async t => {
  const asked: unknown[] = []
  startHeartbeat({ now: () => 0, setTimeout: (_callback, ms, options) => { asked.push(ms, options); return () => {} } }, 1000, () => {})
  t.strictSame(asked, [1000, { background: true }])
})
