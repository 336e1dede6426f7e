import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import type { Part, ThinkSplitterOptions } from '../../../lib/sources/think-splitter.ts'
import { createThinkSplitter } from '../../../lib/sources/think-splitter.ts'

interface Split { text: string, reasoning: string, parts: string[] }

/** What comes out of the pieces, with neighbours of one type joined: `t:` is text, `r:` is reasoning. */
function split (pieces: Iterable<string>, options?: ThinkSplitterOptions): Split {
  const splitter = createThinkSplitter(options)
  const out: Part[] = []
  for (const piece of pieces) out.push(...splitter.push(piece))
  out.push(...splitter.flush())
  const parts: string[] = []
  let last: Part['type'] | undefined
  for (const { type, text } of out) {
    if (type === last) parts.push(parts.pop() + text)
    else parts.push(`${type[0]}:${text}`)
    last = type
  }
  const join = (wanted: Part['type']): string => out.filter(({ type }) => type === wanted).map(({ text }) => text).join('')
  return { text: join('text'), reasoning: join('reasoning'), parts }
}

const units = (text: string): string[] => text.split('')

type Row = [answer: string, parts: string[], why: string]

function checkRows (t: Test, rows: Row[], options?: ThinkSplitterOptions): void {
  for (const [answer, parts, why] of rows) {
    t.strictSame(split([answer], options).parts, parts, why)
    t.strictSame(split(units(answer), options).parts, parts, `${why}, one unit at a time`)
  }
}

t.test('a block of thinking becomes reasoning, the rest stays as it is', async t => {
  checkRows(t, [
    ['', [], 'nothing'],
    ['hi', ['t:hi'], 'no block'],
    ['<think>hm</think>hi', ['r:hm', 't:hi'], 'a block'],
    ['<thinking>hm</thinking>hi', ['r:hm', 't:hi'], 'another name'],
    ['<thought>hm</thought>hi', ['r:hm', 't:hi'], 'a third name'],
    ['<THINK>hm</Think>hi', ['r:hm', 't:hi'], 'in any case'],
    ['<think>hm</thought>hi', ['r:hm', 't:hi'], 'any closing tag closes'],
    ['<think>嗯🤔</think>你好🙂', ['r:嗯🤔', 't:你好🙂'], 'beyond ASCII'],
    ['a\n<think>x</think>\nb', ['t:a\n', 'r:x', 't:b'], 'within the answer'],
    ['a\r<think>x</think>b', ['t:a\r', 'r:x', 't:b'], 'behind a carriage return'],
    ['\n \n<think>x</think>b', ['t:\n \n', 'r:x', 't:b'], 'behind blank lines'],
    ['   <think>x</think>b', ['t:   ', 'r:x', 't:b'], 'behind three spaces'],
    ['<think>x</think>', ['r:x'], 'a block alone'],
    ['<think></think>a', ['t:a'], 'an empty block'],
    ['<think>\n\n</think>\n\na', ['t:a'], 'a block of nothing but line breaks'],
    ['<think>a < b</think>c', ['r:a < b', 't:c'], 'a smaller-than sign in the thinking'],
    ['<think>a\n<b></b>\n</think>c', ['r:a\n<b></b>\n', 't:c'], 'other tags in the thinking']
  ])
})

t.test('what only looks like a tag is text', async t => {
  const lookalikes = [
    '<', '<<', '<t', '<think', '<think ', '<think/>', '< think>', '<thinks>', '<thinkin>', '<thoughts>', '</', '</think', '</ think>',
    '<think x="1">', '＜think＞', '&lt;think>'
  ]
  checkRows(t, lookalikes.map(text => [text, [`t:${text}`], text]))
  checkRows(t, lookalikes.map(text => [`<think>${text}`, [`r:${text}`], `${text} in thinking`]))
  checkRows(t, [
    ['<<think>x</think>', ['t:<<think>x</think>'], 'a tag behind a sign is not at the start'],
    ['<think>x<</think>y', ['r:x<', 't:y'], 'a closing tag behind a sign closes'],
    ['<think>x</</think>y', ['r:x</', 't:y'], 'and behind half of itself']
  ])
})

