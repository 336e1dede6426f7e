import t from 'tap'
import { readPiece } from '../../../lib/sources/piece.ts'

t.test('well-formed parts are read', async t => {
  t.strictSame(readPiece({ type: 'reasoning', text: 'hm', more: 1 }), { type: 'reasoning', text: 'hm' })
  for (const part of [{ type: 'end', reason: 'stop' }, {
    type: 'end', reason: 'length', usage: { inputTokens: 1, outputTokens: 2 }
  }, { type: 'image', data: 'AAAA' }, { type: 'image' }, { type: 'card', card: {} }, { type: 'card' }]) {
    t.strictSame(readPiece(part), part)
  }
})

t.test('anything else is no piece', async t => {
  for (const yielded of [
    undefined, null, 7, true, Symbol('x'), () => 'a', [], ['a'], {}, Buffer.from(
      'a'
    ), new String('a'), // eslint-disable-line no-new-wrappers
    { type: 'text', text: 'a' }, { type: 'reasoning' }, { type: 'reasoning', text: 7 }, { type: 'end' }, {
      type: 'end', reason: 'error'
    }, { type: 'oops' }
  ]) t.equal(readPiece(yielded), undefined)
})

t.test('of the usage nothing but its numbers is read', async t => {
  const end = (usage: unknown) => readPiece({ type: 'end', reason: 'stop', usage })
  t.strictSame(
    end({ inputTokens: 1, outputTokens: 2, raw: 'a prompt' }), { type: 'end', reason: 'stop', usage: { inputTokens: 1, outputTokens: 2 } }
  )
  t.strictSame(end({ inputTokens: '1', outputTokens: 2 }), { type: 'end', reason: 'stop', usage: { outputTokens: 2 } })
  for (const usage of [{}, null, undefined, 'text', { inputTokens: 'a prompt' }]) t.strictSame(end(usage), { type: 'end', reason: 'stop' })
})

t.test('how much of the history was used is a count, or not told', async t => {
  for (const historyUsed of [0, 3]) {
    t.strictSame(readPiece({ type: 'end', reason: 'stop', historyUsed }), { type: 'end', reason: 'stop', historyUsed })
  }
  for (const historyUsed of [-1, 1.5, '3', null]) {
    t.strictSame(readPiece({ type: 'end', reason: 'stop', historyUsed }), { type: 'end', reason: 'stop' })
  }
})
