import t from 'tap'
import { checkFrames } from '../../../lib/simulator/frame-check.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'

const frame = (content: unknown, finish: unknown = false, rest: object = {}): object =>
  ({ msgtype: 'stream', stream: { id: 'a1', finish, content, ...rest } })
const running = (...contents: string[]): object[] => contents.map(content => frame(content))
const ended = (...contents: string[]): object[] => contents.map((content, index) => frame(content, index === contents.length - 1))

/** A rule: what keeps it, and what breaks it in exactly these words. */
function rule (title: string, good: Record<string, object[]>, bad: Record<string, [frames: unknown[], ...problems: string[]]>): void {
  t.test(title, async t => {
    for (const [name, frames] of Object.entries(good)) t.same(checkFrames(frames), [], name)
    for (const [name, [frames, ...problems]] of Object.entries(bad)) t.same(checkFrames(frames), problems, name)
  })
}

rule('a frame is a stream reply with an id, a boolean finish and a string of content', {
  'none at all': [],
  'a whole answer': ended('<think></think>', '你好', '你好，世界')
}, {
  'no object': [[null], 'frame 1: it is not an object'],
  'another type': [[{ msgtype: 'text', text: { content: 'hi' } }], 'frame 1: msgtype is neither stream nor stream_with_template_card'],
  'a card without its type': [[{ ...frame('a', true), template_card: {} }], 'frame 1: template_card does not go with msgtype stream'],
  'the type without its card': [[
    { ...frame('a', true), msgtype: 'stream_with_template_card' }
  ], 'frame 1: template_card does not go with msgtype stream_with_template_card'],
  'no stream': [[{ msgtype: 'stream' }], 'frame 1: stream is not an object'],
  'no id': [[frame('hi', true, { id: undefined })], 'frame 1: stream.id is not a string, or an empty one'],
  'a number as id': [[frame('hi', true, { id: 1 })], 'frame 1: stream.id is not a string, or an empty one'],
  'an empty id': [[frame('hi', true, { id: '' })], 'frame 1: stream.id is not a string, or an empty one'],
  'a string as finish': [[frame('hi', 'true')], 'frame 1: stream.finish is not a boolean'],
  'no content': [[...running('a'), frame(undefined), ...ended('ab')], 'frame 2: stream.content is not a string']
})

rule('the id stays', {
  same: ended('a', 'ab', 'abc')
}, {
  other: [[frame('a'), frame('ab', false, { id: 'b2' }), frame('abc', true)], 'frame 2: the stream id is not that of frame 1']
})

rule('content has at most 20480 bytes of UTF-8', {
  ascii: ended('x'.repeat(20480)),
  chinese: ended('好'.repeat(6826) + 'xx')
}, {
  ascii: [ended('x'.repeat(20481)), 'frame 1: content has 20481 bytes of UTF-8, more than 20480'],
  chinese: [ended('好'.repeat(6826) + 'xxx'), 'frame 1: content has 20481 bytes of UTF-8, more than 20480']
})

rule('content has no lone surrogate', {
  pair: ended('a😀'),
  'a replacement character is the source\'s business': ended('\ufffd')
}, {
  high: [ended('ab\ud83d'), 'frame 1: content has a lone surrogate at offset 2'],
  low: [ended('😀\ude00b'), 'frame 1: content has a lone surrogate at offset 2']
})

rule('the text only grows', {
  'word by word': ended('a', 'a b', 'a b', 'a b c'),
  'behind the waiting text': ended('<think></think>', '<think></think>', 'a'),
  'behind thinking, which is not the text': ended('<think>hm</think>', '<think>hm, no</think>\n\nabc', 'abcd'),
  'with thinking that begins later': ended('abc', '<think>hm</think>\n\nabcd', '<think>other</think>abcd'),
  'with a notice behind the end': ended('abc', 'abc def\n\n回复中断，请重试（编号 1）'),
  'with closers that go again': ended('```js\nlet', '```js\nlet\n```', '```js\nlet a\n```', '```js\nlet a\n```\nand').slice(1),
  'with a closer of tildes': ended('~~~~\na\n~~~~', '~~~~\nab\n~~~~'),
  'with the fence of the source, which stays': ended('```\na\n```', '```\na\n```\nb')
}, {
  'shorter while running': [running('abc', 'ab'), 'frame 2: the text does not start with that of frame 1: it ends at offset 2, before "c"'],
  'changed while running': [
    running('abcdef', 'abXdef'), 'frame 2: the text does not start with that of frame 1: at offset 2 stands "Xdef" instead of "cdef"'
  ],
  'changed at the end': [
    ended('abcdef', 'sorry'), 'frame 2: the text does not start with that of frame 1: at offset 0 stands "sorry" instead of "abcdef"'
  ],
  'shorter at the end': [
    ended('abc', 'abc', 'a'), 'frame 3: the text does not start with that of frame 2: it ends at offset 1, before "bc"'
  ],
  'a notice while running': [
    ended('abc\n\n（已停止）', 'abcd'), 'frame 2: the text does not start with that of frame 1: at offset 3 stands "d" instead of "\\n\\n（已停止）"'
  ],
  'a delta in place of the whole': [
    running('Hello', ' world'), 'frame 2: the text does not start with that of frame 1: at offset 0 stands " world" instead of "Hello"'
  ],
  'a changed text before the closer': [running(
    '```\nab\n```', '```\nXb\n```'
  ), 'frame 2: the text does not start with that of frame 1: at offset 4 stands "Xb\\n```" instead of "ab"'],
  'the text lost behind new thinking': [
    running('abc', '<think>abc</think>b'), 'frame 2: the text does not start with that of frame 1: at offset 0 stands "b" instead of "abc"'
  ]
})

