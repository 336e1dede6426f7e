import t from 'tap'
import type { Source, SourceContext } from '../../../lib/sources/source.ts'
import { pump } from '../../../lib/streams/pump.ts'
import type { PumpEnd } from '../../../lib/streams/pump.ts'
import { createLog } from '../../fixtures/log.ts'
import { closing, createHandSource, endless, returning, throwing, yielding } from '../../fixtures/sources.ts'
import { idle, until } from '../../fixtures/waiting.ts'

const turn = { prompt: 'hi', deadline: 0 }
const context: SourceContext = { signal: new AbortController().signal, log: createLog(), untimed: work => work }

/** Pumps a source; `accept` is told the pieces so far. */
function run (source: Source, accept: (pieces: unknown[]) => boolean = () => true) {
  const pieces: unknown[] = []
  const ends: PumpEnd[] = []
  const leave = pump(() => source(turn, context), piece => accept([...pieces, piece]) && pieces.push(piece) > 0, end => ends.push(end))
  return { pieces, ends, leave }
}

function runHand (accept?: (pieces: unknown[]) => boolean) {
  const hand = createHandSource()
  return { ...run(hand.source, accept), call: hand.call() }
}

t.test('pieces are handed on as they come, one at a time, then the end', async t => {
  const { call, pieces, ends } = runHand()
  await idle()
  t.equal(call.asked, 1)
  await call.push('a')
  t.strictSame(pieces, ['a'])
  t.equal(call.asked, 2)
  await call.push(7)
  t.strictSame(pieces, ['a', 7], 'of whatever type')
  t.strictSame(ends, [])
  await call.end()
  t.strictSame(ends, [{}])
  t.equal(call.asked, 3, 'nothing is read after the end')
})

t.test('a source is called at once', async t => {
  let calls = 0
  pump(() => { calls++; return yielding()(turn, context) }, () => true, () => {})
  t.equal(calls, 1)
  await idle()
  t.equal(calls, 1)
})

t.test('an empty source just ends', async t => {
  const { pieces, ends } = run(yielding())
  await idle()
  t.strictSame([pieces, ends], [[], [{}]])
})

t.test('a failure is handed on, before and after the first piece, also one that is no Error', async t => {
  for (const error of [new Error('x'), 'x', null, undefined]) {
    for (const before of [[], ['a']]) {
      const { pieces, ends } = run(throwing(error, ...before))
      await idle()
      t.strictSame(pieces, before)
      t.equal(ends.length, 1)
      t.ok('error' in (ends[0] as object))
      t.equal(ends[0]?.error, error)
    }
  }
})

t.test('a source that throws when it is called has failed', async t => {
  const error = new Error('x')
  const { ends } = run(() => { throw error })
  await idle()
  t.equal(ends[0]?.error, error)
})

t.test('what is no async iterable has failed', async t => {
  for (const value of [undefined, null, 7, 'text', {}, ['a'], { [Symbol.asyncIterator]: 7 }]) {
    const { pieces, ends } = run(returning(value))
    await idle()
    t.match(ends, [{ error: { name: 'TypeError', message: /async iterable/ } }])
    t.strictSame(pieces, [])
  }
})

t.test('an async function in place of a generator has failed with its own error, and leaves no unhandled rejection', async t => {
  const error = new Error('x')
  const { ends } = run(returning(Promise.reject(error)))
  await idle()
  t.equal(ends[0]?.error, error)

  const left = run(returning(Promise.reject(error)))
  left.leave()
  await idle()
  t.strictSame(left.ends, [])
})

t.test('an iterator that keeps no rules has failed', async t => {
  const broken = (next: unknown): Source => returning({ [Symbol.asyncIterator]: () => ({ next }) })
  for (const next of [() => undefined, async () => null, undefined]) {
    const { ends } = run(broken(next))
    await idle()
    t.match(ends, [{ error: TypeError }])
  }
  let count = 0
  const { pieces, ends } = run(broken(() => count++ < 2 ? { value: 'a' } : { done: true }))
  await idle()
  t.strictSame([pieces, ends], [['a', 'a'], [{}]], 'one without promises and without a return() will do')
})

