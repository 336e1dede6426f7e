import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { createFrames, isBubbleOver, MAX_FRAME_BYTES } from '../../../lib/replies/frames.ts'
import { isFenceOpen } from '../../../lib/simulator/frame-check-markdown.ts'
import { checkFrames } from '../../../lib/simulator/frame-check.ts'
import type { Notice, StreamRecord } from '../../../lib/stores/store.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { MAX_CLOSER_BYTES } from '../../../lib/util/code-fence.ts'
import { FAILURE_CLASSES } from '../../../lib/util/errors.ts'
import { headOf } from '../../../lib/util/text-cuts.ts'
import { isVisible } from '../../../lib/util/visible.ts'
import { textNotice } from '../../../lib/wecom/cards/build-card.ts'

const texts = loadTexts()
const frames = createFrames(texts)

const record = (fields: Partial<StreamRecord> = {}): StreamRecord =>
  ({
    id: 'id', status: 'running', content: '', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {}, ...fields
  })

const replyOf = (fields: Partial<StreamRecord>): { msgtype: string, stream: { id: string, finish: boolean, content: string } } =>
  JSON.parse(frames.reply('id', record(fields)))

const contentOf = (fields: Partial<StreamRecord>): string => replyOf(fields).stream.content
const CARD = textNotice({ main_title: { title: 'Done' }, card_action: { type: 1, url: 'https://example.com/' } })
const bytes = (text: string): number => Buffer.byteLength(text)

/** What the frame keeps of a text that does not fit. */
const HEAD_BYTES = MAX_FRAME_BYTES - 2560
const NOTICES: Record<Notice, string> = {
  LENGTH: texts.length,
  TOO_LARGE: texts.tooLarge,
  STOPPED: texts.stopped,
  UNSUPPORTED: texts.unsupported,
  NO_PROMPT: texts.noPrompt,
  CLOSING: texts.closing,
  DENIED: texts.denied,
  REFUSED: texts.refused,
  LIMITED: texts.limited
}

t.test('a frame is a stream with its id, whether it is finished, and its content', async t => {
  t.same(replyOf({ content: 'hello' }), { msgtype: 'stream', stream: { id: 'id', finish: false, content: 'hello' } })
  t.same(replyOf({ status: 'done', content: 'hello' }), { msgtype: 'stream', stream: { id: 'id', finish: true, content: 'hello' } })
  t.equal(replyOf({ status: 'stopping', content: 'hello' }).stream.finish, false)
  t.equal(replyOf({ status: 'error', failure: { code: 'BUSY', reference: 'ref' } }).stream.finish, true)
})

t.test('a stream that is not to be shown is finished, with the sentence for it', async t => {
  t.same(JSON.parse(frames.reply('id', undefined)), { msgtype: 'stream', stream: { id: 'id', finish: true, content: texts.expired } })
})

t.test('a stream that could not be had is finished, with the sentence of its class and its reference', async t => {
  t.same(JSON.parse(frames.failure('id', { code: 'INTERNAL', reference: 'abc' })), {
    msgtype: 'stream', stream: { id: 'id', finish: true, content: '服务异常，请稍后再试（编号 abc）' }
  })
})

t.test('a frame is built once for each record', async t => {
  let reads = 0
  const one = Object.defineProperty(record(), 'content', { get: () => reads++ < 0 ? '' : 'hello' })
  const first = frames.reply('id', one)
  const times = reads
  t.ok(times > 0)
  t.equal(frames.reply('id', one), first)
  t.equal(reads, times)
})

t.test('a first reply can have the id of a feedback, which its refreshes have not', async t => {
  for (const one of [record({ content: 'text' }), record({ status: 'done', content: 'text' })]) {
    const plain = JSON.parse(frames.reply('id', one))
    const { stream: { feedback, ...stream } } = JSON.parse(frames.reply('id', one, { feedbackId: 'f' }))
    t.same(feedback, { id: 'f' })
    t.same(stream, plain.stream)
    t.same(JSON.parse(frames.reply('id', one)), plain)
  }
  t.notOk('feedback' in JSON.parse(frames.reply('id', undefined, { feedbackId: 'f' })).stream)
})

t.test('as long as nothing can be seen, a running stream shows the waiting text', async t => {
  for (const content of ['', ' ', '\n\n', '\u200b', '\u2800', '\ufe0f']) t.equal(contentOf({ content }), '<think></think>', escape(content))
  t.equal(contentOf({ content: '\n .' }), '\n .')
  t.equal(JSON.parse(createFrames(loadTexts({ waiting: 'wait' })).reply('id', record())).stream.content, 'wait')
})

t.test('as long as nothing can be seen, a stream says what it waits for', async t => {
  t.equal(contentOf({ metadata: { waiting: true } }), texts.queued)
  t.equal(contentOf({ metadata: { waiting: false } }), texts.waiting)
  t.equal(contentOf({ metadata: { thinking: true } }), texts.thinking)
  t.equal(contentOf({ metadata: { waiting: false, thinking: true }, content: '\u200b' }), texts.thinking)
  t.equal(contentOf({ metadata: { waiting: true }, status: 'stopping' }), texts.queued)
  t.equal(contentOf({ metadata: { waiting: true, thinking: true }, content: 'so' }), 'so', 'until there is a text')
  t.equal(contentOf({ metadata: { waiting: true, thinking: true }, status: 'done', content: 'so' }), 'so')
  t.equal(contentOf({ metadata: { waiting: true, thinking: true }, status: 'done' }), texts.empty)
})

