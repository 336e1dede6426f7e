import { Buffer } from 'node:buffer'
import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import { cards } from '../../plugins/index.ts'
import type { CardEvent, EnterChatEvent, FeedbackEvent, Turn, WecomStreamOptions } from '../../plugins/index.ts'
import { BUTTON_INTERACTION } from '../fixtures/cards.ts'
import { encryptMedia, media, startMediaServer } from '../fixtures/media-server.ts'
import { EVENTS, MEDIA_URL, MESSAGES, OTHER_EVENTS, OTHER_MESSAGES, QUOTES, refreshOf, TASK_ID } from '../fixtures/protocol-samples.ts'
import type { Sample } from '../fixtures/protocol-samples.ts'
import { CREDENTIALS, serveBot } from '../fixtures/served-bot.ts'

const texts = loadTexts()
const KEY = Buffer.from(`${CREDENTIALS.encodingAESKey}=`, 'base64')
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3])
const LOADED = { type: 'image/png', size: PNG.length, data: PNG.toString('base64') }

/** A bot that answers `an answer`, and what its source was asked; the files of the samples are on a server of ours. */
async function serve (t: Test, options: WecomStreamOptions = {}) {
  const files = await startMediaServer()
  t.teardown(() => files.close())
  files.respondWith(media(encryptMedia(PNG, KEY)))
  const turns: Turn[] = []
  const bot = await serveBot(t, {
    media: files.trust,
    botName: 'RobotA',
    conversationScope: 'none',
    history: { turns: 0 },
    async * source (turn) {
      turns.push(turn)
      yield 'an answer'
    },
    ...options
  })
  const here = (sample: Sample): Sample => JSON.parse(JSON.stringify(sample).replaceAll(MEDIA_URL, files.url))

  const post = async (sample: Sample): Promise<Record<string, any> | undefined> => {
    const { statusCode, reply, body, problems } = await bot.wecom.post(sample)
    t.equal(statusCode, 200)
    t.strictSame(problems, [])
    if (reply === undefined) t.equal(body, '', 'the empty reply has no byte')
    return reply
  }
  /** The last frame of the answer to a message, asked for by documented refreshes; and the turn of the source. */
  const ask = async (sample: Sample): Promise<{ content: string, turn: Turn | undefined }> => {
    turns.length = 0
    const message = here(sample)
    let reply = await post(message)
    while (reply?.['stream'].finish === false) {
      await new Promise(resolve => setImmediate(resolve))
      reply = await post(refreshOf(reply['stream'].id, message))
    }
    t.strictSame(Object.keys(reply ?? {}), ['msgtype', 'stream'])
    t.equal(reply?.['msgtype'], 'stream')
    const [turn, ...others] = turns
    t.equal(others.length, 0, 'no refresh asks the source')
    if (turn !== undefined) t.strictSame(turn.message, message)
    return { content: reply?.['stream'].content, turn }
  }
  const lines = (): Array<{ level: number, msg: string } & Record<string, unknown>> =>
    bot.log().trim().split('\n').map(line => JSON.parse(line))
  return { ...bot, post, ask, lines }
}

const asked = (turn: Turn | undefined): object => {
  const { deadline, message, ...rest } = turn ?? { deadline: 0, prompt: 'the source was not asked' }
  return rest
}

const SINGLE = { sender: 'zhangsan', bot: 'aibqaPkLqzoiPBmTr3gkDs', chat: { type: 'single' } }
const GROUP = { sender: 'lisi', bot: 'aibqaPkLqzoiPBmTr3gkDs', chat: { type: 'group', id: 'wrkSFfCgAALFgnrSsWU38puiv4yvExuw' } }

