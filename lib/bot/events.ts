import type { KeyValueStore } from '../stores/key-values.ts'
import type { Clock } from '../util/clock.ts'
import { levelOf } from '../util/errors.ts'
import { createId, hashOf } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { isObject } from '../util/objects.ts'
import { describeError, safeName } from '../util/redact.ts'
import { inTime } from '../util/waiting.ts'
import { cardReply, welcomeReply } from '../wecom/event-replies.ts'
import { stringAt, turnOf } from '../wecom/message.ts'
import type { Message, RawMessage } from '../wecom/message.ts'
import { readFeedback } from './feedback.ts'
import type { FeedbackLinks } from './feedback.ts'
import type { CardEvent, EventHooks, SelectedOptions } from './hooks/event-hooks.ts'
import type { HostContext, RunHostCode } from './hooks/host-code.ts'

export interface EventsOptions {
  hooks: EventHooks
  /** The welcome if no hook gives another; empty for none. */
  welcomeText: string
  feedback: FeedbackLinks
  facts: KeyValueStore
  clock: Clock
  log: Logger
  run: RunHostCode
  /** Keeps the events of this bot apart from those of another in the same app. */
  scope: string
}

/** Returns the plaintext of the reply to an event (document 101027); undefined is the empty reply. Never rejects. */
export type Events = (message: Message) => Promise<string | undefined>

/** How long a repeated event is known, and what was replied to it. */
const KNOWN_MS = 10 * 60_000

/** WeCom drops what is not answered within 5 s (document 101027). */
const MAX_HOOK_MS = 3000

/** An event asks the store twice at most; with the time of a hook that stays below the 5 s that WeCom waits. */
const MAX_STORE_MS = 500

export function createEvents (options: EventsOptions): Events {
  const { hooks: { onEnterChat, onCardEvent, onFeedback }, feedback, facts, clock, log, scope } = options
  const welcome = welcomeReply(options.welcomeText)
  const run = <T>(hook: keyof EventHooks, about: object, call: (context: HostContext) => Promise<T>) =>
    options.run({ hook, about, maxMs: MAX_HOOK_MS, call })

  return async message => {
    const eventtype = stringAt(message.raw, 'event', 'eventtype') ?? ''
    log.debug({ eventtype: safeName(eventtype) }, 'event received')
    switch (eventtype) {
      case 'enter_chat':
        return onEnterChat === undefined ? welcome : await once(message, () => greet(message, onEnterChat))
      case 'template_card_event':
        return onCardEvent && await once(message, () => update(message, onCardEvent))
      case 'feedback_event':
        return onFeedback && await once(message, () => tell(message, onFeedback))
      default:
        log.info({ eventtype: safeName(eventtype) }, 'an event has no hook')
        return undefined
    }
  }

  async function greet (message: Message, hook: Hook<'onEnterChat'>): Promise<string | undefined> {
    const event = turnOf(message)
    const outcome = await run('onEnterChat', event, async context => {
      const said = await hook(event, context)
      return said === undefined ? welcome : welcomeReply(said)
    })
    return outcome === undefined ? welcome : outcome.value
  }

  async function update (message: Message, hook: Hook<'onCardEvent'>): Promise<string | undefined> {
    const event = { ...turnOf(message), ...readCardEvent(message.raw) }
    const outcome = await run('onCardEvent', event, async context => {
      const card = await hook(event, context)
      return card === undefined ? undefined : cardReply(card, event.taskId)
    })
    return outcome?.value
  }

  async function tell (message: Message, hook: Hook<'onFeedback'>): Promise<undefined> {
    const said = readFeedback(message)
    if (said === undefined) {
      log.info({ eventtype: 'feedback_event' }, 'an event has a vote of an unknown kind')
      return
    }
    const { feedbackId } = said
    const conversation = await ask(feedback.find(feedbackId))
    const event = { ...turnOf(message), ...said, ...(conversation && { streamId: feedbackId, conversation }) }
    await run('onFeedback', event, async context => { await hook(event, context) })
  }

  /** The first delivery of an event calls its hook; the others get the reply that it got, if that is known by then. */
  async function once (message: Message, reply: () => Promise<string | undefined>): Promise<string | undefined> {
    const { msgid, bot = '' } = message
    if (msgid === undefined) return await reply()
    const key = hashOf(scope, bot, msgid)
    const own = createId()
    const first = await ask(facts.putIfAbsent(`event:${key}`, own, KNOWN_MS))
    if (first !== undefined && first !== own) return await ask(facts.get(`event-reply:${key}`))
    const outcome = await reply()
    if (outcome !== undefined) facts.putIfAbsent(`event-reply:${key}`, outcome, KNOWN_MS).catch(logFailure)
    return outcome
  }

  /** A store that is slow or away keeps nobody from being answered. */
  async function ask<T> (work: Promise<T>): Promise<T | undefined> {
    try {
      const answered = await inTime(clock, MAX_STORE_MS, work)
      if (answered === undefined) log.error({ waitedMs: MAX_STORE_MS }, 'the facts of an event take too long')
      return answered?.value
    } catch (error) {
      logFailure(error)
      return undefined
    }
  }

  function logFailure (error: unknown): void {
    log[levelOf(error)]({ cause: describeError(error) }, 'the facts of an event could not be had')
  }
}

type Hook<Name extends keyof EventHooks> = NonNullable<EventHooks[Name]>

function readCardEvent (raw: RawMessage): Pick<CardEvent, 'cardType' | 'key' | 'taskId' | 'selected'> {
  const at = (name: string): string => stringAt(raw, 'event', 'template_card_event', name) ?? ''
  return { cardType: at('card_type'), key: at('event_key'), taskId: at('task_id'), selected: selectedIn(raw) }
}

function selectedIn (raw: RawMessage): SelectedOptions[] {
  return listAt(raw, 'event', 'template_card_event', 'selected_items', 'selected_item').flatMap(item => {
    const question = stringAt(item, 'question_key')
    if (question === undefined) return []
    return [{ question, options: listAt(item, 'option_ids', 'option_id').filter(option => typeof option === 'string') }]
  })
}

/** The list at a path of keys; empty if there is none. */
function listAt (value: unknown, ...path: string[]): unknown[] {
  const found = path.reduce<unknown>((value, key) => isObject(value) ? value[key] : undefined, value)
  return Array.isArray(found) ? found : []
}
