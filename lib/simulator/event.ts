import { isObject } from '../util/objects.ts'
import { stringAt } from '../wecom/message.ts'
import type { Wecom } from './conversation.ts'
import { commonFields, freshMsgid, freshResponseUrl } from './message.ts'
import type { SimulatedSender } from './message.ts'
import type { PostResult } from './post.ts'

/** What happened: `eventtype`, and the data of that name (document 101027). The common fields are added. */
export interface SimulatedEvent {
  eventtype: string
  [data: string]: unknown
}

export interface EventOptions extends SimulatedSender {
  /** Default: a fresh one. The same one again is the same event, delivered once more. */
  msgid?: string
  /** Sent with a `template_card_event` alone. The default is an address that leads nowhere. */
  responseUrl?: string
  signal?: AbortSignal
}

/** Tells a bot of an event. What it may not reply is added to the problems. */
export async function tell (
  { post, clock, bot }: Pick<Wecom, 'post' | 'clock' | 'bot'>, event: SimulatedEvent, options: EventOptions
): Promise<PostResult> {
  const { msgid = freshMsgid(), responseUrl = freshResponseUrl(), signal } = options
  const result = await post({
    msgid,
    create_time: Math.floor(clock.now() / 1000),
    ...commonFields(bot, options),
    ...(event.eventtype === 'template_card_event' && { response_url: responseUrl }),
    msgtype: 'event',
    event
  }, signal === undefined ? {} : { signal })
  const problem = result.reply && problemOf(event, result.reply)
  return problem === undefined ? result : { ...result, problems: [...result.problems, problem] }
}

/** Document 101031 says what may be replied to what. */
function problemOf (event: SimulatedEvent, reply: Record<string, unknown>): string | undefined {
  const { msgtype, response_type: responseType, template_card: card } = reply
  switch (event.eventtype) {
    case 'enter_chat': {
      const said = msgtype === 'text'
        ? stringAt(reply, 'text', 'content')
        : msgtype === 'template_card' && isObject(card) ? 'a card' : undefined
      return said ? undefined : 'the reply to enter_chat is neither a text nor a template_card'
    }
    case 'template_card_event':
      if (responseType !== 'update_template_card') return 'the reply to template_card_event is no update_template_card'
      return stringAt(card, 'task_id') === stringAt(event, 'template_card_event', 'task_id')
        ? undefined
        : 'the task_id of the new card is not that of the event'
    default:
      return 'the reply to this event is not the empty one'
  }
}
