import type { CardDelivery } from '../replies/card-delivery.ts'
import { isBubbleOver } from '../replies/frames.ts'
import type { Frames } from '../replies/frames.ts'
import type { Outcome, StreamRecord } from '../stores/store.ts'
import type { Streams } from '../streams/streams.ts'
import { levelOf } from '../util/errors.ts'
import { createId } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import type { Message } from '../wecom/message.ts'
import type { Ends } from './ends.ts'

/** What WeCom is answered. */
export interface Reply {
  text: string
  /** To be called when it has been written to a connection that was still open. */
  written?: () => void
}

export interface ShowOptions {
  streams: Streams
  frames: Frames
  cards: CardDelivery
  ends: Pick<Ends, 'fetched'>
  log: Logger
}

/** What the first reply to a message can have, and no refresh. */
export interface FirstReply {
  feedbackId: string | undefined
}

/** The frame of a stream as the reply to a message or, if it is not the first one, to a refresh. Without a record it has expired. */
export type Show = (id: string, record: StreamRecord | undefined, message: Message, first?: FirstReply) => Promise<Reply>

export function createShow ({ streams, frames, cards, ends, log }: ShowOptions): Show {
  return async (id, record, message, first) => {
    if (record === undefined) return { text: frames.reply(id, undefined) }
    const isOver = isBubbleOver(record)
    const card = record.metadata.card !== undefined && (first !== undefined || isOver) && await bringsCard(record, message, first)
    const text = frames.reply(id, record, { feedbackId: first?.feedbackId, card })
    if (!isOver) return { text }
    return {
      text,
      written () {
        streams.lastFrameFetched(id)
        ends.fetched(record)
      }
    }
  }

  /** It comes with the callback that asked first, and again however often that is delivered. */
  async function bringsCard (record: StreamRecord, { msgid = createId() }: Message, first: FirstReply | undefined): Promise<boolean> {
    const { id } = record
    if (first === undefined && cards.goesAlone(record)) return false
    try {
      if (!await cards.claim(id, msgid)) return false
      if (first === undefined) log.warn({ streamId: id }, 'a card comes with the last frame, which not every client of WeCom shows')
      return true
    } catch (error) {
      log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'a card could not be shown')
      return false
    }
  }
}

/** A store that is elsewhere is away at times. */
export function storeIsAway (): NonNullable<Outcome['failure']> {
  return { code: 'BUSY', reference: createId().slice(0, 8) }
}
