import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { MAX_CLOSER_BYTES } from '../../lib/code-fence.ts'
import { checkFrames } from '../../lib/frame-check.ts'
import { createFrames, MAX_FRAME_BYTES } from '../../lib/frames.ts'
import type { Notice, StreamRecord } from '../../lib/stores/store.ts'
import { loadTexts } from '../../lib/texts.ts'

const texts = loadTexts()
const frames = createFrames(texts)

const record = (fields: Partial<StreamRecord> = {}): StreamRecord =>
  ({ id: 'id', status: 'running', content: '', reasoning: '', chat: undefined, failure: undefined, notice: undefined, notes: {}, ...fields })

const replyOf = (fields: Partial<StreamRecord>): { msgtype: string, stream: { id: string, finish: boolean, content: string } } =>
  JSON.parse(frames.reply('id', record(fields)))

const contentOf = (fields: Partial<StreamRecord>): string => replyOf(fields).stream.content
const bytes = (text: string): number => Buffer.byteLength(text)

/** What the frame keeps of a text that does not fit. */
const HEAD_BYTES = MAX_FRAME_BYTES - 2560
const NOTICES: Record<Notice, string> = {
  LENGTH: texts.length, TOO_LARGE: texts.tooLarge, STOPPED: texts.stopped, UNSUPPORTED: texts.unsupported, NO_PROMPT: texts.noPrompt, CLOSING: texts.closing
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
  t.same(JSON.parse(frames.failure('id', { code: 'INTERNAL', reference: 'abc' })), { msgtype: 'stream', stream: { id: 'id', finish: true, content: '服务异常，请稍后再试（编号 abc）' } })
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

t.test('as long as nothing can be seen, a running stream shows the waiting text', async t => {
  for (const content of ['', ' ', '\n\n', '\u200b', '\u2800', '\ufe0f']) t.equal(contentOf({ content }), '<think></think>', escape(content))
  t.equal(contentOf({ content: '\n .' }), '\n .')
  t.equal(JSON.parse(createFrames(loadTexts({ waiting: 'wait' })).reply('id', record())).stream.content, 'wait')
})

t.test('as long as nothing can be seen, a stream says what it waits for', async t => {
  t.equal(contentOf({ notes: { waiting: true } }), texts.queued)
  t.equal(contentOf({ notes: { waiting: false } }), texts.waiting)
  t.equal(contentOf({ notes: { thinking: true } }), texts.thinking)
  t.equal(contentOf({ notes: { waiting: false, thinking: true }, content: '\u200b' }), texts.thinking)
  t.equal(contentOf({ notes: { waiting: true }, status: 'stopping' }), texts.queued)
  t.equal(contentOf({ notes: { waiting: true, thinking: true }, content: 'so' }), 'so', 'until there is a text')
  t.equal(contentOf({ notes: { waiting: true, thinking: true }, status: 'done', content: 'so' }), 'so')
  t.equal(contentOf({ notes: { waiting: true, thinking: true }, status: 'done' }), texts.empty)
})

t.test('a lost attachment is told below the finished text, before how it ended', async t => {
  for (const [reason, text] of Object.entries(texts.lost) as Array<[keyof typeof texts.lost, string]>) {
    t.equal(contentOf({ status: 'done', content: 'text', notes: { lost: [reason] } }), `text\n\n（附件未能读取：${text}）`)
  }
  const notes = { lost: ['TIMEOUT', 'BROKEN'] } as const
  const told = `（附件未能读取：${texts.lost.TIMEOUT}）`
  t.equal(contentOf({ content: 'text', notes }), 'text', 'not before')
  t.equal(contentOf({ status: 'done', content: 'text', notes }), `text\n\n${told}`, 'once')
  t.equal(contentOf({ status: 'done', content: '```\ncode', notes }), `\`\`\`\ncode\n\`\`\`\n\n${told}`)
  t.equal(contentOf({ status: 'done', notes }), `${told}\n\n${texts.empty}`)
  t.equal(contentOf({ status: 'done', content: 'text', notice: 'STOPPED', notes }), `text\n\n${told}`)
  t.equal(contentOf({ status: 'done', content: 'text', notice: 'LENGTH', notes }), `text\n\n${told}\n\n${texts.length}`)
  t.equal(contentOf({ status: 'done', content: 'x'.repeat(30_000), notes }).endsWith(`字节未显示）\n\n${told}`), true)
  t.equal(contentOf({ status: 'done', notes: { lost: [] } }), texts.empty)
  const own = createFrames(loadTexts({ lostAttachment: '{reason}!', lost: { BROKEN: '$& $1' } }))
  t.match(own.reply('id', record({ status: 'done', content: 'a', notes: { lost: ['BROKEN'] } })), '$& $1!', 'as the host has written it')
})

t.test('images come with the last frame, and with no other', async t => {
  const images = [{ msgtype: 'image', image: { base64: 'AAAA', md5: '0'.repeat(32) } }] as const
  t.notOk('msg_item' in replyOf({ content: 'a', notes: { images } }).stream)
  t.notOk('msg_item' in replyOf({ status: 'done', content: 'a' }).stream)
  t.same(replyOf({ status: 'done', content: 'a', notes: { images } }).stream, { id: 'id', finish: true, content: 'a', msg_item: images })
  t.same(replyOf({ status: 'done', notes: { images } }).stream, { id: 'id', finish: true, content: texts.empty, msg_item: images }, 'beside something to see')
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
    if (notice !== 'STOPPED') t.equal(contentOf({ status: 'done', content: 'text', notice }), `text\n\n${text}`, `${notice} behind text`)
  }
})

