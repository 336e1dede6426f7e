import { InputError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { isVisible } from '../util/visible.ts'
import { checkCard } from './cards/check-card.ts'
import { updateTemplateCard } from './cards/update-card.ts'
import type { UpdateTemplateCardOptions } from './cards/update-card.ts'

/** The plaintext of a welcome (document 101031); undefined for a text that nobody would see. */
export function welcomeReply (given: unknown): string | undefined {
  if (typeof given !== 'string') return JSON.stringify({ msgtype: 'template_card', template_card: checkCard(given) })
  return isVisible(given) ? JSON.stringify({ msgtype: 'text', text: { content: given } }) : undefined
}

/** The plaintext that puts a card, or what an update says, in place of the card of that task (document 101031). */
export function cardReply (given: unknown, taskId: string): string {
  const { card, userids } = isUpdate(given)
    ? { card: given['template_card'], userids: given['userids'] }
    : { card: given, userids: undefined }
  // Some kinds of cards do not pass without one.
  const whole = checkCard(isObject(card) ? { ...card, task_id: card['task_id'] ?? taskId } : card)
  if (whole.task_id !== taskId) throw new InputError('the task_id of a card that takes the place of another is that of the event')
  return JSON.stringify(updateTemplateCard(whole, userids === undefined ? {} : { userids } as UpdateTemplateCardOptions))
}

const isUpdate = (given: unknown): given is Record<string, unknown> => isObject(given) && given['response_type'] === 'update_template_card'