t.test('a lost attachment is told below the finished text, before how it ended', async t => {
  for (const [reason, text] of Object.entries(texts.lost) as Array<[keyof typeof texts.lost, string]>) {
    t.equal(contentOf({ status: 'done', content: 'text', metadata: { lost: [reason] } }), `text\n\n（附件未能读取：${text}）`)
  }
  const metadata = { lost: ['TIMEOUT', 'BROKEN'] } as const
  const told = `（附件未能读取：${texts.lost.TIMEOUT}）`
  t.equal(contentOf({ content: 'text', metadata }), 'text', 'not before')
  t.equal(contentOf({ status: 'done', content: 'text', metadata }), `text\n\n${told}`, 'once')
  t.equal(contentOf({ status: 'done', content: '```\ncode', metadata }), `\`\`\`\ncode\n\`\`\`\n\n${told}`)
  t.equal(contentOf({ status: 'done', metadata }), `${told}\n\n${texts.empty}`)
  t.equal(contentOf({ status: 'done', content: 'text', notice: 'STOPPED', metadata }), `text\n\n${told}`)
  t.equal(contentOf({ status: 'done', content: 'text', notice: 'LENGTH', metadata }), `text\n\n${told}\n\n${texts.length}`)
  t.equal(contentOf({ status: 'done', content: 'x'.repeat(30_000), metadata }).endsWith(`字节未显示）\n\n${told}`), true)
  t.equal(contentOf({ status: 'done', metadata: { lost: [] } }), texts.empty)
  const own = createFrames(loadTexts({ lostAttachment: '{reason}!', lost: { BROKEN: '$& $1' } }))
  t.equal(
    JSON.parse(own.reply('id', record({ status: 'done', content: 'a', metadata: { lost: ['BROKEN'] } }))).stream.content, 'a\n\n$& $1!',
    'as the host has written it'
  )
})

t.test('images come with the last frame, and with no other', async t => {
  const images = [{ msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }] as const
  t.notOk('msg_item' in replyOf({ content: 'a', metadata: { images } }).stream)
  t.notOk('msg_item' in replyOf({ status: 'done', content: 'a' }).stream)
  t.same(replyOf({ status: 'done', content: 'a', metadata: { images } }).stream, { id: 'id', finish: true, content: 'a', msg_item: images })
  t.same(replyOf({ status: 'done', metadata: { images } }).stream, {
    id: 'id', finish: true, content: texts.seeBelow, msg_item: images
  }, 'beside something to see')
})

t.test('an answer without anything to see ends with a sentence', async t => {
  t.equal(contentOf({ status: 'done' }), texts.empty)
  t.equal(contentOf({ status: 'done', content: ' ' }), ` \n\n${texts.empty}`, 'the text stays')
  t.equal(contentOf({ status: 'done', content: '\u2800' }), `\u2800\n\n${texts.empty}`)
  t.equal(contentOf({ status: 'done', notice: 'STOPPED' }), texts.stopped)
})

t.test('a notice is appended behind the text, each its own', async t => {
  for (const [notice, text] of Object.entries(NOTICES) as Array<[Notice, string]>) {
    t.equal(contentOf({ status: 'done', notice }), text, notice)
    if (notice !== 'STOPPED' && notice !== 'DENIED') {
      t.equal(contentOf({ status: 'done', content: 'text', notice }), `text\n\n${text}`, `${notice} behind text`)
    }
  }
})

t.test('a stopped answer stands for itself', async t => {
  t.equal(contentOf({ status: 'done', content: 'half an ans', notice: 'STOPPED' }), 'half an ans')
  t.equal(contentOf({ status: 'done', content: 'Not you.', notice: 'DENIED' }), 'Not you.', 'the host says it its own way')
  t.equal(contentOf({ status: 'done', content: ' \n', notice: 'DENIED' }), ` \n\n\n${texts.denied}`)
})

t.test('a failure shows the sentence of its class and the reference behind the text', async t => {
  for (const [code, text] of Object.entries(texts.failures)) {
    const failure = { code: code as keyof typeof texts.failures, reference: 'a1b2' }
    t.equal(contentOf({ status: 'error', failure }), `${text}（编号 a1b2）`)
    t.equal(contentOf({ status: 'error', content: 'text', failure }), `text\n\n${text}（编号 a1b2）`)
  }
  t.equal(contentOf(
    { status: 'error', failure: { code: 'BUSY', reference: 'a1b2' }, notice: 'CLOSING' }
  ), `${texts.closing}（编号 a1b2）`, 'a notice takes the place of the class')
})

