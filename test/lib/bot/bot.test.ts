import t from 'tap'
import { loadTexts } from '../../../lib/texts/texts.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'
import { createBot } from '../../fixtures/bot.ts'
import type { ReceiveSettings } from '../../fixtures/bot.ts'
import { idle } from '../../fixtures/waiting.ts'

const texts = loadTexts()

async function setUp (settings: ReceiveSettings) {
  const bot = createBot({ source: async function * () { yield 'An answer.' } })
  t.teardown(() => bot.close())
  const receive = bot.receiver({ firstReplyGraceMs: 100, ...settings })
  return async (more: object): Promise<any> => {
    const reply = await receive(
      { msgid: String(Math.random()), aibotid: 'bot', chattype: 'single', from: { userid: 'user' }, ...more } as unknown as RawMessage
    )
    return reply === undefined ? undefined : JSON.parse(reply)
  }
}

const question = { msgtype: 'text', text: { content: 'a question' } }
const entering = { msgtype: 'event', event: { eventtype: 'enter_chat' } }

t.test('its parts know of each other: lists hold for questions and events, commands and the welcome are there', async t => {
  const send = await setUp({ welcomeText: 'Welcome.', access: { lists: { users: { allow: [], deny: ['guest'] } } } })
  t.hasStrict(await send(question), { stream: { finish: true, content: 'An answer.' } })
  t.hasStrict(await send({ ...question, from: { userid: 'guest' } }), { stream: { finish: true, content: texts.denied } })
  t.hasStrict(await send({ msgtype: 'text', text: { content: '/stop' } }), { stream: { finish: true, content: texts.stopNothing } })
  t.hasStrict(await send(entering), { text: { content: 'Welcome.' } })
  t.equal(await send({ ...entering, from: { userid: 'guest' } }), undefined)
})

t.test('an answer can be rated where somebody wants to know, and its rating leads back to who asked', async t => {
  t.equal((await (await setUp({}))(question)).stream.feedback, undefined)
  const told: unknown[] = []
  const send = await setUp({ hooks: { onFeedback: event => { told.push(event) } } })
  const { id, feedback } = (await send(question)).stream
  t.same(feedback, { id })
  await send({ from: { userid: 'other' }, msgtype: 'event', event: { eventtype: 'feedback_event', feedback_event: { id, type: 1 } } })
  t.hasStrict(told, [{ vote: 'accurate', sender: 'other', streamId: id, conversation: { sender: 'user' } }])
})

t.test('limits count across questions, and hooks see them', async t => {
  const asked: string[] = []
  const send = await setUp({ access: { messagesPerMinute: 1 }, hooks: { onMessage: ({ prompt }) => { asked.push(prompt) } } })
  t.hasStrict(await send(question), { stream: { content: 'An answer.' } })
  t.hasStrict(await send(question), { stream: { content: texts.limited } })
  t.same(asked, ['a question'])
})

t.test('without a name, an answer in a group is stopped among mentions, and the log says once how to set the name', async t => {
  const { receiver, log, close } = createBot({ source: async function * () { await new Promise(() => {}) } })
  t.teardown(close)
  const receive = receiver({ botName: '' })
  const say = async (content: string): Promise<any> => JSON.parse(await receive({
    msgid: content, chattype: 'group', chatid: 'g', from: { userid: 'user' }, msgtype: 'text', text: { content }
  } as RawMessage) as string).stream
  t.hasStrict(await say('@Claude Code a long story'), { finish: false })
  const stopping = say('@Claude Code /stop')
  await idle()
  t.hasStrict(await stopping, { content: texts.stopDone })
  t.strictSame(log.lines.filter(({ message }) => message.includes('WECOM_BOT_NAME')).map(({ fields }) => fields), [{ mention: 'Claude' }])
})
