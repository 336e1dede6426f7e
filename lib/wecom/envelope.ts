import { isUtf8 } from 'node:buffer'
import { createDecipheriv, timingSafeEqual } from 'node:crypto'
import { attempt } from '../util/attempt.ts'
import { InputError, RefusalError } from '../util/errors.ts'
import { BLOCK_BYTES, HEADER_BYTES, RANDOM_BYTES, seal } from './seal.ts'
import { signatureOf } from './signature.ts'

export interface Credentials {
  /** `Token` of the bot's callback settings. */
  token: string
  /** `EncodingAESKey`: 43 characters of base64. */
  encodingAESKey: string
  /** Stands behind every sealed text: `''` for a bot that the company made itself (document 101033). */
  receiveId: string
}

/** A sealed text with what signs it. In a callback the first three are query fields, in a reply all stand in the body. */
export interface Sealed {
  signature: string
  timestamp: string
  nonce: string
  encrypt: string
}

/** What a timestamp is held against; without it, any age is taken. */
export interface Freshness {
  /** Milliseconds since the Unix epoch. */
  now: number
  windowMs: number
}

export interface Envelope {
  /** Seals a text with fresh random bytes. */
  seal (text: string, timestamp: string, nonce: string): Sealed
  /** Returns the sealed text, or throws a `RefusalError`. Nothing is decrypted before the signature and age are proved. */
  open (sealed: Sealed, freshness?: Freshness): string
  /** Whether it is signed with the token; compared in constant time. */
  isSigned (sealed: Sealed): boolean
  /** Gives the text of what is known to be signed. Nothing is decrypted that is no ciphertext. */
  unseal (encrypt: string): string
  /** Decrypts for nothing, so that a refusal costs what another one costs. */
  pretend (encrypt: string): void
}

const KEY = /^[A-Za-z0-9+/]{43}$/
export const isEncodingAESKey = (value: string): boolean => KEY.test(value)

export function createEnvelope ({ token, encodingAESKey, receiveId }: Credentials): Envelope {
  if (!isEncodingAESKey(encodingAESKey)) throw new InputError('encodingAESKey must be 43 characters of the base64 alphabet')
  const key = Buffer.from(`${encodingAESKey}=`, 'base64')
  const receiver = Buffer.from(receiveId)

  function isSigned ({ signature, timestamp, nonce, encrypt }: Sealed): boolean {
    const given = Buffer.from(signature)
    const wanted = Buffer.from(signatureOf(token, timestamp, nonce, encrypt))
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }

  function unseal (encrypt: string): string {
    return readText(withoutPadding(decrypt(readBlocks(encrypt), key)), receiver)
  }

  return {
    seal (text, timestamp, nonce) {
      const encrypt = seal(text, key, receiver)
      return { encrypt, timestamp, nonce, signature: signatureOf(token, timestamp, nonce, encrypt) }
    },

    open (sealed, freshness) {
      if (!isSigned(sealed)) throw unsigned('the signature does not match: check WECOM_TOKEN')
      if (freshness !== undefined) checkAge(sealed.timestamp, freshness)
      return unseal(sealed.encrypt)
    },

    isSigned,

    unseal,

    pretend (encrypt) { decrypt(attempt(() => readBlocks(encrypt)) ?? NOTHING, key) }
  }
}

export const unsigned = (message: string): RefusalError => new RefusalError('WECOM_ERR_SIGNATURE', message)

export function checkAge (timestamp: string, { now, windowMs }: Freshness): void {
  if (!/^\d{1,15}$/.test(timestamp)) throw new RefusalError('WECOM_ERR_TIMESTAMP', 'the timestamp is not a number of seconds')
  const ageMs = now - Number(timestamp) * 1000
  if (Math.abs(ageMs) > windowMs) {
    throw new RefusalError('WECOM_ERR_TIMESTAMP',
      `the timestamp is ${Math.round(ageMs / 1000)} s old, beyond ${windowMs / 1000} s: check the clock of this machine`)
  }
}

/** Stands in for a ciphertext that is none. */
const NOTHING = Buffer.alloc(BLOCK_BYTES)

/** Node's decoder skips what is no base64; only the canonical form is taken. */
export function readBlocks (encrypted: string): Buffer {
  const bytes = Buffer.from(encrypted, 'base64')
  if (bytes.length === 0 || bytes.length % BLOCK_BYTES !== 0 || bytes.toString('base64') !== encrypted) {
    throw undecryptable('the ciphertext is not whole blocks of strict base64')
  }
  return bytes
}

/** Of whole blocks nothing is left for `final`. */
const decrypt = (bytes: Buffer, key: Buffer): Buffer =>
  createDecipheriv('aes-256-cbc', key, key.subarray(0, RANDOM_BYTES)).setAutoPadding(false).update(bytes)

/** `decrypt` of @wecom/crypto checks neither padding nor length nor UTF-8, and Node's own padding stops at 16. */
function withoutPadding (padded: Buffer): Buffer {
  const padding = padded[padded.length - 1] as number
  let isRight = padding >= 1 && padding <= BLOCK_BYTES
  for (let back = 2; isRight && back <= padding; back++) isRight = padded[padded.length - back] === padding
  if (!isRight) throw undecryptable('the padding is wrong: check WECOM_ENCODING_AES_KEY')
  return padded.subarray(0, padded.length - padding)
}

const undecryptable = (message: string): RefusalError => new RefusalError('WECOM_ERR_DECRYPT', message)

function readText (opened: Buffer, receiver: Buffer): string {
  const end = opened.length < HEADER_BYTES ? NaN : HEADER_BYTES + opened.readUInt32BE(RANDOM_BYTES)
  if (!(end <= opened.length)) throw undecryptable('the length is out of bounds: check WECOM_ENCODING_AES_KEY')
  const sent = opened.subarray(end)
  if (!sent.equals(receiver)) {
    throw new RefusalError('WECOM_ERR_RECEIVER',
      `the receiver id does not match: WECOM_RECEIVE_ID is ${quote(receiver)} but ${quote(sent)} was sent`)
  }
  const text = opened.subarray(HEADER_BYTES, end)
  if (!isUtf8(text)) throw new RefusalError('WECOM_ERR_MESSAGE', 'the message is not UTF-8')
  return text.toString()
}

// With a wrong length field a part of the message stands where the id should.
const quote = (id: Buffer): string => /^[\w@.-]{0,64}$/.test(id.toString()) ? `"${id}"` : `text of ${id.length} bytes`
