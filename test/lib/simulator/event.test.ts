import t from 'tap'
import { tell } from '../../../lib/simulator/event.ts'
import type { EventOptions, SimulatedEvent } from '../../../lib/simulator/event.ts'
import { createSimulator } from '../../../plugins/testing.ts'
import { buildApp, keys, PATH } from '../../fixtures/app.ts'
import { createManualClock } from '../../fixtures/clock.ts'

const CARD_EVENT = { eventtype: 'template_card_event', template_card_event: { card_type: 'text_notice', event_key: 'k', task_id: 't' } }
const CARD = {
  card_type: 'news_notice',
  main_title: { title: 'x' },
  card_image: { url: 'https://example.com/x.png' },
  card_action: {
    type: 1, url: 'https://example.com'
  }
} as const

/** What a bot is posted, and the problems of its reply. */
async function played (event: SimulatedEvent, { reply, ...options }: EventOptions & { reply?: object } = {}) {
  const posted: any[] = []
  const clock = createManualClock()
  const { problems } = await tell({
    clock,
    bot: 'b7',
    post: async (message, overrides) => {
      posted.push(message, overrides)
      return {
        statusCode: 200,
        headers: {},
        body: '',
        reply: reply as Record<string, unknown> | undefined,
        tookMs: 0,
        tries: 1,
        problems: [
          'of the post'
        ]
      }
    }
  }, event, options)
  const [message, overrides] = posted
  return { message, overrides, problems, now: Math.floor(clock.now() / 1000) }
}

t.test('an event has the documented fields', async t => {
  const { message, overrides, now } = await played({ eventtype: 'enter_chat' })
  t.match(message.msgid, /^[\w+/]{32}$/)
  t.strictSame({ ...message, msgid: '' }, {
    msgid: '',
    create_time: now,
    aibotid: 'b7',
    chattype: 'single',
    from: {
      userid: 'simulated-user'
    },
    msgtype: 'event',
    event: { eventtype: 'enter_chat' }
  })
  t.strictSame(overrides, {})
})

t.test('an event can come from anybody, anywhere, again; a card is used with a response_url', async t => {
  const { signal } = new AbortController()
  const { message, overrides } = await played(CARD_EVENT, { user: 'u', chat: 'c', msgid: 'm', responseUrl: 'https://r', signal })
  t.hasStrict(message, { msgid: 'm', chatid: 'c', chattype: 'group', from: { userid: 'u' }, response_url: 'https://r', event: CARD_EVENT })
  t.equal(overrides.signal, signal)
  t.match((await played(CARD_EVENT)).message.response_url, /^https:\/\/wecom\.invalid\//)
})

t.test('what may not be replied is told', async t => {
  const entering = { eventtype: 'enter_chat' }
  const rated = { eventtype: 'feedback_event', feedback_event: { id: 'x', type: 1 } }
  for (const [event, reply, problem] of [
    [entering, undefined], [CARD_EVENT, undefined], [rated, undefined],
    [entering, { msgtype: 'text', text: { content: 'Hi' } }],
    [entering, { msgtype: 'template_card', template_card: {} }],
    [entering, { msgtype: 'text', text: { content: '' } }, 'the reply to enter_chat is neither a text nor a template_card'],
    [entering, { msgtype: 'template_card' }, 'the reply to enter_chat is neither a text nor a template_card'],
    [entering, { msgtype: 'stream', stream: {} }, 'the reply to enter_chat is neither a text nor a template_card'],
    [CARD_EVENT, { response_type: 'update_template_card', template_card: { task_id: 't' } }],
    [CARD_EVENT, {
      response_type: 'update_template_card', template_card: { task_id: 'u' }
    }, 'the task_id of the new card is not that of the event'],
    [CARD_EVENT, {
      response_type: 'update', template_card: { task_id: 't' }
    }, 'the reply to template_card_event is no update_template_card'],
    [CARD_EVENT, {
      msgtype: 'template_card', template_card: { task_id: 't' }
    }, 'the reply to template_card_event is no update_template_card'],
    [rated, { msgtype: 'text' }, 'the reply to this event is not the empty one']
  ] as Array<[SimulatedEvent, object | undefined, string?]>) {
    const { problems } = await played(event, reply && { reply })
    t.strictSame(problems, ['of the post', ...problem === undefined ? [] : [problem]], JSON.stringify([event, reply]))
  }
})

t.test('a host tests its hooks with it', async t => {
  const votes: string[] = []
  const { app } = await buildApp(
    t, { onEnterChat: ({ sender }) => `Hi ${sender}`, onCardEvent: () => CARD, onFeedback: ({ vote }) => { votes.push(vote) } }
  )
  const wecom = createSimulator({ target: { app, path: PATH }, ...keys })
  const told = async (...played: Parameters<typeof wecom.event>): Promise<[unknown, string[]]> => {
    const { reply, problems } = await wecom.event(...played)
    return [reply, problems]
  }
  t.strictSame(await told({ eventtype: 'enter_chat' }, { user: 'li' }), [{ msgtype: 'text', text: { content: 'Hi li' } }, []])
  const [update, problems] = await told(CARD_EVENT)
  t.hasStrict(update, { template_card: { task_id: 't' } })
  t.strictSame(problems, [])
  t.strictSame(await told({ eventtype: 'feedback_event', feedback_event: { id: 'x', type: 3 } }), [undefined, []])
  t.same(votes, ['cancelled'])
})
