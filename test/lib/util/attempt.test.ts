import t from 'tap'
import { attempt } from '../../../lib/util/attempt.ts'

t.test('an attempt returns what is read, or undefined if that throws', async t => {
  t.equal(attempt(() => 5), 5)
  t.equal(attempt(() => { throw new Error('no') }), undefined)
})
