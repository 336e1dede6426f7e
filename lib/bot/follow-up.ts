import type { ActiveReply, ActiveReplyError } from '../replies/active-reply.ts'
import type { Frames } from '../replies/frames.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import type { StreamRecord } from '../stores/store.ts'
import { createId, hashOf } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import type { Message } from '../wecom/message.ts'
import type { FollowUp } from './hooks/answer-hooks.ts'

export interface FollowUpsOptions {
  activeReply: ActiveReply
  frames: Frames
  facts: KeyValueStore
  log: Logger
}

export interface FollowUps {
  /** Whether there is a way to the user besides the bubble of a message. */
  accepts (message: Message): boolean
  /**
   * Says what the bubble of an ended stream could not hold. Of any number of calls, in any process, one is made
   * (document 101138). Undefined where nothing was left to say, or another has said it. Never rejects.
   */
  deliver (message: Message, record: StreamRecord): Promise<FollowUp | undefined>
}

/** A `response_url` is valid for an hour (document 101138). */
const CLAIM_MS = 60 * 60_000

const urlOf = ({ responseUrl = '' }: Message): string => responseUrl

export function createFollowUps ({ activeReply, frames, facts, log }: FollowUpsOptions): FollowUps {
  /** Before the call, so that one whose end nobody saw is not made again. */
  async function claim (url: string): Promise<boolean> {
    const claimant = createId()
    return await facts.putIfAbsent(`late:${hashOf(url)}`, claimant, CLAIM_MS) === claimant
  }

  return {
    accepts: message => activeReply.accepts(urlOf(message)),
    async deliver (message, record) {
      if (record.metadata.deliverable !== true) return undefined
      const content = frames.rest(record)
      if (content === undefined) return undefined
      const url = urlOf(message)
      const fields = { streamId: record.id, bytes: Buffer.byteLength(content) }
      try {
        if (!await claim(url)) return undefined
        await activeReply.send(url, { content })
        log.info(fields, 'the rest of an answer was delivered')
        return 'delivered'
      } catch (error) {
        const { reason, errcode } = error as Partial<ActiveReplyError>
        log.error({ ...fields, reason, errcode, cause: describeError(error, [url]) }, 'the rest of an answer could not be delivered')
        return 'failed'
      }
    }
  }
}
