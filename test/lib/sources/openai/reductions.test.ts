import t from 'tap'
import { createReductions } from '../../../../lib/sources/openai/reductions.ts'
import type { HistoryTurn, Turn } from '../../../../lib/sources/source.ts'

const turnsOf = (count: number): HistoryTurn[] => Array.from({ length: count }, (_, index) => ({ prompt: `q${index}`, reply: `a${index}` }))
const turnWith = (more: Partial<Turn>): Turn => ({ prompt: 'hi', deadline: 1, ...more })
const picture = { kind: 'image' as const, type: 'image/png', size: 1, data: 'AA==' }
const file = { kind: 'file' as const, type: 'text/plain', size: 1, data: 'AA==' }

t.test('a refused history is asked with by its newer half, then not at all, and then nothing helps', async t => {
  const history = turnsOf(5)
  const reductions = createReductions(turnWith({ history }))
  t.equal(reductions.historyUsed, undefined)
  t.equal(reductions.reduce('history'), 'the older turns')
  t.strictSame([reductions.historyUsed, reductions.turn.history], [3, history.slice(2)])
  t.equal(reductions.reduce('history'), 'all earlier turns')
  t.strictSame([reductions.historyUsed, reductions.turn.history], [0, []])
  t.equal(reductions.reduce('history'), undefined)
})

t.test('a history of one turn is left out at once, and without one nothing helps', async t => {
  const one = createReductions(turnWith({ history: turnsOf(1) }))
  t.equal(one.reduce('history'), 'all earlier turns')
  t.equal(one.historyUsed, 0)
  t.equal(createReductions(turnWith({})).reduce('history'), undefined)
})

t.test('refused pictures are left out once, if there are any, also those of a quotation', async t => {
  for (const turn of [turnWith({ attachments: [file, picture] }), turnWith({ quote: { attachments: [picture] } })]) {
    const reductions = createReductions(turn)
    t.equal(reductions.pictures, true)
    t.equal(reductions.reduce('pictures'), 'pictures')
    t.equal(reductions.pictures, false)
    t.equal(reductions.reduce('pictures'), undefined)
  }
  for (const turn of [turnWith({}), turnWith({ attachments: [file, { kind: 'image', lost: 'BROKEN' }] })]) {
    t.equal(createReductions(turn).reduce('pictures'), undefined)
  }
})
