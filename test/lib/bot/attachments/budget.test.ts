import t from 'tap'
import { createMediaBudget, mediaLimits, MediaPool } from '../../../../lib/bot/attachments/budget.ts'
import type { FileBudget, MediaLimits } from '../../../../lib/bot/attachments/budget.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { idle } from '../../../fixtures/waiting.ts'

const LIMITS: MediaLimits = { file: 100, message: 200, sender: 300, total: 500 }
const never = new AbortController().signal

function setUp (limits = LIMITS) {
  const clock = createManualClock()
  const pool = new MediaPool()
  return { clock, pool, budgetFor: createMediaBudget({ pool, limits, clock }) }
}

/** How a wait stands. */
function watch (waiting: Promise<void>): { outcome: string } {
  const watched = { outcome: 'waits' }
  waiting.then(() => { watched.outcome = 'has room' }, error => { watched.outcome = error.reason ?? error.message })
  return watched
}

t.test('a limit is never below what one file, one message or one sender may have', async t => {
  const mib = (count: number): number => count * 1024 * 1024
  const limitsOf = (file: number, message: number, total: number): MediaLimits => mediaLimits({
    WECOM_MEDIA_MAX_BYTES: file, WECOM_MEDIA_MESSAGE_MAX_BYTES: message, WECOM_MEDIA_TOTAL_MAX_BYTES: total
  })
  t.strictSame(limitsOf(mib(20), mib(40), mib(256)), { file: mib(20), message: mib(40), sender: mib(64), total: mib(256) })
  t.strictSame(limitsOf(50, 40, 45), { file: 50, message: 50, sender: 50, total: 50 })
  t.strictSame(limitsOf(1, 1, 7), { file: 1, message: 1, sender: 1, total: 7 })
})

t.test('what is taken counts for the message, the sender and all, until the turn is over', async t => {
  const { budgetFor, pool } = setUp()
  const message = budgetFor('u')
  const file = message.file()
  t.equal(file.take(60), 60)
  t.equal(file.take(60), 60, 'asked again, it is counted once')
  t.equal(file.take(80), 80)
  t.equal(file.take(10), 10, 'what it has is not taken from it')
  t.equal(pool.bytes, 80)
  file.keep(70)
  t.equal(pool.bytes, 70, 'what it did not need is free')
  t.strictSame([...pool.bytesOf], [['u', 70]])
  t.equal(message.file().take(131), undefined)
  t.equal(message.file().take(130), 130)
  message.release()
  t.equal(pool.bytes, 0)
  t.equal(pool.bytesOf.size, 0)
})

t.test('nobody takes more than a sender may have, and all together no more than there is', async t => {
  const { budgetFor, pool } = setUp()
  for (const sender of ['a', 'b']) {
    t.equal(budgetFor(sender).file().take(100), 100)
    t.equal(budgetFor(sender).file().take(100), 100)
  }
  t.equal(budgetFor('a').file().take(100), 100)
  t.equal(budgetFor('a').file().take(1), undefined)
  t.equal(budgetFor('b').file().take(1), undefined)
  t.equal(budgetFor().file().take(1), undefined)
  t.equal(pool.bytes, 500)
})

t.test('messages without a sender are those of one', async t => {
  const { budgetFor } = setUp()
  for (const size of [100, 100, 100]) t.equal(budgetFor().file().take(size), size)
  t.equal(budgetFor(undefined).file().take(1), undefined)
})

t.test('a file of unknown size may have what a file may have, and what is left of its message', async t => {
  const { budgetFor } = setUp({ ...LIMITS, message: 130 })
  const message = budgetFor('u')
  const first = message.file()
  t.equal(first.take(undefined), 100)
  const second = message.file()
  t.equal(second.take(undefined), undefined)
  const waiting = watch(second.wait(undefined, never))
  first.keep(40)
  await idle()
  t.equal(waiting.outcome, 'has room')
  t.equal(second.take(undefined), 90)
  second.keep(90)
  t.equal(message.file().take(undefined), 0, 'only an empty one has room')
})

t.test('a file that turns out larger than it was said to be needs room for that', async t => {
  const { budgetFor, pool } = setUp()
  const message = budgetFor('u')
  const [first, second] = [message.file(), message.file()]
  t.equal(first.take(100), 100)
  t.equal(second.take(90), 90)
  second.keep(100)
  t.equal(pool.bytes, 200)
  const third = message.file()
  t.equal(third.take(0), 0)
  t.throws(() => third.keep(1), { code: 'WECOM_ERR_MEDIA', message: /larger together than WECOM_MEDIA_MESSAGE_MAX_BYTES/ })
})

