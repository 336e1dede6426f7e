import t from 'tap'
import type { FilesOfMessage, OpenFiles } from '../../../lib/bot/attachments/attachments.ts'
import type { FinishEvent, MessageDecision } from '../../../lib/bot/hooks/answer-hooks.ts'
import type { ActiveReply } from '../../../lib/replies/active-reply.ts'
import type { Attachment, LostAttachment, Turn } from '../../../lib/sources/source.ts'
import { createMemoryQueues } from '../../../lib/stores/memory/queues.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { SourceError, UnavailableError } from '../../../lib/util/errors.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'
import { createBot } from '../../fixtures/bot.ts'
import type { BotOptions, ReceiveSettings } from '../../fixtures/bot.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createHandSource, yielding } from '../../fixtures/sources.ts'
import { idle } from '../../fixtures/waiting.ts'

const texts = loadTexts()

interface Setup extends ReceiveSettings, Partial<BotOptions> {}

/** A bot that is driven by hand: `say` sends a message and gives its stream, `shown` what its bubble shows. */
function setUp ({ store, lines, history, facts, limits, ...settings }: Setup = {}) {
  const hand = createHandSource()
  const { clock, log, streams, close, receiver } = createBot({
    source: hand.source,
    limits: limits ?? {},
    ...(store && { store }),
    ...(lines && { lines }),
    ...(history && {
      history
    }),
    ...(facts && { facts })
  })
  const receive = receiver(settings)
  let messages = 0
  const post = async (message: object): Promise<{ id: string, finish: boolean, content: string }> => {
    const reply = await receive(
      { msgid: `m${++messages}`, aibotid: 'bot', chattype: 'single', from: { userid: 'u' }, ...message } as unknown as RawMessage
    )
    await idle()
    return JSON.parse(reply as string).stream
  }
  const say = async (content: string, more: object = {}): Promise<string> =>
    (await post({ msgtype: 'text', text: { content }, ...more })).id
  const shown = async (id: string): Promise<string> =>
    (await post({ msgtype: 'stream', stream: { id }, from: undefined, chattype: undefined, aibotid: undefined })).content
  /** Lets the last question be answered with this. */
  const answer = async (text: string): Promise<void> => {
    await hand.call().push(text)
    await hand.call().end()
  }
  return { clock, log, hand, streams, close, say, shown, answer, prompts: () => hand.calls.map(({ turn }) => turn.prompt) }
}

const image = (more: object = {}): object => ({ msgtype: 'image', image: { url: 'https://media.test/i' }, ...more })

t.test('questions of one conversation are answered in their order, and the later ones say that they wait', async t => {
  const { say, shown, answer, hand, prompts, streams, clock, close } = setUp()
  const ids = await Promise.all(['a', 'b', 'c'].map(text => say(text)))
  const all = (): Promise<string[]> => Promise.all(ids.map(shown))
  t.strictSame(prompts(), ['a'])
  t.strictSame(await all(), [texts.waiting, texts.queued, texts.queued])
  await answer('A')
  t.strictSame(await all(), ['A', texts.waiting, texts.queued])
  await answer('B')
  t.strictSame(await all(), ['A', 'B', texts.waiting])
  await answer('C')
  t.strictSame(await all(), ['A', 'B', 'C'])
  t.strictSame(hand.calls.map(({ turn }) => turn.history?.map(({ prompt, reply }) => [prompt, reply])), [
    undefined, [['a', 'A']], [['a', 'A'], ['b', 'B']]
  ])
  t.equal(streams.size, 0)
  await close()
  t.equal(clock.pending, 0)
})

t.test('only a question that has waited is noted to wait no more', async t => {
  const noted: object[] = []
  const { say, answer, prompts } = setUp({ store: { setMetadata: async (_id, _epoch, metadata) => { noted.push(metadata); return true } } })
  await say('a')
  t.strictSame(noted, [])
  await say('b')
  await answer('A')
  t.strictSame(noted, [{ waiting: true }, { waiting: false }])
  t.strictSame(prompts(), ['a', 'b'])
})

t.test('where turns are parallel, none waits', async t => {
  const { say, shown, prompts } = setUp({ parallel: true })
  const second = (await Promise.all([say('a'), say('b')]))[1] as string
  t.strictSame(prompts(), ['a', 'b'])
  t.equal(await shown(second), texts.waiting)
})

