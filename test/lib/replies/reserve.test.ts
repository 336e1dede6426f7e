import t from 'tap'
import { reserveOf } from '../../../lib/replies/reserve.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import type { Texts } from '../../../lib/texts/texts.ts'
import { MAX_CLOSER_BYTES } from '../../../lib/util/code-fence.ts'

const allOf = <T extends object>(sentences: T, text: string): T => Object.fromEntries(Object.keys(sentences).map(name => [name, text])) as T

const NOTICES = {
  length: '', tooLarge: '', stopped: '', unsupported: '', noPrompt: '', closing: '', denied: '', limited: '', refused: ''
}

t.test('the reserve is the longest sentence of each place, with a blank line before it, and the closer of a fence', t => {
  const usual = loadTexts()
  const texts: Texts = {
    ...usual,
    ...allOf(NOTICES, 'x'),
    later: 'a',
    cut: 'b{bytes}',
    lostAttachment: 'd{reason}',
    lost: allOf(usual.lost, '长'),
    historyLeftOut: 'eee',
    imageTooLarge: 'ffff',
    failures: allOf(usual.failures, 'g'),
    historyRefused: 'h{new}',
    reference: 'i{reference}'
  }
  const sentences = ['b9999999999', 'd长', 'eee', 'ffff', 'gh/newi00000000']
  t.equal(reserveOf(texts, '/new'), MAX_CLOSER_BYTES + Buffer.byteLength(sentences.map(sentence => `\n\n${sentence}`).join('')))
  t.end()
})