t.test('a message waits for its own files that are not there yet, and no longer than that', async t => {
  const { budgetFor, clock } = setUp()
  const message = budgetFor('u')
  const [first, second, third, fourth] = Array.from({ length: 4 }, () => message.file()) as [FileBudget, FileBudget, FileBudget, FileBudget]
  first.take(100)
  second.take(100)
  const waits = [watch(third.wait(100, never)), watch(fourth.wait(60, never))]
  await idle()
  t.strictSame(waits.map(({ outcome }) => outcome), ['waits', 'waits'])
  first.keep(100)
  await idle()
  t.strictSame(waits.map(({ outcome }) => outcome), ['waits', 'waits'], 'the second may fail yet')
  second.keep(50)
  await idle()
  t.strictSame(waits.map(({ outcome }) => outcome), ['TOO_LARGE', 'TOO_LARGE'], 'nothing of the message goes before its end')
  t.equal(clock.pending, 0)

  const other = budgetFor('v')
  const failing = other.file()
  failing.take(100)
  other.file().take(100)
  const waiting = watch(other.file().wait(100, never))
  failing.leave()
  failing.leave()
  await idle()
  t.equal(waiting.outcome, 'has room')
})

t.test('who waits is served in order, as far as there is room', async t => {
  const { budgetFor, pool } = setUp({ file: 100, message: 100, sender: 100, total: 100 })
  const first = budgetFor('a')
  first.file().take(100)
  const waits = [['b', 70], ['c', 40], ['d', 30]].map(([sender, size]) => watch(budgetFor(String(sender)).file().wait(Number(size), never)))
  first.release()
  await idle()
  t.strictSame(waits.map(({ outcome }) => outcome), ['has room', 'waits', 'has room'])
  t.equal(pool.bytes, 100)
})

t.test('a file waits for a minute in all, however often', async t => {
  const { budgetFor, clock } = setUp({ file: 100, message: 100, sender: 100, total: 100 })
  const first = budgetFor('a')
  first.file().take(90)
  const file = budgetFor('b').file()
  const once = watch(file.wait(20, never))
  await clock.advance(40_000)
  first.release()
  await idle()
  t.equal(once.outcome, 'has room')
  budgetFor('c').file().take(80)
  const again = watch(file.wait(30, never))
  await clock.advance(19_999)
  t.equal(again.outcome, 'waits')
  await clock.advance(1)
  t.equal(again.outcome, 'NO_ROOM')
  t.equal(clock.pending, 0)
})

t.test('who has no room for its own excess, and who for that of others', async t => {
  const { budgetFor, clock } = setUp({ file: 100, message: 100, sender: 150, total: 200 })
  budgetFor('a').file().take(100)
  budgetFor('b').file().take(90)
  const message = budgetFor('d')
  message.file().take(10)
  const waits = [
    watch(budgetFor('a').file().wait(51, never)),
    watch(budgetFor('c').file().wait(11, never)),
    watch(message.file().wait(91, never)),
    watch(budgetFor('c').file().wait(undefined, never))
  ]
  await clock.advance(60_000)
  t.strictSame(waits.map(({ outcome }) => outcome), ['TOO_LARGE', 'NO_ROOM', 'TOO_LARGE', 'NO_ROOM'])
})

t.test('an abort ends the wait, also one that was before it', async t => {
  const { budgetFor, clock, pool } = setUp()
  const message = budgetFor('u')
  message.file().take(100)
  message.file().take(100)
  const abort = new AbortController()
  const waiting = watch(message.file().wait(10, abort.signal))
  await idle()
  abort.abort(new Error('stopped'))
  await idle()
  t.equal(waiting.outcome, 'stopped')
  const later = watch(message.file().wait(10, abort.signal))
  await idle()
  t.equal(later.outcome, 'stopped')
  t.equal(pool.waiting.size, 0)
  t.equal(clock.pending, 0)
})

t.test('behind the end of its turn a file has no room', async t => {
  const { budgetFor, pool } = setUp()
  const message = budgetFor('u')
  const file = message.file()
  file.take(10)
  message.release()
  t.equal(file.take(10), undefined)
  t.throws(() => file.keep(10), /could not be had/)
  file.leave()
  t.equal(pool.bytes, 0)
})
