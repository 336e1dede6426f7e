import t from 'tap'
import { prepareBy, prepareSource } from '../../../lib/sources/prepare.ts'
import { yielding } from '../../fixtures/sources.ts'

t.test('a source is prepared by what it was given for that', async t => {
  let prepared = 0
  const source = prepareBy(yielding('a'), async () => { prepared++ })
  t.equal(prepared, 0, 'nothing is loaded before somebody asks for it')
  await prepareSource(source)
  t.equal(prepared, 1)
})

t.test('what cannot be prepared rejects', async t => {
  const error = new Error('missing')
  await t.rejects(prepareSource(prepareBy(yielding('a'), async () => await Promise.reject(error))), error)
})

t.test('a source that has nothing to load is ready', async t => {
  await t.resolves(prepareSource(yielding('a')))
})
