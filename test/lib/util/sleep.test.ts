import { getEventListeners } from 'node:events'
import t from 'tap'
import { sleep } from '../../../lib/util/sleep.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

t.test('a sleep ends on time and leaves nothing behind', async t => {
  const clock = createManualClock()
  const { signal } = new AbortController()
  let isOver = false
  const sleeping = sleep(clock, 500, signal).then(() => { isOver = true })
  await clock.advance(499)
  await idle()
  t.equal(isOver, false)
  await clock.advance(1)
  await sleeping
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a sleep ends with the reason when it is aborted, before or during', async t => {
  const clock = createManualClock()
  const abort = new AbortController()
  const sleeping = sleep(clock, 500, abort.signal)
  t.equal(clock.pending, 1)
  abort.abort(new Error('stop'))
  await t.rejects(sleeping, { message: 'stop' })
  await t.rejects(sleep(clock, 500, abort.signal), { message: 'stop' })
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(abort.signal, 'abort').length, 0)
})
