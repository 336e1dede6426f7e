import fc from 'fast-check'
import t from 'tap'
import { createTextJoiner } from '../../../lib/util/text-joiner.ts'

const HIGH = '\ud83d'
const LOW = '\ude00'

const joined = (...chunks: string[]): string[] => {
  const joiner = createTextJoiner()
  return chunks.map(chunk => joiner.push(chunk))
}

t.test('text passes as it is', async t => {
  t.strictSame(joined('a', '', '限流', '😀', '\u0000\ufffd'), ['a', '', '限流', '😀', '\u0000\ufffd'])
})

t.test('the halves of a pair come out together', async t => {
  t.strictSame(joined(`a${HIGH}`, `${LOW}b`), ['a', '😀b'])
  t.strictSame(joined(HIGH, '', LOW), ['', '', '😀'], 'an empty chunk between the halves changes nothing')
  t.strictSame(joined(HIGH, LOW + HIGH, LOW), ['', '😀', '😀'])
})

t.test('a lone surrogate is left out', async t => {
  t.strictSame(joined(`a${LOW}b`), ['ab'])
  t.strictSame(joined(`a${HIGH}b`), ['ab'])
  t.strictSame(joined(HIGH, 'b'), ['', 'b'])
  t.strictSame(joined(LOW, HIGH), ['', ''], 'the wrong way round')
  t.strictSame(joined(HIGH, `${HIGH}${LOW}`), ['', '😀'], 'the first of two high ones')
  t.strictSame(joined(HIGH, HIGH, LOW), ['', '', '😀'])
  t.strictSame(joined(`${HIGH}${LOW}${LOW}`), ['😀'])
})

t.test('both ends of both ranges of surrogates are known', async t => {
  for (const lone of ['\ud800', '\udbff', '\udc00', '\udfff']) {
    t.strictSame(joined(`a${lone}`, 'b'), ['a', 'b'], `U+${lone.charCodeAt(0).toString(16)}`)
  }
  for (const [high, low] of [['\ud800', '\udc00'], ['\udbff', '\udfff']] as const) t.strictSame(joined(high, low), ['', high + low])
  for (const near of ['\ud7ff', '\ue000']) t.strictSame(joined(near, 'b'), [near, 'b'])
})

t.test('however a text is cut, it comes out as the whole would, and well-formed at every moment', async () => {
  const units = fc.array(
    fc.oneof(fc.constantFrom(HIGH, LOW, 'a', '限'), fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)))
  )
  fc.assert(fc.property(fc.array(units), chunks => {
    const texts = chunks.map(chunk => chunk.join(''))
    const pieces = joined(...texts)
    const whole = texts.join('').replace(/\p{Surrogate}/gu, '')
    return pieces.every(piece => !/\p{Surrogate}/u.test(piece)) && pieces.join('') === whole
  }))
})
