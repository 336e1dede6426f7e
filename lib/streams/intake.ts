import { Buffer } from 'node:buffer'
import { readPiece } from '../sources/piece.ts'
import type { Usage } from '../sources/source.ts'
import type { Channel, StreamMetadata } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import { headOf } from '../util/text-cuts.ts'
import { createTextJoiner } from '../util/text-joiner.ts'
import type { TextJoiner } from '../util/text-joiner.ts'
import type { Measures, ReasoningMode, SourceCall } from './contract.ts'
import type { EndReason } from './ending.ts'
import { historyNoteOf, historyUseOf, turnsIn } from './history-use.ts'
import type { HistoryUse } from './history-use.ts'
import type { ImageBudget } from './media/image-fit.ts'
import { ReplyMedia } from './media/reply-media.ts'
import type { Writer } from './stream-writer.ts'
import type { Watchdog } from './watchdog.ts'

interface IntakeOptions {
  clock: Clock
  writer: Writer
  watchdog: Watchdog
  maxContentBytes: number
  images: ImageBudget
}

/** Why a stream takes in no more. */
export interface IntakeEnd {
  reason: EndReason
  error?: unknown
}

const NO_MEDIA = { metadata: undefined, refused: [] }

/** Turns what a source yields into text and metadata of its stream, and counts it. */
export class Intake {
  readonly #writer: Writer
  readonly #watchdog: Watchdog
  readonly #clock: Clock
  readonly #maxContentBytes: number
  readonly #images: ImageBudget
  // Made when there is text: a stream may wait for long.
  #content: TextJoiner | undefined
  #thought: TextJoiner | undefined
  #reasoning: ReasoningMode = 'hide'
  #media: ReplyMedia | undefined
  #thinkingNoted = false
  #bubbleClosed = false
  #firstPieceAt: number | undefined
  #firstTextAt: number | undefined
  #chunks = 0
  #bytes = 0
  #usage: Usage | undefined
  /** How many turns of a history the source was given. */
  #turnsGiven = 0
  #historyUse: HistoryUse | undefined

  constructor ({ clock, writer, watchdog, maxContentBytes, images }: IntakeOptions) {
    this.#clock = clock
    this.#writer = writer
    this.#watchdog = watchdog
    this.#maxContentBytes = maxContentBytes
    this.#images = images
  }

  /** The bubble is over. */
  get bubbleClosed (): boolean {
    return this.#bubbleClosed
  }

  get bytes (): number {
    return this.#bytes
  }

  get historyUse (): HistoryUse | undefined {
    return this.#historyUse
  }

  /** To be told what the source is asked, before its first piece. */
  expect ({ turn, reasoning }: SourceCall): void {
    this.#turnsGiven = turnsIn(turn)
    this.#reasoning = reasoning
  }

  /** Takes what the source yields. Gives the end of the reading, if this is it. */
  accept (yielded: unknown): IntakeEnd | undefined {
    if (typeof yielded === 'string') return this.#take('content', yielded, true)
    const piece = readPiece(yielded)
    switch (piece?.type) {
      case 'reasoning': return this.#think(piece.text)
      case 'image':
      case 'card':
        this.#watchdog.progress()
        if (this.#bubbleClosed) {
          this.setMetadata({ tooLate: true })
        } else {
          this.#media ??= new ReplyMedia(this.#images)
          const metadata = this.#media.add(piece)
          if (metadata !== undefined) this.setMetadata(metadata)
        }
        return undefined
      case 'end':
        this.#usage = piece.usage
        this.#historyUse = historyUseOf(this.#turnsGiven, piece.historyUsed)
        return { reason: piece.reason === 'length' ? 'LENGTH' : 'END' }
      default:
        return { reason: 'FAILED', error: new TypeError('a source yields strings and reply parts only') }
    }
  }

  setMetadata (metadata: StreamMetadata): void {
    this.#writer.setMetadata(metadata).catch(() => {})
  }

  /** WeCom shows no more than what is there by now: images and a card that come later are too late. */
  closeBubble (): void {
    this.#bubbleClosed = true
    this.setMetadata({ ...this.#media?.metadata().metadata, sealedAt: this.#writer.length })
  }

  /** Stores what is shown with the end alone. Gives what was left out, in words for the log. */
  async complete (id: string, reason: EndReason, error: unknown): Promise<readonly string[]> {
    // Who was cut off has no time left.
    if (!this.#bubbleClosed && (reason === 'END' || reason === 'LENGTH')) await this.#media?.fit(id, this.#clock)
    const { metadata, refused } = this.#media?.metadata() ?? NO_MEDIA
    if (metadata !== undefined && !this.#bubbleClosed) await this.#writer.setMetadata(metadata)
    const history = historyNoteOf({ given: this.#turnsGiven, use: this.#historyUse, error, hasText: this.#bytes > 0 })
    if (history !== undefined) await this.#writer.setMetadata({ history })
    return refused
  }

  firstTextMsSince (openedAt: number): number | undefined {
    return this.#firstTextAt && Math.round(this.#firstTextAt - openedAt)
  }

  measuresSince (openedAt: number): Measures {
    return {
      durationMs: Math.round(this.#clock.now() - openedAt),
      ...(this.#firstPieceAt !== undefined && { firstPieceMs: Math.round(this.#firstPieceAt - openedAt) }),
      chunks: this.#chunks,
      bytes: this.#bytes,
      ...(this.#usage && { usage: this.#usage })
    }
  }

  #joinerOf (channel: Channel): TextJoiner {
    return channel === 'content' ? (this.#content ??= createTextJoiner()) : (this.#thought ??= createTextJoiner())
  }

  #think (text: string): IntakeEnd | undefined {
    if (this.#reasoning === 'placeholder' && !this.#thinkingNoted && text !== '') {
      this.#thinkingNoted = true
      this.setMetadata({ thinking: true })
    }
    return this.#take('reasoning', text, this.#reasoning === 'show')
  }

  #take (channel: Channel, chunk: string, keep: boolean): IntakeEnd | undefined {
    if (chunk === '') {
      this.#watchdog.alive()
      return undefined
    }
    this.#watchdog.progress()
    this.#firstPieceAt ??= this.#clock.now()
    if (channel === 'content') this.#firstTextAt ??= this.#clock.now()
    this.#chunks++
    if (!keep) return undefined
    const text = this.#joinerOf(channel).push(chunk)
    const room = this.#maxContentBytes - this.#bytes
    const bytes = Buffer.byteLength(text)
    const fitting = bytes <= room ? text : headOf(text, room)
    this.#bytes += bytes <= room ? bytes : Buffer.byteLength(fitting)
    this.#writer.write(channel, fitting)
    return bytes <= room ? undefined : { reason: 'TOO_LARGE' }
  }
}