t.test('an open fence is closed in every frame, before anything of ours', async t => {
  const content = '```js\nlet a'
  t.equal(contentOf({ content }), `${content}\n\`\`\``)
  t.equal(contentOf({ status: 'done', content }), `${content}\n\`\`\``)
  t.equal(contentOf(
    { status: 'error', content, failure: { code: 'TIMEOUT', reference: 'r' } }
  ), `${content}\n\`\`\`\n\n${texts.failures.TIMEOUT}（编号 r）`)
})

t.test('thinking stands before the text, in a block of its own', async t => {
  t.equal(contentOf({ reasoning: 'hm' }), '<think>hm</think>\n\n')
  t.equal(contentOf({ reasoning: 'hm', content: 'so' }), '<think>hm</think>\n\nso')
  t.equal(contentOf({ status: 'done', reasoning: 'hm', content: 'so' }), '<think>hm</think>\n\nso')
  t.equal(contentOf({ status: 'done', reasoning: 'hm' }), `<think>hm</think>\n\n${texts.empty}`, 'thinking is no answer')
  t.equal(contentOf({ reasoning: '\u200b\n', content: '' }), '<think></think>', 'nor is anything that cannot be seen thinking')
})

t.test('a tag inside the thinking cannot end it, and an open fence is closed', async t => {
  t.equal(contentOf({ reasoning: 'a <think> b </think> c </THINK>' }), '<think>a ‹think› b ‹/think› c ‹/think›</think>\n\n')
  t.equal(contentOf({ reasoning: '```js\nlet a' }), '<think>```js\nlet a\n```</think>\n\n')
})

t.test('thinking gives way to the text', async t => {
  const reasoning = 'hm, '.repeat(6000)
  const full = contentOf({ reasoning })
  t.ok(bytes(full) <= MAX_FRAME_BYTES && bytes(full) > MAX_FRAME_BYTES - MAX_CLOSER_BYTES - 300, 'alone it fills the frame')
  t.match(full, /^<think>hm.*<\/think>\n\n$/)

  const shared = contentOf({ reasoning, content: 'x'.repeat(10_000) })
  t.ok(shared.endsWith('x'.repeat(10_000)))
  t.ok(bytes(shared) <= MAX_FRAME_BYTES && bytes(shared) > MAX_FRAME_BYTES - MAX_CLOSER_BYTES - 300)

  const left = (room: number): string => contentOf({ status: 'done', reasoning, content: 'x'.repeat(MAX_FRAME_BYTES - room) })
  const least = 512 + bytes('<think></think>\n\n') + MAX_CLOSER_BYTES
  t.match(left(least), /^<think>hm/, 'a little thinking is shown')
  t.equal(left(least - 1), 'x'.repeat(MAX_FRAME_BYTES - least + 1), 'less is none')

  const cut = contentOf({ status: 'done', reasoning, content: 'x'.repeat(30_000) })
  t.ok(cut.startsWith('xxx'), 'a text that has to be cut leaves none')
})

t.test('a whole answer is shown whole if it fits to the byte', async t => {
  const fitting = 'x'.repeat(MAX_FRAME_BYTES)
  t.equal(contentOf({ status: 'done', content: fitting }), fitting)
  t.equal(contentOf({ status: 'done', content: '你'.repeat(6826) + 'xx' }), '你'.repeat(6826) + 'xx')
  const withNotice = 'x'.repeat(MAX_FRAME_BYTES - 2 - bytes(texts.length))
  t.equal(contentOf({ status: 'done', content: withNotice, notice: 'LENGTH' }), `${withNotice}\n\n${texts.length}`)
  const withFence = '```\n' + 'x'.repeat(MAX_FRAME_BYTES - 8)
  t.equal(contentOf({ status: 'done', content: withFence }), `${withFence}\n\`\`\``)
})

