import { setMaxListeners } from 'node:events'
import type { Attachment, LostAttachment } from '../../sources/source.ts'
import type { Limiter } from '../../util/limiter.ts'
import type { Logger } from '../../util/logger.ts'
import { describeError } from '../../util/redact.ts'
import type { MediaReference } from '../../wecom/content.ts'
import type { KeyPair } from '../../wecom/key-pairs.ts'
import { MediaError } from '../../wecom/media/error.ts'
import type { Media, MediaFetcher, MediaFetcherOptions } from '../../wecom/media/media.ts'
import type { FileBudget, MessageBudget } from './budget.ts'

/** More than this in one message are not fetched. */
const MAX_ATTACHMENTS = 10

/** How the files of users are fetched. */
export interface MediaOptions extends Omit<MediaFetcherOptions, 'clock'> {
  /** Of all files of one message; default 40 MiB, never below `maxBytes`. `WECOM_MEDIA_MESSAGE_MAX_BYTES`. */
  messageMaxBytes?: number
  /** Of all files that the app holds; default 256 MiB, a quarter of it for one sender. `WECOM_MEDIA_TOTAL_MAX_BYTES`. */
  totalMaxBytes?: number
}

export interface AttachmentsOptions {
  fetch: MediaFetcher
  /** `EncodingAESKey` of each pair of the bot, for files without a key of their own (document 100719). */
  botKeys: Readonly<{ present: string, old?: string | undefined }>
  /** How many are fetched at once. */
  limiter: Limiter
  /** How much is held. */
  budgetFor: (sender?: string) => MessageBudget
  log: Logger
}

export interface FilesOfMessage {
  /** Fetches what it refers to. A file that cannot be had is told as lost; only the signal makes it reject. */
  fetch (references: readonly MediaReference[], signal: AbortSignal): Promise<Array<Attachment | LostAttachment>>
  /** The turn is over: what was fetched no longer counts. */
  release (): void
}

export interface MessageWithFiles {
  sender: string | undefined
  /** When it came, by the clock of the fetcher. */
  since: number
  /** The pair that has opened it; if that is not known, each key is tried. */
  pair?: KeyPair | undefined
}

export type OpenFiles = (message: MessageWithFiles) => FilesOfMessage

export function createAttachments ({ fetch, botKeys, limiter, budgetFor, log }: AttachmentsOptions): OpenFiles {
  const eachKey = [...new Set([botKeys.present, botKeys.old])].filter(key => key !== undefined)

  // The key of the file goes first: where both are sent, the bot's own is the older way.
  function keysOf ({ aeskey }: MediaReference, pair: KeyPair | undefined): string[] {
    const own = pair && botKeys[pair]
    return [...(aeskey === undefined ? [] : [aeskey]), ...(own === undefined ? eachKey : [own])]
  }

  /** Waits for room without a place or a connection, which others can use meanwhile, and then asks anew. */
  async function fetchInto (
    budget: FileBudget, reference: MediaReference, { since, pair }: MessageWithFiles, signal: AbortSignal
  ): Promise<Media> {
    while (true) {
      let refused: { size: number | undefined } | undefined
      const admit = (size: number | undefined): number | undefined => {
        const granted = budget.take(size)
        if (granted === undefined) refused = { size }
        return granted
      }
      const place = limiter.enter(signal)
      try {
        await place.entered
        const media = await fetch({ url: reference.url, keys: keysOf(reference, pair), since, admit }, signal)
        budget.keep(media.data.length)
        return media
      } catch (error) {
        if (refused === undefined) throw error
      } finally {
        place.leave()
      }
      await budget.wait(refused.size, signal)
    }
  }

  async function fetchOne (
    budget: FileBudget, reference: MediaReference, message: MessageWithFiles, signal: AbortSignal
  ): Promise<Attachment> {
    try {
      const { data, type, name } = await fetchInto(budget, reference, message, signal)
      return { kind: reference.kind, type, size: data.length, data: data.toString('base64'), ...(name !== undefined && { name }) }
    } catch (error) {
      budget.leave()
      throw error
    }
  }

  function lose (reference: MediaReference, error: unknown): LostAttachment {
    const { kind, url } = reference
    log.warn({ kind, cause: describeError(error, [url, ...keysOf(reference, undefined)]) }, 'an attachment could not be had')
    return { kind, lost: error instanceof MediaError ? error.reason : 'BROKEN' }
  }

  return message => {
    const budget = budgetFor(message.sender)
    return {
      release: budget.release,
      async fetch (references, signal) {
        // Each file listens to it, and Node takes more than ten listeners for a leak.
        setMaxListeners(0, signal)
        return await Promise.all([
          ...references.slice(0, MAX_ATTACHMENTS).map(reference => fetchOne(budget.file(), reference, message, signal)
            .catch((error: unknown) => {
              signal.throwIfAborted()
              return lose(reference, error)
            })),
          ...references.slice(MAX_ATTACHMENTS).map(async ({ kind }): Promise<LostAttachment> => ({ kind, lost: 'TOO_MANY' }))
        ])
      }
    }
  }
}
