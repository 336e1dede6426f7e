import { createId } from '../../util/ids.ts'
import { voteInteraction } from './build-card.ts'
import type { CardOf, CardSource } from './card-types.ts'

export interface DoneCard {
  /** That of the event: `event.taskId`. */
  taskId: string
  title: string
  desc?: string
  source?: CardSource
  /** What was chosen, or what became of it; shown as ticked. */
  choice: string
  /** Stands on the button, which WeCom wants even if nothing can be sent any more. Default `✓`. */
  button?: string
}

/**
 * The form of a used card that WeCom takes in place of it: a vote that is disabled, with what was chosen ticked. A
 * `text_notice` is refused there. Throws an `InputError` that names every fault by its path.
 */
export const done = ({ taskId, title, desc, source, choice, button = '✓' }: DoneCard): CardOf<'vote_interaction'> => voteInteraction({
  task_id: taskId,
  main_title: { title, ...(desc !== undefined && { desc }) },
  ...(source && { source }),
  checkbox: { question_key: 'done', disable: true, option_list: [{ id: 'done', text: choice, is_checked: true }] },
  submit_button: { text: button, key: 'done' }
})

/** A `task_id` that never repeats, not even after a restart: WeCom refuses one that was used before (error 42014). */
export const taskId = (): string => createId()
