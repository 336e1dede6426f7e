import fc from 'fast-check'
import t from 'tap'
import { isFenceOpen } from '../../../lib/simulator/frame-check-markdown.ts'
import { fenceCloser, fenceOpener, MAX_CLOSER_BYTES } from '../../../lib/util/code-fence.ts'

const TEXTS: ReadonlyArray<[text: string, closer: string, why: string]> = [
  ['', '', 'nothing'],
  ['plain text\nof two lines', '', 'no fence'],
  ['`code` and ``more``', '', 'inline code'],
  ['```', '\n```', 'a fence alone'],
  ['```js\nlet a', '\n```', 'a fence with a language'],
  ['~~~\ncode', '\n~~~', 'tildes'],
  ['````md\n```js\ncode\n```', '\n````', 'a longer fence holds shorter ones'],
  ['```js\ncode\n```', '', 'a closed fence'],
  ['```js\ncode\n```\n', '', 'a closed fence and a newline'],
  ['```js\ncode\n````', '', 'a longer fence closes'],
  ['````\ncode\n```', '\n````', 'a shorter one does not'],
  ['```\ncode\n~~~', '\n```', 'nor does one of the other kind'],
  ['```\ncode\n``` js', '\n```', 'nor does one with text behind it'],
  ['```\ncode\n``` \t', '', 'white space may stand behind it'],
  ['```\na\n```\n```\nb', '\n```', 'the second of two is open'],
  ['a ```\nb', '', 'a fence begins a line'],
  ['``` inline ``` code', '', 'backticks behind the fence make it inline code'],
  ['~~~ a ` b', '\n~~~', 'tildes may have backticks behind them'],
  ['~~~ a ~~~ b', '\n~~~', 'and tildes'],
  ['   ```\ncode', '\n```', 'an indented fence'],
  ['\t```\ncode', '\n```', 'a fence behind a tab'],
  ['> ```\n> code', '\n```', 'a quoted fence'],
  ['> ```\n> code\n> ```', '', 'a quoted fence, closed'],
  ['- ```js\n  code', '\n```', 'a fence in a list'],
  ['1. ```js\n   code\n   ```\n\ntext', '', 'a fence in a list, closed without its marker'],
  ['1. - > ```\n', '\n```', 'a fence in a quote in lists'],
  ['1) ```\n', '\n```', 'a list with brackets'],
  ['-```\n', '', 'a marker needs a space'],
  ['a\r```\r\ncode', '\n```', 'carriage returns end lines'],
  ['```\rcode\r```\r', '', 'and close fences'],
  ['a\u2028```\nb', '', 'a line separator of Unicode does not begin a line'],
  ['`'.repeat(512) + '\ncode', '\n' + '`'.repeat(512), 'the longest fence'],
  ['`'.repeat(513) + '\ncode', '', 'a longer run is decoration'],
  ['~'.repeat(513) + '\ncode', '', 'of either kind'],
  ['```\ncode\n' + '`'.repeat(513), '\n```', 'and closes nothing']
]

t.test('an open fence is closed, and nothing else', async t => {
  for (const [text, closer, why] of TEXTS) {
    t.equal(fenceCloser(text), closer, why)
    t.equal(fenceCloser(text + fenceCloser(text)), '', `${why}, with its closer`)
  }
})

t.test('the longest closer is as long as the constant says', async t => {
  t.equal(fenceCloser('~'.repeat(512)).length, MAX_CLOSER_BYTES)
})

t.test('any text is closed by its closer, as another reader of Markdown sees it', async t => {
  const piece = fc.constantFrom(
    '```', '````', '~~~', '`', '~', '\n', '\r\n', '\r', '\u2028', ' ', '    ', '\t', '> ', '- ', '1. ', 'js', 'a', '代码', '😀'
  )
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(piece, { maxLength: 24 }).map(pieces => pieces.join('')), text => {
    const closed = text + fenceCloser(text)
    return fenceCloser(closed) === '' && !isFenceOpen(closed)
  }), { numRuns: 3000, includeErrorInReport: true }))
})

t.test('no text makes the search slow', async t => {
  for (const [name, text] of Object.entries({
    spaces: ' '.repeat(20_000),
    quotes: '> '.repeat(10_000),
    markers: '- '.repeat(10_000),
    wideMarkers: ('-' + ' '.repeat(99)).repeat(200),
    numbers: '1) '.repeat(6_000),
    returns: '\r'.repeat(20_000),
    ticks: '`'.repeat(20_000)
  })) {
    const startedAt = performance.now()
    fenceCloser('```\n' + text)
    t.ok(performance.now() - startedAt < 2000, name)
  }
})

t.test('a text that goes on elsewhere begins with the fence that was open, and its language', async t => {
  const texts: ReadonlyArray<[text: string, opener: string, why: string]> = [
    ['plain', '', 'nothing is open'],
    ['```js\ncode\n```', '', 'a closed fence'],
    ['```js\nlet a', '```js\n', 'a language'],
    ['```\nlet a', '```\n', 'no language'],
    ['~~~~  python  \nx', '~~~~python\n', 'white space around it goes'],
    ['> - ```js title="a"\n', '```js title="a"\n', 'what stood before it stays behind'],
    ['```js\na\n```\n````md\nb', '````md\n', 'the last one counts'],
    ['```' + 'x'.repeat(32) + '\n', '```' + 'x'.repeat(32) + '\n', 'the longest language'],
    ['```' + 'x'.repeat(33) + '\n', '```\n', 'a longer one is none']
  ]
  for (const [text, opener, why] of texts) {
    t.equal(fenceOpener(text), opener, why)
    t.equal(fenceCloser(opener), opener === '' ? '' : fenceCloser(text), `${why}: the same closer closes both`)
  }
})
