import type { Attachment, LostAttachment } from '../sources/source.ts'
import type { Limiter } from '../util/limiter.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import type { MediaReference } from '../wecom/content.ts'
import type { KeyPair } from '../wecom/key-pairs.ts'
import { MediaError } from '../wecom/media/error.ts'
import type { MediaFetcher } from '../wecom/media/media.ts'

/** More than this in one message are not fetched. */
const MAX_ATTACHMENTS = 10

export interface AttachmentsOptions {
  fetch: MediaFetcher
  /** `EncodingAESKey` of each pair of the bot, for files without a key of their own (document 100719). */
  botKeys: Readonly<{ present: string, old?: string | undefined }>
  /** Files are held in memory while they are fetched. */
  limiter: Limiter
  log: Logger
}

/**
 * Fetches what a message refers to, with the key of the pair that has opened it, or with each if that is not known. A file that cannot be
 * had is told as lost; only the signal makes it reject.
 */
export type FetchAttachments = (
  references: readonly MediaReference[], signal: AbortSignal, pair?: KeyPair
) => Promise<Array<Attachment | LostAttachment>>

export function createAttachments ({ fetch, botKeys, limiter, log }: AttachmentsOptions): FetchAttachments {
  const eachKey = [...new Set([botKeys.present, botKeys.old])].filter(key => key !== undefined)

  // The key of the file goes first: where both are sent, the bot's own is the older way.
  function keysOf ({ aeskey }: MediaReference, pair: KeyPair | undefined): string[] {
    const own = pair && botKeys[pair]
    return [...(aeskey === undefined ? [] : [aeskey]), ...(own === undefined ? eachKey : [own])]
  }

  async function fetchOne (reference: MediaReference, signal: AbortSignal, pair: KeyPair | undefined): Promise<Attachment> {
    const { kind, url } = reference
    const place = limiter.enter(signal)
    try {
      await place.entered
      const { data, type, name } = await fetch({ url, keys: keysOf(reference, pair) }, signal)
      return { kind, type, size: data.length, data: data.toString('base64'), ...(name !== undefined && { name }) }
    } finally {
      place.leave()
    }
  }

  function lose (reference: MediaReference, error: unknown): LostAttachment {
    const { kind, url } = reference
    log.warn({ kind, cause: describeError(error, [url, ...keysOf(reference, undefined)]) }, 'an attachment could not be had')
    return { kind, lost: error instanceof MediaError ? error.reason : 'BROKEN' }
  }

  return async (references, signal, pair) => await Promise.all([
    ...references.slice(0, MAX_ATTACHMENTS).map(reference => fetchOne(reference, signal, pair).catch((error: unknown) => {
      signal.throwIfAborted()
      return lose(reference, error)
    })),
    ...references.slice(MAX_ATTACHMENTS).map(async ({ kind }): Promise<LostAttachment> => ({ kind, lost: 'TOO_MANY' }))
  ])
}
