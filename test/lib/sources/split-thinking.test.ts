import fc from 'fast-check'
import t from 'tap'
import type { ReplyPart } from '../../../lib/sources/source.ts'
import { splitThinking } from '../../../lib/sources/split-thinking.ts'
import { throwing, yielding } from '../../fixtures/sources.ts'

type Piece = string | ReplyPart

const END: ReplyPart = { type: 'end', reason: 'stop' }
const thought = (text: string): ReplyPart => ({ type: 'reasoning', text })
const answer = (...pieces: Piece[]): AsyncIterable<Piece> => yielding(...pieces)(undefined as never, undefined as never)
const broken = (error: unknown, ...pieces: string[]): AsyncIterable<Piece> =>
  throwing(error, ...pieces)(undefined as never, undefined as never)

async function split (pieces: AsyncIterable<Piece>, opened = false, seen: Piece[] = []): Promise<Piece[]> {
  for await (const piece of splitThinking(pieces, { opened })) seen.push(piece)
  return seen
}

t.test('thinking in the text becomes reasoning parts, wherever it is cut', async t => {
  t.strictSame(await split(answer('<think>hm</think>hi', END)), [thought('hm'), 'hi', END])
  t.strictSame(await split(answer('<th', 'ink>h', 'm</thi', 'nk>\n\nhi', END)), [thought('h'), thought('m'), 'hi', END])
  t.strictSame(await split(answer('hi', ' there', END)), ['hi', ' there', END])
  t.strictSame(await split(answer()), [])
})

t.test('where the template opens the thinking, the answer begins with it', async t => {
  t.strictSame(await split(answer('hm</think>hi', END), true), [thought('hm'), 'hi', END])
  t.strictSame(await split(answer('hm', END), true), [thought('hm'), END])
})

t.test('parts pass as they are', async t => {
  const parts: ReplyPart[] = [
    thought('<think>'), { type: 'image', data: 'x' }, { type: 'end', reason: 'length', usage: { inputTokens: 1 } }
  ]
  const split_ = await split(answer(...parts))
  t.strictSame(split_, parts)
  for (const [index, part] of parts.entries()) t.equal(split_[index], part)
})

t.test('what is held back comes before the end', async t => {
  t.strictSame(await split(answer('a\n<thi', END)), ['a\n', '<thi', END])
  t.strictSame(await split(answer('<think>hm</', END)), [thought('hm'), thought('</'), END])
})

t.test('what is held back comes out of an answer that just returns', async t => {
  t.strictSame(await split(answer('a\n<thi')), ['a\n', '<thi'])
  t.strictSame(await split(answer('<think>hm</th')), [thought('hm'), thought('</th')])
})

t.test('what is held back comes out of an answer that fails, and then the error', async t => {
  const error = new Error('broken')
  const seen: Piece[] = []
  await t.rejects(split(broken(error, 'a\n<thi'), false, seen), error)
  t.strictSame(seen, ['a\n', '<thi'])
})

t.test('who leaves early closes the answer, and is given nothing more', async t => {
  let closed = 0
  async function * pieces (): AsyncGenerator<string> {
    try {
      yield 'a\n<thi'
      t.fail('nobody asks for more')
    } finally {
      closed++
    }
  }
  const iterator = splitThinking(pieces(), { opened: false })
  t.strictSame(await iterator.next(), { done: false, value: 'a\n' })
  t.strictSame(await iterator.return(undefined), { done: true, value: undefined })
  t.equal(closed, 1)
})

t.test('without tags, the text comes out as it went in, however it ends', async () => {
  await fc.assert(fc.asyncProperty(fc.array(
    fc.string({ unit: fc.constantFrom('<', '/', 't', 'h', '\n', '`', ' ', '限') })
  ), fc.boolean(), async (pieces, ended) => {
    const out = await split(answer(...pieces, ...(ended ? [END] : [])))
    return out.filter(piece => typeof piece === 'string').join('') === pieces.join('')
  }))
})

t.test('a sign of life passes', async t => {
  async function * pieces () { yield 'a'; yield ''; yield 'b' }
  const passed: unknown[] = []
  for await (const piece of splitThinking(pieces(), { opened: false })) passed.push(piece)
  t.strictSame(passed, ['a', '', 'b'])
})
