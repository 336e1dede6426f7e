import { createCipheriv } from 'node:crypto'
import { InputError } from '../util/errors.ts'
import { createId } from '../util/ids.ts'
import { typeOf } from '../wecom/media/type.ts'

export const MAX_FILE_BYTES = 20 * 1024 * 1024

/** How long a URL of media is valid (document 100719). */
const VALID_MS = 5 * 60_000
const BLOCK_BYTES = 32

export interface MediaBoxOptions {
  encodingAESKey: string
  maxFileBytes: number
  /** Of all. */
  maxBytes: number
  now: () => number
}

export interface StoredMedia {
  id: string
  name: string
  type: string
  data: Buffer
}

/** Sealed, as WeCom's storage has it. */
export interface SealedMedia {
  headers: { 'content-type': string, 'content-length': number, 'content-disposition': string }
  body: Buffer
}

export interface MediaBox {
  put (name: string, data: Buffer): StoredMedia
  get (id: string): StoredMedia | undefined
  /** Its URL is valid anew. */
  renew (id: string): void
  /** What the bot fetches; undefined for what was never there, has gone, or is older than a URL of WeCom lives. */
  sealed (id: string): SealedMedia | undefined
}

/** Pictures and files that were sent. The oldest make way. */
export function createMediaBox ({ encodingAESKey, maxFileBytes, maxBytes, now }: MediaBoxOptions): MediaBox {
  const key = Buffer.from(`${encodingAESKey}=`, 'base64')
  const kept = new Map<string, StoredMedia & { at: number }>()
  let total = 0

  return {
    put (name, data) {
      if (data.length === 0) throw new InputError('an empty file cannot be sent')
      if (data.length > maxFileBytes) throw new InputError(`the file is larger than ${maxFileBytes} bytes`)
      const media = { id: createId(), name, type: typeOf(data), data, at: now() }
      kept.set(media.id, media)
      total += data.length
      for (const [id, { data: { length } }] of kept) {
        if (total <= maxBytes) break
        kept.delete(id)
        total -= length
      }
      return media
    },
    get: id => kept.get(id),
    renew (id) {
      const found = kept.get(id)
      if (found !== undefined) found.at = now()
    },
    sealed (id) {
      const found = kept.get(id)
      if (found === undefined || now() - found.at > VALID_MS) return undefined
      const body = seal(found.data, key)
      return {
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': body.length,
          'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(found.name)}`
        },
        body
      }
    }
  }
}

/** The file itself with padding to 32, and nothing around it: not the layout of an envelope. */
function seal (data: Buffer, key: Buffer): Buffer {
  const padding = BLOCK_BYTES - data.length % BLOCK_BYTES
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(data), cipher.update(Buffer.alloc(padding, padding)), cipher.final()])
}
