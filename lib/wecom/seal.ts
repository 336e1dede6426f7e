import { createCipheriv } from 'node:crypto'
import { random16 } from '../util/ids.ts'

// Layout of a sealed text (document 91144): random(16) | length(4, big endian, bytes) | text | receiver id | padding
export const RANDOM_BYTES = 16
export const HEADER_BYTES = RANDOM_BYTES + 4
export const BLOCK_BYTES = 32

/**
 * Seals a text with fresh random bytes, and returns the base64 of it. The package `@wecom/crypto` does the same, but lays the
 * text out three times and decodes its key for each.
 */
export function seal (text: string, key: Buffer, receiver: Buffer): string {
  const length = Buffer.byteLength(text)
  const filled = HEADER_BYTES + length + receiver.length
  const padding = BLOCK_BYTES - filled % BLOCK_BYTES
  const bytes = Buffer.allocUnsafe(filled + padding)
  random16().copy(bytes)
  bytes.writeUInt32BE(length, RANDOM_BYTES)
  bytes.write(text, HEADER_BYTES)
  receiver.copy(bytes, HEADER_BYTES + length)
  bytes.fill(padding, filled)
  // Of whole blocks nothing is left for `final`.
  return createCipheriv('aes-256-cbc', key, key.subarray(0, RANDOM_BYTES)).setAutoPadding(false).update(bytes).toString('base64')
}
