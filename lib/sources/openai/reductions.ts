import type { Attachment, HistoryTurn, LostAttachment, Turn } from '../source.ts'
import type { Refusal } from './faults.ts'
import { isPicture } from './messages.ts'

/** What is asked, and how less of it is asked if the provider refuses it. */
export interface Reductions {
  turn: Turn
  pictures: boolean
  /** How many of the turns of the history are asked with; undefined if all are. */
  historyUsed: number | undefined
  /** What is left out from now on; undefined if there is nothing that would help. */
  reduce (refusal: Refusal): Reduction | undefined
}

export type Reduction = 'the older turns' | 'all earlier turns' | 'pictures'

export function createReductions (asked: Turn): Reductions {
  const all: readonly HistoryTurn[] = asked.history ?? []
  let halved = false

  function reduceHistory (): Reduction | undefined {
    const used = reductions.turn.history?.length ?? 0
    if (used === 0) return undefined
    const left = halved || all.length === 1 ? 0 : Math.ceil(all.length / 2)
    halved = true
    reductions.historyUsed = left
    reductions.turn = { ...asked, history: all.slice(all.length - left) }
    return left === 0 ? 'all earlier turns' : 'the older turns'
  }

  const reductions: Reductions = {
    turn: asked,
    pictures: true,
    historyUsed: undefined,
    reduce (refusal) {
      if (refusal === 'history') return reduceHistory()
      if (!reductions.pictures || ![...asked.attachments ?? [], ...asked.quote?.attachments ?? []].some(isPictureOf)) return undefined
      reductions.pictures = false
      return 'pictures'
    }
  }
  return reductions
}

const isPictureOf = (attachment: Attachment | LostAttachment): boolean => !('lost' in attachment) && isPicture(attachment.type)
