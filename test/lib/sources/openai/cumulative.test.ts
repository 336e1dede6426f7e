import t from 'tap'
import { createAdditions } from '../../../../lib/sources/openai/cumulative.ts'
import type { CumulativeDeltas } from '../../../../lib/sources/openai/cumulative.ts'

/** What becomes of an answer's deltas, what is left at its end included. */
function shown (mode: CumulativeDeltas, deltas: string[]): { text: string, verdict: string | undefined } {
  const additions = createAdditions(mode)
  const pieces = deltas.map(delta => additions.push(delta))
  return { text: [...pieces, additions.release()].join(''), verdict: additions.verdict }
}

t.test('deltas that each repeat the text so far become additions', async t => {
  t.strictSame(
    shown('auto', ['Hello,', 'Hello, you', 'Hello, you are', 'Hello, you are well']), { text: 'Hello, you are well', verdict: 'cumulative' }
  )
})

t.test('a cumulative answer may repeat itself, fall back, or go on with an addition', async t => {
  t.equal(shown('on', ['您好', '您好', '您好，再', '您好', '您好，再见']).text, '您好，再见')
  t.equal(shown('on', ['您好，再见', '！']).text, '您好，再见！')
})

t.test('deltas that only look alike are text as it is', async t => {
  for (const deltas of [['ha', 'haha', 'x'], ['1', '12', '123', '1234', 'y'], ['abcdefgh', 'abcdefghi', 'z']]) {
    t.equal(shown('auto', deltas).text, deltas.join(''), deltas.join(' '))
  }
  t.equal(shown('off', ['a', 'ab', 'abc', 'abcd']).text, 'aababcabcd')
})

t.test('what is held back is known, and given out when the wait is over', async t => {
  const additions = createAdditions('auto')
  t.equal(additions.push('您好，'), '您好，')
  t.equal(additions.push('您好，今天'), '')
  t.equal(additions.holds, true)
  t.equal(additions.release(), '您好，今天')
  t.equal(additions.holds, false)
})

t.test('the whole message at the end repeats nothing', async t => {
  const additions = createAdditions('auto')
  t.equal(additions.push('all'), 'all')
  t.equal(additions.push('all', true), '')
})

t.test('a message after deltas is all of them: what it has more of is shown, and what it has otherwise is not', async t => {
  for (const mode of ['auto', 'on', 'off'] as const) {
    const end = (deltas: string[], message: string): string => {
      const additions = createAdditions(mode)
      const pieces = [...deltas.map(delta => additions.push(delta)), additions.push(message, true)]
      return [...pieces, additions.release()].join('')
    }
    t.equal(end(['\n\na', 'b'], 'ab'), '\n\nab', 'trimmed')
    t.equal(end(['a', 'b'], 'abc'), 'abc', 'longer')
    t.equal(end(['a', 'b'], 'xy'), 'ab', 'another')
  }
  const additions = createAdditions('auto')
  const shown = [additions.push('您好'), additions.push('您好，再'), additions.push('您好，再见', true)]
  t.strictSame(shown, ['您好', '', '，再见'], 'what was held back is in it')
})

t.test('an answer of messages alone has them for deltas', async t => {
  const additions = createAdditions('auto')
  t.strictSame(['a', 'b', 'ab', 'c'].map(message => additions.push(message, true)), ['a', 'b', '', 'c'])
})