t.test('at most 40 characters of the frames stand in a sentence', async t => {
  const [problem = ''] = checkFrames(running('x'.repeat(500), 'y'.repeat(500)))
  t.equal(
    problem,
    `frame 2: the text does not start with that of frame 1: at offset 0 stands "${'y'.repeat(18)}" instead of "${'x'.repeat(18)}"`
  )
  t.notMatch(problem, /x{19}|y{19}/)
  const [escaped = ''] = checkFrames(running('"'.repeat(500), '\\'.repeat(500)))
  t.equal(escaped.split(' stands ')[1]?.length, 40 + ' instead of '.length, escaped)
  const [pair = ''] = checkFrames(running('a😀'.repeat(50), 'b😀'.repeat(50)))
  t.ok(pair.length < 160, pair)
})

rule('a text that was shown is never blank again', {
  'blank before': ended('', ' ', '<think></think>', 'a'),
  'white space behind': ended('a', 'a \n', 'a \n b')
}, {
  empty: [running('abc', ''), 'frame 2: the text is blank, after frame 1 has shown some'],
  spaces: [running('abc', ' \n\u3000'), 'frame 2: the text is blank, after frame 1 has shown some'],
  'zero-width characters': [
    running('abc', 'abcd', '\u200b\u200d\ufeff\u2060\u00ad\u3164\u2800\ufff9'), 'frame 3: the text is blank, after frame 1 has shown some'
  ],
  'the waiting text': [running('abc', '<think></think>'), 'frame 2: the text is blank, after frame 1 has shown some'],
  'thinking alone': [running('abc', '<think>hm</think>'), 'frame 2: the text is blank, after frame 1 has shown some']
})

rule('the final frame has a visible character behind the thinking', {
  letter: ended('.'),
  emoji: ended('😀'),
  'after thinking': ended('<think>hm</think>\n\n42')
}, {
  empty: [ended(''), 'frame 1: the final frame has no visible character'],
  'after a text': [ended('abc', ''), 'frame 2: the final frame has no visible character'],
  blank: [ended(' \u200b\u2800'), 'frame 1: the final frame has no visible character'],
  'thinking alone': [ended('<think>hm</think>'), 'frame 1: the final frame has no visible character'],
  'the waiting text': [ended('<think></think>'), 'frame 1: the final frame shows the waiting text']
})

const withCard = (card: object): object => ({ ...frame('a', true), msgtype: 'stream_with_template_card', template_card: card })

rule('an answer has one card', {
  'in one frame': [frame('a'), withCard({ a: 1 }), frame('a', true)],
  'in the answers to a callback that was delivered again': [withCard({ a: 1 }), withCard({ a: 1 })]
}, {
  'and another': [[withCard({ a: 1 }), withCard({ a: 2 })], 'frame 2: template_card is another one than in frame 1']
})

rule('after finish: true the final content is repeated', {
  repeated: [...ended('a', 'ab'), frame('ab', true), frame('ab', true)],
  'with its images': [frame('a', true, { msg_item: [{ msgtype: 'image' }] }), frame('a', true, { msg_item: [{ msgtype: 'image' }] })],
  'without the feedback of the first reply': [frame('a', true, { feedback: { id: 'f' } }), frame('a', true)]
}, {
  'running again': [[...ended('ab'), frame('ab')], 'frame 2: finish is false, after it was true in frame 1'],
  longer: [[...ended('a', 'ab'), frame('abc', true)], 'frame 3: content is not the final one of frame 2: at offset 2 stands "c"'],
  'of thinking only': [[
    ...ended('<think>x</think>a'), frame('<think>y</think>a', true)
  ], 'frame 2: content is not the final one of frame 1: at offset 7 stands "y</think>a" instead of "x</think>a"'],
  'other, then right again': [
    [...ended('ab'), frame('abc', true), frame('ab', true)], 'frame 2: content is not the final one of frame 1: at offset 2 stands "c"'
  ],
  'without its images': [[frame('a', true, { msg_item: [] }), frame('a', true)], 'frame 2: msg_item is not the final one of frame 1']
})

