import { getEventListeners } from 'node:events'
import t from 'tap'
import { createMockSource } from '../../../lib/sources/mock.ts'
import type { MockOptions } from '../../../lib/sources/mock.ts'
import type { SourceContext } from '../../../lib/sources/source.ts'
import { SourceError } from '../../../lib/util/errors.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { idle } from '../../fixtures/waiting.ts'

const HELLO = ['Q: hi\n', 'Hello', ' ', 'world', '!', ' ', 'This ', 'is ', 'a ', 'stream.']

/** Reads a mock in the background. */
function read (options: MockOptions) {
  const clock = createManualClock()
  const abort = new AbortController()
  const context: SourceContext = { signal: abort.signal, log: createLog(), untimed: work => work }
  const pieces: unknown[] = []
  const over = (async () => {
    for await (const piece of createMockSource({ clock, ...options })({ prompt: 'hi', deadline: 0 }, context)) pieces.push(piece)
  })()
  over.catch(() => {})
  return { clock, abort, pieces, over }
}

t.test('it echoes the prompt at once, then says hello, token by token, each after 500 ms', async t => {
  const { clock, pieces, over, abort } = read({})
  await idle()
  for (let count = 1; count < HELLO.length; count++) {
    await clock.advance(499)
    t.strictSame(pieces, HELLO.slice(0, count))
    await clock.advance(1)
    t.strictSame(pieces, HELLO.slice(0, count + 1))
  }
  await over
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(abort.signal, 'abort').length, 0)
})

t.test('without a delay it needs no time', async t => {
  const { clock, pieces, over } = read({ chunkDelayMs: 0 })
  await over
  t.strictSame(pieces, HELLO)
  t.equal(clock.pending, 0)
})

t.test('each chunk can have a delay of its own', async t => {
  const { clock, pieces, over } = read({ echo: false, chunks: ['a', 'b', 'c'], chunkDelayMs: index => index * 10 })
  await idle()
  t.strictSame(pieces, ['a'])
  await clock.advance(10)
  t.strictSame(pieces, ['a', 'b'])
  await clock.advance(19)
  t.strictSame(pieces, ['a', 'b'])
  await clock.advance(1)
  t.strictSame(pieces, ['a', 'b', 'c'])
  await over
})

t.test('other chunks and parts are said as they are', async t => {
  const chunks = [{ type: 'reasoning', text: 'hm' }, '\ud83d', '', { type: 'end', reason: 'length' }] as const
  const { pieces, over } = read({ chunks, chunkDelayMs: 0 })
  await over
  t.strictSame(pieces, ['Q: hi\n', ...chunks])
  const empty = read({ chunks: [], echo: false })
  await empty.over
  t.strictSame(empty.pieces, [])
})

t.test('it fails as it is told to, when everything has been said', async t => {
  const own = new Error('own')
  for (const failure of ['QUOTA', own] as const) {
    const { pieces, over } = read({ chunks: ['a'], chunkDelayMs: 0, failure })
    const error = await over.then(() => undefined, (thrown: unknown) => thrown)
    if (failure === own) t.equal(error, own)
    else t.match(error, new SourceError({ class: 'QUOTA' }))
    t.strictSame(pieces, ['Q: hi\n', 'a'])
  }
})

t.test('an abort ends its wait at once', async t => {
  const { clock, abort, pieces, over } = read({})
  await idle()
  t.equal(clock.pending, 1)
  abort.abort(new Error('stop'))
  await t.rejects(over, { message: 'stop' })
  t.strictSame(pieces, ['Q: hi\n'])
  t.equal(clock.pending, 0)
})

t.test('without a clock it goes by that of the system', async t => {
  const context: SourceContext = { signal: new AbortController().signal, log: createLog(), untimed: work => work }
  const started = performance.now()
  for await (const piece of createMockSource({ chunks: ['a'], chunkDelayMs: 20, echo: false })({ prompt: '', deadline: 0 }, context)) {
    t.equal(piece, 'a')
  }
  t.ok(performance.now() - started >= 18)
  t.type(createMockSource(), 'function')
})