t.test('an answer that does not fit is cut, with a notice of exactly what is missing', async t => {
  for (const [content, more] of [
    ['x'.repeat(MAX_FRAME_BYTES + 1), {}],
    ['x'.repeat(MAX_FRAME_BYTES - 1 - bytes(texts.length)), { notice: 'LENGTH' }],
    ['```\n' + 'x'.repeat(MAX_FRAME_BYTES - 7), {}],
    ['你'.repeat(100_000), { status: 'error', failure: { code: 'BROKEN', reference: 'r' } }]
  ] as Array<[string, Partial<StreamRecord>]>) {
    const shown = contentOf({ status: 'done', content, ...more })
    t.ok(bytes(shown) <= MAX_FRAME_BYTES)
    const [, head = '', missing] = /^([^]*?)(?:\n```)?\n\n（内容过长，还有 (\d+) 字节未显示）/.exec(shown) ?? []
    t.ok(content.startsWith(head))
    t.equal(bytes(head) + Number(missing), bytes(content))
    t.ok(bytes(head) > HEAD_BYTES - 4)
  }
})

t.test('the other notices stand behind the notice of the cut', async t => {
  const content = 'x'.repeat(30_000)
  t.ok(contentOf({ status: 'done', content, notice: 'TOO_LARGE' }).endsWith(`字节未显示）\n\n${texts.tooLarge}`))
  t.ok(contentOf({ status: 'error', content, failure: { code: 'TIMEOUT', reference: 'r' } }).endsWith(
    `字节未显示）\n\n${texts.failures.TIMEOUT}（编号 r）`
  ))
})

t.test('sentences of the greatest length still fit behind a cut text', async t => {
  const long = (text: string): string => text + '好'.repeat(Math.floor((400 - bytes(text)) / 3))
  const wordy = createFrames(loadTexts({
    cut: long('{bytes}'),
    reference: long('{reference}'),
    failures: { BROKEN: long('') },
    closing: long('c'),
    lostAttachment: long('{reason}'),
    lost: { BROKEN: long('') },
    length: long(''),
    historyLeftOut: long('')
  }))
  for (const notice of [undefined, 'CLOSING'] as const) {
    const content = '~'.repeat(512) + '\n' + '你'.repeat(300_000)
    const reply = wordy.reply(
      'id', record({ status: 'error', content, failure: { code: 'BROKEN', reference: 'a1b2c3d4' }, notice, metadata: { lost: ['BROKEN'] } })
    )
    t.ok(bytes(JSON.parse(reply).stream.content) <= MAX_FRAME_BYTES)
    const cut = wordy.reply(
      'id', record({ status: 'done', content, notice: 'LENGTH', metadata: { lost: ['BROKEN'], history: 'left-out' } })
    )
    t.ok(bytes(JSON.parse(cut).stream.content) <= MAX_FRAME_BYTES)
  }
})

t.test('an answer without the history says so once it has ended, also where the rest of it follows', async t => {
  const metadata = { history: 'left-out' } as const
  t.equal(contentOf({ content: 'a', metadata }), 'a')
  t.equal(contentOf({ status: 'done', content: 'a', metadata }), `a\n\n${texts.historyLeftOut}`)
  t.equal(contentOf({ status: 'done', metadata }), `${texts.historyLeftOut}\n\n${texts.empty}`)
  t.equal(contentOf({ status: 'done', content: 'abc', metadata: { ...metadata, sealedAt: 1 } }), `a\n\n${texts.later}`)
  t.equal(frames.rest(record({ status: 'done', content: 'abc', metadata: { ...metadata, sealedAt: 1 } })), `bc\n\n${texts.historyLeftOut}`)
})

t.test('a failure that comes of the history names the command for a new conversation, if there is one', async t => {
  const refused = record({ status: 'error', failure: { code: 'FILTERED', reference: 'r' }, metadata: { history: 'refused' } })
  const shown = (newCommand?: string): string => JSON.parse(createFrames(texts, { newCommand }).reply('id', refused)).stream.content
  t.equal(shown('/new'), '内容未通过安全检查（如果反复出现，请发送 /new 开始新对话）（编号 r）')
  t.equal(shown("$'"), "内容未通过安全检查（如果反复出现，请发送 $' 开始新对话）（编号 r）")
  t.equal(shown(), '内容未通过安全检查（编号 r）')
})

const PIECES = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'word ', 'text. ', '你好', '\n', '\r\n', '\n\n', ' ') },
  { weight: 2, arbitrary: fc.constantFrom('```', '```js\n', '\n```\n', '~~~\n', '````\n', '- ', '> ', '`', '    ') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '😀', '👨‍👩‍👧‍👦', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '❤️', 'e\u0301', 'क्षि', 'กำ', '각', '\u200d', '\u0301', '\u200b', '\u2800', 'Z̸̨̧̛̛͓'
    )
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom('<', '>', '&', '\u0000', '\u2028', '"', '\\', '$&', '{bytes}') }
)

const ENDS: ReadonlyArray<Partial<StreamRecord>> = [
  { status: 'done' }, { status: 'done', notice: 'LENGTH' }, { status: 'done', notice: 'STOPPED' }, { status: 'done', notice: 'TOO_LARGE' },
  { status: 'error', failure: { code: 'TIMEOUT', reference: 'a1b2c3d4' } }, {
    status: 'error', failure: { code: 'INTERNAL', reference: 'a1b2c3d4' }
  }
]

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** Where a text has been cut, and whether a cluster of usual size was cut through. */
function cutsThrough (content: string, at: number): boolean {
  if (at === 0 || at >= content.length) return false
  const cluster = segmenter.segment(content).containing(at)
  return cluster !== undefined && cluster.index < at && bytes(cluster.segment) <= 200
}

t.test('any text that grows in any steps is shown by the frame contract', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.array(PIECES, { minLength: 1, maxLength: 60 }),
    fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 12 }),
    fc.constantFrom(0, 0, 17_500, 17_900, 18_400, 20_300, 25_000),
    fc.constantFrom(...ENDS),
    (pieces, steps, plain, end) => {
      const all = `${'p'.repeat(plain)}${pieces.join('')}`
      // What the streams hand on is well-formed at every moment: code points are the smallest step.
      const points = Array.from(all)
      const looks: StreamRecord[] = [record()]
      let content = plain === 0 ? '' : 'p'.repeat(plain - 50)
      let reasoning = ''
      let next = content.length
      for (const [thinks, count] of steps) {
        const text = points.slice(next, next + count).join('')
        if (thinks) {
          reasoning += `${text}\n`.repeat(200)
        } else {
          content += text
          next += count
        }
        looks.push(record({ content, reasoning }))
      }
      const rest = points.slice(next).join('')
      content += rest
      looks.push(record({ content, reasoning }), record({ content, reasoning, ...end }))
      looks.push(looks.at(-1) as StreamRecord)

      const replies = looks.map(look => JSON.parse(frames.reply('id', look)))
      const problems = checkFrames(replies)
      if (problems.length > 0) throw new Error(problems.join('\n'))

      for (const [index, reply] of replies.entries()) {
        const shown: string = reply.stream.content
        if (bytes(shown) > MAX_FRAME_BYTES) throw new Error('too long')
        const source = looks[index]?.content as string
        const body = shown.replace(/^<think>[^]*?<\/think>(\n\n)?/, '')
        let same = 0
        while (same < source.length && source[same] === body[same]) same++
        if (body !== '' && same < source.length && source.trim() !== '' && cutsThrough(source, same)) {
          throw new Error(`frame ${index}: cut through a cluster at ${same}`)
        }
      }

      const last: string = replies.at(-1).stream.content
      const whole = last.replace(/^<think>[^]*?<\/think>\n\n/, '')
      const cut = /（内容过长，还有 (\d+) 字节未显示）/.exec(whole)
      if (cut === null) {
        if (!whole.startsWith(content)) throw new Error('the answer is not whole, and nothing says so')
      } else {
        if (bytes(content) <= MAX_FRAME_BYTES - 200) throw new Error('it was cut without need')
        const head = whole.slice(0, cut.index).replace(/\n\n$/, '')
        // What looks like a closer may be of the source.
        const heads = [head, head.replace(/\n[`~]{3,}$/, '')].filter(head => content.startsWith(head))
        if (heads.length === 0) throw new Error('the head is not of the answer')
        if (!heads.some(head => bytes(head) + Number(cut[1]) === bytes(content))) {
          throw new Error('the notice states another number of bytes')
        }
      }
    }), { numRuns: Number(process.env['FRAME_RUNS'] ?? 600), includeErrorInReport: true }))
})

