import { imageItems, MAX_IMAGES, readImage } from './reply-images.ts'
import type { ReplyImage } from './reply-images.ts'
import type { ReplyPart } from './sources/source.ts'
import type { Notes } from './stores/store.ts'

/** More refusals than this say nothing new. */
const MAX_REFUSALS = 20

/** What an answer has besides text. What cannot be shown costs itself, not the answer. */
export class Extras {
  readonly #images: ReplyImage[] = []
  readonly #refused: string[] = []

  add ({ data }: Extract<ReplyPart, { type: 'image' }>): void {
    const image = this.#images.length < MAX_IMAGES ? readImage(data) : { refused: 'TOO_MANY' }
    if (!('refused' in image)) this.#images.push(image)
    else if (this.#refused.length < MAX_REFUSALS) this.#refused.push(`image: ${image.refused}`)
  }

  /** What is to be shown, undefined where that is nothing, and what was left out, in words for the log. */
  notes (): { notes: Notes | undefined, refused: readonly string[] } {
    const { items, refused } = imageItems(this.#images)
    return {
      notes: items.length === 0 ? undefined : { images: items },
      refused: [...this.#refused, ...refused.map(({ reason }) => `image: ${reason}`)]
    }
  }
}