t.test('an answer about the tags is not eaten', async t => {
  for (const answer of [
    'Put it into `<think>` and `</think>`.',
    '`<think>`',
    '``a ` <think>``</think>``',
    'A model writes <think>, thinks, and writes </think> at the end.',
    '- <think>\n- </think>',
    '> <think>a</think>',
    '```xml\n<think>\nhm\n</think>\n```',
    '~~~\n<think>\n~~~~\nand </think>',
    '````\n```\n<think>\n```\n</think>\n````',
    '```' + '`'.repeat(20) + 'md\n<think>\n</think>',
    '> ```\n<think>\n</think>',
    'So:\n\n    <think>\n    hm\n    </think>',
    '\t<think>\n\t</think>',
    '`<think>`\n</think>'
  ]) {
    t.strictSame(split([answer]).parts, [`t:${answer}`], JSON.stringify(answer))
    t.strictSame(split(units(answer)).parts, [`t:${answer}`], `${JSON.stringify(answer)}, one unit at a time`)
  }
})

t.test('code ends where it ends', async t => {
  checkRows(t, [
    ['```\n<think>\n```\n<think>x</think>y', ['t:```\n<think>\n```\n', 'r:x', 't:y'], 'a fence'],
    ['`a`</think>b', ['t:`a`\n\nb'], 'inline code'],
    ['``a`b``</think>c', ['t:``a`b``\n\nc'], 'inline code with a backtick in it'],
    ["it's `open\n</think>b", ["t:it's `open\n\nb"], 'a lone backtick reaches to the end of its line'],
    [`${'a'.repeat(999)}\`\n</think>b`, [`t:${'a'.repeat(999)}\`\n\nb`], 'behind a long line'],
    [`\`\`\`\n${' '.repeat(1000)}\n<think>\n\`\`\`\n<think>x`, [
      `t:\`\`\`\n${' '.repeat(1000)}\n<think>\n\`\`\`\n`, 'r:x'
    ], 'a long line in a fence'],
    ['<think>```\na</think>\n<think>b</think>c', ['r:```\na\n\nb', 't:c'], 'code in the thinking is none of the answer'],
    ['<think>x</think>```\n<think>', ['r:x', 't:```\n<think>'], 'a fence directly behind a block']
  ])
})

t.test('a closing tag ends the thinking, unless the thinking quotes it', async t => {
  checkRows(t, [
    ['<think>`a</think>b', ['r:`a', 't:b'], 'a lone backtick'],
    ['<think>```\na</think>b', ['r:```\na', 't:b'], 'an open fence'],
    ['<think>end with `</think>` then</think>b', ['r:end with `</think>` then', 't:b'], 'inline code'],
    ['<think>as `<think>x</think>` is</think>b', ['r:as `<think>x</think>` is', 't:b'], 'a block in inline code'],
    ['<think>a</think>`b`', ['r:a', 't:`b`'], 'the answer begins with code'],
    ['<think>`a`</think>`b`', ['r:`a`', 't:`b`'], 'behind code as well'],
    ['<think>`a\n</think>`b`', ['r:`a\n', 't:`b`'], 'inline code ends with its line'],
    ['<think>`a</think>', ['r:`a'], 'nothing follows'],
    ['<think>`a</think>\n\nb', ['r:`a', 't:b'], 'a line break follows'],
    ['<think>`a</think><think>b</think>c', ['r:`a\n\nb', 't:c'], 'another block follows'],
    ['<think>`a</think><think>b</think>`c`', ['r:`a\n\nb', 't:`c`'], 'whose own code counts alone'],
    ['<think>`a</think></think>c', ['r:`a', 't:c'], 'another closing tag follows']
  ])
})

t.test('the wider of the gaps around a block stays', async t => {
  checkRows(t, [
    ['<think>x</think>\n\n\na', ['r:x', 't:a'], 'none before the first text'],
    ['\n<think>x</think>\n\n\na', ['t:\n', 'r:x', 't:a'], 'nor behind white space'],
    ['<think>x</think>\r\n\r\na', ['r:x', 't:a'], 'carriage returns'],
    ['<think>x</think> \t\na', ['r:x', 't:a'], 'spaces in the line of the tag'],
    ['<think>x</think>\n    a', ['r:x', 't:    a'], 'but not the indent of the text'],
    ['a\n<think>x</think>\n\nb', ['t:a\n', 'r:x', 't:\nb'], 'wider behind'],
    ['a\n\n<think>x</think>\nb', ['t:a\n\n', 'r:x', 't:b'], 'wider before'],
    ['a\n \n<think>x</think>\n\n\nb', ['t:a\n \n', 'r:x', 't:\nb'], 'with spaces in it'],
    ['a\n<think>x</think>b', ['t:a\n', 'r:x', 't:b'], 'none behind'],
    ['<think> \n\n x</think>', ['r: x'], 'white space behind the opening tag'],
    ['<think>x\n\n</think>', ['r:x\n\n'], 'white space before the closing tag is part of the thinking']
  ])
})

