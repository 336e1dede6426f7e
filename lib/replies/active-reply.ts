import { Buffer } from 'node:buffer'
import { OutboundError } from '../outbound/error.ts'
import { withLoopback } from '../outbound/loopback.ts'
import type { Loopback } from '../outbound/loopback.ts'
import { createOutbound } from '../outbound/outbound.ts'
import type { OutboundOptions } from '../outbound/outbound.ts'
import { InputError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import type { TemplateCard } from '../wecom/cards/card-types.ts'

export const DEFAULT_ACTIVE_REPLY_HOSTS: readonly string[] = ['qyapi.weixin.qq.com']
export const DEFAULT_ACTIVE_REPLY_TIMEOUT_MS = 10_000

export const MAX_ACTIVE_REPLY_BYTES = 20480
const MAX_FEEDBACK_ID_BYTES = 256
/** What WeCom says takes some fifty bytes. */
const MAX_ANSWER_BYTES = 64 * 1024

/** By default WeCom's own API is called, and the whole call may take 10 s. */
export type ActiveReplyOptions = OutboundOptions

/** What WeCom says to the second call of a `response_url`. */
const USED_ERRCODE = 60140

/** `REFUSED`: not to be called. `USED`: it was called before. `REJECTED`: WeCom says no. `BROKEN`: anything else that is not an answer. */
export type ActiveReplyFailure = 'REFUSED' | 'TIMEOUT' | 'BROKEN' | 'USED' | 'REJECTED'

interface ActiveReplyErrorOptions {
  uncertain?: boolean
  errcode?: number
}

/**
 * An active reply that is not known to have arrived. The message is made of fixed sentences and codes: who holds a `response_url` can
 * speak as the bot, so none of it may get into a log, nor the content, nor what WeCom says of it.
 */
export class ActiveReplyError extends Error {
  override readonly name = 'ActiveReplyError'
  readonly code = 'WECOM_ERR_ACTIVE_REPLY'
  readonly reason: ActiveReplyFailure
  /** Whether it may have arrived all the same; false if nothing was sent, or WeCom said no. */
  readonly uncertain: boolean
  /** What WeCom rejected it with. */
  readonly errcode: number | undefined

  constructor (reason: ActiveReplyFailure, message: string, { uncertain = false, errcode }: ActiveReplyErrorOptions = {}) {
    super(message)
    this.reason = reason
    this.uncertain = uncertain
    this.errcode = errcode
  }
}

export type ActiveReplyMessage = {
  /** Markdown, at most 20480 bytes. */
  content: string
  /** At most 256 bytes. */
  feedbackId?: string
  card?: undefined
} | {
  /** In a single chat alone. */
  card: TemplateCard
  content?: undefined
}

/** Replies through the `response_url` of a message: one call for each, within an hour (document 101138). */
export interface ActiveReply {
  /** Whether a URL of a message may be called. Asks nobody. */
  accepts (url: string): boolean
  /**
   * One POST, and never a second. Resolves when WeCom has taken the reply; rejects with an `ActiveReplyError`, with an `InputError` for a
   * message beyond WeCom's limits, or with the signal's reason when it is aborted: then too it may have arrived.
   */
  send (url: string, message: ActiveReplyMessage, signal?: AbortSignal): Promise<void>
}

export function createActiveReply (options: ActiveReplyOptions = {}, loopback?: Loopback): ActiveReply {
  const defaults = { allowedHosts: DEFAULT_ACTIVE_REPLY_HOSTS, timeoutMs: DEFAULT_ACTIVE_REPLY_TIMEOUT_MS }
  const outbound = withLoopback(createOutbound(options, defaults), loopback)

  function target (url: string) {
    // It would be cut off before the call; who hands one over means something else.
    if (url.includes('#')) throw new OutboundError('REFUSED', 'its URL has a fragment')
    return outbound.target(url)
  }

  async function post (url: string, body: Buffer, signal: AbortSignal): Promise<Buffer> {
    try {
      const answer = await outbound.exchange(target(url), {
        name: 'call',
        method: 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/json; charset=utf-8', 'content-length': body.length },
        body,
        limit: MAX_ANSWER_BYTES
      }, signal)
      return answer.body
    } catch (error) {
      throw error instanceof OutboundError ? asActiveReplyError(error) : error
    }
  }

  return {
    accepts (url) {
      try {
        target(url)
        return true
      } catch {
        return false
      }
    },
    async send (url, message, signal = new AbortController().signal) {
      const body = bodyOf(message)
      signal.throwIfAborted()
      const errcode = errcodeIn(await post(url, body, signal))
      if (errcode === undefined) throw unusable('BROKEN', 'it is no JSON object with an errcode')
      if (errcode === USED_ERRCODE) {
        throw new ActiveReplyError('USED', 'WeCom rejected the active reply: its response_url has been called before', { errcode })
      }
      if (errcode !== 0) throw new ActiveReplyError('REJECTED', `WeCom rejected the active reply with errcode ${errcode}`, { errcode })
    }
  }
}

function bodyOf (message: ActiveReplyMessage): Buffer {
  if (message.card !== undefined) return Buffer.from(JSON.stringify({ msgtype: 'template_card', template_card: message.card }))
  const { content, feedbackId } = message
  if (Buffer.byteLength(content) > MAX_ACTIVE_REPLY_BYTES) {
    throw new InputError(`the content of an active reply has at most ${MAX_ACTIVE_REPLY_BYTES} bytes`)
  }
  if (feedbackId !== undefined && Buffer.byteLength(feedbackId) > MAX_FEEDBACK_ID_BYTES) {
    throw new InputError(`feedbackId has at most ${MAX_FEEDBACK_ID_BYTES} bytes`)
  }
  const markdown = { content, ...(feedbackId !== undefined && { feedback: { id: feedbackId } }) }
  return Buffer.from(JSON.stringify({ msgtype: 'markdown', markdown }))
}

/** HTTP 200 alone says nothing. */
function errcodeIn (body: Buffer): number | undefined {
  try {
    const answer: unknown = JSON.parse(body.toString())
    return isObject(answer) && typeof answer['errcode'] === 'number' ? answer['errcode'] : undefined
  } catch {
    return undefined
  }
}

function asActiveReplyError ({ reason, message, sent }: OutboundError): ActiveReplyError {
  const kind = reason === 'TIMEOUT' ? 'TIMEOUT' : 'BROKEN'
  if (sent) return unusable(kind, message)
  return new ActiveReplyError(reason === 'REFUSED' ? 'REFUSED' : kind, `the active reply was not sent: ${message}`)
}

const unusable = (reason: 'TIMEOUT' | 'BROKEN', detail: string): ActiveReplyError =>
  new ActiveReplyError(reason, `the active reply may not have arrived, the answer to it cannot be used: ${detail}`, { uncertain: true })
