import t from 'tap'
import { editsBetween, nearest } from '../../../lib/util/nearest.ts'

t.test('edits are counted', async t => {
  for (const [one, other, edits] of [
    ['', '', 0], ['token', 'token', 0], ['', 'abc', 3], ['abc', '', 3], ['tokn', 'token', 1], [
      'tokeen', 'token', 1
    ], ['tokem', 'token', 1], ['toekn', 'token', 2],
    ['kitten', 'sitting', 3], ['abc', 'xyz', 3]
  ] as const) t.equal(editsBetween(one, other), edits, `${one} ${other}`)
})

t.test('the nearest item is found by any of its keys, letter case aside', async t => {
  const items = [['model', 'openai.model'], ['maxRetries', 'openai.maxRetries'], ['node']]
  const find = (text: string, maxEdits: number): string | undefined => nearest(text, items, item => item, maxEdits)?.at(-1)
  t.equal(find('modle', 2), 'openai.model')
  t.equal(find('MAXRETRIES', 0), 'openai.maxRetries')
  t.equal(find('mode', 1), 'openai.model', 'the first of two that are as near')
  t.equal(find('nodes', 2), 'node')
  t.equal(find('openai.modl', 1), 'openai.model')
  t.equal(find('mod', 1), undefined, 'too far away')
  t.equal(nearest('a', [], () => [], 9), undefined)
})
