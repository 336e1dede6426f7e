import { randomInt } from 'node:crypto'
import t from 'tap'
import type { ActiveReplyMessage } from '../../lib/replies/active-reply.ts'
import type { CardDeliveryMode } from '../../lib/replies/card-delivery.ts'
import { checkFrames } from '../../lib/simulator/frame-check.ts'
import type { Source } from '../../lib/sources/source.ts'
import type { ReasoningMode } from '../../lib/streams/contract.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import { FAILURE_CLASSES, SourceError } from '../../lib/util/errors.ts'
import { sleep } from '../../lib/util/waiting.ts'
import { textNotice } from '../../lib/wecom/cards/build-card.ts'
import type { TemplateCard } from '../../lib/wecom/cards/card-types.ts'
import { MAX_SEALED_BYTES, sealedBytes } from '../../lib/wecom/sealed-size.ts'
import { createBot } from '../fixtures/bot.ts'
import type { ManualClock } from '../fixtures/clock.ts'
import { idle } from '../fixtures/waiting.ts'

const runs = Number(process.env['FUZZ_RUNS'] ?? 10_000)
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))

const texts = loadTexts()
const DEADLINE_MS = 20_000
const WINDOW_MS = 30_000
const LATE_DEADLINE_MS = 60_000
/** What a full bubble keeps free at most, with the sentences that are loaded, and for a character that is cut. */
const MAX_FREE_BYTES = 1000
const MAX_FRAME_BYTES = 20480

