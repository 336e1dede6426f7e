import type { TemplateCard } from '../../wecom/cards/card-types.ts'
import type { CardUpdate } from '../../wecom/cards/update-card.ts'
import type { EventOrigin } from '../../wecom/message.ts'
import type { HostContext } from './host-code.ts'

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

export type EventContext = HostContext

/** What a hook may give in place of a value. */
type Nothing = undefined | void

export interface EventHooks {
  /** Welcomes a user, by text or a card; nothing stands for `welcomeText`, and the empty text for no welcome. */
  onEnterChat?: (event: EnterChatEvent, context: EventContext) => string | TemplateCard | Nothing | Promise<string | TemplateCard | Nothing>
  /** May put another card in place of the one that was used. */
  onCardEvent?: (
    event: CardEvent, context: EventContext
  ) => TemplateCard | CardUpdate | Nothing | Promise<TemplateCard | CardUpdate | Nothing>
  /** Is told how users rate answers. */
  onFeedback?: (event: FeedbackEvent, context: EventContext) => unknown
}
