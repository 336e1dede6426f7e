import { getEventListeners } from 'node:events'
import t from 'tap'
import { abortable, inTime, sleep, startHeartbeat } from '../../../lib/util/waiting.ts'
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

t.test('what is done in time is given, and leaves no timer', async t => {
  const clock = createManualClock()
  t.same(await inTime(clock, 10, Promise.resolve('x')), { value: 'x' })
  t.same(await inTime(clock, 10, Promise.resolve(undefined)), { value: undefined })
  await t.rejects(inTime(clock, 10, Promise.reject(new Error('no'))), { message: 'no' })
  t.equal(clock.pending, 0)
})

t.test('what takes longer is not waited for, however it ends', async t => {
  const clock = createManualClock()
  let fail = (_error: Error): void => {}
  const work = inTime(clock, 10, new Promise((_resolve, reject) => { fail = reject }))
  let given: unknown = 'not yet'
  work.then(value => { given = value }, t.fail)
  await clock.advance(9)
  t.equal(given, 'not yet')
  await clock.advance(1)
  t.equal(given, undefined)
  fail(new Error('a rejection that nobody handles would end the process'))
  await idle()
})

t.test('passes on what the work comes to', async t => {
  const { signal } = new AbortController()
  t.equal(await abortable(Promise.resolve(1), signal), 1)
  await t.rejects(abortable(Promise.reject(new Error('lost')), signal), { message: 'lost' })
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listener is left')
})

t.test('rejects with the reason at once, and swallows the loser', async t => {
  const abort = new AbortController()
  const { signal } = abort
  let fail = (_: Error): void => {}
  const waiting = abortable(new Promise((_resolve, reject) => { fail = reject }), signal)
  abort.abort(new Error('stop'))
  await t.rejects(waiting, { message: 'stop' })
  fail(new Error('too late'))
  await t.rejects(abortable(Promise.resolve(1), signal), { message: 'stop' }, 'also when it was aborted before')
  await t.rejects(abortable(Promise.reject(new Error('lost')), signal), { message: 'stop' })
  t.equal(getEventListeners(signal, 'abort').length, 0, 'no listener is left')
})