rule('every frame closes its code fences', {
  'backticks and tildes': ended('```js\na\n```\n~~~\nb\n~~~'),
  'a longer closer': ended('```\na\n`````'),
  'a shorter run within': ended('````\n```\n````'),
  'the other kind within': ended('```\n~~~\n```'),
  'a word behind the run within': ended('```\n```js\n```'),
  'inline code': ended('```a` b'),
  'two backticks': ended('``\na'),
  'carriage returns': ended('```\r\na\r\n```\r\nb'),
  'in a list, closed within': ended('- ```js\n  a\n  ```'),
  'in a list, closed behind': ended('1. x\n     ```js\n     a\n```'),
  'in a quote': ended('> ```\n> a\n> ```'),
  'four spaces before: no fence': ended('    ```')
}, {
  open: [ended('```js\na'), 'frame 1: content ends inside a code fence'],
  'behind a carriage return': [ended('a\r```\rb'), 'frame 1: content ends inside a code fence'],
  'while running': [running('```'), 'frame 1: content ends inside a code fence'],
  'a closer too short': [ended('````\na\n```'), 'frame 1: content ends inside a code fence'],
  'a closer of the other kind': [ended('```\na\n~~~'), 'frame 1: content ends inside a code fence'],
  'a closer with a word': [ended('```\na\n```js'), 'frame 1: content ends inside a code fence'],
  'tildes with a backtick behind': [ended('~~~ `a`\nb'), 'frame 1: content ends inside a code fence'],
  'one closer too many': [ended('```\na\n```\n```'), 'frame 1: content ends inside a code fence'],
  'in the thinking': [ended('<think>```\na</think>b'), 'frame 1: the thinking ends inside a code fence']
})

rule('every frame closes its thinking', {
  'at the start': ended('<think>a</think>b'),
  'of the source, further down': ended('a <think>b</think> c'),
  'other words': ended('a <thinking> b </thought>'),
  'in inline code': ended('write `<think>` and ``</think>`</think>``'),
  'in a fence': ended('```\n<think>\n```\nb'),
  'in a quoted fence': ended('> ```\n> </think>\n> ```\nb')
}, {
  'open at the start': [running('<think>a'), 'frame 1: the <think> at the start of content is not closed'],
  'open further down': [ended('a <think> b'), 'frame 1: there is a <think> without its </think>'],
  'closed twice': [ended('<think>a</think>b</think>'), 'frame 1: there is a </think> without its <think>'],
  'closed before': [ended('a</think><think>'), 'frame 1: there is a </think> without its <think>'],
  'one in the other': [ended('<think>a<think>b</think>c'), 'frame 1: there is a <think> inside the thinking'],
  'behind a single backtick': [ended('` <think> b'), 'frame 1: there is a <think> without its </think>']
})

rule('images come with the last frame', {
  last: [frame('a'), frame('a', true, { msg_item: [{ msgtype: 'image' }] })]
}, {
  earlier: [[frame('a', false, { msg_item: [] }), ...ended('a')], 'frame 1: msg_item stands in a frame without finish: true']
})

t.test('the waiting text is that of the given texts', async t => {
  const frames = ended('思考中…', '你好')
  t.same(checkFrames(frames, { texts: loadTexts({ waiting: '思考中…' }) }), [])
  t.same(checkFrames(frames, { texts: { waiting: '思考中…' } }), [])
  t.same(checkFrames(frames), ['frame 2: the text does not start with that of frame 1: at offset 0 stands "你好" instead of "思考中…"'])
  t.same(checkFrames(ended('思考中…'), { texts: { waiting: '思考中…' } }), ['frame 1: the final frame shows the waiting text'])
})

t.test('each placeholder is replaced by the next one, or by the answer, and ends nothing', async t => {
  for (const language of ['zh-CN', 'en'] as const) {
    const { waiting, queued, thinking } = loadTexts({}, language)
    t.same(checkFrames([waiting, queued, waiting, thinking].map(text => frame(text)).concat(ended('Hi'))), [], language)
    for (const text of [waiting, queued, thinking]) {
      t.same(checkFrames([frame(text, true)]), ['frame 1: the final frame shows the waiting text'])
    }
  }
  const own = { queued: 'in line', thinking: 'hm' }
  t.same(checkFrames([frame('in line'), frame('hm'), frame('Hi', true)], { texts: own }), [])
  t.match(checkFrames(
    [frame(loadTexts().queued), frame('Hi', true)], { texts: own }
  ), [/^frame 2: the text does not start with/], 'not where the host has its own')
})

t.test('several rules broken at once are all told, frame by frame', async t => {
  t.same(checkFrames([frame('```\n\ud800', false, { msg_item: [] }), frame(' ', true, { id: 'b' })]), [
    'frame 1: content has a lone surrogate at offset 4',
    'frame 1: content ends inside a code fence',
    'frame 1: msg_item stands in a frame without finish: true',
    'frame 2: the stream id is not that of frame 1',
    'frame 2: the final frame has no visible character'
  ])
})

t.test('a frame that cannot be read is left out of the comparison', async t => {
  t.same(checkFrames([frame('a'), null, frame('ab', true)]), ['frame 2: it is not an object'])
})
