import type { ReplyPart } from '../../sources/source.ts'
import type { StreamMetadata } from '../../stores/store.ts'
import type { Clock } from '../../util/clock.ts'
import type { TemplateCard } from '../../wecom/cards/card-types.ts'
import { checkCard } from '../../wecom/cards/check-card.ts'
import { imageItems, MAX_IMAGES, readImage } from '../../wecom/reply-images.ts'
import type { ReplyImage } from '../../wecom/reply-images.ts'
import { fitImages } from './image-fit.ts'
import type { ImageBudget } from './image-fit.ts'

/** More refusals than this say nothing new. */
const MAX_REFUSALS = 20

const TOO_LARGE = /^image: (?:TOTAL_)?TOO_LARGE$/

/** What an answer has besides text. What cannot be shown costs itself, not the answer. */
export class ReplyMedia {
  #images: readonly ReplyImage[] = []
  readonly #budget: ImageBudget
  #card: TemplateCard | undefined
  readonly #refused: string[] = []

  constructor (budget: ImageBudget) {
    this.#budget = budget
  }

  /** Returns what is to be known at once: a card can come with the first reply. */
  add (part: Extract<ReplyPart, { type: 'image' | 'card' }>): StreamMetadata | undefined {
    const refused = part.type === 'image' ? this.#addImage(part.data) : this.#addCard(part.card)
    if (refused !== undefined && this.#refused.length < MAX_REFUSALS) this.#refused.push(`${part.type}: ${refused}`)
    return part.type === 'card' && refused === undefined && this.#card !== undefined ? { card: this.#card } : undefined
  }

  /** Has the host make images smaller that are too large together, which takes five seconds at most. */
  async fit (streamId: string, clock: Clock): Promise<void> {
    this.#images = await fitImages(this.#images, streamId, this.#budget, clock)
  }

  /** What is shown with the end alone, undefined if that is nothing, and what was left out, in words for the log. */
  metadata (): { metadata: StreamMetadata | undefined, refused: readonly string[] } {
    const { items, refused } = imageItems(this.#images, this.#budget)
    const all = [...this.#refused, ...refused.map(({ reason }) => `image: ${reason}`)]
    const metadata: StreamMetadata = {
      ...(items.length > 0 && { images: items }), ...(all.some(words => TOO_LARGE.test(words)) && { imageTooLarge: true })
    }
    return { metadata: Object.keys(metadata).length === 0 ? undefined : metadata, refused: all }
  }

  #addImage (data: Uint8Array | string): string | undefined {
    if (this.#images.length >= MAX_IMAGES) return 'TOO_MANY'
    const image = readImage(data)
    if ('refused' in image) return image.refused
    this.#images = [...this.#images, image]
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
