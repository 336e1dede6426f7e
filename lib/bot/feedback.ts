import type { KeyValueStore } from '../stores/key-values.ts'
import { isTerminal } from '../stores/status.ts'
import type { StreamRecord } from '../stores/store.ts'
import { levelOf } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'
import { isObject } from '../util/objects.ts'
import { describeError } from '../util/redact.ts'
import type { EventOrigin, Message } from '../wecom/message.ts'
import { originOf, stringAt } from '../wecom/message.ts'
import type { FeedbackEvent, FeedbackReason, FeedbackVote } from './hooks/event-hooks.ts'

/** Users rate an answer hours later. */
const LINK_MS = 72 * 3_600_000

/** Document 101027. */
const VOTES = new Map<unknown, FeedbackVote>([[1, 'accurate'], [2, 'inaccurate'], [3, 'cancelled']])
const REASONS = new Map<unknown, FeedbackReason>([[1, 'irrelevant'], [2, 'incomplete'], [3, 'wrong'], [4, 'data-analysis']])

/** Leads from the rating of an answer back to who had asked. The id of a feedback is that of the stream. */
export interface FeedbackLinks {
  /** Goes on in the background, and never fails. */
  keep (streamId: string, message: Message): void
  find (feedbackId: string): Promise<EventOrigin | undefined>
}

export function createFeedbackLinks ({ facts, log }: { facts: KeyValueStore, log: Logger }): FeedbackLinks {
  const keyOf = (id: string): string => `feedback:${id}`

  return {
    keep (streamId, message) {
      facts.putIfAbsent(keyOf(streamId), JSON.stringify(originOf(message)), LINK_MS).catch((error: unknown) => {
        log[levelOf(error)]({ streamId, cause: describeError(error) }, 'a feedback link could not be kept')
      })
    },
    async find (feedbackId) {
      // A card of the host's can have an id of any kind.
      const link = /^[0-9a-f]{32}$/.test(feedbackId) ? await facts.get(keyOf(feedbackId)) : undefined
      return link === undefined ? undefined : JSON.parse(link)
    }
  }
}

/** What has ended without anything of the source's is an excuse: there is nothing to rate. */
export const canBeRated = (record: StreamRecord): boolean =>
  !isTerminal(record.status) || record.content !== '' || record.metadata.images !== undefined || record.metadata.card !== undefined

/** What a `feedback_event` says of itself; undefined for a kind of vote that is not known. */
export function readFeedback ({ raw }: Message): Pick<FeedbackEvent, 'vote' | 'reasons' | 'comment' | 'feedbackId'> | undefined {
  const event = isObject(raw['event']) ? raw['event'] : {}
  const said = isObject(event['feedback_event']) ? event['feedback_event'] : {}
  const vote = VOTES.get(said['type'])
  if (vote === undefined) return undefined
  const reasons: unknown = said['inaccurate_reason_list']
  const comment = stringAt(said, 'content') ?? ''
  return {
    vote,
    reasons: Array.isArray(reasons) ? reasons.map(reason => REASONS.get(reason) ?? 'other') : [],
    ...(comment !== '' && { comment }),
    feedbackId: stringAt(said, 'id') ?? ''
  }
}
