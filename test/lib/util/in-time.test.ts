import t from 'tap'
import { inTime } from '../../../lib/util/in-time.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

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
