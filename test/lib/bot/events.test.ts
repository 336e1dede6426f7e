import t from 'tap'
import type { CardEvent, EventHooks, FeedbackEvent } from '../../../lib/bot/hooks/event-hooks.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import * as builders from '../../../lib/wecom/cards/build-card.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'
import { createBot } from '../../fixtures/bot.ts'
import { BUTTON_INTERACTION } from '../../fixtures/cards.ts'
import { yielding } from '../../fixtures/sources.ts'
import { idle } from '../../fixtures/waiting.ts'

const WELCOME = '{"msgtype":"text","text":{"content":"welcome"}}'
const textReply = (content: string): string => JSON.stringify({ msgtype: 'text', text: { content } })
const card = builders.buttonInteraction(BUTTON_INTERACTION)

interface Setup {
  hooks?: EventHooks
  facts?: Partial<KeyValueStore>
  scope?: string
}

function setUp ({ hooks = {}, facts = {} }: Setup = {}) {
  const { clock, log, receiver } = createBot({ source: yielding('an answer'), facts })
  const bot = (scope = 'scope') => receiver({ hooks, welcomeText: 'welcome', scope })
  return { clock, log, bot, receive: bot(), warnings: () => log.lines.filter(({ level }) => level === 'warn' || level === 'error') }
}

const event = (eventtype: unknown, said: object = {}, more: object = {}): RawMessage =>
  ({
    msgtype: 'event',
    msgid: 'e1',
    create_time: 1_700_000_000,
    aibotid: 'bot',
    from: { userid: 'user' },
    event: {
      eventtype, ...said
    },
    ...more
  }) as RawMessage
const entered = (more: object = {}): RawMessage => event('enter_chat', {}, more)
const pressed = (said: object = {}, more: object = {}): RawMessage => event('template_card_event', {
  template_card_event: { card_type: 'text_notice', event_key: 'key', task_id: card.task_id, ...said }
}, { chattype: 'single', response_url: 'https://my-response-url', ...more })
const rated = (said: object = {}, more: object = {}): RawMessage =>
  event('feedback_event', { feedback_event: { id: 'f', type: 1, ...said } }, { chattype: 'single', ...more })

t.test('who enters is welcomed by the text of the settings', async t => {
  const { receive, warnings } = setUp()
  t.equal(await receive(entered()), WELCOME)
  t.equal(await receive(entered()), WELCOME, 'however often it comes')
  t.equal(await createBot({ source: yielding() }).receiver()(entered()), undefined, 'or by nothing')
  t.strictSame(warnings(), [])
})

t.test('who enters is welcomed by what the hook gives', async t => {
  const given = ['hi', card, '', undefined]
  const asked: unknown[] = []
  const { receive } = setUp({
    hooks: {
      async onEnterChat (event) {
        asked.push(event)
        return given.shift()
      }
    }
  })
  const replies = []
  for (let n = 0; n < 4; n++) replies.push(await receive(entered({ msgid: `e${n}` })))
  t.strictSame(replies, [textReply('hi'), JSON.stringify({ msgtype: 'template_card', template_card: card }), undefined, WELCOME])
  t.strictSame(asked[0], { sender: 'user', bot: 'bot', chat: { type: 'single' }, message: entered({ msgid: 'e0' }) })
})

t.test('a hook that fails, gives what is no welcome, or hangs, leaves the text of the settings', async t => {
  const hooks: Array<NonNullable<EventHooks['onEnterChat']>> = [
    () => { throw new Error('x') },
    () => Promise.reject(new Error('x')),
    () => ({ card_type: 'text_notice', secret: 'my-secret' }) as never,
    () => null as never
  ]
  for (const onEnterChat of hooks) {
    const { receive, log, warnings } = setUp({ hooks: { onEnterChat } })
    t.equal(await receive(entered()), WELCOME)
    t.hasStrict(warnings(), [{ level: 'error', message: 'a hook failed', fields: { hook: 'onEnterChat' } }])
    t.equal(warnings().length, 1)
    t.notMatch(JSON.stringify(log.lines), 'my-secret')
  }
  const { receive, clock, warnings } = setUp({ hooks: { onEnterChat: () => new Promise(() => {}) } })
  const reply = receive(entered())
  await idle()
  await clock.advance(3000)
  t.equal(await reply, WELCOME)
  t.hasStrict(warnings(), [{ level: 'warn', message: 'a hook takes too long' }])
  t.equal(await receive(entered()), WELCOME, 'also when it comes again')
})

