import { Buffer } from 'node:buffer'

const BLOCK_BYTES = 1024

export interface TextHead {
  text: string
  /** Bytes of what was decoded that the text stands for. */
  used: number
}

/**
 * The longest beginning that takes at most `maxTextBytes` in UTF-8, in whole characters. No encoding but UTF-8 can be written
 * here, so the bytes that a character takes are told by feeding them one after the other; block by block until shortly before the end.
 */
export function decodeHead (bytes: Buffer, encoding: string, maxTextBytes: number): TextHead {
  const blocks = countBlocks(bytes, encoding, maxTextBytes)
  // A character can begin in one block and end in the next: of two, one has some that end.
  const start = Math.max(0, blocks - 1) * BLOCK_BYTES
  const decode = createDecoder(encoding)
  let text = decode(bytes.subarray(0, start))
  let room = maxTextBytes - Buffer.byteLength(text)
  let used = 0
  for (let end = start + 1; end <= bytes.length; end++) {
    const character = decode(bytes.subarray(end - 1, end))
    const size = Buffer.byteLength(character)
    if (size > room) return { text, used }
    if (size === 0) continue
    text += character
    room -= size
    used = end
  }
  // What is no whole character, or none that is seen, has been read all the same.
  const rest = decode()
  return Buffer.byteLength(rest) > room ? { text, used } : { text: text + rest, used: bytes.length }
}

/** How many blocks fit wholly. */
function countBlocks (bytes: Buffer, encoding: string, maxTextBytes: number): number {
  const decode = createDecoder(encoding)
  let room = maxTextBytes
  let blocks = 0
  for (; (blocks + 1) * BLOCK_BYTES <= bytes.length; blocks++) {
    room -= Buffer.byteLength(decode(bytes.subarray(blocks * BLOCK_BYTES, (blocks + 1) * BLOCK_BYTES)))
    if (room < 0) break
  }
  return blocks
}

/** Without bytes it is the end. A NUL, which some servers refuse, is shown as what cannot be read. */
function createDecoder (encoding: string): (bytes?: Buffer) => string {
  const decoder = new TextDecoder(encoding)
  return bytes => decoder.decode(bytes, { stream: bytes !== undefined }).replaceAll('\0', '\ufffd')
}
