import t from 'tap'
import { historyNoteOf, historyUseOf, turnsIn } from '../../../lib/streams/history-use.ts'
import { SourceError } from '../../../lib/util/errors.ts'

t.test('the turns of a history are counted, and what is none counts as none', async t => {
  t.equal(turnsIn({ history: [1, 2] }), 2)
  for (const history of [undefined, null, 'three', 5, {}, { length: 3 }]) t.equal(turnsIn({ history }), 0)
})

t.test('a source that used all of its history, or more, or does not say, has left nothing out', async t => {
  for (const [given, used] of [[3, 3], [3, 4], [0, 0], [3, undefined]] as const) t.equal(historyUseOf(given, used), undefined)
  t.strictSame(historyUseOf(3, 2), { given: 3, used: 2 })
  t.strictSame(historyUseOf(1, 0), { given: 1, used: 0 })
})

t.test('only an answer without any of the history says so, and only a refusal before any text names the history', async t => {
  const refused = new SourceError({ class: 'FILTERED', historyRefused: true })
  const note = (more: Partial<Parameters<typeof historyNoteOf>[0]>) =>
    historyNoteOf({ given: 2, use: undefined, error: undefined, hasText: false, ...more })
  t.equal(note({ use: { given: 2, used: 0 }, hasText: true }), 'left-out')
  t.equal(note({ use: { given: 2, used: 1 } }), undefined)
  t.equal(note({}), undefined)
  t.equal(note({ error: refused }), 'refused')
  t.equal(note({ error: refused, hasText: true }), undefined)
  t.equal(note({ error: refused, given: 0 }), undefined)
  t.equal(note({ error: new SourceError({ class: 'FILTERED' }) }), undefined)
  t.equal(note({ error: Object.assign(new SourceError({ class: 'FILTERED' }), { historyRefused: 'yes' }) }), undefined)
  t.equal(note({ error: { historyRefused: true } }), undefined)
  t.equal(note(
    { error: Object.defineProperty(new SourceError({ class: 'BUSY' }), 'historyRefused', { get () { throw new Error('mine') } }) }
  ), undefined)
})
