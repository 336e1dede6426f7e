import t from 'tap'
import { createId, hashOf } from '../../../lib/util/ids.ts'

t.test('an id is 32 lower-case hex digits, each time others', async t => {
  const ids = Array.from({ length: 1000 }, createId)
  t.ok(ids.every(id => /^[0-9a-f]{32}$/.test(id)))
  t.equal(new Set(ids).size, 1000)
})

t.test('a hash is the same for the same parts, and has a fixed length', async t => {
  t.equal(hashOf('a', 'b'), hashOf('a', 'b'))
  for (const parts of [[], [''], ['x'.repeat(100_000)], ['限流', '😀']]) t.match(hashOf(...parts), /^[0-9a-f]{64}$/)
})

t.test('parts that differ have hashes that differ, wherever they are cut', async t => {
  const lists = [[], [''], ['', ''], ['ab'], ['a', 'b'], ['b', 'a'], ['a', 'b', ''], ['a","b'], ['a,b'], ['a\u0000b'], ['A', 'b']]
  t.equal(new Set(lists.map(parts => hashOf(...parts))).size, lists.length)
})
