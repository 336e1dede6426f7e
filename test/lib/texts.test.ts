import { Buffer } from 'node:buffer'
import t from 'tap'
import { ConfigError, FAILURE_CLASSES } from '../../lib/errors.ts'
import { isVisible, loadTexts, textFaults } from '../../lib/texts.ts'
import type { TextOverrides } from '../../lib/texts.ts'

t.test('there is a sentence that can be shown for everything', async t => {
  const { failures, ...others } = loadTexts()
  t.same(Object.keys(failures), FAILURE_CLASSES)
  t.equal(Object.keys(others).length, 11)
  t.same(textFaults(loadTexts()), [])
  t.match(others.cut, '{bytes}')
  t.match(others.reference, '{reference}')
})

t.test('sentences of the host replace ours one by one', async t => {
  const texts = loadTexts({ expired: 'gone', failures: { BUSY: 'full' } })
  const ours = loadTexts()
  t.same(texts, { ...ours, expired: 'gone', failures: { ...ours.failures, BUSY: 'full' } })
  t.same(loadTexts(), ours, 'ours are as they were')
})

t.test('an undefined sentence counts as unset', async t => {
  const given = { expired: undefined, failures: { BUSY: undefined } } as unknown as TextOverrides
  t.same(loadTexts(given), loadTexts())
  t.same(loadTexts({ failures: undefined } as unknown as TextOverrides), loadTexts())
})

t.test('a sentence that cannot be shown is refused', async t => {
  for (const [bad, why] of [
    ['', 'empty'], ['  \n', 'blank'], ['\u200b\u200d', 'zero width'], ['\u2800', 'the blank of Braille'], ['\u00ad\ufe0f', 'ignorable'],
    ['\ud83d', 'half a character'], [5, 'a number'], [null, 'null'], ['x'.repeat(401), '401 bytes'], ['好'.repeat(133) + 'xx', '401 bytes of few characters']
  ] as const) {
    t.same(textFaults({ expired: bad } as unknown as TextOverrides),
      [{ name: 'option texts.expired', problem: 'expected text that can be seen, of at most 400 bytes' }], why)
  }
  t.same(textFaults({ expired: 'x'.repeat(400), empty: '好'.repeat(133), stopped: '.' }), [])
})

t.test('all faults come at once, those of the failures and unknown names too', async t => {
  const given = { waiting: '', expird: 'gone', failures: { BUSY: ' ', BUZY: 'full' } } as unknown as TextOverrides
  t.same(textFaults(given).map(({ name }) => name), ['option texts.waiting', 'option texts.expird', 'option texts.failures.BUSY', 'option texts.failures.BUZY'])
  t.match(textFaults(given)[1], { problem: /none of the sentences/ })
  t.throws(() => loadTexts(given), ConfigError)
  t.throws(() => loadTexts(given), { code: 'WECOM_ERR_CONFIG', faults: textFaults(given) })
})

t.test('failures that are no object are refused; texts that are none are left to the check of the option', async t => {
  for (const failures of ['full', 5, null, ['full']]) {
    t.same(textFaults({ failures } as unknown as TextOverrides).map(({ name }) => name), ['option texts.failures'])
  }
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
  for (const text of ['', ' ', '\t\r\n', '\u00a0', '\u3000', '\u200b\u200c\u200d\u2060\ufeff', '\u00ad', '\ufe0f', '\u2028', '\u0000\u001b', '\u3164', '\u2800']) {
    t.notOk(isVisible(text), escape(text))
  }
})
