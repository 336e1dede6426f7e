import { createDecipheriv } from 'node:crypto'
import type { Decipher } from 'node:crypto'
import { setImmediate as nextTurnOfTheLoop } from 'node:timers/promises'

const AES_BLOCK_BYTES = 16
/** A large file is decrypted in pieces, between which others have their turn. */
const PIECE_BYTES = 512 * 1024
/** WeCom pads to this, beyond what PKCS#7 asks of AES (document 100719), so Node's own unpadding would refuse most files. */
export const MAX_PADDING_BYTES = 32

/** A media key in any of the forms it is sent in: base64 (URL-safe or not, with or without padding) or hex; 32 bytes. */
export function readMediaKey (text: string): Buffer | undefined {
  if (/^[\da-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[\w+/-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  return undefined
}

/**
 * The file itself, without the envelope that messages have, in the bytes that it came in; undefined if the key or the padding is wrong,
 * which leaves them as they are. Nothing but the padding tells a wrong key, and about one wrong key in 256 passes by chance.
 */
export async function decryptMedia (encrypted: Buffer, key: Uint8Array): Promise<Buffer | undefined> {
  if (encrypted.length === 0 || encrypted.length % AES_BLOCK_BYTES !== 0) return undefined
  const iv = key.subarray(0, AES_BLOCK_BYTES)
  const padding = paddingOf(encrypted, key, iv)
  if (padding === undefined) return undefined

  const decipher = decipherOf(key, iv)
  for (let at = 0; at < encrypted.length; at += PIECE_BYTES) {
    if (at > 0) await nextTurnOfTheLoop()
    const piece = encrypted.subarray(at, at + PIECE_BYTES)
    piece.set(decipher.update(piece))
  }
  return encrypted.subarray(0, -padding)
}

/** Read from the last blocks alone, so that trying a wrong key on a large file costs next to nothing. */
function paddingOf (encrypted: Uint8Array, key: Uint8Array, iv: Uint8Array): number | undefined {
  const start = Math.max(0, encrypted.length - MAX_PADDING_BYTES)
  const before = start === 0 ? iv : encrypted.subarray(start - AES_BLOCK_BYTES, start)
  const tail = decipherOf(key, before).update(encrypted.subarray(start))
  const padding = tail.at(-1) as number
  if (padding < 1 || padding > tail.length) return undefined
  return tail.subarray(-padding).every(byte => byte === padding) ? padding : undefined
}

/** Whole blocks come out as they go in: nothing is left for a `final`. */
const decipherOf = (key: Uint8Array, iv: Uint8Array): Decipher => createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