t.test('a sealed bubble is over and stays as it was, while its text goes on', async t => {
  const sealed = (more: Partial<StreamRecord>): Partial<StreamRecord> => ({ metadata: { deliverable: true, sealedAt: 5 }, ...more })
  const bubble = { msgtype: 'stream', stream: { id: 'id', finish: true, content: `hello\n\n${texts.later}` } }
  for (const more of [
    { content: 'hello' }, { content: 'hello world' }, { content: 'hello world', reasoning: 'hm' }, {
      content: 'hello world', status: 'stopping'
    },
    { content: 'hello world', status: 'done' }, { content: 'hello', status: 'error', failure: { code: 'BROKEN', reference: 'r' } }
  ] as const) t.same(replyOf(sealed(more)), bubble)
  t.equal(contentOf({ content: '```js\nlet a = 1', metadata: { sealedAt: 9 } }), `\`\`\`js\nlet\n\`\`\`\n\n${texts.later}`)
  t.equal(contentOf({ metadata: { sealedAt: 0, waiting: true } }), texts.later, 'where there was nothing yet')
  t.ok(isBubbleOver(record(sealed({}))) && isBubbleOver(record({ status: 'done' })) && !isBubbleOver(record()) && !isBubbleOver(
    record({ status: 'stopping' })
  ))
})

t.test('what a bubble cannot hold is promised where there is a way, and left for later', async t => {
  const content = 'x'.repeat(30_000)
  const shown = contentOf({ status: 'done', content, metadata: { deliverable: true } })
  t.match(shown, new RegExp(`^x+\n\n${texts.later}$`))
  const left = content.length - shown.indexOf('\n')
  t.equal(frames.rest(record({ status: 'done', content, metadata: { deliverable: true } })), 'x'.repeat(left))
  t.ok(contentOf({ status: 'error', content, metadata: { deliverable: true }, failure: { code: 'BROKEN', reference: 'r' } }).endsWith(
    `${texts.later}\n\n${texts.failures.BROKEN}（编号 r）`
  ))
  t.equal(contentOf({ content, metadata: { deliverable: true } }), 'x'.repeat(30_000 - left), 'not before its end')
})

t.test('nothing is left of an answer that was shown whole', async t => {
  t.equal(frames.rest(record({ status: 'done', content: 'hello', metadata: { deliverable: true } })), undefined)
  t.equal(frames.rest(record({ status: 'done', content: 'x'.repeat(MAX_FRAME_BYTES) })), undefined)
  t.equal(frames.rest(record({ status: 'done' })), undefined)
})