t.test('a card that was used is read', async t => {
  const events: CardEvent[] = []
  const { receive } = setUp({ hooks: { onCardEvent: event => { events.push(event) } } })
  const selected = {
    selected_item: [
      {
        question_key: 'q1', option_ids: { option_id: ['a', 'b'] }
      }, { question_key: 'q2', option_ids: { option_id: [] } }, { question_key: 'q3' },
      { question_key: 'q4', option_ids: { option_id: [5, 'c'] } }, { option_ids: { option_id: ['d'] } }, null
    ]
  }
  const message = pressed({ selected_items: selected }, { chattype: 'group', chatid: 'g' })
  t.equal(await receive(message), undefined)
  t.strictSame(events, [{
    sender: 'user',
    bot: 'bot',
    chat: { type: 'group', id: 'g' },
    cardType: 'text_notice',
    key: 'key',
    taskId: card.task_id,
    selected: [{
      question: 'q1', options: ['a', 'b']
    }, { question: 'q2', options: [] }, { question: 'q3', options: [] }, { question: 'q4', options: ['c'] }],
    message
  }])
  await receive(event('template_card_event', {}, { msgid: 'e2' }))
  t.hasStrict(events[1], { cardType: '', key: '', taskId: '', selected: [] }, 'whatever is missing')
})

t.test('a card may take the place of the one that was used', async t => {
  const { receive, warnings } = setUp({ hooks: { onCardEvent: () => card } })
  t.equal(await receive(pressed()), JSON.stringify({ response_type: 'update_template_card', template_card: card }))
  t.strictSame(warnings(), [])
  t.equal(await receive(pressed({ task_id: 'another' }, { msgid: 'e2' })), undefined)
  t.match(warnings(), [{ level: 'error', message: 'a hook failed', fields: { hook: 'onCardEvent', cause: { message: /task_id/ } } }])
})

t.test('a hook of cards that fails or hangs gets the empty reply', async t => {
  const { receive, clock, warnings, log } = setUp({
    hooks: {
      onCardEvent ({ key, message }) {
        if (key === 'hang') return new Promise(() => {})
        throw new Error(`at ${String(message['response_url'])}`)
      }
    }
  })
  t.equal(await receive(pressed()), undefined)
  const reply = receive(pressed({ event_key: 'hang' }, { msgid: 'e2' }))
  await idle()
  await clock.advance(3000)
  t.equal(await reply, undefined)
  t.hasStrict(warnings(), [{ message: 'a hook failed' }, { message: 'a hook takes too long' }])
  t.notMatch(JSON.stringify(log.lines), 'my-response-url')
})

t.test('an event without a hook gets the empty reply', async t => {
  const { receive, log } = setUp()
  t.equal(await receive(pressed()), undefined)
  t.equal(await receive(rated()), undefined)
  t.strictSame(log.lines.map(({ level }) => level), ['debug', 'debug'])
})

t.test('a feedback is told with the answer that it belongs to, hours later', async t => {
  const events: FeedbackEvent[] = []
  const { receive, clock } = setUp({ hooks: { onFeedback: event => { events.push(event); return 'ignored' } } })
  const question = {
    msgtype: 'text', msgid: 'm1', aibotid: 'bot', chattype: 'group', chatid: 'g', from: { userid: 'asker' }, text: { content: 'hi' }
  }
  const { stream: { id, feedback } } = JSON.parse(await receive(question) ?? '')
  t.same(feedback, { id })
  await clock.advance(30 * 3_600_000)
  const message = rated({ id, type: 2, content: 'wrong', inaccurate_reason_list: [3] })
  t.equal(await receive(message), undefined)
  t.strictSame(events, [{
    sender: 'user',
    bot: 'bot',
    chat: { type: 'single' },
    vote: 'inaccurate',
    reasons: ['wrong'],
    comment: 'wrong',
    feedbackId: id,
    streamId: id,
    conversation: { sender: 'asker', bot: 'bot', chat: { type: 'group', id: 'g' } },
    message
  }])
  await receive(rated({ id: 'of a card' }, { msgid: 'e2' }))
  t.strictSame(Object.keys(events[1] ?? {}).sort(), ['bot', 'chat', 'feedbackId', 'message', 'reasons', 'sender', 'vote'])
})

t.test('a hook of feedback that fails or hangs is left', async t => {
  const hook = { calls: 0 }
  const { receive, clock, warnings, log } = setUp({
    hooks: {
      onFeedback ({ comment }) {
        if (hook.calls++ > 0) return new Promise(() => {})
        throw new Error(`about ${comment}`)
      }
    }
  })
  t.equal(await receive(rated({ content: 'my-comment' })), undefined)
  const reply = receive(rated({}, { msgid: 'e2' }))
  await idle()
  await clock.advance(3000)
  t.equal(await reply, undefined)
  t.hasStrict(warnings(), [{ message: 'a hook failed' }, { message: 'a hook takes too long' }])
  t.notMatch(JSON.stringify(log.lines), 'my-comment')
})

t.test('a vote of an unknown kind is told to nobody', async t => {
  const { receive, log } = setUp({ hooks: { onFeedback: () => t.fail('nobody knows what it means') } })
  t.equal(await receive(rated({ type: 9 })), undefined)
  t.hasStrict(log.lines.at(-1), { level: 'info', message: 'an event has a vote of an unknown kind' })
})

