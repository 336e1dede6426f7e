import t from 'tap'
import { createIdentifierFilter } from '../../../../lib/sources/openai/identifier.ts'

t.test('identifiers pass, prose and keys do not', async t => {
  const identifier = createIdentifierFilter('a.secret.of.no.known-shape')
  for (const value of ['rate_limit_exceeded', 'req_0-1.2:3', 'a'.repeat(64), 429, 0]) t.equal(identifier(value), value)
  for (const value of [
    '', 'two words', 'a'.repeat(65), '限流', 'sk-abcdef', 'x:sk-abcdef', null, undefined, {}, ['a'], true, NaN, Infinity
  ]) {
    t.equal(identifier(value), undefined, String(value))
  }
  t.equal(identifier('id:a.secret.of.no.known-shape'), undefined)
})