t.test('what is left of a sealed bubble says how the answer ended', async t => {
  const rest = (more: Partial<StreamRecord>): string | undefined =>
    frames.rest(record({ status: 'done', content: 'hello world', ...more, metadata: { sealedAt: 5, ...more.metadata } }))
  t.equal(rest({}), ' world')
  t.equal(rest({ content: 'hello' }), texts.complete)
  t.equal(rest({ content: 'hello\n\n' }), texts.complete)
  t.equal(rest({ notice: 'LENGTH' }), ` world\n\n${texts.length}`)
  t.equal(rest({ content: '```\nab', notice: 'LENGTH' }), `\`\`\`\nb\n\`\`\`\n\n${texts.length}`)
  t.equal(rest({ content: '```\na', notice: 'LENGTH' }), texts.length, 'no fence around nothing')
  t.equal(rest({ notice: 'STOPPED' }), ' world')
  t.equal(rest({ content: 'hello', notice: 'STOPPED' }), texts.stopped, 'what was stopped was not the whole answer')
  t.equal(rest({ status: 'error', content: 'hello', failure: { code: 'TIMEOUT', reference: 'r' } }), `${texts.failures.TIMEOUT}（编号 r）`)
  t.equal(rest({ metadata: { lost: ['BROKEN'] } }), ` world\n\n（附件未能读取：${texts.lost.BROKEN}）`)
  t.equal(rest({ reasoning: 'hm' }), ' world', 'thinking is left out')
  t.equal(rest({ content: '', metadata: { sealedAt: 0 } }), texts.empty)
  const images = [{ msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }] as const
  t.equal(rest({ metadata: { tooLate: true } }), ` world\n\n${texts.tooLate}`)
  t.equal(rest({ content: '', metadata: { sealedAt: 0, tooLate: true } }), `${texts.empty}\n\n${texts.tooLate}`)
  t.equal(rest({ metadata: { images, card: CARD } }), ' world', 'what came in time was shown')
  t.equal(rest({ content: '', metadata: { sealedAt: 0, images } }), texts.complete)
  t.hasStrict(
    replyOf({ status: 'running', content: 'hello', metadata: { sealedAt: 5, images } }).stream, { finish: true, msg_item: images }
  )
})

for (const language of ['zh-CN', 'en'] as const) {
  t.test(`a full bubble shows all but a thousand bytes of what it can hold (${language})`, async t => {
    const { bubbleBytes, reply, rest } = createFrames(loadTexts({}, language), { newCommand: '/new' })
    const answer = (more: Partial<StreamRecord> = {}): StreamRecord =>
      record({ status: 'done', content: 'x'.repeat(30_000), ...more, metadata: { bubbleBytes, deliverable: true, ...more.metadata } })
    const head = (shown: StreamRecord): number => /^x+/.exec(JSON.parse(reply('id', shown)).stream.content)?.[0].length ?? 0
    t.ok(bubbleBytes > MAX_FRAME_BYTES - 1000)
    for (const more of [
      {}, { status: 'running' }, { metadata: { sealedAt: 25_000 } }, { metadata: { lost: ['TIMEOUT'] } }, { notice: 'LENGTH' }
    ] as const) t.equal(head(answer(more)), bubbleBytes)
    t.equal(rest(answer()), 'x'.repeat(30_000 - bubbleBytes))
    t.equal(head(answer({ content: 'x'.repeat(bubbleBytes), notice: 'LENGTH' })), bubbleBytes)
    t.equal(rest(answer({ content: 'x'.repeat(bubbleBytes), notice: 'LENGTH' })), undefined)
    t.equal(rest(answer({ content: 'x'.repeat(bubbleBytes + 1), notice: 'LENGTH' })), 'x')
    t.equal(rest(answer({ content: 'x'.repeat(MAX_FRAME_BYTES) })), undefined, 'what has no sentence needs no room')
  })
}

t.test('who has other sentences neither repeats nor loses text', async t => {
  const long = (text: string): string => text + '好'.repeat(Math.floor((400 - bytes(text)) / 3))
  const wordy = createFrames(loadTexts({
    cut: long('{bytes}'),
    later: long('L'),
    reference: long('{reference}'),
    historyLeftOut: long('H'),
    lostAttachment: long('{reason}'),
    failures: { BROKEN: long('') }
  }))
  t.ok(wordy.bubbleBytes < frames.bubbleBytes - 1000)
  for (const deliverable of [true, false]) {
    for (const length of [frames.bubbleBytes - 1, frames.bubbleBytes, frames.bubbleBytes + 1, 30_000]) {
      const shown = record({
        status: 'error',
        content: 'x'.repeat(length),
        failure: { code: 'BROKEN', reference: '12345678' },
        metadata: { bubbleBytes: frames.bubbleBytes, ...(deliverable && { deliverable }), history: 'left-out', lost: ['BROKEN'] }
      })
      const content: string = JSON.parse(wordy.reply('id', shown)).stream.content
      t.ok(bytes(content) <= MAX_FRAME_BYTES)
      const head = /^x+/.exec(content)?.[0] ?? ''
      t.equal(head.length, Math.min(length, frames.bubbleBytes))
      t.equal(head + (frames.rest(shown) ?? ''), shown.content)
      t.ok(content.length > head.length, 'sentences give way, but not all of them')
    }
  }
  const tight = record({ status: 'done', content: 'x'.repeat(30_000), metadata: { bubbleBytes: MAX_FRAME_BYTES - 20, deliverable: true } })
  t.equal(JSON.parse(wordy.reply('id', tight)).stream.content, 'x'.repeat(MAX_FRAME_BYTES - 20), 'or all, before any text')
})