t.test('an event that nobody knows gets the empty reply, and a line with its type made safe', async t => {
  const { receive, log } = setUp({ hooks: { onEnterChat: () => 'hi' } })
  const long = `future\n${'x'.repeat(100)}`
  const types = ['disconnected_event', 'auth_change_event', 'enter_check_update', '__proto__', 'constructor', long, '\u202e你', undefined, 5]
  for (const [n, type] of types.entries()) t.equal(await receive(event(type, {}, { msgid: `e${n}` })), undefined)
  for (const said of [undefined, null, 'x']) t.equal(await receive({ msgtype: 'event', event: said }), undefined)
  const named = log.lines.filter(({ level }) => level === 'info')
  t.ok(named.every(({ message }) => message === 'an event has no hook'))
  t.strictSame(named.map(({ fields }) => fields['eventtype']), [
    'disconnected_event', 'auth_change_event', 'enter_check_update', '__proto__', 'constructor', `future?${'x'.repeat(
      57
    )}`, '??', '', '', '', '', ''
  ])
})

t.test('an event that comes again calls its hook once, and gets the same reply', async t => {
  let calls = 0
  const hooks: EventHooks = { onEnterChat: () => `welcome ${++calls}`, onCardEvent: () => { calls++ }, onFeedback: () => { calls++ } }
  const { receive, clock } = setUp({ hooks })
  t.equal(await receive(entered()), textReply('welcome 1'))
  t.equal(await receive(entered()), textReply('welcome 1'))
  await clock.advance(599_999)
  t.equal(await receive(entered()), textReply('welcome 1'))
  t.equal(calls, 1)
  for (const message of [pressed({}, { msgid: 'e2' }), rated({}, { msgid: 'e3' })]) {
    const before = calls
    for (let n = 0; n < 3; n++) t.equal(await receive(message), undefined)
    t.equal(calls, before + 1)
  }
})

t.test('where the reply is not known yet, the repeated event gets the empty one', async t => {
  let answer = (_text: string): void => {}
  let calls = 0
  const { receive } = setUp({ hooks: { onEnterChat: () => new Promise<string>(resolve => { calls++; answer = resolve }) } })
  const first = receive(entered())
  await idle()
  t.equal(await receive(entered()), undefined)
  answer('hi')
  t.equal(await first, textReply('hi'))
  t.equal(await receive(entered()), textReply('hi'))
  t.equal(calls, 1)
})

t.test('two events are two, whatever they have in common', async t => {
  let calls = 0
  const { receive, bot } = setUp({ hooks: { onEnterChat: () => String(++calls) } })
  await receive(entered())
  await receive(entered({ msgid: 'e2' }))
  await receive(entered({ aibotid: 'other' }))
  await receive(entered({ aibotid: undefined }))
  await bot('other')(entered())
  t.equal(calls, 5)
  for (const msgid of [undefined, '', null, 5, {}, ['e1']]) for (let n = 0; n < 2; n++) await receive(entered({ msgid }))
  t.equal(calls, 17, 'what has no msgid is none that came before')
})

const away = (): Promise<never> => Promise.reject(new Error('away, sk-secret1234'))

t.test('a store that fails keeps no hook from being called', async t => {
  let calls = 0
  const hooks = { onEnterChat: () => String(++calls), onFeedback: () => { calls++ } }
  const { receive, warnings } = setUp({ hooks, facts: { putIfAbsent: away, get: away } })
  t.equal(await receive(entered()), textReply('1'))
  await idle()
  t.strictSame(warnings().map(({ level, message }) => [level, message]), Array.from(
    { length: 2 }, () => ['error', 'the facts of an event could not be had']
  ))
  t.equal(await receive(rated({ id: 'a'.repeat(32) }, { msgid: 'e2' })), undefined)
  t.equal(calls, 2)
  t.notMatch(JSON.stringify(warnings()), 'sk-secret')
})

t.test('a store that fails later leaves the repeated event without a reply', async t => {
  let calls = 0
  const { receive, warnings } = setUp({ hooks: { onEnterChat: () => String(++calls) }, facts: { get: away } })
  t.equal(await receive(entered()), textReply('1'))
  t.equal(await receive(entered()), undefined)
  t.equal(calls, 1)
  t.equal(warnings().length, 1)
})

t.test('with a store and a hook that hang, the reply comes before WeCom gives up', async t => {
  const never = (): Promise<never> => new Promise(() => {})
  const { receive, clock, warnings } = setUp(
    { hooks: { onFeedback: never, onEnterChat: never }, facts: { putIfAbsent: never, get: never } }
  )
  const start = clock.now()
  let tookMs: number | undefined
  receive(rated({ id: 'a'.repeat(32) })).then(() => { tookMs = clock.now() - start }, t.fail)
  for (let n = 0; n < 50; n++) await clock.advance(100)
  t.equal(tookMs, 4000)
  t.strictSame(warnings().map(({ message }) => message), [
    'the facts of an event take too long', 'the facts of an event take too long', 'a hook takes too long'
  ])
  t.equal(clock.pending, 0)
})
