import { isBubbleOver } from '../replies/frames.ts'
import type { Frames } from '../replies/frames.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import type { Outcome, StreamRecord } from '../stores/store.ts'
import type { Streams } from '../streams/streams.ts'
import { levelOf } from '../util/errors.ts'
import { createId, hashOf } from '../util/ids.ts'
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
  ends: Pick<Ends, 'fetched'>
  facts: KeyValueStore
  log: Logger
}

/** As long as WeCom may come back for an ended stream, and longer. */
const CARD_MS = 60 * 60_000

/** The frame of a stream as the reply to a message or a refresh. Without a record it has expired. */
export type Show = (id: string, record: StreamRecord | undefined, message: Message, feedbackId?: string) => Promise<Reply>

export function createShow ({ streams, frames, ends, facts, log }: ShowOptions): Show {
  return async (id, record, message, feedbackId) => {
    if (record === undefined || !isBubbleOver(record)) return { text: frames.reply(id, record, { feedbackId }) }
    return {
      text: frames.reply(id, record, { feedbackId, card: await bringsCard(record, message) }),
      written () {
        streams.lastFrameFetched(id)
        ends.fetched(record)
      }
    }
  }

  /** WeCom takes a card once for each answer (document 101031): from the callback that asked first, however often that is delivered. */
  async function bringsCard ({ id, metadata }: StreamRecord, message: Message): Promise<boolean> {
    if (metadata.card === undefined) return false
    const callback = hashOf(message.msgid ?? createId())
    try {
      return await facts.putIfAbsent(`card:${id}`, callback, CARD_MS) === callback
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