t.test('every sentence fits behind a full bubble of its own', async t => {
  const { bubbleBytes, reply } = createFrames(texts, { newCommand: '/new' })
  const content = '`'.repeat(512) + 'x'.repeat(30_000)
  for (const code of FAILURE_CLASSES) {
    const shown = record({
      status: 'error',
      content,
      failure: { code, reference: '12345678' },
      metadata: { bubbleBytes, history: 'refused', lost: ['UNDECRYPTABLE'] }
    })
    const frame: string = JSON.parse(reply('id', shown)).stream.content
    t.ok(frame.includes(texts.failures[code]) && frame.includes(texts.lost.UNDECRYPTABLE) && frame.endsWith('（编号 12345678）'))
    t.ok(bytes(frame) <= MAX_FRAME_BYTES)
  }
})

t.test('an image that is too large is told in a sentence', async t => {
  const metadata = { imageTooLarge: true } as const
  t.equal(contentOf({ status: 'done', content: 'a', metadata }), `a\n\n${texts.imageTooLarge}`)
  t.equal(contentOf({ status: 'done', metadata }), texts.imageTooLarge, 'it is not empty, and nothing is below it')
  t.equal(contentOf({ content: 'a', metadata }), 'a', 'with the end')
})

t.test('a frame that is too large when it is sealed has fewer images, and the same ones with its card and without', async t => {
  const item = (length: number) => ({ msgtype: 'image', image: { base64: 'A'.repeat(length), md5: '0'.repeat(32) } } as const)
  const imagesOf = (lengths: number[], once = {}): number => {
    const ended = record({ status: 'done', content: 'a', metadata: { images: lengths.map(item), card: CARD } })
    return JSON.parse(frames.reply('id', ended, once)).stream.msg_item?.length ?? 0
  }
  t.equal(imagesOf([300_000, 300_000]), 2)
  t.equal(imagesOf([300_000, 300_000, 300_000]), 2)
  t.equal(imagesOf([900_000]), 0)
  const none = record({ status: 'done', content: 'a', metadata: { images: [item(0)], card: CARD } })
  const bytesAround = bytes(frames.reply('id', none, { card: true }))
  const most = (1024 * 1024 - 1024) / 4 * 3 - 52 - bytesAround
  for (const once of [{}, { card: true }]) {
    t.equal(imagesOf([most - 100], once), 1)
    t.equal(imagesOf([most + 100], once), 0)
  }
})

t.test('an answer whose end nobody has seen is told from its beginning, with what became of it', async t => {
  const whole = (more: Partial<StreamRecord>): string => frames.whole(record({ status: 'done', content: 'hello', ...more }))
  const images = [{ msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }] as const
  t.equal(whole({}), 'hello')
  t.equal(whole({ reasoning: 'hm' }), 'hello', 'thinking is left out')
  t.equal(whole({ content: 'hello world', metadata: { sealedAt: 5 } }), 'hello world')
  t.equal(whole({ content: '```\na', notice: 'LENGTH' }), `\`\`\`\na\n\`\`\`\n\n${texts.length}`)
  t.equal(whole({ content: '' }), texts.empty)
  const seenCard = record({ status: 'done', content: ' ', metadata: { card: CARD } })
  t.equal(frames.whole(seenCard, { card: true }), texts.complete, 'a card that was shown, and nothing else')
  t.equal(whole({ content: '', notice: 'STOPPED' }), texts.stopped)
  t.equal(whole({ status: 'error', failure: { code: 'TIMEOUT', reference: 'r' } }), `hello\n\n${texts.failures.TIMEOUT}（编号 r）`)
  for (const metadata of [{ images }, { card: CARD }, { tooLate: true }] as const) {
    t.equal(whole({ metadata }), `hello\n\n${texts.tooLate}`)
    t.equal(whole({ metadata: { ...metadata, sealedAt: 2 } }), `hello\n\n${texts.tooLate}`)
  }
  t.equal(whole({ content: '', metadata: { images } }), texts.tooLate, 'nothing is below it')
  const long = whole({ content: '你'.repeat(20_000), metadata: { images, deliverable: true } })
  t.ok(bytes(long) <= MAX_FRAME_BYTES)
  t.match(long, new RegExp(`^你+\\n\\n（内容过长，还有 \\d+ 字节未显示）\\n\\n${texts.tooLate}$`))
})

t.test('what is left of code begins with its fence', async t => {
  const content = '```js\nlet a = 1\nlet b'
  const rest = (sealedAt: number): string | undefined => frames.rest(record({ status: 'done', content, metadata: { sealedAt } }))
  t.equal(rest(9), '```js\n a = 1\nlet b\n```')
  t.equal(rest(15), '```js\nlet b\n```', 'without an empty line')
})

t.test('what even a message of its own cannot hold is told by its size', async t => {
  const content = '你'.repeat(20_000)
  const rest = frames.rest(record({ status: 'done', content, metadata: { sealedAt: 1, lost: ['BROKEN'] } })) as string
  t.ok(bytes(rest) <= MAX_FRAME_BYTES)
  const [, head = '', missing] = /^(你+)\n\n（内容过长，还有 (\d+) 字节未显示）\n\n（附件未能读取：下载失败）$/.exec(rest) ?? []
  t.equal(bytes(head) + Number(missing) + 3, bytes(content))
})

