import { OutboundError } from './error.ts'

const FIRST_BYTES = 64 * 1024

/**
 * All bytes of a stream, at most `limit` of them. They are copied into one buffer as they come: a list of chunks could take a hundred times
 * their size when each holds a single byte.
 */
export async function readBytes (stream: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  let bytes: Buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, limit))
  let size = 0
  for await (const chunk of stream) {
    const needed = size + chunk.length
    if (needed > limit) throw tooLarge()
    if (needed > bytes.length) bytes = grow(bytes.subarray(0, size), Math.min(limit, Math.max(needed, bytes.length * 2)))
    bytes.set(chunk, size)
    size = needed
  }
  return bytes.subarray(0, size)
}

function grow (bytes: Buffer, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(size)
  larger.set(bytes)
  return larger
}

export const tooLarge = (): OutboundError => new OutboundError('TOO_LARGE', 'it is larger than the limit')
