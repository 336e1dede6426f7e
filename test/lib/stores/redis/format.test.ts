import t from 'tap'
import {
  claimKey, countKeys, factKey, hashTag, historyKeys, idOfTurn, lookKey, queueKeys, streamKeys, turnOf, turnText
} from '../../../../lib/stores/redis/format.ts'

t.test('a hash tag is as long as an id, or a digest, and no two names share one', t => {
  const id = '0123456789abcdef'.repeat(2)
  t.equal(hashTag(id), `{${id}}`)
  const names = ['', 'a', `${id}0`, id.toUpperCase(), '{a}', '}', hashTag('').slice(1, -1), 'x'.repeat(100_000)]
  for (const name of names) t.match(hashTag(name), /^\{[\da-f]{64}\}$/)
  t.equal(new Set(names.map(hashTag)).size, names.length)
  t.end()
})

t.test('keys stand where every version looks for them, those of one script in one slot', async t => {
  const id = '0123456789abcdef0123456789abcdef'
  const tag = `{${id}}`
  t.strictSame(streamKeys('w:', id), [`w:s:${tag}`, `w:s:${tag}:c`, `w:s:${tag}:r`, `w:s:${tag}:n`, `w:s:${tag}:w`])
  t.equal(claimKey('w:', id), `w:m:${tag}`)
  t.strictSame(queueKeys('w:', id), [`w:l:${tag}`, `w:l:${tag}:e`])
  t.strictSame(historyKeys('w:', id), [`w:h:${tag}`, `w:h:${tag}:t`])
  t.equal(factKey('w:', id), `w:f:${tag}`)
  t.strictSame(countKeys('w:', id, 'once'), [`w:n:${tag}`, `w:n:${tag}:once`])
  t.equal(lookKey('w:', `w:s:${tag}:c`), `w:p:${tag}`)
  t.equal(lookKey('w:', 'undefined'), 'w:p:{p}')
})

t.test('a turn is its bytes, an id and JSON', async t => {
  const turn = { prompt: '你: {', reply: '}:' }
  const text = turnText(turn, 'abc')
  t.equal(text, '8:abc:{"prompt":"你: {","reply":"}:"}')
  t.equal(idOfTurn(text), 'abc')
  t.strictSame(turnOf(text), turn)
})
