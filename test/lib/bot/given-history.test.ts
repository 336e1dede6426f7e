import t from 'tap'
import { idsOfGiven } from '../../../lib/bot/given-history.ts'
import type { HistoryTurn } from '../../../lib/sources/source.ts'

const said = (...words: string[]): HistoryTurn[] => words.map(word => ({ prompt: word, reply: `re ${word}` }))

const remembered = { generation: 1, turns: said('a', 'b', 'b', 'c'), ids: ['1', '2', '3', '4'] }

t.test('turns that a source is given are found again in the history, whatever a hook has made of them', async t => {
  const rows: Array<[what: string, history: HistoryTurn[], ids: Array<string | undefined>]> = [
    ['as they are', remembered.turns, ['1', '2', '3', '4']],
    ['copies', structuredClone(remembered.turns), ['1', '2', '3', '4']],
    ['other words in their place', said('x', 'y', 'z', 'c'), ['1', '2', '3', '4']],
    ['the newest ones', said('b', 'c'), ['2', '4']],
    ['two that say the same', said('b', 'b', 'c'), ['2', '3', '4']],
    ['more than there were of them', said('b', 'b', 'b'), ['2', '3', undefined]],
    ['a summary in front of them', said('summary', 'b', 'c'), [undefined, '2', '4']],
    ['others in front of all', said('x', 'y', 'a', 'b', 'b', 'c'), [undefined, undefined, '1', '2', '3', '4']],
    ['none of them', said('x'), [undefined]],
    ['one whose answer was changed', [{ prompt: 'a', reply: 'changed' }], [undefined]]
  ]
  for (const [what, history, ids] of rows) t.strictSame(idsOfGiven(remembered, { history }), ids, what)
})

t.test('what is no history has no ids', async t => {
  t.strictSame(idsOfGiven(remembered, {}), [])
  for (const history of [null, 'a', { length: 4 }]) t.strictSame(idsOfGiven(remembered, { history } as never), [])
  t.strictSame(idsOfGiven(remembered, { history: [null, undefined, 5] } as never), [undefined, undefined, undefined])
})
