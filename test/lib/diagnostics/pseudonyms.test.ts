import t from 'tap'
import { createPseudonyms } from '../../../lib/diagnostics/pseudonyms.ts'

t.test('an id is 16 hex digits, the same with the same secret alone', async t => {
  const [one, same, other] = [createPseudonyms('secret'), createPseudonyms('secret'), createPseudonyms('other')]
  t.match(one('li'), /^[0-9a-f]{16}$/)
  t.equal(one('li'), same('li'))
  t.equal(one('li'), 'ea1055d716a5a79b', 'other versions of the package agree')
  t.not(one('li'), one('wang'))
  t.not(one('li'), other('li'))
  t.equal(one(undefined), undefined)
})
