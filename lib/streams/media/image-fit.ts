import { Buffer } from 'node:buffer'
import type { Clock } from '../../util/clock.ts'
import { DEFAULT_IMAGES_MAX_BYTES, readImage } from '../../wecom/reply-images.ts'
import type { ReplyImage } from '../../wecom/reply-images.ts'

/** An image of an answer, for code of the host that makes it smaller. */
export interface ImageToFit {
  data: Buffer
  type: 'image/png' | 'image/jpeg'
}

export interface FitCall {
  streamId: string
  image: ImageToFit
  /** What it may have, and how many milliseconds that may take. */
  maxBytes: number
  maxMs: number
}

/** Has the host make an image smaller. Gives its bytes or base64; undefined if it failed or took too long. Never rejects. */
export type FitImage = (call: FitCall) => Promise<unknown>

export interface ImageBudget {
  /** Of all images of an answer together, before base64. */
  maxBytes: number
  fit?: FitImage | undefined
}

/** Nobody makes images smaller. */
export const DEFAULT_IMAGES: ImageBudget = { maxBytes: DEFAULT_IMAGES_MAX_BYTES }

/** For all images of an answer together. */
const FIT_MS = 5000

/**
 * Makes images fit together, in their order: each may have its share of what is left. What the host does not make smaller stays as
 * it is.
 */
export async function fitImages (
  images: readonly ReplyImage[], streamId: string, { maxBytes, fit }: ImageBudget, clock: Clock
): Promise<readonly ReplyImage[]> {
  const total = images.reduce((sum, { bytes }) => sum + bytes, 0)
  if (fit === undefined || total <= maxBytes) return images
  const until = clock.now() + FIT_MS
  const fitted: ReplyImage[] = []
  let room = maxBytes
  for (const [index, image] of images.entries()) {
    const share = Math.floor(room / (images.length - index))
    const maxMs = until - clock.now()
    const smaller = image.bytes > share && maxMs > 0
      ? read(await fit({ streamId, image: { data: Buffer.from(image.base64, 'base64'), type: typeOf(image) }, maxBytes: share, maxMs }))
      : undefined
    const chosen = smaller !== undefined && smaller.bytes <= share ? smaller : image
    if (chosen.bytes <= room) room -= chosen.bytes
    fitted.push(chosen)
  }
  return fitted
}

// What has been read is one or the other.
const typeOf = ({ base64 }: ReplyImage): ImageToFit['type'] => base64.startsWith('iVBORw') ? 'image/png' : 'image/jpeg'

function read (data: unknown): ReplyImage | undefined {
  const image = readImage(data as Uint8Array | string)
  return 'refused' in image ? undefined : image
}
