import { createDecipheriv } from 'node:crypto'

const AES_BLOCK_BYTES = 16
/** WeCom pads to this, beyond what PKCS#7 asks of AES (document 100719), so Node's own unpadding would refuse most files. */
export const MAX_PADDING_BYTES = 32

/** A media key in any of the forms it is sent in: base64 (URL-safe or not, with or without padding) or hex; 32 bytes. */
export function readMediaKey (text: string): Buffer | undefined {
  if (/^[\da-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[\w+/-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  return undefined
}

/**
 * The file itself, without the envelope that messages have; undefined where the key or the padding is wrong. Nothing but the padding
 * tells a wrong key, and about one wrong key in 256 passes by chance.
 */
export function decryptMedia (encrypted: Uint8Array, key: Uint8Array): Buffer | undefined {
  if (encrypted.length === 0 || encrypted.length % AES_BLOCK_BYTES !== 0) return undefined
  const iv = key.subarray(0, AES_BLOCK_BYTES)
  const padding = paddingOf(encrypted, key, iv)
  return padding === undefined ? undefined : decrypt(encrypted, key, iv).subarray(0, -padding)
}

/** Read from the last blocks alone, so that trying a wrong key on a large file costs next to nothing. */
function paddingOf (encrypted: Uint8Array, key: Uint8Array, iv: Uint8Array): number | undefined {
  const start = Math.max(0, encrypted.length - MAX_PADDING_BYTES)
  const tail = decrypt(encrypted.subarray(start), key, start === 0 ? iv : encrypted.subarray(start - AES_BLOCK_BYTES, start))
  const padding = tail.at(-1) as number
  if (padding < 1 || padding > tail.length) return undefined
  return tail.subarray(-padding).every(byte => byte === padding) ? padding : undefined
}

function decrypt (encrypted: Uint8Array, key: Uint8Array, iv: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  const padded = decipher.update(encrypted)
  // Gives nothing after whole blocks: to join its result would only copy the file.
  decipher.final()
  return padded
}