/** mulberry32: a stream of numbers from 0 to below 1 for each run, so that one run can be replayed. */
function createRandom (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const TEXT = [
  'word ', 'Hello', ', ', '.\n\n', '你好，', '世界。', '\r\n', ' ', '\n', '```js\n', '\n```\n', '~~~\n', '- item\n', '> ', '`x`', '**bold**',
  '|a|b|\n',
  '😀', '👨‍👩‍👧‍👦', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'e\u0301', 'Z̸̨̛̛͓̗', 'क्षि', 'กำ', '각', '\u200b', '\u2800', '\u0000', '\u2028', '<b>',
  '&amp;', '"\\', '{bytes}', '$&'
]

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==', 'base64')
const images = new Map<number, Buffer>()

/** A picture of that size, as viewers do not mind what follows its end. */
function imageOf (bytes: number): Buffer {
  const image = images.get(bytes) ?? Buffer.concat([PNG, Buffer.alloc(bytes - PNG.length, 'x')])
  images.set(bytes, image)
  return image
}

const cardOf = (n: number): TemplateCard =>
  textNotice({ main_title: { title: `card ${n}` }, card_action: { type: 1, url: 'https://example.com/' } })

interface Step {
  delayMs: number
  piece: unknown
}

interface Script {
  steps: Step[]
  end: 'returns' | 'stop' | 'length' | 'fails' | 'fails by class' | 'yields nonsense' | 'never ends' | 'ignores its signal'
  grace: number
  reasoning: ReasoningMode
  waits: number[]
  repeats: number
  cardDelivery: CardDeliveryMode
  /** There is a `response_url`. */
  hasWay: boolean
}

function createScript (random: () => number): Script {
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T
  const some = (count: number): string => Array.from({ length: count }, () => pick(TEXT)).join('')
  // Near the limit of a frame, and beyond the limit of a stream, often enough.
  const size = pick([10, 30, 30, 60, 400, 3000])

  /** Cut anywhere, between the halves of a character, too. */
  const chunks = (text: string): string[] => {
    const cut: string[] = []
    for (let at = 0; at < text.length;) {
      const length = 1 + below(1 + Math.ceil(text.length / 8))
      cut.push(text.slice(at, at + length))
      at += length
    }
    return cut
  }

  const thinking = random() < 0.3 ? chunks(some(size)).map(text => ({ type: 'reasoning', text })) : []
  const text = random() < 0.9 ? chunks((random() < 0.3 ? 'p'.repeat(18_000 + below(600)) : '') + some(size)) : []
  const pieces: unknown[] = random() < 0.2 ? [...text, ...thinking] : [...thinking, ...text]
  // A card and images anywhere, more of them than an answer may have, and some that are none.
  if (random() < 0.3) {
    for (let count = 1 + below(3); count > 0; count--) pieces.splice(below(pieces.length + 1), 0, { type: 'card', card: cardOf(count) })
  }
  if (random() < 0.2) {
    const size = pick([100, 100, 5000, 100_000, 300_000])
    for (let count = 1 + below(12); count > 0; count--) {
      pieces.splice(below(pieces.length + 1), 0, { type: 'image', data: random() < 0.1 ? 'none' : imageOf(size) })
    }
  }
  return {
    steps: pieces.map(piece => ({ delayMs: pick([0, 0, 0, 10, 300, 1000]), piece })),
    end: pick(
      ['returns', 'returns', 'returns', 'stop', 'length', 'fails', 'fails by class', 'yields nonsense', 'never ends', 'ignores its signal']
    ),
    grace: pick([0, 0, 200, 1000]),
    reasoning: pick(['show', 'show', 'hide', 'placeholder']),
    waits: Array.from({ length: 40 }, () => pick([0, 1, 100, 500, 1000, 2500, 7000])),
    repeats: pick([1, 1, 1, 2, 3]),
    cardDelivery: pick(['auto', 'auto', 'frame']),
    hasWay: random() < 0.5
  }
}

const sourceOf = ({ steps, end }: Script, clock: ManualClock, random: () => number): Source => async function * (_turn, { signal }) {
  const obedient = end === 'ignores its signal' ? undefined : signal
  for (const { delayMs, piece } of steps) {
    if (delayMs > 0) await sleep(clock, delayMs, obedient)
    yield piece as string
  }
  switch (end) {
    case 'returns':
    case 'ignores its signal': return
    case 'stop': yield { type: 'end', reason: 'stop' }
      break
    case 'length': yield { type: 'end', reason: 'length' }
      break
    case 'fails': throw new Error('on purpose')
    case 'fails by class': throw new SourceError({ class: FAILURE_CLASSES[Math.floor(random() * FAILURE_CLASSES.length)] as 'BUSY' })
    case 'yields nonsense': yield 5 as unknown as string
      break
    case 'never ends': await sleep(clock, 10 * WINDOW_MS, obedient)
  }
}

interface SeenFrame {
  stream: { id: string, finish: boolean, content: string, msg_item?: unknown[] }
  template_card?: unknown
}

interface Run {
  problems: string[]
  ending: string
  seen: string[]
  frames: number
}

async function play (random: () => number): Promise<Run> {
  const below = (limit: number): number => Math.floor(random() * limit)
  const script = createScript(random)
  let asked = 0
  const { clock, streams, close, receiver } = createBot({
    source: (turn, context) => {
      asked++
      return sourceOf(script, clock, random)(turn, context)
    },
    limits: {
      deadlineMs: DEADLINE_MS,
      lateDeadlineMs: LATE_DEADLINE_MS,
      firstTokenTimeoutMs: 5000,
      idleTimeoutMs: 4000,
      maxContentBytes: 30_000,
      maxRunning: 5,
      maxQueued: 5
    }
  })
  const posts: ActiveReplyMessage[] = []
  const receive = receiver({
    botName: '',
    reasoning: script.reasoning,
    firstReplyGraceMs: script.grace,
    cardDelivery: script.cardDelivery,
    activeReply: { accepts: url => url !== '', async send (_url, message) { posts.push(message) } }
  })

  const chat = { aibotid: 'b', chattype: 'single', from: { userid: 'u' } }
  const problems: string[] = []
  /** What WeCom has seen: in the order in which it was answered. */
  const frames: SeenFrame[] = []
  const answers: Array<Promise<void>> = []
  const ask = (body: object): Promise<void> => {
    const lost = random() < 0.1
    const answer = receive({ msgtype: '', ...chat, ...body }, !lost).then(reply => {
      if (reply === undefined) {
        problems.push('the empty reply')
        return
      }
      if (sealedBytes(Buffer.byteLength(reply)) > MAX_SEALED_BYTES) problems.push('a reply is too large when it is sealed')
      if (!lost || frames.length === 0) frames.push(JSON.parse(reply))
    })
    answers.push(answer)
    return answer
  }

  const way = script.hasWay ? { response_url: 'https://wecom.test/1' } : {}
  const message = { msgtype: 'text', msgid: 'm', text: { content: 'hi' }, ...way }
  for (let n = 0; n < script.repeats; n++) ask(message).catch(() => {})
  const first = Promise.race(answers)
  for (let waited = 0; waited <= script.grace && frames.length === 0; waited += 100) {
    await idle()
    await clock.advance(100)
  }
  await first
  const id = frames[0]?.stream.id as string

  let passed = 0
  const stopAt = random() < 0.2 ? below(DEADLINE_MS) : Infinity
  let stopped = false
  for (const wait of script.waits) {
    await clock.advance(wait)
    passed += wait
    if (passed >= stopAt && !stopped) {
      stopped = true
      await streams.stop(id)
    }
    // At once, several at a time, or the message once more.
    const refresh = { msgtype: 'stream', msgid: `r${passed}`, stream: { id } }
    const asks = Array.from(
      { length: 1 + (random() < 0.2 ? below(3) : 0) }, () => ask(random() < 0.05 && script.grace === 0 ? message : refresh)
    )
    await Promise.all(asks)
    if (frames.at(-1)?.stream.finish === true && random() < 0.4) break
    if (passed > WINDOW_MS) break
  }
  await clock.advance(DEADLINE_MS)
  await Promise.all(answers)
  // Until a late answer has its end, and nobody is waited for any more.
  if (script.hasWay) await clock.advance(LATE_DEADLINE_MS)
  await ask({ msgtype: 'stream', msgid: 'last', stream: { id } })
  await ask(script.grace === 0 ? message : { msgtype: 'stream', msgid: 'last', stream: { id } })

  const record = await streams.read(id)
  const last = frames.at(-1)?.stream
  problems.push(...checkFrames(frames, { texts }))
  if (asked !== 1) problems.push(`the source was asked ${asked} times`)
  if (last?.finish !== true) problems.push('it never finished')
  if (streams.size !== 0) problems.push('a stream is left')
  const body = last?.content.replace(/^<think>[^]*?<\/think>\n\n/, '') ?? ''
  const cut = /（内容过长，还有 (\d+) 字节未显示）/.exec(body)
  const isLater = body.includes(`\n\n${texts.later}`) && record?.metadata.bubbleBytes !== undefined
  if (cut === null && !isLater && !body.startsWith(record?.content ?? '')) problems.push('the end has not the whole text')
  if (cut !== null) {
    const shown = body.slice(0, cut.index).replace(/\n\n$/, '')
    const content = record?.content ?? ''
    // What looks like a closer may be of the source.
    const heads = [shown, shown.replace(/\n[`~]{3,}$/, '')].filter(head => content.startsWith(head))
    if (!heads.some(head => Buffer.byteLength(head) + Number(cut[1]) === Buffer.byteLength(content))) {
      problems.push('the notice of the cut is wrong')
    }
  }
  const isFull = (cut !== null || isLater) && record?.metadata.sealedAt === undefined && !(last?.content ?? '').startsWith('<think>')
  if (isFull && Buffer.byteLength(last?.content ?? '') < MAX_FRAME_BYTES - MAX_FREE_BYTES) {
    problems.push(`a full bubble has ${Buffer.byteLength(last?.content ?? '')} bytes`)
  }
  if (posts.length > (script.hasWay ? 1 : 0)) problems.push(`${posts.length} messages were posted`)
  for (const { content, card } of posts) {
    // What holds for a frame at the end holds for a message of its own.
    const asFrame = { msgtype: 'stream', stream: { id, finish: true, content } }
    if (content !== undefined) problems.push(...checkFrames([asFrame]).map(problem => `posted: ${problem}`))
    if (card !== undefined && frames.some(frame => frame.template_card !== undefined)) problems.push('a card was shown and posted')
  }
  if (isLater && !posts.some(({ content }) => content !== undefined)) problems.push('the rest never came')
  if ((last?.msg_item?.length ?? 0) > 10) problems.push('there are too many images')
  await close()
  if (script.end !== 'ignores its signal' && clock.pending > 0) problems.push(`${clock.pending} timers are left`)
  return {
    problems,
    ending: [record?.status, record?.notice ?? record?.failure?.code, cut && 'cut'].filter(Boolean).join(' '),
    seen: [
      isLater && 'later', isFull && 'full', posts.some(({ card }) => card !== undefined) && 'card posted', last?.msg_item && 'images',
      posts.some(({ content }) => content !== undefined) && 'text posted',
      frames[0]?.template_card !== undefined && 'card at first', frames.slice(1).some(frame => frame.template_card) && 'card later'
    ].filter(one => typeof one === 'string'),
    frames: frames.length
  }
}

t.test(`${runs} conversations (FUZZ_SEED=${seed})`, { timeout: 600_000 }, async t => {
  t.comment(`FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`)
  const endings: Record<string, number> = {}
  let frames = 0
  for (let run = 0; run < runs; run++) {
    const result = await play(createRandom(seed + run))
    endings[result.ending] = (endings[result.ending] ?? 0) + 1
    for (const one of result.seen) endings[one] = (endings[one] ?? 0) + 1
    frames += result.frames
    // One conversation is replayed with FUZZ_RUNS=1 and this seed.
    if (result.problems.length > 0) t.fail(`FUZZ_SEED=${seed + run}: ${result.problems.join('; ')}`)
  }
  t.comment(`${frames} frames`, JSON.stringify(endings))
  for (const ending of [
    'done', 'done LENGTH', 'done STOPPED', 'done TOO_LARGE cut', 'error TIMEOUT', 'error INTERNAL', 'error FILTERED', 'done cut',
    'error INTERNAL cut', 'later', 'full', 'card at first', 'card later', 'card posted', 'text posted', 'images'
  ]) {
    if (runs >= 1000) t.ok(endings[ending], `${ending} happened`)
  }
  t.pass(`${runs} conversations`)
})
