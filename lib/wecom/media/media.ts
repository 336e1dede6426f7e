import { OutboundError } from '../../outbound/error.ts'
import type { OutboundAnswer, OutboundRequest } from '../../outbound/exchange.ts'
import { withLoopback } from '../../outbound/loopback.ts'
import type { Loopback } from '../../outbound/loopback.ts'
import { checkCount, createOutbound } from '../../outbound/outbound.ts'
import type { OutboundOptions } from '../../outbound/outbound.ts'
import { tooLarge } from '../../outbound/read-bytes.ts'
import type { Target } from '../../outbound/target.ts'
import { systemClock } from '../../util/clock.ts'
import { sleep } from '../../util/waiting.ts'
import { decryptMedia, MAX_PADDING_BYTES, readMediaKey } from './cipher.ts'
import { MediaError } from './error.ts'
import { fileNameOf } from './file-name.ts'
import { typeOf } from './type.ts'

/**
 * Where WeCom keeps the media of AI bots: buckets of Tencent's object storage, the only home that its documentation shows (document
 * 100719).
 * The bucket and its region are WeCom's to change, hence the wildcard. It lets in buckets of other customers of the storage too; that is
 * bearable because a URL comes from a callback that WeCom has signed, and a host that wants it narrower names the bucket.
 */
export const DEFAULT_MEDIA_HOSTS: readonly string[] = ['*.myqcloud.com']
export const DEFAULT_MEDIA_MAX_BYTES = 20 * 1024 * 1024
export const DEFAULT_MEDIA_MESSAGE_MAX_BYTES = 40 * 1024 * 1024
export const DEFAULT_MEDIA_TOTAL_MAX_BYTES = 256 * 1024 * 1024
export const DEFAULT_MEDIA_TIMEOUT_MS = 60_000

/** By default a download may take 60 s. */
export interface MediaFetcherOptions extends OutboundOptions {
  /** Of a decrypted file. Default 20 MiB. */
  maxBytes?: number
}

export interface MediaRequest {
  url: string
  /** Texts of keys, to be tried in this order: the file's own first, then the bot's. */
  keys: readonly string[]
  /** When the message came, by the clock of the fetcher; default now. */
  since?: number
  /**
   * Asked before the file is read, each time, with its size if its host says so: how many bytes of it may be read. Undefined is none,
   * and then the fetch fails with `TOO_LARGE`.
   */
  admit?: (size: number | undefined) => number | undefined
}

/** A URL is valid for five minutes (document 100719): what is begun later than this after the message is not worth another try. */
const LAST_TRY_MS = 4 * 60_000
/** Between one try and the next. */
const RETRY_DELAYS_MS = [500, 2000]

export interface Media {
  data: Buffer
  /** By the first bytes; `application/octet-stream` if they say nothing. */
  type: string
  /** As its host names it, made safe. */
  name?: string
}

type Admission = Pick<OutboundRequest, 'limit' | 'admit'>

/** Rejects with a `MediaError`, or with the signal's reason when it is aborted. */
export type MediaFetcher = (request: MediaRequest, signal: AbortSignal) => Promise<Media>

/**
 * Fetches and decrypts files of users. A fetch holds one copy of the file, and up to one and a half while it outgrows its buffer;
 * it is decrypted where it lies. How many run at once is the caller's to bound.
 */
export function createMediaFetcher (
  { maxBytes = DEFAULT_MEDIA_MAX_BYTES, ...options }: MediaFetcherOptions = {}, loopback?: Loopback
): MediaFetcher {
  const defaults = { allowedHosts: DEFAULT_MEDIA_HOSTS, timeoutMs: DEFAULT_MEDIA_TIMEOUT_MS }
  const outbound = withLoopback(createOutbound(options, defaults), loopback)
  checkCount('maxBytes', maxBytes)
  const { clock = systemClock } = options
  const download = { name: 'download', method: 'GET', headers: { accept: '*/*' } } as const

  /** A busy host, a reset or a time-out costs another try: three in all. */
  async function get (target: Target, admission: Admission, since: number, signal: AbortSignal): Promise<OutboundAnswer> {
    for (const delayMs of RETRY_DELAYS_MS) {
      try {
        return await outbound.exchange(target, { ...download, ...admission }, signal)
      } catch (error) {
        const isWorthwhile = error instanceof OutboundError && error.transient && clock.now() + delayMs - since < LAST_TRY_MS
        if (!isWorthwhile) throw error
        await sleep(clock, delayMs, signal)
      }
    }
    return await outbound.exchange(target, { ...download, ...admission }, signal)
  }

  const fetchMedia: MediaFetcher = async ({ url, keys, since = clock.now(), admit = () => maxBytes }, signal) => {
    signal.throwIfAborted()
    const target = outbound.target(url)
    const readable = keys.map(readMediaKey).filter(key => key !== undefined)
    if (readable.length === 0) throw new MediaError('UNDECRYPTABLE', 'there is no key for it')

    let limit = maxBytes
    const admission = {
      limit: maxBytes + MAX_PADDING_BYTES,
      admit (length: number | undefined) {
        const granted = admit(length === undefined ? undefined : Math.max(0, length - MAX_PADDING_BYTES))
        if (granted === undefined) return undefined
        // HTTP itself holds a body to the length that was said.
        limit = length === undefined ? Math.min(granted, maxBytes) : maxBytes
        return limit + MAX_PADDING_BYTES
      }
    }
    const { headers, body: encrypted } = await get(target, admission, since, signal)
    const data = await decryptWith(readable, encrypted)
    if (data.length > limit) throw tooLarge()
    const name = fileNameOf(headers['content-disposition'])
    return { data, type: typeOf(data), ...(name !== undefined && { name }) }
  }
  return async (request, signal) => await fetchMedia(request, signal).catch((error: unknown) => { throw asMediaError(error) })
}

const asMediaError = (error: unknown): unknown => error instanceof OutboundError ? new MediaError(error.reason, error.message) : error

async function decryptWith (keys: readonly Buffer[], encrypted: Buffer): Promise<Buffer> {
  for (const key of keys) {
    const data = await decryptMedia(encrypted, key)
    if (data !== undefined) return data
  }
  throw new MediaError('UNDECRYPTABLE', 'no key fits it')
}
