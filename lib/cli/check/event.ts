import { isEmptyReply } from './bot.ts'
import type { Wire } from './bot.ts'
import { failFirst, unanswered } from './check.ts'
import type { Check } from './check.ts'

const TASK = 'simulated-task'
const EVENT_LIMIT_MS = 5000

const event = (name: string, about: string, what: Record<string, unknown>, find: (wire: Wire) => string | undefined): Check => ({
  name,
  document: 101027,
  about,
  scenes: [],
  async run ({ bot }) {
    const message = { create_time: Math.floor(Date.now() / 1000), msgtype: 'event', event: what }
    return failFirst([await bot.post(message, { user: 'simulated-guest' })], wire => unanswered(wire) ?? find(wire))
  }
})

const nothingBut = (wire: Wire): string | undefined => isEmptyReply(wire) ? undefined : 'the reply is not the empty one'

export const eventChecks: readonly Check[] = [
  event('event.enter-chat', 'enter_chat is answered with a text, a card or nothing', { eventtype: 'enter_chat' }, wire =>
    isEmptyReply(wire) || ['text', 'template_card'].includes(wire.opened?.reply?.['msgtype'] as string)
      ? undefined
      : 'the reply is neither a text nor a card, nor empty'),
  event('event.card', 'template_card_event is answered within 5 s with update_template_card of that task, or nothing', {
    eventtype: 'template_card_event',
    template_card_event: { card_type: 'button_interaction', event_key: 'simulated-key', task_id: TASK }
  }, wire => {
    if (wire.tookMs > EVENT_LIMIT_MS) return `the reply came after ${Math.round(wire.tookMs)} ms`
    if (isEmptyReply(wire)) return undefined
    const { response_type: type, template_card: card } = wire.opened?.reply ?? {}
    if (type !== 'update_template_card') return 'response_type is not update_template_card'
    return (card as { task_id?: unknown } | undefined)?.task_id === TASK ? undefined : 'task_id is not that of the event'
  }),
  event('event.feedback', 'feedback_event is answered with nothing', {
    eventtype: 'feedback_event', feedback_event: { id: 'simulated-feedback', type: 1 }
  }, nothingBut),
  event('event.unknown', 'an event that is new is acknowledged with 200', { eventtype: 'simulated_event' }, () => undefined)
]
