import { lookup as systemLookup } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { InputError } from '../errors.ts'
import { isPublicAddress } from './address.ts'
import { decryptMedia, MAX_PADDING_BYTES, readMediaKey } from './cipher.ts'
import { download } from './download.ts'
import { MediaError } from './error.ts'
import { fileNameOf } from './file-name.ts'
import { DEFAULT_MEDIA_HOSTS, isHostPattern } from './hosts.ts'
import { guardLookup } from './lookup.ts'
import { tooLarge } from './read-bytes.ts'
import { readTarget } from './target.ts'
import { typeOf } from './type.ts'

export const DEFAULT_MEDIA_MAX_BYTES = 20 * 1024 * 1024
export const DEFAULT_MEDIA_TIMEOUT_MS = 60_000

export interface MediaFetcherOptions {
  /** `name`, `*.suffix` or an IP address, each with `:port` unless it is 443. Default: where WeCom keeps media. */
  allowedHosts?: readonly string[]
  /** Of a decrypted file. Default 20 MiB. */
  maxBytes?: number
  /** For the whole of a download. Default 60 s. */
  timeoutMs?: number
  /**
   * Lets allowed hosts have addresses that are not public, for private deployments of WeCom and for servers inside Tencent Cloud, where the
   * storage itself has such. The certificate still has to be the host's. Default false.
   */
  allowPrivateAddresses?: boolean
  clock?: Clock
  /** In the manner of `dns.lookup`, which is the default. */
  lookup?: LookupFunction
  /** Certificates to trust in place of Node's own, for private deployments. */
  ca?: string | Buffer | Array<string | Buffer>
}

export interface MediaRequest {
  url: string
  /** Texts of keys, to be tried in this order: the file's own first, then the bot's. */
  keys: readonly string[]
}

export interface Media {
  data: Buffer
  /** By the first bytes; `application/octet-stream` where they say nothing. */
  type: string
  /** As its host names it, made safe. */
  name?: string
}

/** Rejects with a `MediaError`, or with the signal's reason when it is aborted. */
export type MediaFetcher = (request: MediaRequest, signal: AbortSignal) => Promise<Media>

/**
 * Fetches and decrypts files of users. A fetch holds one copy of the file while it is downloaded (up to one and a half when it
 * outgrows its buffer) and two while it is decrypted: at most twice `maxBytes` at its peak, and the file alone when it is done. How
 * many run at once is the caller's to bound.
 */
export function createMediaFetcher (options: MediaFetcherOptions = {}): MediaFetcher {
  const { allowedHosts, maxBytes, timeoutMs, allowPrivateAddresses, clock, lookup, ca } = readOptions(options)
  const isAllowedAddress = allowPrivateAddresses ? (address: string) => isIP(address) !== 0 : isPublicAddress
  const rules = { allowedHosts, isAllowedAddress }
  const transfer = { limit: maxBytes + MAX_PADDING_BYTES, timeoutMs, clock, lookup: guardLookup(lookup, isAllowedAddress), ca }

  return async ({ url, keys }, signal) => {
    signal.throwIfAborted()
    const target = readTarget(url, rules)
    const readable = keys.map(readMediaKey).filter(key => key !== undefined)
    if (readable.length === 0) throw new MediaError('UNDECRYPTABLE', 'there is no key for it')

    const { data: encrypted, disposition } = await download(target, transfer, signal)
    const data = decryptWith(readable, encrypted)
    if (data.length > maxBytes) throw tooLarge()
    const name = fileNameOf(disposition)
    return { data, type: typeOf(data), ...(name !== undefined && { name }) }
  }
}

function decryptWith (keys: readonly Buffer[], encrypted: Buffer): Buffer {
  for (const key of keys) {
    const data = decryptMedia(encrypted, key)
    if (data !== undefined) return data
  }
  throw new MediaError('UNDECRYPTABLE', 'no key fits it')
}

function readOptions (options: MediaFetcherOptions) {
  const read = {
    allowedHosts: options.allowedHosts ?? DEFAULT_MEDIA_HOSTS,
    maxBytes: options.maxBytes ?? DEFAULT_MEDIA_MAX_BYTES,
    timeoutMs: options.timeoutMs ?? DEFAULT_MEDIA_TIMEOUT_MS,
    allowPrivateAddresses: options.allowPrivateAddresses ?? false,
    clock: options.clock ?? systemClock,
    lookup: options.lookup ?? systemLookup as LookupFunction,
    ca: options.ca
  }
  for (const pattern of read.allowedHosts) {
    if (!isHostPattern(pattern)) throw new InputError(`allowedHosts: '${pattern}' must be a host name, '*.' and a suffix, or an IP address, with an optional port`)
  }
  for (const name of ['maxBytes', 'timeoutMs'] as const) {
    if (!Number.isSafeInteger(read[name]) || read[name] < 1) throw new InputError(`${name} must be a whole number above 0`)
  }
  return read
}
