import crypto, { randomFillSync } from 'node:crypto'

const RANDOM_BYTES = 16
let pool = Buffer.alloc(0)

/** 16 random bytes that nobody can guess. Drawn in bulk: one call to the generator costs about as much as sealing a short reply. */
export function random16 (): Buffer {
  if (pool.length === 0) pool = randomFillSync(Buffer.alloc(256 * RANDOM_BYTES))
  const drawn = pool.subarray(0, RANDOM_BYTES)
  pool = pool.subarray(RANDOM_BYTES)
  return drawn
}

/** 32 lower-case hex digits that nobody can guess. */
export const createId = (): string => random16().toString('hex')

/** A key of fixed length for parts of any length and content, none of which can pass for another. */
export const hashOf = (...parts: string[]): string => crypto.hash('sha256', JSON.stringify(parts))
