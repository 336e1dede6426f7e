import t from 'tap'
import { UnavailableError } from '../../../lib/util/errors.ts'
import { insist } from '../../../lib/util/insist.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

const away = (): Error => new UnavailableError(Object.assign(new Error('read ECONNRESET'), { kind: 'away' }))

/** Fails so often before it answers. */
function failing (times: number, error = away) {
  const calls = { count: 0 }
  return { calls, call: async () => { if (calls.count++ < times) throw error(); return 'reply' } }
}

t.test('what fails while a store is away is called again, more and more rarely, until it answers', async t => {
  const clock = createManualClock()
  const { calls, call } = failing(6)
  const asked = insist(clock, call, Infinity)
  await idle()
  t.equal(clock.holding, 0, 'it keeps no process alive')
  for (const [index, ms] of [100, 200, 400, 800, 1000, 1000].entries()) {
    await clock.advance(ms - 1)
    t.equal(calls.count, index + 1)
    await clock.advance(1)
  }
  t.equal(await asked, 'reply')
  t.equal(clock.pending, 0)
})

t.test('what is refused, and any other failure, is given on at once', async t => {
  const refused = (): Error => new UnavailableError(Object.assign(new Error('NOPERM'), { kind: 'refused' }))
  for (const error of [refused, () => new Error('a fault')]) {
    const { calls, call } = failing(1, error)
    await t.rejects(insist(createManualClock(), call, Infinity), error())
    t.equal(calls.count, 1)
  }
})

t.test('it is given up when the time is over, or the signal is aborted', async t => {
  const clock = createManualClock()
  const late = t.rejects(insist(clock, failing(9).call, clock.now() + 300), { code: 'WECOM_ERR_UNAVAILABLE' })
  await idle()
  await clock.advance(300)
  await late
  const leaving = new AbortController()
  const left = t.rejects(insist(clock, failing(9).call, Infinity, leaving.signal), { message: 'ended' })
  await idle()
  await clock.advance(100)
  leaving.abort(new Error('ended'))
  await left
  t.equal(clock.pending, 0)
})
