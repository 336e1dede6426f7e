import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { headOf, stableHead } from '../../../lib/util/text-cuts.ts'

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

const MAX = 2000
const ZONE = 256
const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

const boundaries = (text: string): Set<number> => new Set([...Array.from(segmenter.segment(text), ({ index }) => index), text.length])
const bytes = (text: string): number => Buffer.byteLength(text)
const longestCluster = (text: string): number => Math.max(0, ...Array.from(segmenter.segment(text), ({ segment }) => bytes(segment)))

t.test('a text is whole as long as it keeps clear of the limit', async t => {
  t.equal(stableHead('', MAX), '')
  const text = 'x'.repeat(MAX - ZONE)
  t.equal(stableHead(text, MAX), text)
})

t.test('near the limit the last cluster is held back until it is certain', async t => {
  t.equal(stableHead('x'.repeat(MAX - ZONE + 1), MAX).length, MAX - ZONE)
  t.equal(stableHead('x'.repeat(MAX), MAX).length, MAX - 1)
  t.equal(stableHead('x'.repeat(MAX + 1), MAX).length, MAX)
  t.equal(stableHead('x'.repeat(3 * MAX), MAX).length, MAX)
})

t.test('a cluster that does not fit is left out whole', async t => {
  const head = 'x'.repeat(MAX - 20)
  for (const cluster of ['👨‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'e' + '\u0301'.repeat(20)]) {
    t.ok(bytes(cluster) > 20)
    t.equal(stableHead(`${head}${cluster}tail`, MAX), head, cluster)
  }
  t.equal(stableHead('x'.repeat(MAX - 1) + '\r\n', MAX), 'x'.repeat(MAX - 1), 'CRLF is one cluster')
  t.equal(stableHead('x'.repeat(MAX - 4) + '🇩🇪tail', MAX), 'x'.repeat(MAX - 4), 'a flag is one cluster')
})

t.test('a cluster that fits exactly stays whole', async t => {
  const family = '👨‍👩‍👧‍👦'
  const text = 'x'.repeat(MAX - bytes(family)) + family
  t.equal(stableHead(text + 'tail', MAX), text)
})

t.test('a cluster that spans the begin of the zone is shown as far as it has come, and never cut', async t => {
  const family = '👨‍👩‍👧‍👦'
  const head = 'x'.repeat(MAX - ZONE - 10)
  const grown = Array.from(family).map((_, index, points) => head + points.slice(0, index + 1).join(''))
  for (const text of grown) t.equal(stableHead(text, MAX), text)
  t.equal(stableHead(`${head}${family}y`, MAX), head + family, 'what follows it is held back')
})

t.test('a sign that is written before its letter stays with it', async t => {
  // U+0600 is one of the few that begin a cluster of plain text.
  const text = 'x'.repeat(MAX - ZONE - 2) + '\u0600a'
  t.equal(stableHead(text, MAX), text)
})

t.test('a cluster that is longer than the zone is cut at the limit, between code points', async t => {
  const zalgo = 'x'.repeat(MAX - ZONE - 10) + 'e' + '\u0301'.repeat(400)
  const head = stableHead(zalgo, MAX)
  t.ok(zalgo.startsWith(head))
  t.ok(bytes(head) <= MAX)
  t.ok(bytes(head) > MAX - 2)
  t.ok(bytes(stableHead('😀'.repeat(10) + '\u200d😀'.repeat(1000), MAX)) <= MAX, 'a chain of emoji without end')
})

t.test('a text of one cluster after the other without a plain spot is cut right, too', async t => {
  const flags = '🇩🇪'.repeat(600)
  t.equal(bytes(stableHead(flags, MAX)), Math.floor(MAX / 8) * 8)
  const shifted = 'x' + '🇩🇪'.repeat(600)
  t.equal(bytes(stableHead(shifted, MAX)), 1 + Math.floor((MAX - 1) / 8) * 8)
})

const PIECES = fc.constantFrom(
  'a', 'b ', '\r\n', '\n', '你', '好。', 'é', 'e\u0301', '\u0301', '\u0301\u0302\u0303', '😀', '👨‍👩‍👧‍👦', '\u200d', '🇩', '🇪',
  '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '❤️', '1️⃣',
  'क्षि', '\u094d', 'ਸ', 'ก็', 'กำ', '각', 'ᄀ', 'ᅡ', 'ᆨ', '\u0600', 'x̧̛̛'
)

t.test('any text, grown in any steps: heads fit, only grow, and end between clusters', async t => {
  const shortMax = 300
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.nat({ max: 320 }), fc.array(PIECES, { minLength: 30, maxLength: 120 }), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
    (plain, pieces, steps) => {
      const text = 'p'.repeat(plain) + pieces.join('')
      const points = Array.from(text)
      const small = longestCluster(text) <= ZONE / 2
      const ends = boundaries(text)
      let shown = ''
      for (let end = plain, n = 0; ; end += steps[n++ % steps.length] as number) {
        const soFar = points.slice(0, end).join('')
        const head = stableHead(soFar, shortMax)
        if (bytes(head) > shortMax) throw new Error('too long')
        if (!soFar.startsWith(head)) throw new Error('no head')
        if (!head.startsWith(shown)) throw new Error(`shrunk from ${shown.length} to ${head.length}`)
        if (small && head !== soFar && !ends.has(head.length)) throw new Error(`cut through a cluster at ${head.length} of ${soFar.length}`)
        shown = head
        if (end >= points.length) break
      }
    }), { numRuns: 500, includeErrorInReport: true }))
})
