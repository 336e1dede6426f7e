import { Buffer } from 'node:buffer'
import { channels, publishEnd, publishStart } from '../diagnostics/channels.ts'
import type { DeliveryContext, Identity } from '../diagnostics/contexts.ts'
import type { PseudonymOf } from '../diagnostics/pseudonyms.ts'
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
  /** For what is told of deliveries. */
  identity?: Identity
  pseudonymOf?: PseudonymOf
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

/** What can be sent, in words for the log. */
const WORDS = {
  whole: 'an answer whose end nobody came for', rest: 'the rest of an answer', card: 'the card of an answer'
} as const satisfies Record<NonNullable<DeliveryContext['sent']>, string>

interface Way {
  streamId: string
  url: string
  context: DeliveryContext | undefined
}

const urlOf = ({ responseUrl = '' }: Message): string => responseUrl

const NO_IDENTITY: Identity = { instance: '' }

export function createFollowUps ({
  activeReply, frames, cards, ends, facts, unfetched, log, identity = NO_IDENTITY, pseudonymOf
}: FollowUpsOptions): FollowUps {
  /** Before the call, so that one whose end nobody saw is not made again. */
  async function claim (url: string): Promise<boolean> {
    const claimant = createId()
    return await facts.putIfAbsent(`late:${hashOf(url)}`, claimant, CLAIM_MS) === claimant
  }

  /** Undefined if it has been called before. */
  async function send (
    { streamId, url, context }: Way, what: keyof typeof WORDS, message: ActiveReplyMessage
  ): Promise<Delivery | undefined> {
    const fields = { streamId, ...(message.content !== undefined && { bytes: Buffer.byteLength(message.content) }) }
    try {
      if (!await claim(url)) return undefined
      if (context !== undefined) {
        context.sent = what
        if (fields.bytes !== undefined) context.bytes = fields.bytes
      }
      await activeReply.send(url, message)
      log.debug(fields, `${WORDS[what]} was delivered`)
      return 'delivered'
    } catch (error) {
      const { reason, errcode } = error as Partial<ActiveReplyError>
      if (context !== undefined) context.reason = reason
      log.error({ ...fields, reason, errcode, cause: describeError(error, [url]) }, `${WORDS[what]} could not be delivered`)
      return 'failed'
    }
  }

  /** Of an answer whose end was fetched. */
  async function sendRest (way: Way, record: StreamRecord, rest: string | undefined): Promise<Delivery | undefined> {
    const { id, metadata: { card } } = record
    if (rest !== undefined) return await send(way, 'rest', { content: rest })
    if (card === undefined || !cards.goesAlone(record) || !await cards.claim(id, createId())) return undefined
    return await send(way, 'card', { card })
  }

  /** Of an answer whose end nobody came for. Without any text the card is all of it. */
  async function sendWhole (way: Way, record: StreamRecord): Promise<Delivery | undefined> {
    const { id, metadata: { card }, content, failure } = record
    const hasCard = card !== undefined && !await cards.isClaimed(id)
    if (hasCard && cards.goesAlone(record) && !isVisible(content) && failure === undefined) return await sendRest(way, record, undefined)
    if (hasCard) log.warn({ streamId: id }, 'a card was not shown, as nobody came for the end of its answer')
    return await send(way, 'whole', { content: frames.whole(record, { card: !hasCard }) })
  }

  async function settle (message: Message, record: StreamRecord, context: DeliveryContext | undefined): Promise<Delivery> {
    const { id, metadata: { deliverable = false } } = record
    const rest = deliverable ? frames.rest(record) : undefined
    const whole = deliverable && unfetched === 'deliver'
    try {
      // What is not to go out whole goes out as far as it is missing.
      const fetched = (rest !== undefined && !whole) || await ends.wasFetched(id, rest !== undefined || cards.goesAlone(record))
      const way = { streamId: id, url: urlOf(message), context }
      if (fetched) return await sendRest(way, record, rest) ?? 'fetched'
      return (whole ? await sendWhole(way, record) : undefined) ?? 'unfetched'
    } catch (error) {
      log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'what the user has of an answer could not be told')
      return 'failed'
    }
  }

  /** Undefined if nobody listens. */
  function contextOf ({ isGroup, chatId, sender }: Message, streamId: string): DeliveryContext | undefined {
    if (!channels.delivery.hasSubscribers) return undefined
    const [user, chat] = [pseudonymOf?.(sender), pseudonymOf?.(isGroup ? chatId : sender)]
    return publishStart('delivery', { ...identity, streamId, user, chat, startedAt: performance.now() })
  }

  return {
    accepts: message => activeReply.accepts(urlOf(message)),
    async deliver (message, record) {
      const context = contextOf(message, record.id)
      const delivery = await settle(message, record, context)
      if (context !== undefined) {
        context.outcome = delivery
        publishEnd('delivery', context, delivery === 'failed')
      }
      return delivery
    }
  }
}
