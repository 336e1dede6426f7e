import t from 'tap'
import { systemClock, wallClock } from '../../../lib/util/clock.ts'

const keepingAlive = (): number => process.getActiveResourcesInfo().filter(type => type === 'Timeout').length

t.test('it tells the time of day, in milliseconds', async t => {
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1000)
})

t.test('it never runs backwards, and a corrected system time does not move it', async t => {
  const { now } = Date
  t.teardown(() => { Date.now = now })
  const before = systemClock.now()
  Date.now = () => 0
  for (let last = before, i = 0; i < 1000; i++) {
    const time = systemClock.now()
    if (time < last) t.fail('it ran backwards')
    last = time
  }
  t.ok(systemClock.now() - before < 60_000)
})

t.test('the clock on the wall follows the system time', async t => {
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => 5
  t.equal(wallClock.now(), 5)
})

t.test('a timer fires once, after its time', async t => {
  let calls = 0
  const before = systemClock.now()
  await new Promise<void>(resolve => systemClock.setTimeout(() => { calls++; resolve() }, 20))
  t.ok(systemClock.now() - before >= 18)
  await new Promise(resolve => setTimeout(resolve, 40))
  t.equal(calls, 1)
})

t.test('a cancelled timer does not fire, however often it is cancelled, before or after', async t => {
  let calls = 0
  const cancel = systemClock.setTimeout(() => calls++, 1)
  cancel()
  cancel()
  await new Promise<void>(resolve => {
    const late = systemClock.setTimeout(() => {
      late()
      resolve()
    }, 10)
  })
  t.equal(calls, 0)
})

t.test('a background timer does not keep the process alive, any other does', async t => {
  const before = keepingAlive()
  const cancels = [
    systemClock.setTimeout(() => {}, 60_000, { background: true }),
    systemClock.setTimeout(() => {}, 60_000, { background: false }),
    systemClock.setTimeout(() => {}, 60_000, {}),
    systemClock.setTimeout(() => {}, 60_000)
  ]
  t.equal(keepingAlive(), before + 3)
  for (const cancel of cancels) cancel()
  t.equal(keepingAlive(), before)
})