t.test('sentences of the greatest length still fit behind what is left', async t => {
  const long = (text: string): string => text + '好'.repeat(Math.floor((400 - bytes(text)) / 3))
  const wordy = createFrames(loadTexts({
    cut: long('{bytes}'),
    reference: long('{reference}'),
    failures: {
      BROKEN: long('')
    },
    lostAttachment: long('{reason}'),
    lost: { BROKEN: long('') },
    tooLate: long('')
  }))
  const content = '~'.repeat(512) + '\n' + '你'.repeat(300_000)
  const rest = wordy.rest(record({
    status: 'error',
    content,
    failure: { code: 'BROKEN', reference: 'a1b2c3d4' },
    metadata: {
      sealedAt: 600, lost: ['BROKEN'], tooLate: true
    }
  })) as string
  t.ok(bytes(rest) <= MAX_FRAME_BYTES)
  t.ok(rest.endsWith('好'))
})

t.test('a card goes with the end where it is asked for, beside text and images', async t => {
  const images = [{ msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }] as const
  const ended = record({ status: 'done', content: 'a', metadata: { card: CARD, images } })
  t.same(JSON.parse(frames.reply('id', ended, { card: true })), {
    msgtype: 'stream_with_template_card', stream: { id: 'id', finish: true, content: 'a', msg_item: images }, template_card: CARD
  })
  t.same(JSON.parse(frames.reply('id', ended)), { msgtype: 'stream', stream: { id: 'id', finish: true, content: 'a', msg_item: images } })
  t.hasStrict(
    JSON.parse(frames.reply('id', record({ status: 'done', content: 'a' }), { card: true })), { msgtype: 'stream' }, 'where there is one'
  )
  t.equal(contentOf({ status: 'done', metadata: { card: CARD } }), texts.seeBelow)
})

const KINDS: ReadonlyArray<[kind: string, piece: string]> = [
  ['ASCII', 'The quick brown fox jumps over the lazy dog.\n'],
  ['Chinese', '天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。\n\n'],
  ['emoji', '👨‍👩‍👧‍👦🇩🇪❤️e\u0301 '],
  ['code', '```ts\nexport const answer: number = 42\nconsole.log(`x`)\n```\nand\n'],
  ['an endless code block', 'const x = [1, 2, 3]\n'],
  ['tables', '| 名称 | value |\n| --- | --- |\n| 甲 | 1 |\n| 乙 | 2 |\n\n']
]

t.test('bubble and late reply together are the answer, to the byte that is told to be missing', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.constantFrom(...KINDS), fc.integer({ min: 1, max: 60_000 }), fc.option(
      fc.double({ min: 0, max: 1, noNaN: true })
    ), fc.constantFrom(...ENDS),
    ([kind, piece], size, sealed, end) => {
      const prefix = kind === 'an endless code block' ? '```js\n' : ''
      const content = headOf(prefix + piece.repeat(Math.ceil(size / bytes(piece))), size)
      const sealedAt = sealed === null ? undefined : headOf(content, Math.floor(sealed * bytes(content))).length
      const ended = record({ content, metadata: { deliverable: true, ...(sealedAt !== undefined && { sealedAt }) }, ...end })
      const reply = JSON.parse(frames.reply('id', ended))
      const problems = checkFrames([reply])
      if (problems.length > 0) throw new Error(problems.join('\n'))

      const bubble: string = reply.stream.content
      const rest = frames.rest(ended)
      if (rest === undefined) {
        if (!bubble.startsWith(content)) throw new Error('nothing is left, and the bubble is not whole')
        return
      }
      if (bytes(rest) > MAX_FRAME_BYTES || /\p{Surrogate}/u.test(rest) || isFenceOpen(rest)) throw new Error('the rest is not well-formed')
      const at = bubble.indexOf(texts.later)
      const head = bubble.slice(0, at).replace(/\n\n$/, '')
      // What looks like a closer or an opener may be of the source.
      const heads = [head, head.replace(/\n`{3,}$/, '')].filter(head => content.startsWith(head))
      const joins = heads.some(head => {
        const left = content.slice(head.length)
        if (!isVisible(left)) return true
        const [text = '', missing] = /^([^]*?)(?:\n\n（内容过长，还有 (\d+) 字节未显示）[^]*)?$/.exec(rest)?.slice(1) ?? []
        return [text, text.replace(/^```[a-z]*\n/, ''), text.replace(/^```[a-z]*/, '')].some(body => missing === undefined
          // Behind it stand a closer and how it ended.
          ? body.startsWith(left)
          : [body, body.replace(/\n`{3,}$/, '')].some(body => left.startsWith(body) && bytes(body) + Number(missing) === bytes(left)))
      })
      if (!joins) throw new Error('something is lost between the bubble and the rest')
      if (bytes(content) < (sealedAt === undefined ? 35_000 : 20_000) && rest.includes('字节未显示')) throw new Error('it was cut without need')
    }), { numRuns: Number(process.env['FRAME_RUNS'] ?? 600), includeErrorInReport: true }))
})
