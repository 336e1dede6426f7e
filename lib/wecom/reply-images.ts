import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

// The limits of document 101031.
export const MAX_IMAGES = 10
/** Of one image, before base64. */
export const MAX_IMAGE_BYTES = 10 * 1024 * 1024
/** Of all images of an answer, before base64. The documents name no limit, but WeCom refuses frames that are much larger. */
export const DEFAULT_IMAGES_MAX_BYTES = 512 * 1024

export type ImageRefusal =
  | 'NOT_DATA'          // neither bytes nor base64
  | 'NOT_JPG_OR_PNG'
  | 'DAMAGED'           // begins as one of them, but is cut off or has no size
  | 'TOO_LARGE'
  | 'TOO_MANY'
  | 'TOTAL_TOO_LARGE'   // does not fit beside the images before it

export interface ReplyImage {
  base64: string
  /** Of the raw bytes, in hex. */
  md5: string
  /** How many raw bytes there are. */
  bytes: number
}

export interface RefusedImage { refused: ImageRefusal }

/**
 * Reads an image of an answer: raw bytes, or base64 (padded or not) without a `data:` prefix. Never throws, whatever it
 * is given: one bad image costs itself, not the reply.
 */
export function readImage (data: Uint8Array | string): ReplyImage | RefusedImage {
  const raw = typeof data === 'string' ? decode(data) : data
  if (typeof raw === 'string') return { refused: raw }
  if (!(raw instanceof Uint8Array)) return { refused: 'NOT_DATA' }
  if (raw.byteLength > MAX_IMAGE_BYTES) return { refused: 'TOO_LARGE' }
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  const refused = judge(bytes)
  if (refused !== undefined) return { refused }
  return { base64: bytes.toString('base64'), md5: createHash('md5').update(bytes).digest('hex'), bytes: bytes.length }
}

export interface ImageItem {
  msgtype: 'image'
  image: { base64: string, md5: string }
}

export interface ImageItemsOptions {
  /** Of all images together, before base64. */
  maxBytes?: number
}

export interface ImageItems {
  /** The `msg_item` of the last frame. */
  items: ImageItem[]
  /** Which of the images were left out. */
  refused: Array<{ index: number, reason: ImageRefusal }>
}

/** Takes what `readImage` gave, in order, as far as it fits into one answer. A smaller image may fit after a larger one did not. */
export function imageItems (
  images: ReadonlyArray<ReplyImage | RefusedImage>, { maxBytes = DEFAULT_IMAGES_MAX_BYTES }: ImageItemsOptions = {}
): ImageItems {
  const items: ImageItem[] = []
  const refused: ImageItems['refused'] = []
  let total = 0
  for (const [index, image] of images.entries()) {
    if ('refused' in image) {
      refused.push({ index, reason: image.refused })
    } else if (items.length >= MAX_IMAGES) {
      refused.push({ index, reason: 'TOO_MANY' })
    } else if (total + image.bytes <= maxBytes) {
      total += image.bytes
      items.push({ msgtype: 'image', image: { base64: image.base64, md5: image.md5 } })
    } else {
      refused.push({ index, reason: 'TOTAL_TOO_LARGE' })
    }
  }
  return { items, refused }
}

function decode (base64: string): Uint8Array | ImageRefusal {
  // Before a buffer is made of it; the four characters are for a last group that is padded.
  if (base64.length > MAX_IMAGE_BYTES / 3 * 4 + 4) return 'TOO_LARGE'
  const bytes = Buffer.from(base64, 'base64')
  const unpadded = (text: string): string => text.replace(/={1,2}$/, '')
  // Buffer skips what is not base64.
  return unpadded(bytes.toString('base64')) === unpadded(base64) ? bytes : 'NOT_DATA'
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** The first chunk is 13 bytes of header. */
const PNG_HEADER = Buffer.concat([PNG_SIGNATURE, Buffer.from('\0\0\0\x0dIHDR', 'latin1')])
/** The last chunk, empty, with its checksum. */
const PNG_END = Buffer.from('\0\0\0\0IEND\xae\x42\x60\x82', 'latin1')
const PNG_HEADER_END = 33

const JPEG_START = Buffer.from([0xff, 0xd8, 0xff])
const JPEG_END = Buffer.from([0xff, 0xd9])

function judge (bytes: Buffer): ImageRefusal | undefined {
  if (startsWith(bytes, PNG_SIGNATURE)) return isWholePng(bytes) ? undefined : 'DAMAGED'
  if (startsWith(bytes, JPEG_START)) return isWholeJpeg(bytes) ? undefined : 'DAMAGED'
  return 'NOT_JPG_OR_PNG'
}

const startsWith = (bytes: Buffer, head: Buffer): boolean => bytes.subarray(0, head.length).equals(head)

// Software appends things of its own after the end of either kind, and viewers do not mind.

const isWholePng = (bytes: Buffer): boolean =>
  startsWith(bytes, PNG_HEADER) && bytes.indexOf(PNG_END, PNG_HEADER_END) !== -1 && bytes.readUInt32BE(16) > 0 && bytes.readUInt32BE(20) > 0

/** Goes from segment to segment up to the picture itself: the thumbnail in an Exif segment has an end of its own. */
function isWholeJpeg (bytes: Buffer): boolean {
  let hasFrame = false
  let at = 2
  // A segment is FF, its kind, and two bytes of length that count themselves.
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const kind = bytes.readUInt8(at + 1)
    const length = bytes.readUInt16BE(at + 2)
    if (kind === 0xff) {
      at += 1
      continue
    }
    if (kind === 0xda) return hasFrame && bytes.lastIndexOf(JPEG_END) >= at + 2 + length
    if (isFrameHeader(kind)) hasFrame = at + 9 <= bytes.length && bytes.readUInt16BE(at + 7) > 0
    at += 2 + length
  }
  return false
}

/** SOF0 to SOF15; three of the numbers between mean tables. */
const isFrameHeader = (kind: number): boolean => kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc
