import { OUTBOUND_FAILURES } from '../../outbound/error.ts'

/** Why a file of the user's could not be had. */
export const MEDIA_FAILURES = [...OUTBOUND_FAILURES, 'UNDECRYPTABLE', 'TOO_MANY', 'NO_ROOM'] as const
export type MediaFailure = typeof MEDIA_FAILURES[number]

/**
 * A file of the user's that could not be had. The message is for the operator's log and says what to change.
 * Made of fixed sentences and codes: who holds a media URL can read the file, so none of it may get into a log, nor the key or the content.
 */
export class MediaError extends Error {
  override readonly name = 'MediaError'
  readonly code = 'WECOM_ERR_MEDIA'
  readonly reason: MediaFailure

  constructor (reason: MediaFailure, detail: string) {
    super(`the media could not be had: ${detail}`)
    this.reason = reason
  }
}
