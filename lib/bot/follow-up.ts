import { Buffer } from 'node:buffer'
import type { ActiveReply, ActiveReplyError, ActiveReplyMessage } from '../replies/active-reply.ts'
import type { CardDelivery } from '../replies/card-delivery.ts'
import type { Frames } from '../replies/frames.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import type { StreamRecord } from '../stores/store.ts'
import { levelOf } from '../util/errors.ts'
import { createId, hashOf } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import { isVisible } from '../util/visible.ts'
import type { Message } from '../wecom/message.ts'
import type { Ends } from './ends.ts'
import type { Delivery } from './hooks/answer-hooks.ts'

export interface FollowUpsOptions {
  activeReply: ActiveReply
  frames: Frames
  cards: CardDelivery
  ends: Pick<Ends, 'wasFetched'>
  facts: KeyValueStore
  /** What becomes of an answer whose end nobody has come for. */
  unfetched: UnfetchedMode
  log: Logger
}

/** An answer whose end nobody comes for goes out through the `response_url` of its question, or is left at that. */
export type UnfetchedMode = 'deliver' | 'off'

export interface FollowUps {
  /** Whether there is a way to the user besides the bubble of a message. */
  accepts (message: Message): boolean
  /**
   * Sees to it that the user has all of an ended stream. The one call of its `response_url` (document 101138) goes to the whole text if
   * nobody has come for the end, else to what the bubble could not hold, else to a card that came late. Takes five seconds if nobody
   * comes. Never rejects.
   */
  deliver (message: Message, record: StreamRecord): Promise<Delivery>
}

/** A `response_url` is valid for an hour (document 101138). */
const CLAIM_MS = 60 * 60_000

const urlOf = ({ responseUrl = '' }: Message): string => responseUrl

export function createFollowUps ({ activeReply, frames, cards, ends, facts, unfetched, log }: FollowUpsOptions): FollowUps {
  /** Before the call, so that one whose end nobody saw is not made again. */
  async function claim (url: string): Promise<boolean> {
    const claimant = createId()
    return await facts.putIfAbsent(`late:${hashOf(url)}`, claimant, CLAIM_MS) === claimant
  }

  /** Undefined if it has been called before. */
  async function send (streamId: string, url: string, what: string, message: ActiveReplyMessage): Promise<Delivery | undefined> {
    const fields = { streamId, ...(message.content !== undefined && { bytes: Buffer.byteLength(message.content) }) }
    try {
      if (!await claim(url)) return undefined
      await activeReply.send(url, message)
      log.info(fields, `${what} was delivered`)
      return 'delivered'
    } catch (error) {
      const { reason, errcode } = error as Partial<ActiveReplyError>
      log.error({ ...fields, reason, errcode, cause: describeError(error, [url]) }, `${what} could not be delivered`)
      return 'failed'
    }
  }

  /** Of an answer whose end was fetched. */
  async function sendRest (url: string, record: StreamRecord, rest: string | undefined): Promise<Delivery | undefined> {
    const { id, metadata: { card } } = record
    if (rest !== undefined) return await send(id, url, 'the rest of an answer', { content: rest })
    if (card === undefined || !cards.goesAlone(record) || !await cards.claim(id, createId())) return undefined
    return await send(id, url, 'the card of an answer', { card })
  }

  /** Of an answer whose end nobody came for. Without any text the card is all of it. */
  async function sendWhole (url: string, record: StreamRecord): Promise<Delivery | undefined> {
    const { id, metadata: { card }, content, failure } = record
    const hasCard = card !== undefined && !await cards.isClaimed(id)
    if (hasCard && cards.goesAlone(record) && !isVisible(content) && failure === undefined) return await sendRest(url, record, undefined)
    if (hasCard) log.warn({ streamId: id }, 'a card was not shown, as nobody came for the end of its answer')
    return await send(id, url, 'an answer whose end nobody came for', { content: frames.whole(record, { card: !hasCard }) })
  }

  return {
    accepts: message => activeReply.accepts(urlOf(message)),
    async deliver (message, record) {
      const { id, metadata: { deliverable = false } } = record
      const rest = deliverable ? frames.rest(record) : undefined
      const whole = deliverable && unfetched === 'deliver'
      try {
        // What is not to go out whole goes out as far as it is missing.
        const fetched = (rest !== undefined && !whole) || await ends.wasFetched(id, rest !== undefined || cards.goesAlone(record))
        const url = urlOf(message)
        if (fetched) return await sendRest(url, record, rest) ?? 'fetched'
        return (whole ? await sendWhole(url, record) : undefined) ?? 'unfetched'
      } catch (error) {
        log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'what the user has of an answer could not be told')
        return 'failed'
      }
    }
  }
}