const EXPECTED: Record<keyof typeof MESSAGES, object> = {
  text: { ...SINGLE, prompt: '帮我看看这周的销售数据' },
  textInGroup: { ...GROUP, prompt: 'hello robot' },
  image: { ...SINGLE, prompt: '', attachments: [{ kind: 'image', ...LOADED }] },
  mixed: { ...SINGLE, prompt: '这两张图有什么区别？', attachments: [{ kind: 'image', ...LOADED }, { kind: 'image', ...LOADED }] },
  mixedInGroup: { ...GROUP, prompt: '这是今日的测试情况', attachments: [{ kind: 'image', ...LOADED }] },
  voice: { ...SINGLE, prompt: '这是语音转成文本的内容' },
  file: { ...SINGLE, prompt: '', attachments: [{ kind: 'file', ...LOADED }] },
  video: { ...SINGLE, prompt: '', attachments: [{ kind: 'video', ...LOADED }] }
}

t.test('every documented message reaches the source, and its answer is a stream', async t => {
  for (const name of Object.keys(MESSAGES) as Array<keyof typeof MESSAGES>) {
    const { ask } = await serve(t)
    const { content, turn } = await ask(MESSAGES[name])
    t.strictSame(asked(turn), EXPECTED[name], name)
    t.equal(content, 'an answer', name)
  }
})

const QUOTED: Record<keyof typeof QUOTES, object> = {
  text: { text: '帮我看看这周的销售数据' },
  image: { attachments: [{ kind: 'image', ...LOADED }] },
  mixed: { text: '这两张图有什么区别？', attachments: [{ kind: 'image', ...LOADED }, { kind: 'image', ...LOADED }] },
  voice: { text: '这是语音转成文本的内容' },
  file: { attachments: [{ kind: 'file', ...LOADED }] },
  video: { attachments: [{ kind: 'video', ...LOADED }] }
}

t.test('so does a quote of each kind, in a single chat and in a group', async t => {
  for (const kind of Object.keys(QUOTES) as Array<keyof typeof QUOTES>) {
    const samples = QUOTES[kind]
    const { ask } = await serve(t)
    t.strictSame(
      asked((await ask({ ...samples.single, msgid: 'single' })).turn), { ...SINGLE, prompt: '帮我看看这周的销售数据', quote: QUOTED[kind] }, kind
    )
    t.strictSame(asked((await ask({ ...samples.inGroup, msgid: 'group' })).turn), { ...GROUP, prompt: '总结一下', quote: QUOTED[kind] }, kind)
  }
})

t.test('a kind of message that nobody knows is answered with a sentence, and named in the log', async t => {
  for (const sample of Object.values(OTHER_MESSAGES)) {
    const { ask, lines } = await serve(t)
    t.strictSame(await ask(sample), { content: texts.unsupported, turn: undefined })
    t.hasStrict(lines().filter(({ msg }) => msg === 'a message is of a kind that cannot be read'), [{ level: 30, msgtype: sample.msgtype }])
  }
})

t.test('the documented events get the replies that the documents allow', async t => {
  const entered: EnterChatEvent[] = []
  const used: CardEvent[] = []
  const rated: FeedbackEvent[] = []
  const card = cards.buttonInteraction({ ...BUTTON_INTERACTION, task_id: TASK_ID })
  const { post } = await serve(t, {
    onEnterChat: event => { entered.push(event); return '欢迎' },
    onCardEvent: event => {
      used.push(event); return event.key === 'menu_key'
        ? undefined
        : cards.updateTemplateCard(
          card, { userids: ['zhangsan'] }
        )
    },
    onFeedback: event => { rated.push(event) }
  })
  const once = (sample: Sample, n: number): Sample => ({ ...sample, msgid: `event-${n}` })
  const { chat: single } = SINGLE

  t.strictSame(await post(once(EVENTS.enterChat, 1)), { msgtype: 'text', text: { content: '欢迎' } })
  t.hasStrict(entered, [{ sender: 'zhangsan', bot: SINGLE.bot, chat: single }])

  t.strictSame(await post(once(EVENTS.vote, 2)), { response_type: 'update_template_card', userids: ['zhangsan'], template_card: card })
  t.equal(await post(once(EVENTS.menu, 3)), undefined)
  t.hasStrict(used, [
    {
      sender: 'zhangsan',
      chat: GROUP.chat,
      cardType: 'vote_interaction',
      key: 'button_replace_text',
      taskId: TASK_ID,
      selected: [
        { question: 'question_key1', options: ['option_id1', 'option_id2'] }, { question: 'question_key2', options: ['option_id3'] }
      ]
    },
    { chat: single, cardType: 'text_notice', key: 'menu_key', taskId: TASK_ID, selected: [] }
  ])

  for (const [n, sample] of [EVENTS.accurate, EVENTS.inaccurate, EVENTS.cancelled].entries()) {
    t.equal(await post(once(sample, 4 + n)), undefined)
  }
  t.hasStrict(rated, [
    { sender: 'zhangsan', vote: 'accurate', reasons: [], feedbackId: 'FEEDBACKID' },
    { vote: 'inaccurate', reasons: ['incomplete', 'data-analysis'], comment: '数字不对' },
    { vote: 'cancelled', reasons: [] }
  ])
  t.strictSame([entered.length, used.length, rated.length], [1, 2, 3])
})

