import { Buffer } from 'node:buffer'
import t from 'tap'
import { loadTexts, textFaults } from '../../../lib/texts/texts.ts'
import type { Language, TextOverrides } from '../../../lib/texts/texts.ts'
import { ConfigError, FAILURE_CLASSES } from '../../../lib/util/errors.ts'
import { isVisible } from '../../../lib/util/visible.ts'
import { MEDIA_FAILURES } from '../../../lib/wecom/media/error.ts'

const LANGUAGES: Language[] = ['zh-CN', 'en']

/** Every sentence with its path. */
const sentencesOf = (texts: object, path = ''): Array<[path: string, sentence: string]> => Object.entries(texts).flatMap(([name, value]) =>
  typeof value === 'string' ? [[path + name, value] as [string, string]] : sentencesOf(value, `${name}.`))

t.test('there is a sentence that can be shown for everything, in each language', async t => {
  const names = sentencesOf(loadTexts()).map(([name]) => name)
  for (const language of LANGUAGES) {
    const texts = loadTexts({}, language)
    const sentences = sentencesOf(texts)
    t.same(sentences.map(([name]) => name), names, language)
    t.same(Object.keys(texts.failures), FAILURE_CLASSES)
    t.same(Object.keys(texts.lost), MEDIA_FAILURES)
    t.same(textFaults(texts), [])
    for (const [name, sentence] of sentences) t.ok(isVisible(sentence) && Buffer.byteLength(sentence) <= 400, `${name} in ${language}`)
    for (const [name, sentence] of sentences.filter(([name]) => name !== 'waiting')) {
      t.equal(/\p{Script=Han}/u.test(sentence), language === 'zh-CN', `${name} is in ${language}`)
    }
  }
})

t.test('the languages leave the same things open', async t => {
  const open = (language: Language): unknown => Object.fromEntries(sentencesOf(loadTexts({}, language))
    .map(([name, sentence]) => [name, sentence.match(/\{\w+\}/g)]).filter(([, holes]) => holes !== null))
  for (const language of LANGUAGES) {
    t.hasStrict(open(language), { cut: ['{bytes}'], lostAttachment: ['{reason}'], help: ['{commands}'], reference: ['{reference}'] })
    t.same(open(language), open('zh-CN'))
  }
})

t.test('Chinese is spoken unless another language is asked for', async t => {
  t.same(loadTexts(), loadTexts({}, 'zh-CN'))
  t.not(loadTexts().expired, loadTexts({}, 'en').expired)
  t.equal(loadTexts({}, 'en').waiting, '<think></think>', 'the animation is the same')
})

t.test('sentences of the host replace ours one by one', async t => {
  for (const language of LANGUAGES) {
    const ours = loadTexts({}, language)
    const texts = loadTexts({ expired: 'gone', failures: { BUSY: 'full' }, lost: { TIMEOUT: 'slow' } }, language)
    t.same(texts, { ...ours, expired: 'gone', failures: { ...ours.failures, BUSY: 'full' }, lost: { ...ours.lost, TIMEOUT: 'slow' } })
    t.same(loadTexts({}, language), ours, 'ours are as they were')
  }
})

t.test('an undefined sentence counts as unset', async t => {
  const given = { expired: undefined, failures: { BUSY: undefined }, lost: { TIMEOUT: undefined } } as unknown as TextOverrides
  t.same(loadTexts(given), loadTexts())
  t.same(loadTexts({ failures: undefined, lost: undefined } as unknown as TextOverrides), loadTexts())
})

t.test('a sentence that cannot be shown is refused', async t => {
  for (const [bad, why] of [
    ['', 'empty'], ['  \n', 'blank'], ['\u200b\u200d', 'zero width'], ['\u2800', 'the blank of Braille'], ['\u00ad\ufe0f', 'ignorable'],
    ['\ud83d', 'half a character'], [5, 'a number'], [null, 'null'], ['x'.repeat(401), '401 bytes'], [
      '好'.repeat(133) + 'xx', '401 bytes of few characters'
    ]
  ] as const) {
    t.same(textFaults({ expired: bad } as unknown as TextOverrides),
      [{ name: 'option texts.expired', problem: 'expected text that can be seen, of at most 400 bytes' }], why)
  }
  t.same(textFaults({ expired: 'x'.repeat(400), empty: '好'.repeat(133), stopped: '.' }), [])
})

t.test('all faults come at once, those of the failures and unknown names too', async t => {
  const given = {
    waiting: '', expird: 'gone', failures: { BUSY: ' ', BUZY: 'full' }, lost: { TIMEOUT: '', LATE: 'x' }
  } as unknown as TextOverrides
  t.same(textFaults(given).map(({ name }) => name), [
    'option texts.waiting', 'option texts.expird', 'option texts.failures.BUSY', 'option texts.failures.BUZY', 'option texts.lost.TIMEOUT',
    'option texts.lost.LATE'
  ])
  t.match(textFaults(given)[1], { problem: /none of the sentences/ })
  t.throws(() => loadTexts(given), ConfigError)
  t.throws(() => loadTexts(given), { code: 'WECOM_ERR_CONFIG', faults: textFaults(given) })
})

t.test('groups that are no object are refused; texts that are none are left to the check of the option', async t => {
  for (const group of ['failures', 'lost']) {
    for (const value of ['full', 5, null, ['full']]) {
      t.same(textFaults({ [group]: value } as unknown as TextOverrides).map(({ name }) => name), [`option texts.${group}`])
    }
  }
  t.same(textFaults({ expired: { BUSY: 'x' } } as unknown as TextOverrides).map(
    ({ name }) => name
  ), ['option texts.expired'], 'and where no group is expected')
  for (const texts of ['gone', 5, null, []]) t.same(textFaults(texts as unknown as TextOverrides), [])
})

t.test('what stands below a text at most fits into its room of 2048 bytes', async t => {
  const long = 'x'.repeat(400)
  const { cut, reference, failures } = loadTexts({ cut: '{bytes}' + 'x'.repeat(393), reference: long, failures: { BUSY: long } })
  const tail = `\n${'`'.repeat(512)}\n\n${cut.replace('{bytes}', String(2 ** 31))}\n\n${failures.BUSY}${reference}`
  t.ok(Buffer.byteLength(tail) <= 2048)
})

t.test('visible is what leaves a mark', async t => {
  for (const text of ['a', '.', '你', '😀', ' \n x', '\u200b-', '<think></think>', '|']) t.ok(isVisible(text), JSON.stringify(text))
  for (const text of [
    '', ' ', '\t\r\n', '\u00a0', '\u3000', '\u200b\u200c\u200d\u2060\ufeff', '\u00ad', '\ufe0f', '\u2028', '\u0000\u001b', '\u3164',
    '\u2800'
  ]) {
    t.notOk(isVisible(text), escape(text))
  }
})
