import { getEventListeners } from 'node:events'
import t from 'tap'
import { createLimiter } from '../../../lib/util/limiter.ts'
import type { Limiter, Place } from '../../../lib/util/limiter.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

const { signal } = new AbortController()

/** Enters, and metadata under which name it got in. */
function enter (limiter: Limiter, log: string[], name: string, from = signal): Place {
  const place = limiter.enter(from)
  place.entered.then(() => log.push(name), error => log.push(`${name}: ${error.message}`))
  return place
}
t.test('without a limit everybody enters', async t => {
  const log: string[] = []
  const limiter = createLimiter({ clock: createManualClock() })
  for (const name of 'abc') enter(limiter, log, name)
  await idle()
  t.strictSame(log, ['a', 'b', 'c'])
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('with a limit the others wait in their order, and a place given back twice counts once', async t => {
  const log: string[] = []
  const limiter = createLimiter({ clock: createManualClock(), max: 2 })
  const places = [...'abcde'].map(name => enter(limiter, log, name))
  await idle()
  t.strictSame(log, ['a', 'b'])
  places[0]?.leave()
  places[0]?.leave()
  await idle()
  t.strictSame(log, ['a', 'b', 'c'])
  places[1]?.leave()
  await idle()
  t.strictSame(log, ['a', 'b', 'c', 'd'])
})

t.test('who waits can be aborted, or leave, and the next one moves up', async t => {
  const log: string[] = []
  const abort = new AbortController()
  const limiter = createLimiter({ clock: createManualClock(), max: 1 })
  const first = enter(limiter, log, 'a')
  enter(limiter, log, 'b', abort.signal)
  enter(limiter, log, 'c').leave()
  enter(limiter, log, 'd')
  abort.abort(new Error('stop'))
  await idle()
  t.strictSame(log, ['a', 'b: stop'])
  enter(limiter, log, 'e', abort.signal).leave()
  first.leave()
  await idle()
  t.strictSame(log, ['a', 'b: stop', 'e: stop', 'd'])
  t.equal(getEventListeners(abort.signal, 'abort').length, 0)
})

t.test('nobody enters during a pause, and a shorter one does not end it', async t => {
  const log: string[] = []
  const clock = createManualClock()
  const limiter = createLimiter({ clock, max: 2 })
  limiter.pause(1_000)
  limiter.pause(10)
  t.equal(clock.pending, 0, 'a pause that nobody waits for has no timer')
  for (const name of 'abc') enter(limiter, log, name)
  t.equal(clock.pending, 1)
  await clock.advance(999)
  await idle()
  t.strictSame(log, [])
  await clock.advance(1)
  await idle()
  t.strictSame(log, ['a', 'b'])
  t.equal(clock.pending, 0)
})

t.test('a pause that grows while somebody waits holds', async t => {
  const log: string[] = []
  const clock = createManualClock()
  const limiter = createLimiter({ clock })
  limiter.pause(100)
  enter(limiter, log, 'a')
  limiter.pause(300)
  await clock.advance(299)
  await idle()
  t.strictSame(log, [])
  await clock.advance(1)
  await idle()
  t.strictSame(log, ['a'])
})

t.test('an aborted wait leaves no timer', async t => {
  const clock = createManualClock()
  const abort = new AbortController()
  const limiter = createLimiter({ clock })
  limiter.pause(1_000)
  const log: string[] = []
  enter(limiter, log, 'a', abort.signal)
  abort.abort(new Error('stop'))
  await idle()
  t.strictSame(log, ['a: stop'])
  t.equal(clock.pending, 0)
})
