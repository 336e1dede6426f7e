import type { TranscriptFrame } from '../simulator/conversation.ts'
import { createFrameJudge } from '../simulator/frame-check.ts'
import { isObject } from '../util/objects.ts'
import type { BotEntry, Warning } from './model.ts'
import { cardWarnings, readImages } from './warnings.ts'

export const emptyAnswer = (id: string, at: number, via: BotEntry['via'], to?: string): BotEntry => ({
  kind: 'bot',
  id,
  at,
  via,
  ...(to !== undefined && { to }),
  content: '',
  running: false,
  gaveUp: false,
  frames: 0,
  images: [],
  problems: [],
  warnings: []
})

export interface GrowingAnswer {
  readonly entry: BotEntry
  take (frame: TranscriptFrame): void
}

/** A bubble, and what is to be said of each of its frames. */
export function createGrowingAnswer (entry: BotEntry, used: Set<string>): GrowingAnswer {
  const judge = createFrameJudge()

  return {
    entry,
    take (frame) {
      entry.problems.push(...judge(frame.reply))
      if (frame.lost === true) {
        warn(entry, [{ code: 'frame-lost' }])
        return
      }
      const isFirstFrame = entry.frames++ === 0
      // The end stays, whatever still arrives beside it.
      if (!isFirstFrame && !entry.running) return
      const { stream, template_card: card } = frame.reply
      const { msg_item: items, feedback } = stream as Record<string, unknown>
      entry.content = frame.content
      entry.running = !frame.finish
      if (isObject(feedback) && typeof feedback['id'] === 'string') entry.feedbackId = feedback['id']
      if (isObject(card) && entry.card === undefined) {
        entry.card = card
        warn(entry, cardWarnings(card, { via: 'stream', isFirstFrame, isLastFrame: frame.finish, used }))
      }
      if (items !== undefined) {
        const { images, warnings } = readImages(items)
        entry.images = images
        warn(entry, warnings)
      }
    }
  }
}

/** Each is told once. */
export function warn (entry: BotEntry, warnings: Warning[]): void {
  for (const warning of warnings) {
    if (!entry.warnings.some(({ code, detail }) => code === warning.code && detail === warning.detail)) entry.warnings.push(warning)
  }
}
