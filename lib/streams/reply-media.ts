import type { ReplyPart } from '../sources/source.ts'
import type { StreamMetadata } from '../stores/store.ts'
import type { TemplateCard } from '../wecom/cards/card-types.ts'
import { checkCard } from '../wecom/cards/check-card.ts'
import { imageItems, MAX_IMAGES, readImage } from '../wecom/reply-images.ts'
import type { ReplyImage } from '../wecom/reply-images.ts'

/** More refusals than this say nothing new. */
const MAX_REFUSALS = 20

/** What an answer has besides text. What cannot be shown costs itself, not the answer. */
export class ReplyMedia {
  readonly #images: ReplyImage[] = []
  #card: TemplateCard | undefined
  readonly #refused: string[] = []

  /** Gives what is to be known at once: a card can come with the first reply. */
  add (part: Extract<ReplyPart, { type: 'image' | 'card' }>): StreamMetadata | undefined {
    const refused = part.type === 'image' ? this.#addImage(part.data) : this.#addCard(part.card)
    if (refused !== undefined && this.#refused.length < MAX_REFUSALS) this.#refused.push(`${part.type}: ${refused}`)
    return part.type === 'card' && refused === undefined && this.#card !== undefined ? { card: this.#card } : undefined
  }

  /** What is shown with the end alone, undefined where that is nothing, and what was left out, in words for the log. */
  metadata (): { metadata: StreamMetadata | undefined, refused: readonly string[] } {
    const { items, refused } = imageItems(this.#images)
    return {
      metadata: items.length === 0 ? undefined : { images: items },
      refused: [...this.#refused, ...refused.map(({ reason }) => `image: ${reason}`)]
    }
  }

  #addImage (data: Uint8Array | string): string | undefined {
    if (this.#images.length >= MAX_IMAGES) return 'TOO_MANY'
    const image = readImage(data)
    if ('refused' in image) return image.refused
    this.#images.push(image)
    return undefined
  }

  #addCard (card: unknown): string | undefined {
    if (this.#card !== undefined) return 'TOO_MANY'
    try {
      this.#card = checkCard(card)
      return undefined
    } catch (error) {
      // It names faults by their path, and quotes nothing.
      return (error as Error).message
    }
  }
}
