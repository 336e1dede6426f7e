import { Buffer } from 'node:buffer'
import t from 'tap'
import { headOf } from '../../../lib/util/utf8.ts'

t.test('a head fills its bytes and cuts no code point', async t => {
  for (const [text, maxBytes, expected] of [
    ['', 0, ''],
    ['', 10, ''],
    ['abc', 0, ''],
    ['abc', 2, 'ab'],
    ['abc', 3, 'abc'],
    ['abc', 4, 'abc'],
    ['é!', 1, ''],
    ['é!', 2, 'é'],
    ['限流', 2, ''],
    ['限流', 3, '限'],
    ['限流', 5, '限'],
    ['限流', 6, '限流'],
    ['😀!', 3, ''],
    ['😀!', 4, '😀'],
    ['a😀', 4, 'a'],
    ['a😀', 5, 'a😀']
  ] as const) {
    const head = headOf(text, maxBytes)
    t.equal(head, expected, `${JSON.stringify(text)} in ${maxBytes} bytes`)
    t.ok(Buffer.byteLength(head) <= maxBytes)
  }
})

t.test('a head may be longer than a frame', async t => {
  const text = '限'.repeat(10_000)
  for (const bytes of [20_480, 20_481, 20_482, 25_000]) t.equal(headOf(text, bytes).length, Math.floor(bytes / 3), `${bytes} bytes`)
})