t.test('a stopped answer stands for itself', async t => {
  t.equal(contentOf({ status: 'done', content: 'half an ans', notice: 'STOPPED' }), 'half an ans')
})

t.test('a failure shows the sentence of its class and the reference behind the text', async t => {
  for (const [code, text] of Object.entries(texts.failures)) {
    const failure = { code: code as keyof typeof texts.failures, reference: 'a1b2' }
    t.equal(contentOf({ status: 'error', failure }), `${text}（编号 a1b2）`)
    t.equal(contentOf({ status: 'error', content: 'text', failure }), `text\n\n${text}（编号 a1b2）`)
  }
  t.equal(contentOf({ status: 'error', failure: { code: 'BUSY', reference: 'a1b2' }, notice: 'CLOSING' }), `${texts.closing}（编号 a1b2）`, 'a notice takes the place of the class')
})

t.test('an open fence is closed in every frame, before anything of ours', async t => {
  const content = '```js\nlet a'
  t.equal(contentOf({ content }), `${content}\n\`\`\``)
  t.equal(contentOf({ status: 'done', content }), `${content}\n\`\`\``)
  t.equal(contentOf({ status: 'error', content, failure: { code: 'TIMEOUT', reference: 'r' } }), `${content}\n\`\`\`\n\n${texts.failures.TIMEOUT}（编号 r）`)
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
  t.ok(contentOf({ status: 'error', content, failure: { code: 'TIMEOUT', reference: 'r' } }).endsWith(`字节未显示）\n\n${texts.failures.TIMEOUT}（编号 r）`))
})

t.test('sentences of the greatest length still fit behind a cut text', async t => {
  const long = (text: string): string => text + '好'.repeat(Math.floor((400 - bytes(text)) / 3))
  const wordy = createFrames(loadTexts({
    cut: long('{bytes}'), reference: long('{reference}'), failures: { BROKEN: long('') }, closing: long('c'), lostAttachment: long('{reason}'), lost: { BROKEN: long('') }
  }))
  for (const notice of [undefined, 'CLOSING'] as const) {
    const content = '~'.repeat(512) + '\n' + '你'.repeat(300_000)
    const reply = wordy.reply('id', record({ status: 'error', content, failure: { code: 'BROKEN', reference: 'a1b2c3d4' }, notice, notes: { lost: ['BROKEN'] } }))
    t.ok(bytes(JSON.parse(reply).stream.content) <= MAX_FRAME_BYTES)
  }
})

const PIECES = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'word ', 'text. ', '你好', '\n', '\r\n', '\n\n', ' ') },
  { weight: 2, arbitrary: fc.constantFrom('```', '```js\n', '\n```\n', '~~~\n', '````\n', '- ', '> ', '`', '    ') },
  { weight: 2, arbitrary: fc.constantFrom('😀', '👨‍👩‍👧‍👦', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '❤️', 'e\u0301', 'क्षि', 'กำ', '각', '\u200d', '\u0301', '\u200b', '\u2800', 'Z̸̨̧̛̛͓') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom('<', '>', '&', '\u0000', '\u2028', '"', '\\', '$&', '{bytes}') }
)

const ENDS: ReadonlyArray<Partial<StreamRecord>> = [
  { status: 'done' }, { status: 'done', notice: 'LENGTH' }, { status: 'done', notice: 'STOPPED' }, { status: 'done', notice: 'TOO_LARGE' },
  { status: 'error', failure: { code: 'TIMEOUT', reference: 'a1b2c3d4' } }, { status: 'error', failure: { code: 'INTERNAL', reference: 'a1b2c3d4' } }
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
        if (body !== '' && same < source.length && source.trim() !== '' && cutsThrough(source, same)) throw new Error(`frame ${index}: cut through a cluster at ${same}`)
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
        if (!heads.some(head => bytes(head) + Number(cut[1]) === bytes(content))) throw new Error('the notice states another number of bytes')
      }
    }), { numRuns: Number(process.env['FRAME_RUNS'] ?? 600), includeErrorInReport: true }))
})
