import t from 'tap'
import { Watchdog } from '../../../lib/streams/watchdog.ts'
import { createManualClock } from '../../fixtures/clock.ts'

/** A watchdog with its deadline after 1000 ms, and what it reported with the time of it. */
function watch ({ firstTokenTimeoutMs = 300, idleTimeoutMs = 200, deadlineMs = 1000 } = {}) {
  const clock = createManualClock(0)
  const late: string[] = []
  const watchdog = new Watchdog(clock, { firstTokenTimeoutMs, idleTimeoutMs }, deadlineMs, reason => late.push(`${reason} ${clock.now()}`))
  return { clock, late, watchdog }
}

t.test('the deadline counts from the beginning, whether the source is started or not', async t => {
  const { clock, late } = watch()
  await clock.advance(999)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['DEADLINE 1000'])
  t.equal(clock.pending, 0)
})

t.test('a deadline that is over already fires at once', async t => {
  const { clock, late } = watch({ deadlineMs: -5 })
  await clock.advance(0)
  t.strictSame(late, ['DEADLINE 0'])
})

t.test('the first token is waited for from the start of the source', async t => {
  const { clock, late, watchdog } = watch()
  await clock.advance(50)
  watchdog.sourceStarted()
  await clock.advance(299)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['FIRST_TOKEN 350'])
  t.equal(clock.pending, 0)
})

t.test('after the first token each silence is measured anew', async t => {
  for (const [firstTokenTimeoutMs, idleTimeoutMs] of [[300, 200], [200, 300], [300, 300]] as const) {
    const { clock, late, watchdog } = watch({ firstTokenTimeoutMs, idleTimeoutMs })
    watchdog.sourceStarted()
    await clock.advance(100)
    watchdog.progress()
    await clock.advance(idleTimeoutMs - 1)
    watchdog.progress()
    await clock.advance(idleTimeoutMs - 1)
    t.strictSame(late, [])
    await clock.advance(1)
    t.strictSame(late, [`IDLE ${100 + 2 * idleTimeoutMs - 1}`], `first token ${firstTokenTimeoutMs} ms, idle ${idleTimeoutMs} ms`)
    t.equal(clock.pending, 0)
  }
})

t.test('a silence after an early first token is not noticed later because the first token had more time', async t => {
  const { clock, late, watchdog } = watch({ firstTokenTimeoutMs: 900, idleTimeoutMs: 100 })
  watchdog.sourceStarted()
  await clock.advance(10)
  watchdog.progress()
  await clock.advance(99)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['IDLE 110'])
})

t.test('progress never moves the deadline', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.sourceStarted()
  for (let i = 0; i < 9; i++) {
    await clock.advance(111)
    watchdog.progress()
  }
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['DEADLINE 1000'])
})

t.test('where a silence and the deadline are due together, it is the deadline', async t => {
  const { clock, late, watchdog } = watch({ firstTokenTimeoutMs: 1000 })
  watchdog.sourceStarted()
  await clock.advance(1000)
  t.strictSame(late, ['DEADLINE 1000'])
})

t.test('there is one timer at a time, and a piece costs none', async t => {
  const { clock, watchdog } = watch()
  t.equal(clock.pending, 1)
  watchdog.sourceStarted()
  t.equal(clock.pending, 1)
  for (let i = 0; i < 100; i++) {
    watchdog.progress()
    t.equal(clock.pending, 1)
  }
  const setTimeout = clock.setTimeout
  clock.setTimeout = () => { throw new Error('a timer was set') }
  watchdog.progress()
  clock.setTimeout = setTimeout
  watchdog.stop()
  t.equal(clock.pending, 0)
})

t.test('a hold stops the clock of the first token, which begins anew after it', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.sourceStarted()
  await clock.advance(299)
  const release = watchdog.hold()
  await clock.advance(400)
  t.strictSame(late, [])
  release()
  await clock.advance(299)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['FIRST_TOKEN 999'])
})

t.test('a hold stops the idle clock, also one that begins before the first token', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.sourceStarted()
  const release = watchdog.hold()
  watchdog.progress()
  await clock.advance(500)
  t.strictSame(late, [])
  release()
  await clock.advance(199)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['IDLE 700'])
})

t.test('holds overlap, and one that is released twice counts once', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.sourceStarted()
  const first = watchdog.hold()
  const second = watchdog.hold()
  await clock.advance(100)
  first()
  first()
  await clock.advance(500)
  t.strictSame(late, [], 'the second still holds')
  second()
  await clock.advance(100)
  first()
  await clock.advance(199)
  t.strictSame(late, [], 'the silence is measured from the last release')
  await clock.advance(1)
  t.strictSame(late, ['FIRST_TOKEN 900'], 'and a repeated release does not prolong it')
})

t.test('a hold does not stop the deadline, and releasing it afterwards sets no timer', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.sourceStarted()
  const release = watchdog.hold()
  await clock.advance(999)
  t.strictSame(late, [])
  await clock.advance(1)
  t.strictSame(late, ['DEADLINE 1000'])
  release()
  await clock.advance(5000)
  t.strictSame(late, ['DEADLINE 1000'])
  t.equal(clock.pending, 0)
})

t.test('nothing sets a timer or reports after a stop', async t => {
  const { clock, late, watchdog } = watch()
  const release = watchdog.hold()
  watchdog.stop()
  watchdog.stop()
  watchdog.sourceStarted()
  watchdog.progress()
  watchdog.hold()()
  release()
  t.equal(clock.pending, 0)
  await clock.advance(5000)
  t.strictSame(late, [])
})

t.test('a timer that fires early is set anew', async t => {
  const { clock, late, watchdog } = watch()
  watchdog.stop()
  const real = clock.setTimeout
  let timers = 0
  clock.setTimeout = (callback, ms) => {
    timers++
    return real(callback, Math.ceil(ms / 2))
  }
  const dog = new Watchdog(clock, { firstTokenTimeoutMs: 300, idleTimeoutMs: 200 }, 1000, reason => late.push(`${reason} ${clock.now()}`))
  dog.sourceStarted()
  await clock.advance(299)
  t.strictSame(late, [])
  t.ok(timers > 2)
  await clock.advance(1)
  t.strictSame(late, ['FIRST_TOKEN 300'])
  t.equal(clock.pending, 0)
})
