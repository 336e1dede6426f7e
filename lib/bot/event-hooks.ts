import type { Clock } from '../util/clock.ts'
import { inTime } from '../util/in-time.ts'
import type { Logger } from '../util/logger.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import type { TemplateCard } from '../wecom/cards/card-types.ts'
import type { CardUpdate } from '../wecom/cards/update-card.ts'
import type { EventOrigin } from '../wecom/message.ts'

interface Event extends EventOrigin {
  /** The decrypted event as WeCom sent it. */
  message: Record<string, unknown>
}

/** A user has opened the chat with the bot, for the first time that day. */
export type EnterChatEvent = Event

/** A button of a card was pressed, or its form sent. */
export interface CardEvent extends Event {
  cardType: string
  /** Of the button or the menu entry. */
  key: string
  taskId: string
  selected: SelectedOptions[]
}

/** What was chosen in one list of a card: its `question_key`, and the ids of the options. */
export interface SelectedOptions {
  question: string
  options: string[]
}

export type FeedbackVote = 'accurate' | 'inaccurate' | 'cancelled'

/** `other` is a reason that WeCom has added since. */
export type FeedbackReason = 'irrelevant' | 'incomplete' | 'wrong' | 'data-analysis' | 'other'

/** A user has rated an answer, or a card that has a `feedback.id` of yours. */
export interface FeedbackEvent extends Event {
  vote: FeedbackVote
  /** Why it is inaccurate. */
  reasons: FeedbackReason[]
  comment?: string
  feedbackId: string
  /** The stream of the answer, and who had asked it where: for three days. */
  streamId?: string
  conversation?: EventOrigin
}

export interface EventContext {
  /** Whatever a hook logs is logged: keep what users write out of it. */
  log: Logger
}

/** What a hook may give in place of a value. */
type Nothing = undefined | void

export interface EventHooks {
  /** Welcomes a user, by text or a card; nothing stands for `welcomeText`, and the empty text for no welcome. */
  onEnterChat?: (event: EnterChatEvent, context: EventContext) => string | TemplateCard | Nothing | Promise<string | TemplateCard | Nothing>
  /** May put another card in place of the one that was used. */
  onCardEvent?: (event: CardEvent, context: EventContext) => TemplateCard | CardUpdate | Nothing | Promise<TemplateCard | CardUpdate | Nothing>
  /** Is told how users rate answers. */
  onFeedback?: (event: FeedbackEvent, context: EventContext) => unknown
}

/** WeCom drops what is not answered within 5 s (document 101027). */
const MAX_HOOK_MS = 3000

/** Gives what a hook gives; undefined where it fails or takes too long, which costs a line in the log. Never rejects. */
export type RunHook = <T>(hook: keyof EventHooks, call: (context: EventContext) => T | Promise<T>, event: Event) => Promise<{ value: T } | undefined>

export function createHookRunner ({ clock, log }: { clock: Clock, log: Logger }): RunHook {
  return async (hook, call, event) => {
    try {
      const given = await inTime(clock, MAX_HOOK_MS, (async () => await call({ log: log.child({ hook }) }))())
      if (given === undefined) log.warn({ hook, waitedMs: MAX_HOOK_MS }, 'an event hook takes too long')
      return given
    } catch (error) {
      log.error({ hook, cause: describeError(error, privateTextsIn(event)) }, 'an event hook failed')
      return undefined
    }
  }
}