t.test('a turn that hangs blocks nobody past its deadline', async t => {
  const { say, shown, clock, prompts, hand } = setUp({ limits: { deadlineMs: 1000, firstTokenTimeoutMs: 5000 } })
  const first = await say('hangs')
  await clock.advance(400)
  const second = await say('waits')
  await clock.advance(599)
  t.strictSame(prompts(), ['hangs'])
  await clock.advance(1)
  await idle()
  t.match(await shown(first), /^响应超时/)
  t.strictSame(prompts(), ['hangs', 'waits'])
  t.equal(hand.call().turn.deadline, clock.now() + 400, 'what is left of its own time')
  await clock.advance(400)
  t.match(await shown(second), /^响应超时/)
})

t.test('who waits ends at the deadline, too, and is not asked about', async t => {
  const { say, shown, clock, prompts, hand } = setUp(
    { limits: { deadlineMs: 1000, firstTokenTimeoutMs: 5000 }, lines: { read: async () => ['another'] } }
  )
  const id = await say('waits')
  await clock.advance(1000)
  t.match(await shown(id), /^响应超时/)
  t.strictSame(prompts(), [])
  t.equal(hand.calls.length, 0)
})

t.test('a reply that was stopped or failed is remembered as far as it was shown, as cut', async t => {
  const { say, hand, answer, streams } = setUp()
  const stopped = await say('a')
  await hand.call().push('half of A')
  await streams.stop(stopped)
  await say('b')
  await hand.call().push('half of B')
  await hand.call().fail(new Error('x'))
  await streams.stop(await say('c'))
  await say('d')
  await hand.call().push('D')
  await hand.call().push({ type: 'end', reason: 'length' })
  await say('e')
  t.strictSame(hand.call().turn.history, [
    { prompt: 'a', reply: 'half of A', cut: true }, { prompt: 'b', reply: 'half of B', cut: true }, { prompt: 'd', reply: 'D', cut: true }
  ], 'what was never answered is not')
  await answer('E')
  await say('f')
  t.strictSame(hand.call().turn.history?.at(-1), { prompt: 'e', reply: 'E' })
})

t.test('what was said before a new conversation is not remembered in it, also where its turn ends later', async t => {
  const { say, hand, answer } = setUp({ parallel: true })
  await say('a')
  await answer('A')
  await say('b')
  await say('/new')
  t.equal(hand.call().context.signal.aborted, true, 'what is under way is stopped')
  await say('c')
  t.equal(hand.call().turn.history, undefined)
  await answer('C')
  await say('d')
  t.strictSame(hand.call().turn.history, [{ prompt: 'c', reply: 'C' }])
})

t.test('attachments reach the source with the words, and what was sent is remembered by its kind', async t => {
  const png: Attachment = { kind: 'image', type: 'image/png', name: 'a.png', size: 1, data: 'AA==' }
  const lost: LostAttachment = { kind: 'file', lost: 'TIMEOUT' }
  const { say, hand, answer } = setUp({ attachments: async references => references.map(({ kind }) => kind === 'image' ? png : lost) })
  await say('', image({
    msgtype: 'mixed',
    mixed: {
      msg_item: [{ msgtype: 'text', text: { content: 'what is it?' } }, image()]
    },
    quote: { msgtype: 'file', file: { url: 'https://media.test/f' } }
  }))
  t.hasStrict(hand.call().turn, { prompt: 'what is it?', attachments: [png], quote: { attachments: [lost] } })
  t.notOk('text' in (hand.call().turn.quote ?? {}))
  await answer('a dot')
  await say('', image())
  t.strictSame(hand.call().turn.history, [{ prompt: 'what is it?\n[image]', reply: 'a dot' }])
  t.equal(hand.call().turn.quote, undefined)
  await answer('again')
  await say('and this?', { quote: { msgtype: 'text', text: { content: 'that' } } })
  t.strictSame(hand.call().turn.history?.at(-1), { prompt: '[image]', reply: 'again' })
  t.strictSame(hand.call().turn.quote, { text: 'that' })
  t.notOk('attachments' in hand.call().turn)
})

t.test('lost attachments are told to the user below the answer, those of a quote, too', async t => {
  const { say, shown, answer } = setUp()
  for (const more of [image(), { text: { content: 'look' }, quote: image() }]) {
    const id = await say('', more)
    t.equal(await shown(id), texts.waiting)
    await answer('I cannot see it')
    t.equal(await shown(id), `I cannot see it\n\n（附件未能读取：${texts.lost.REFUSED}）`)
  }
})