t.test('accept ends the reading: the source is closed once, and nothing more is read', async t => {
  const { call, pieces, ends, leave } = runHand(pieces => pieces.length < 2)
  await call.push('a')
  await call.push('b')
  t.strictSame([pieces, ends], [['a'], [{}]])
  t.equal(call.asked, 2)
  t.equal(call.closes, 1)
  leave()
  await idle()
  t.equal(call.closes, 1)
})

t.test('a source that has ended or thrown is not closed, also when it is left afterwards', async t => {
  for (const finish of ['end', 'fail'] as const) {
    const { call, leave, ends } = runHand()
    await call[finish](new Error('x'))
    t.equal(ends.length, 1)
    leave()
    await idle()
    t.equal(call.closes, 0, finish)
  }
})

t.test('a source that is left is closed once, and says nothing any more', async t => {
  const steps = {
    push: (call: ReturnType<typeof runHand>['call']) => call.push('late'),
    end: (call: ReturnType<typeof runHand>['call']) => call.end(),
    fail: (call: ReturnType<typeof runHand>['call']) => call.fail(new Error('late'))
  }
  for (const [name, step] of Object.entries(steps)) {
    const { call, pieces, ends, leave } = runHand()
    await call.push('a')
    leave()
    leave()
    await idle()
    t.equal(call.closes, 1)
    await step(call)
    t.strictSame([pieces, ends], [['a'], []], `late ${name}`)
    t.equal(call.asked, 2)
    t.equal(call.closes, 1)
  }
})

t.test('a source that is left in the moment in which it is called is closed, and not read', async t => {
  const hand = createHandSource()
  const { leave, pieces } = run(hand.source)
  leave()
  await idle()
  t.equal(hand.call().asked, 0)
  t.equal(hand.call().closes, 1)
  t.strictSame(pieces, [])
})

t.test('a source is left from within accept', async t => {
  const hand = createHandSource()
  let accepted = 0
  const leave = pump(() => hand.source(turn, context), () => { accepted++; leave(); return true }, () => t.fail('it did not end'))
  await hand.call().push('a')
  await hand.call().push('b')
  t.equal(accepted, 1)
  t.equal(hand.call().asked, 1)
  t.equal(hand.call().closes, 1)
})

t.test('a return() that throws, rejects, hangs or is missing is nobody\'s concern', async t => {
  for (const close of [() => { throw new Error('x') }, async () => { throw new Error('x') }, () => new Promise(() => {}), undefined]) {
    for (const enough of [true, false]) {
      const { ends, leave } = run(closing(close as () => unknown), () => !enough)
      await idle()
      t.strictSame(ends, enough ? [{}] : [])
      leave()
      await idle()
      t.strictSame(ends, enough ? [{}] : [])
    }
  }
})

t.test('a generator runs its finally when it is closed', async t => {
  let closed = false
  const { leave } = run(async function * () {
    try { while (true) { yield 'a'; await idle() } } finally { closed = true }
  })
  await idle()
  leave()
  await idle()
  await idle()
  t.ok(closed)
})

t.test('a source that never waits leaves timers and sockets their turn', async t => {
  for (const piece of ['x', '']) {
    const { pieces, leave } = run(endless(piece))
    await until(() => pieces.length >= 64)
    leave()
    const count = pieces.length
    await idle()
    t.equal(pieces.length, count, 'left while it waited for its turn')
  }
  let between = 0
  const { ends } = run(yielding(...Array.from({ length: 64 * 3 }, () => 'x')))
  while (ends.length === 0) {
    await new Promise(setImmediate)
    between++
  }
  t.ok(between >= 3, `${between} turns of the loop`)
})
