import type { TemplateCard } from './card-types.ts'
import { checkCard, refusal } from './check-card.ts'
import { type Fault, filled, list } from './shape.ts'

/** The answer to a `template_card_event` that puts another card in place of the one that was used (document 101031). */
export interface CardUpdate {
  readonly response_type: 'update_template_card'
  readonly userids?: readonly string[]
  readonly template_card: TemplateCard
}

export interface UpdateTemplateCardOptions {
  /** Who sees the new card; everyone who has the old one if this is left out. */
  userids?: readonly string[]
}

/** With a `card_action` and without: error 42045. */
const NO_NOTICE: Fault = {
  path: 'card_type', problem: 'WeCom refuses a text_notice in place of a used card; cards.done builds a card that it takes'
}

const userList = list(filled(), { nonEmpty: true, of: 'users' })

/** `task_id` has to be that of the event. The new card may be of another kind; its `feedback` replaces the old one. */
export function updateTemplateCard (card: TemplateCard, { userids }: UpdateTemplateCardOptions = {}): CardUpdate {
  const checked = checkCard(card)
  const faults: Fault[] = [
    ...checked.card_type === 'text_notice' ? [NO_NOTICE] : [],
    ...checked.task_id === undefined ? [{ path: 'task_id', problem: 'needed for an update: that of the event' }] : [],
    ...userids === undefined ? [] : userList(userids, 'userids')
  ]
  if (faults.length > 0) throw refusal(faults)
  return Object.freeze({
    response_type: 'update_template_card',
    ...userids !== undefined && { userids: Object.freeze([...userids]) },
    template_card: checked
  })
}