/** Attachments that come when the test says so. */
function createHandAttachments () {
  const fetches: Array<{ signal: AbortSignal, resolve: (found: Array<Attachment | LostAttachment>) => void }> = []
  const attachments: FilesOfMessage['fetch'] = async (references, signal) => references.length === 0
    ? []
    : await new Promise((resolve, reject) => {
      fetches.push({ signal, resolve })
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  return { attachments, fetches }
}

t.test('attachments are fetched at once, the first answer does not wait for them, and the source does', async t => {
  const { attachments, fetches } = createHandAttachments()
  const { say, shown, prompts, answer } = setUp({ attachments })
  await say('first')
  const second = await say('', image())
  t.equal(fetches.length, 1, 'while it waits for its turn')
  t.equal(await shown(second), texts.queued)
  await answer('yes')
  t.strictSame(prompts(), ['first'])
  t.equal(await shown(second), texts.waiting)
  fetches[0]?.resolve([{ kind: 'image', type: 'image/png', size: 1, data: 'AA==' }])
  await idle()
  t.strictSame(prompts(), ['first', ''])
})

t.test('a stop ends fetching and waiting, and its place is free at once', async t => {
  const { attachments, fetches } = createHandAttachments()
  const { say, shown, prompts, streams, log } = setUp({ attachments })
  const ids = [await say('', image()), await say('', image())]
  const last = await say('last')
  for (const id of ids.reverse()) {
    await streams.stop(id)
    await idle()
    t.equal(await shown(id), texts.stopped)
  }
  t.strictSame(fetches.map(({ signal }) => signal.aborted), [true, true])
  t.strictSame(prompts(), ['last'])
  t.equal(await shown(last), texts.waiting)
  t.notOk(log.lines.some(({ level }) => level === 'error'))
})

t.test('the files of a question are opened with its sender and its time, and released when its turn is over', async t => {
  const opened: unknown[] = []
  let released = 0
  const files: OpenFiles = message => {
    opened.push(message)
    return { fetch: async references => references.map(({ kind }) => ({ kind, lost: 'BROKEN' })), release: () => { released++ } }
  }
  const { say, answer, clock, streams } = setUp({ files })
  await say('without')
  await answer('yes')
  t.strictSame(opened, [])
  await clock.advance(1234)
  await say('', image())
  t.strictSame(opened, [{ sender: 'u', since: clock.now(), pair: undefined }])
  t.equal(released, 0)
  await answer('seen')
  t.equal(released, 1)
  const stopped = await say('', image())
  await streams.stop(stopped)
  await idle()
  t.equal(released, 2)
})

const away = (): Promise<never> => Promise.reject(new Error('away, with my-question'))

t.test('a store that fails before the answer ends the stream with a sentence', async t => {
  for (const broken of [{ lines: { join: away } }, { lines: { read: away } }] as Setup[]) {
    const { say, shown, prompts, log, streams } = setUp(broken)
    t.match(await shown(await say('my-question')), /^服务异常，请稍后再试（编号 [0-9a-f]{8}）$/)
    t.strictSame(prompts(), [])
    t.equal(streams.size, 0)
    t.hasStrict(log.lines.find(({ level }) => level === 'error'), { message: 'stream failed', fields: { class: 'INTERNAL' } })
  }
})

t.test('a history that cannot be had is left out of the question, with a line in the log', async t => {
  const { say, shown, hand, log } = setUp({ history: { read: away } })
  const id = await say('my-question')
  t.equal(hand.call().turn.history, undefined)
  await hand.call().push('answer')
  await hand.call().end()
  t.equal(await shown(id), 'answer')
  const warned = log.lines.filter(({ level }) => level === 'warn')
  t.hasStrict(warned, [{ message: 'a history could not be had, and is left out', fields: { streamId: id } }])
})

t.test('a place in the line is taken, waited for and left as soon as a store that is away is back', async t => {
  let isAway = true
  const gone = new UnavailableError(Object.assign(new Error('read ECONNRESET'), { kind: 'away' }))
  const lines = createMemoryQueues(createManualClock())
  const shaky = Object.fromEntries((['join', 'read', 'leave'] as const).map(name => [name, async (...args: unknown[]) => {
    if (isAway) throw gone
    return await (lines[name] as (...args: unknown[]) => Promise<unknown>)(...args)
  }]))
  const { say, shown, hand, clock, log } = setUp({ lines: shaky })
  const id = await say('my-question')
  await clock.advance(5000)
  t.equal(hand.calls.length, 0)
  isAway = false
  await clock.advance(1000)
  await hand.call().push('answer')
  isAway = true
  await hand.call().end()
  t.equal(await shown(id), 'answer')
  await clock.advance(5000)
  isAway = false
  await clock.advance(1000)
  t.notOk(log.lines.some(({ level }) => level === 'error'))
  await say('next')
  t.equal(hand.calls.length, 2, 'the place is free')
})

t.test('a store that fails behind the answer costs a line in the log, not the reply', async t => {
  for (const [broken, message] of [
    [{ history: { add: away } }, 'an answer could not be remembered'],
    [{ lines: { leave: away } }, 'a place in the line could not be given up']
  ] as Array<[Setup, string]>) {
    const { say, shown, answer, log } = setUp(broken)
    const id = await say('my-question')
    await answer('my-answer')
    t.equal(await shown(id), 'my-answer')
    t.hasStrict(log.lines.filter(({ level }) => level === 'error'), [{ message, fields: { streamId: id, cause: { type: 'Error' } } }])
    t.notMatch(JSON.stringify(log.lines), /my-answer/)
    t.notMatch(JSON.stringify(log.lines.filter(line => line.message.startsWith('an answer'))), /my-question/)
  }
})

t.test('a place that was not given up blocks nobody past the deadline of its stream', async t => {
  const { say, answer, prompts, clock } = setUp({ lines: { leave: away }, limits: { deadlineMs: 1000 } })
  await say('a')
  await answer('A')
  await clock.advance(1000)
  await say('b')
  t.strictSame(prompts(), ['a', 'b'])
})

t.test('a stream that the store has lost is not remembered', async t => {
  const { say, answer, hand } = setUp({ store: { read: async () => undefined } })
  await say('a')
  await answer('A')
  await say('b')
  t.equal(hand.call().turn.prompt, 'b')
  t.equal(hand.call().turn.history, undefined)
})

/** An active reply that is driven by hand. */
function handActiveReply () {
  const sent: Array<{ url: string, content: string, end (error?: Error): Promise<void> }> = []
  const activeReply: ActiveReply = {
    accepts: url => url !== '',
    send: (url, { content }) => new Promise((resolve, reject) => sent.push({
      url,
      content: String(content),
      end: async error => { if (error === undefined) resolve(); else reject(error); await idle() }
    }))
  }
  return { sent, activeReply }
}

const URL_OF_WECOM = { response_url: 'https://wecom.test/secret' }

t.test('a long answer goes on in a message of its own, when it is complete', async t => {
  const { sent, activeReply } = handActiveReply()
  const finished: FinishEvent[] = []
  const { say, shown, hand, clock } = setUp({ activeReply, hooks: { onFinish: finish => { finished.push(finish) } } })
  const id = await say('a', URL_OF_WECOM)
  await hand.call().push('x'.repeat(30_000))
  t.strictSame(sent, [], 'not before')
  await clock.advance(100)
  await hand.call().push({ type: 'end', reason: 'stop', usage: { outputTokens: 9 } })
  const bubble = await shown(id)
  const [, head = ''] = new RegExp(`^(x+)\n\n${texts.later}$`).exec(bubble) ?? []
  t.equal(sent[0]?.url, URL_OF_WECOM.response_url)
  t.equal(head + sent[0]?.content, 'x'.repeat(30_000))
  t.strictSame(finished, [], 'it has not arrived')
  await sent[0]?.end()
  t.hasStrict(finished, [{
    streamId: id,
    state: { status: 'done', cursor: 30_000 },
    question: { prompt: 'a', sender: 'u', bot: 'bot', chat: { type: 'single' }, message: { msgtype: 'text' } },
    delivery: 'delivered',
    durationMs: 100,
    usage: { outputTokens: 9 }
  }])
})

t.test('an answer that outlives its bubble is delivered, and the next question does not wait for the delivery', async t => {
  const { sent, activeReply } = handActiveReply()
  const finished: FinishEvent[] = []
  const { say, shown, hand, clock, answer, prompts } = setUp({
    activeReply, limits: { deadlineMs: 1000, lateDeadlineMs: 5000 }, hooks: { onFinish: finish => { finished.push(finish) } }
  })
  const first = await say('slow', URL_OF_WECOM)
  const second = await say('waits', { response_url: 'https://wecom.test/other' })
  await hand.call().push('to be')
  await clock.advance(1000)
  t.equal(await shown(first), `to be\n\n${texts.later}`)
  t.equal(await shown(second), texts.later, 'its bubble is over, too')
  t.strictSame(prompts(), ['slow'])
  await hand.call().push(' or not to be')
  await hand.call().end()
  t.strictSame(prompts(), ['slow', 'waits'])
  t.equal(await shown(first), `to be\n\n${texts.later}`)
  t.equal(sent[0]?.content, ' or not to be')
  t.strictSame(hand.call().turn.history, [{ prompt: 'slow', reply: 'to be or not to be' }])
  await answer('done')
  t.equal(sent[1]?.content, 'done')
  await sent[0]?.end(new Error('no luck'))
  await sent[1]?.end()
  t.strictSame(finished.map(({ question, delivery }) => [question.prompt, delivery]), [['slow', 'failed'], ['waits', 'delivered']])
})

t.test('a history that cannot be written keeps nobody from the rest of an answer', async t => {
  const { sent, activeReply } = handActiveReply()
  const finished: FinishEvent[] = []
  const { say, answer, shown } = setUp({ activeReply, history: { add: away }, hooks: { onFinish: finish => { finished.push(finish) } } })
  const id = await say('a', URL_OF_WECOM)
  await answer('x'.repeat(30_000))
  await shown(id)
  t.equal(sent.length, 1)
  await sent[0]?.end()
  t.hasStrict(finished, [{ delivery: 'delivered' }])
})

t.test('a store that cannot tell how a stream ended is told in the log, and blocks nobody', async t => {
  const { say, answer, log, prompts } = setUp({ store: { read: away } })
  await say('my-question')
  await answer('my-answer')
  t.hasStrict(log.lines.at(-1), { message: 'a question could not be seen through', fields: { cause: { type: 'Error' } } })
  t.notMatch(JSON.stringify(log.lines.at(-1)), /my-/)
  await say('b')
  t.strictSame(prompts(), ['my-question', 'b'])
})

t.test('a stop behind the bubble is not told as the whole answer', async t => {
  const { sent, activeReply } = handActiveReply()
  const { say, shown, hand, clock } = setUp({ activeReply, limits: { deadlineMs: 1000, lateDeadlineMs: 5000 } })
  const id = await say('slow', URL_OF_WECOM)
  await hand.call().push('to be')
  await clock.advance(1000)
  await shown(id)
  await say('/stop')
  await idle()
  t.strictSame(sent.map(({ content }) => content), [texts.stopped])
})

t.test('without a way to deliver, nothing goes on behind the bubble', async t => {
  const { say, shown, hand, clock } = setUp({ limits: { deadlineMs: 1000, lateDeadlineMs: 5000 } })
  const id = await say('slow', URL_OF_WECOM)
  await hand.call().push('to be')
  await clock.advance(1000)
  t.match(await shown(id), new RegExp(`^to be\n\n${texts.failures.TIMEOUT}`))
  t.equal(hand.call().context.signal.aborted, true)
})

t.test('a close waits for what is on its way', async t => {
  const { sent, activeReply } = handActiveReply()
  const { say, hand, streams, clock, shown, close } = setUp({ activeReply })
  const id = await say('a', URL_OF_WECOM)
  await hand.call().push('x'.repeat(30_000))
  void streams.drain(0)
  await clock.advance(0)
  await shown(id)
  t.equal(sent.length, 1)
  let gone = false
  void close().then(() => { gone = true })
  await idle()
  t.equal(gone, false)
  await sent[0]?.end()
  t.equal(gone, true)
})

t.test('what is due when the server goes is sent before its stores close, whatever the source was doing', async t => {
  const { sent, activeReply } = handActiveReply()
  const finished: FinishEvent[] = []
  const { say, hand, clock, close } = setUp({
    activeReply,
    parallel: true,
    hooks: {
      onFinish: finish => { finished.push(finish) },
      onMessage: ({ prompt }) => prompt === 'hook' ? new Promise(() => {}) : undefined
    }
  })
  await say('ended', URL_OF_WECOM)
  await hand.call().push('all of it')
  await hand.call().end()
  await say('cut off', { response_url: 'https://wecom.test/2' })
  await hand.call().push('half of it')
  await say('hook', { response_url: 'https://wecom.test/3' })
  await say('no way')
  await hand.call().push('nothing')
  t.strictSame(sent, [])
  let gone = false
  void close().then(() => { gone = true })
  await idle()
  t.equal(gone, false)
  const contents = Object.fromEntries(sent.map(({ url, content }) => [url, content]))
  t.equal(contents[URL_OF_WECOM.response_url], 'all of it')
  t.match(contents['https://wecom.test/2'], new RegExp(`^half of it\n\n${texts.failures.BROKEN}`))
  t.match(contents['https://wecom.test/3'], new RegExp(`^${texts.failures.BROKEN}`))
  t.equal(sent.length, 3)
  await Promise.all(sent.map(async call => await call.end()))
  await idle()
  t.equal(gone, true)
  t.strictSame(finished.map(({ question, delivery }) => [question.prompt, delivery]).sort(), [
    ['cut off', 'delivered'], ['ended', 'delivered'], ['hook', 'delivered'], ['no way', 'unfetched']
  ])
  t.equal(clock.pending, 0)
})

t.test('the host can answer, refuse or change a question before its source sees it', async t => {
  const seen: Turn[] = []
  const decisions: Record<string, MessageDecision> = { answer: 'from the host', refuse: false, change: { prompt: 'changed', history: [] } }
  const { say, shown, answer, prompts, hand } = setUp({
    attachments: async () => [{ kind: 'image', type: 'image/png', size: 1, data: 'AA==' }],
    hooks: { onMessage: turn => { seen.push(turn); return decisions[turn.prompt] } }
  })
  t.equal(await shown(await say('answer')), 'from the host')
  t.equal(await shown(await say('refuse')), texts.refused)
  t.strictSame(prompts(), [])
  const changed = await say('change')
  t.strictSame(prompts(), ['changed'])
  t.strictSame(seen[2]?.history, [{ prompt: 'answer', reply: 'from the host' }], 'a refusal is not remembered, an answer is')
  t.equal(hand.call().turn.deadline, seen[2]?.deadline)
  await answer('A')
  t.equal(await shown(changed), 'A')
  await say('pass', { quote: image() })
  t.strictSame(prompts(), ['changed', 'pass'])
  t.hasStrict(seen[3], { sender: 'u', bot: 'bot', quote: { attachments: [{ kind: 'image' }] } })
})

t.test('the host can send a question to a source of its own, and one that is not there ends with a sentence', async t => {
  const { say, shown, prompts } = setUp({
    source: yielding('of the bot'),
    hooks: {
      onMessage: turn => turn.prompt === 'lost'
        ? { ...turn, source: 'nowhere' }
        : turn.prompt === 'other'
          ? {
              ...turn, source: yielding('of the hook')
            }
          : undefined
    }
  })
  t.equal(await shown(await say('a')), 'of the bot')
  t.equal(await shown(await say('other')), 'of the hook')
  t.match(await shown(await say('lost')), /^服务异常，请稍后再试（编号 [0-9a-f]{8}）$/)
  t.strictSame(prompts(), [])
})

t.test('a stop does not wait for a hook, nor does the next question', async t => {
  const { say, shown, streams, prompts, log } = setUp(
    { hooks: { onMessage: ({ prompt }) => prompt === 'a' ? new Promise(() => {}) : undefined } }
  )
  const id = await say('a')
  await say('b')
  t.strictSame(prompts(), [])
  await streams.stop(id)
  await idle()
  t.equal(await shown(id), texts.stopped)
  t.strictSame(prompts(), ['b'])
  t.strictSame(log.lines.filter(({ level }) => level !== 'info' && level !== 'debug'), [])
})

t.test('a turn of the host that names no source is for the one of the bot', async t => {
  const { say, shown, prompts } = setUp({
    source: yielding('of the bot'), hooks: { onMessage: turn => ({ ...turn, source: undefined }) as unknown as MessageDecision }
  })
  t.equal(await shown(await say('a')), 'of the bot')
  t.strictSame(prompts(), [])
})

const refusals = (log: { lines: Array<{ message: string, fields: Record<string, unknown> }> }): unknown[] =>
  log.lines.filter(({ message }) => message === 'message refused').map(({ fields }) => fields['why'])

t.test('for a question that is refused nothing is fetched, read, asked or remembered', async t => {
  const touched: string[] = []
  const touch = (name: string) => async (): Promise<never> => { touched.push(name); throw new Error(name) }
  for (const [access, sentence, why] of [
    [{ decide: () => false }, texts.denied, 'decide'],
    [{ decide: async () => 'Not you.' }, 'Not you.', 'decide'],
    [{ decide: () => { throw new Error('x') } }, texts.denied, 'decide']
  ] as Array<[NonNullable<ReceiveSettings['access']>, string, string]>) {
    const { say, shown, log, hand, streams, close, clock } = setUp({
      access, attachments: touch('fetched'), history: { read: touch('read'), add: touch('added') }
    })
    const id = await say('', image())
    t.equal(await shown(id), sentence)
    t.strictSame(refusals(log), [why])
    t.hasStrict(log.lines.at(-1), { message: 'stream ended', fields: { reason: 'DENIED', status: 'done' } })
    t.equal(hand.calls.length, 0)
    t.equal(streams.size, 0)
    await close()
    t.equal(clock.pending, 0)
  }
  t.strictSame(touched, [])
})

t.test('beyond its rate a user is told to wait, and nothing of it is remembered', async t => {
  const { say, shown, answer, hand, prompts, log, clock } = setUp({ access: { messagesPerMinute: 2 } })
  await say('a')
  await answer('A')
  await say('b')
  await answer('B')
  const refused = await say('c')
  t.equal(await shown(refused), texts.limited)
  t.strictSame(refusals(log), ['rate'])
  await say('d', { from: { userid: 'other' } })
  await clock.advance(60_000)
  await say('e')
  t.strictSame(prompts(), ['a', 'b', 'd', 'e'])
  t.strictSame(hand.call().turn.history?.map(({ prompt }) => prompt), ['a', 'b'])
})

t.test('a message that is delivered again counts once', async t => {
  const { say, shown } = setUp({ access: { messagesPerMinute: 2 }, parallel: true })
  for (let n = 0; n < 5; n++) await say('a', { msgid: 'same' })
  t.equal(await shown(await say('b')), texts.waiting)
  t.equal(await shown(await say('c')), texts.limited)
})

t.test('only so many questions of a user are open, the waiting ones included, until one of them is over in whatever way', async t => {
  const { say, shown, answer, hand, log, streams, clock } = setUp({ access: { maxRunning: 2 }, limits: { deadlineMs: 30_000 } })
  const ids = await Promise.all(['a', 'b', 'c'].map(text => say(text)))
  t.strictSame(await Promise.all(ids.map(shown)), [texts.waiting, texts.queued, texts.limited])
  t.strictSame(refusals(log), ['running'])
  await answer('A')
  const d = await say('d')
  t.equal(await shown(d), texts.queued, 'after an answer')
  t.equal(await shown(await say('e')), texts.limited)
  await hand.call().fail(new Error('x'))
  t.equal(await shown(await say('f')), texts.queued, 'after a failure')
  await streams.stop(d)
  await idle()
  t.equal(await shown(await say('g')), texts.queued, 'after a stop')
  t.equal(await shown(await say('h')), texts.limited)
  await clock.advance(30_000)
  t.equal(await shown(await say('i')), texts.waiting, 'after the deadline')
})

t.test('questions keep their order, however long the host decides about each', async t => {
  const verdicts = new Map<unknown, (verdict: boolean) => void>()
  const { say, shown, prompts, answer } = setUp({
    access: {
      decide: async ({ message }) => await new Promise(resolve => verdicts.set((message?.['text'] as { content: string }).content, resolve))
    }
  })
  await say('a')
  const refused = await say('b')
  await say('c')
  verdicts.get('c')?.(true)
  await idle()
  t.strictSame(prompts(), [])
  verdicts.get('a')?.(true)
  await idle()
  t.strictSame(prompts(), ['a'])
  await answer('A')
  t.strictSame(prompts(), ['a'])
  verdicts.get('b')?.(false)
  await idle()
  t.strictSame(prompts(), ['a', 'c'])
  t.equal(await shown(refused), texts.denied)
})

t.test('a question about which the host still decides can be stopped', async t => {
  let signal: AbortSignal | undefined
  const { say, shown, prompts, log, streams } = setUp({
    access: {
      maxRunning: 1,
      decide: async ({ sender }, context) => {
        signal = context.signal; return sender !== 'u' || await new Promise(
          () => {}
        )
      }
    }
  })
  const id = await say('a')
  await streams.stop(id)
  await idle()
  t.equal(signal?.aborted, true)
  t.equal(await shown(id), texts.stopped)
  t.strictSame(prompts(), [])
  t.strictSame(refusals(log), [])
})

t.test('where the limits cannot be looked at, nobody is let in', async t => {
  for (const [access, broken] of [
    [{ messagesPerMinute: 5 }, { facts: { increment: away } }], [{ maxRunning: 5 }, { lines: { read: away } }]
  ] as Array<[ReceiveSettings['access'], Setup]>) {
    const { say, shown, prompts } = setUp({ access, parallel: true, ...broken } as Setup)
    t.match(await shown(await say('my-question')), /^服务异常，请稍后再试/)
    t.strictSame(prompts(), [])
  }
})

/** Three turns that were said, and a fourth question that is being asked. */
async function afterThree (setup: Setup = {}) {
  const bot = setUp(setup)
  for (const word of ['a', 'b', 'c']) {
    await bot.say(word)
    await bot.answer(word.toUpperCase())
  }
  const id = await bot.say('d')
  /** What the next question is asked with. */
  const remembered = async (): Promise<string[] | undefined> => {
    await bot.say('next')
    return bot.hand.call().turn.history?.map(({ prompt }) => prompt)
  }
  return { ...bot, id, remembered }
}

t.test('turns that a source could not use leave the conversation with its answer', async t => {
  for (const [historyUsed, left] of [[0, ['d']], [1, ['c', 'd']], [2, ['b', 'c', 'd']], [
    3, ['a', 'b', 'c', 'd']
  ], [9, ['a', 'b', 'c', 'd']], [undefined, ['a', 'b', 'c', 'd']]] as const) {
    const { id, hand, shown, remembered } = await afterThree()
    await hand.call().push('D')
    await hand.call().push({ type: 'end', reason: 'stop', historyUsed })
    t.equal(await shown(id), historyUsed === 0 ? `D\n\n${texts.historyLeftOut}` : 'D')
    t.strictSame(await remembered(), left, `${historyUsed} used`)
  }
})

t.test('an answer that is cut by its length is an answer, and one without text as well', async t => {
  const cut = await afterThree()
  await cut.hand.call().push('D')
  await cut.hand.call().push({ type: 'end', reason: 'length', historyUsed: 0 })
  t.equal(await cut.shown(cut.id), `D\n\n${texts.historyLeftOut}\n\n${texts.length}`)
  t.strictSame(await cut.remembered(), ['d'])
  const empty = await afterThree()
  await empty.hand.call().push({ type: 'end', reason: 'stop', historyUsed: 1 })
  t.strictSame(await empty.remembered(), ['c'])
})

t.test('an answer that is stopped or fails leaves the history as it is', async t => {
  for (const end of ['stop', 'fail'] as const) {
    const { id, hand, streams, remembered } = await afterThree()
    await hand.call().push('D')
    if (end === 'stop') await streams.stop(id)
    else await hand.call().fail(new SourceError({ class: 'FILTERED', historyRefused: true }))
    await hand.call().push({ type: 'end', reason: 'stop', historyUsed: 0 })
    t.strictSame(await remembered(), ['a', 'b', 'c', 'd'], end)
  }
})

t.test('a history that is refused as a whole stays, and the sentence says how to begin anew', async t => {
  const { id, hand, shown, remembered } = await afterThree()
  await hand.call().fail(new SourceError({ class: 'FILTERED', historyRefused: true }))
  t.match(await shown(id), /^内容未通过安全检查（如果反复出现，请发送 \/new 开始新对话）（编号 \w+）$/)
  t.strictSame(await remembered(), ['a', 'b', 'c'])
  const own = await afterThree({ commands: { new: ['$& restart', 'x'] } })
  await own.hand.call().fail(new SourceError({ class: 'BUSY', historyRefused: true }))
  t.match(await own.shown(own.id), /^当前使用人数较多，请稍后再试（如果反复出现，请发送 \$& restart 开始新对话）/)
})

t.test('what a hook has given in place of the history is found again in it', async t => {
  const { hand, remembered } = await afterThree(
    { hooks: { onMessage: turn => turn.prompt === 'd' ? { ...turn, history: turn.history?.slice(-2) ?? [] } : undefined } }
  )
  t.equal(hand.call().turn.history?.length, 2)
  await hand.call().push({ type: 'end', reason: 'stop', historyUsed: 1 })
  t.strictSame(await remembered(), ['a', 'c'], 'b was given and not used, a was not given')
  const emptying = await afterThree({ hooks: { onMessage: turn => { turn.history?.splice(0) } } })
  await emptying.hand.call().push({ type: 'end', reason: 'stop', historyUsed: 0 })
  const clearing = await afterThree({ hooks: { onMessage: turn => turn.prompt === 'next' ? undefined : { ...turn, history: [] } } })
  await clearing.hand.call().push({ type: 'end', reason: 'stop', historyUsed: 0 })
  t.strictSame(await clearing.remembered(), ['a', 'b', 'c'], 'who was given nothing has left nothing out')
})

t.test('a source that empties its history has left nothing out by that', async t => {
  const { hand, remembered } = await afterThree()
  hand.call().turn.history?.splice(0, 2)
  await hand.call().push({ type: 'end', reason: 'stop', historyUsed: 1 })
  t.strictSame(await remembered(), ['c'], 'it was given three')
})

t.test('an answer of a hook leaves nothing out', async t => {
  const { streams, id, remembered } = await afterThree({ hooks: { onMessage: ({ prompt }) => prompt === 'd' ? 'D' : undefined } })
  t.equal((await streams.read(id))?.content, 'D')
  t.strictSame(await remembered(), ['a', 'b', 'c', 'd'])
})

t.test('a turn that was added meanwhile is never dropped', async t => {
  const { say, hand, remembered } = await afterThree({ parallel: true })
  await say('e')
  await hand.call().push('E')
  await hand.call().end()
  await hand.call(-2).push({ type: 'end', reason: 'stop', historyUsed: 0 })
  t.strictSame(await remembered(), ['e'])
})

t.test('a history that cannot be dropped from costs a line in the log, and the next question goes on', async t => {
  const { hand, log, remembered } = await afterThree({ history: { drop: async () => { throw new Error('away') } } })
  await hand.call().push('D')
  await hand.call().push({ type: 'end', reason: 'stop', historyUsed: 0 })
  t.hasStrict(log.lines.filter(({ level }) => level === 'error'), [
    { message: 'what was left out of a question could not be forgotten', fields: { cause: { message: 'away' } } }
  ])
  t.strictSame(await remembered(), ['a', 'b', 'c', 'd'])
})