t.test('blocks follow each other, but do not nest', async t => {
  checkRows(t, [
    ['<think>a</think><think>b</think>c', ['r:a\n\nb', 't:c'], 'directly'],
    ['<think>a</think>\n<think>b</think>c', ['r:a\n\nb', 't:c'], 'in lines of their own'],
    ['a\n<think>x</think>\nb\n<think>y</think>\nc', ['t:a\n', 'r:x', 't:b\n', 'r:\n\ny', 't:c'], 'with text between'],
    ['<think></think><think>b</think>c', ['r:b', 't:c'], 'an empty one first'],
    ['<think>\n<think>a</think>b', ['r:a', 't:b'], 'a second opening tag at once'],
    ['<think>a <think> b</think>c', ['r:a <think> b', 't:c'], 'an opening tag later is part of the thinking'],
    ['<think>a\n<think>b</think>c</think>d', ['r:a\n<think>b', 't:c\n\nd'], 'what is left behind is text']
  ])
})

t.test('a block that is not closed goes on to the end', async t => {
  checkRows(t, [
    ['<think>', [], 'nothing in it'],
    ['<think>hm', ['r:hm'], 'cut in the thinking'],
    ['<think>hm</thi', ['r:hm</thi'], 'cut in the closing tag'],
    ['a\n<think>hm', ['t:a\n', 'r:hm'], 'within the answer']
  ])
})

t.test('a closing tag that closes nothing ends thinking that began in the prompt', async t => {
  checkRows(t, [
    ['hm.</think>hi', ['t:hm.\n\nhi'], 'in a line'],
    ['hm\n</think>\n\nhi', ['t:hm\n\nhi'], 'in a line of its own'],
    ['hm\n\n</think>\n\n\nhi', ['t:hm\n\n\nhi'], 'behind a blank line'],
    ['</think>\n\nhi', ['t:hi'], 'at the start'],
    ['<think>a</think></think>b', ['r:a', 't:b'], 'a second closing tag'],
    ['hm.</think><think>a</think>b', ['t:hm.\n\n', 'r:a', 't:b'], 'and a block behind it']
  ])
  checkRows(t, [
    ['', [], 'nothing'],
    ['hm.</think>hi', ['r:hm.', 't:hi'], 'opened: in a line'],
    ['\nhm\n</think>\n\nhi', ['r:hm\n', 't:hi'], 'opened: in a line of its own'],
    ['</think>hi', ['t:hi'], 'opened: no thinking'],
    ['\n<think>\nhm</think>hi', ['r:hm', 't:hi'], 'opened: the model opens it again'],
    ['a</think>b\n<think>c</think>d', ['r:a', 't:b\n', 'r:\n\nc', 't:d'], 'opened: another block later'],
    ['hm', ['r:hm'], 'opened: never closed']
  ], { opened: true })
})

t.test('only what can still become a tag is held back', async t => {
  for (const [before, given, why] of [
    ['<', '', 'a sign'],
    ['<thin', '', 'the start of an opening tag'],
    ['a\n<Thinkin', 'a\n', 'at the start of a line'],
    ['a </thought', 'a ', 'the start of a closing tag'],
    ['a <', 'a ', 'a sign within a line can begin a closing tag'],
    ['a <t', 'a <t', 'but not an opening one'],
    ['<ta', '<ta', 'other letters'],
    ['`<', '`<', 'nothing in inline code'],
    ['```\n<', '```\n<', 'nothing in a fence'],
    ['a <think> <', 'a <think> <', 'no closing tag once tags are the subject'],
    ['a <think>\n<', 'a <think>\n', 'but a block can begin'],
    ['a <think>\n</', 'a <think>\n</', 'and not end'],
    ['    <', '    ', 'behind an indent a closing tag'],
    ['    <t', '    <t', 'but not an opening one'],
    ['<think>a<', 'a', 'in thinking'],
    ['<think>a<t', 'a<t', 'where nothing opens'],
    ['<think>`</think>', '`', 'a closing tag in code'],
    ['<think>`</think>`', '`</think>`', 'until a backtick follows']
  ] as const) {
    t.equal(createThinkSplitter().push(before).map(({ text }) => text).join(''), given, `${why}: ${JSON.stringify(before)}`)
  }
})

