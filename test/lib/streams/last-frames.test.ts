import t from 'tap'
import { LastFrames } from '../../../lib/streams/last-frames.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

async function watch (promise: Promise<void>): Promise<{ over: boolean }> {
  const state = { over: false }
  void promise.then(() => { state.over = true })
  await idle()
  return state
}

t.test('without an awaited frame there is nothing to wait for', async t => {
  const frames = new LastFrames(createManualClock())
  await frames.allFetched()
  frames.fetched('unknown')
  await frames.allFetched()
  t.pass()
})

t.test('the wait is over when all are fetched', async t => {
  const clock = createManualClock()
  const frames = new LastFrames(clock)
  frames.await('a')
  frames.await('b')
  const all = await watch(frames.allFetched())
  frames.fetched('a')
  await idle()
  t.notOk(all.over)
  frames.fetched('b')
  await idle()
  t.ok(all.over)
  t.equal(clock.pending, 0)
})

t.test('nobody is waited for beyond three seconds', async t => {
  const clock = createManualClock()
  const frames = new LastFrames(clock)
  frames.await('a')
  const all = await watch(frames.allFetched())
  await clock.advance(2999)
  t.notOk(all.over)
  await clock.advance(1)
  await idle()
  t.ok(all.over)
})

t.test('an end that comes during the wait is waited for, too', async t => {
  const frames = new LastFrames(createManualClock())
  frames.await('a')
  const all = await watch(frames.allFetched())
  frames.fetched('a')
  frames.await('b')
  await idle()
  t.notOk(all.over)
  frames.close()
  await idle()
  t.ok(all.over)
})

t.test('all who wait are told', async t => {
  const frames = new LastFrames(createManualClock())
  frames.await('a')
  const all = [await watch(frames.allFetched()), await watch(frames.allFetched())]
  frames.fetched('a')
  await idle()
  t.strictSame(all, [{ over: true }, { over: true }])
})