t.test('a rating leads back to its answer', async t => {
  const rated: FeedbackEvent[] = []
  const { post } = await serve(t, { onFeedback: event => { rated.push(event) } })
  const { stream } = await post(MESSAGES.textInGroup) as Sample
  t.strictSame(stream.feedback, { id: stream.id })
  t.notOk('feedback' in ((await post(refreshOf(stream.id, MESSAGES.textInGroup)))?.['stream'] ?? {}), 'a refresh has none')
  const event = JSON.parse(JSON.stringify(EVENTS.inaccurate).replace('FEEDBACKID', stream.id))
  t.equal(await post(event), undefined)
  t.hasStrict(rated, [{ sender: 'zhangsan', vote: 'inaccurate', streamId: stream.id, conversation: GROUP }])
})

t.test('without hooks every event gets the empty reply, but for the welcome of the settings', async t => {
  const { post } = await serve(t)
  for (const sample of Object.values(EVENTS)) t.equal(await post(sample), undefined)
  const { post: other } = await serve(t, { welcomeText: '您好' })
  t.strictSame(await other(EVENTS.enterChat), { msgtype: 'text', text: { content: '您好' } })
  t.equal(await other(EVENTS.menu), undefined)
})

t.test('any other event gets the empty reply, and is named in the log', async t => {
  const { post, lines } = await serve(
    t, { onEnterChat: () => '欢迎', onCardEvent () { t.fail('nobody calls it') }, onFeedback: () => t.fail('nor this') }
  )
  for (const sample of Object.values(OTHER_EVENTS)) t.equal(await post(sample), undefined)
  t.strictSame(lines().filter(({ msg }) => msg === 'an event has no hook').map(({ level, eventtype }) => [level, eventtype]), [
    [30, 'disconnected_event'], [30, 'auth_change_event'], [30, 'enter_check_update'], [30, 'poll_closed_event']
  ])
})

t.test('what the samples say is not in the log', async t => {
  const { ask, post, log } = await serve(t, {
    onEnterChat: () => { throw new Error('no') },
    onCardEvent: () => ({
      card_type: 'text_notice'
    }) as never,
    onFeedback: ({ comment }) => { throw new Error(comment) }
  })
  for (const [n, sample] of [
    ...Object.values(MESSAGES), ...Object.values(QUOTES).flatMap(Object.values<Sample>), ...Object.values(OTHER_MESSAGES)
  ].entries()) await ask({ ...sample, msgid: `m${n}` })
  for (const [n, sample] of [...Object.values(EVENTS), ...Object.values(OTHER_EVENTS)].entries()) await post({ ...sample, msgid: `e${n}` })
  for (const word of [
    '销售', 'hello robot', '语音', '区别', '广州塔', '周报', '数字不对', 'option_id1', 'response_code', 'q-key-time', 'q-signature', 'an answer',
    CREDENTIALS.encodingAESKey
  ]) {
    t.notMatch(log(), word, word)
  }
})