t.test('flush gives what is held once', async t => {
  const splitter = createThinkSplitter()
  splitter.push('a<')
  t.strictSame([splitter.flush(), splitter.flush()], [[{ type: 'text', text: '<' }], []])
})

const tagText = fc.constantFrom('<think>', '</think>', '<thinking>', '</thinking>', '<Thought>', '</THOUGHT>')
const noise = fc.constantFrom(
  '<', '</', '<th', 'ink>', '>', '/', '`', '``', '```', '\n```\n', '~~~\n', '\n', '\r\n', '\r', ' ', '    ', '\t', '- ', '> ', 'a', '思',
  '🤔', '\ud83e', 'İ'
)
const soup = fc.array(fc.oneof(tagText, noise), { maxLength: 30 }).map(pieces => pieces.join(''))

t.test('any split of any answer gives the same parts', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(soup, fc.array(fc.nat(40), { maxLength: 12 }), fc.boolean(), (answer, cuts, opened) => {
    const places = [...cuts.filter(cut => cut < answer.length), 0, answer.length].sort((a, b) => a - b)
    const pieces = places.slice(1).map((place, i) => answer.slice(places[i], place))
    const whole = split([answer], { opened })
    return [pieces, units(answer)].every(pieces => isDeepStrictEqual(split(pieces, { opened }), whole))
  }), { numRuns: 2000, includeErrorInReport: true }))
})

t.test('nothing is lost or invented but tags, gaps and the blank lines between thoughts', async t => {
  const visible = (text: string): string => text.replace(/<\/?(?:think|thinking|thought)>/gi, '').replace(/\s/g, '')
  t.doesNotThrow(() => fc.assert(fc.property(soup, answer => {
    const joined = split(units(answer)).parts.map(part => part.slice(2)).join('')
    // A tag may come about where another was taken out.
    return [...visible(joined)].every(unit => answer.includes(unit)) && visible(visible(joined)) === visible(visible(answer))
  }), { numRuns: 2000, includeErrorInReport: true }))
})

t.test('the text is the answer without its blocks', async t => {
  const word = fc.constantFrom('a', ' b', '思考', '🤔', '<', '<b>', '</p', 'x < y', '`c`', '\n', '\n- d', ' ')
  const words = fc.array(word, { minLength: 1, maxLength: 8 }).map(all => all.join(''))
  const name = fc.constantFrom('think', 'THINKING', 'Thought')
  const block = fc.record({ before: words.map(text => `.${text}.\n`), thought: words.map(text => `${text}.`), name })
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(block, { maxLength: 5 }), words, (blocks, rest) => {
    const answer = blocks.map(({ before, thought, name }) => `${before}<${name}>!${thought}</${name}>`).join('') + `.${rest}`
    const { text, reasoning } = split(units(answer))
    return text === blocks.map(({ before }) => before).join('') + `.${rest}` &&
      reasoning === blocks.map(({ thought }) => `!${thought}`).join('\n\n')
  }), { numRuns: 1000, includeErrorInReport: true }))
})

t.test('the time is linear', async t => {
  for (const piece of [
    '<', '<thinkin', '`', '</think>', '\n<think>', '<think>x</think>\n', '```\n', '\n', '> - ', '<think>`</think>', ' '
  ]) {
    for (const [length, size] of [[2 ** 20, 2 ** 20], [2 ** 15, 1]] as const) {
      const text = piece.repeat(length / piece.length)
      const splitter = createThinkSplitter()
      const startedAt = performance.now()
      for (let i = 0; i < text.length; i += size) splitter.push(text.slice(i, i + size))
      splitter.flush()
      t.ok(performance.now() - startedAt < 5_000, `${JSON.stringify(piece)} in pieces of ${size}`)
    }
  }
})
