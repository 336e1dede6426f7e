import { Buffer } from 'node:buffer'
import { isTerminal } from '../stores/status.ts'
import type { StreamMetadata, Notice, Outcome, StreamRecord } from '../stores/store.ts'
import type { Texts } from '../texts/texts.ts'
import { fenceCloser, fenceOpener, MAX_CLOSER_BYTES } from '../util/code-fence.ts'
import { stableHead } from '../util/text-cuts.ts'
import { isVisible } from '../util/visible.ts'
import { MAX_SEALED_BYTES, sealedBytes } from '../wecom/sealed-size.ts'
import { noticeText, reserveOf } from './reserve.ts'

/** `stream.content` in bytes of UTF-8 (document 101031). */
export const MAX_FRAME_BYTES = 20480

/** What a full bubble shows of a stream that does not say how much, as it was opened by an older version. */
const OLD_BUBBLE_BYTES = MAX_FRAME_BYTES - 2560

/** Who stopped an answer knows, and a host that refuses may say so itself. */
const SILENT_BELOW_TEXT: ReadonlySet<Notice> = new Set(['STOPPED', 'DENIED'])

const THINK_TAG = /<(\/?)think>/gi
const thinkBlock = (thinking: string): string => `<think>${thinking}</think>\n\n`
const THINK_BLOCK_BYTES = Buffer.byteLength(thinkBlock('')) + MAX_CLOSER_BYTES
const MIN_THINKING_BYTES = 512

/** What a reply can have besides its stream, once for each answer (document 101031). */
export interface OnceOnly {
  /** The card of the stream. */
  card?: boolean
  /** In the first reply to a message: its user may rate the answer. */
  feedbackId?: string | undefined
}

export interface Frames {
  /** How much of a text a full bubble shows here, in bytes. Kept with each stream, so that all who show it cut at one place. */
  bubbleBytes: number
  /**
   * The plaintext of a reply that shows a stream as it is; undefined stands for one that is not to be shown. What WeCom
   * takes once only is left out unless it is asked for.
   */
  reply (id: string, record: StreamRecord | undefined, once?: OnceOnly): string
  /** The plaintext of a reply for a stream of which nothing is known but that it runs. */
  waiting (id: string): string
  /** The plaintext of a reply for a stream that could not be had at all. */
  failure (id: string, failure: NonNullable<Outcome['failure']>): string
  /** What is left to be said of an ended stream if its bubble could not hold it; undefined otherwise. */
  rest (record: StreamRecord): string | undefined
  /** All that there is to be said of an ended stream, for who has not seen how it ended, but perhaps its card. */
  whole (record: StreamRecord, seen?: { card?: boolean }): string
}

/** Whether the bubble of a stream takes nothing more. Its source may still be at work. */
export const isBubbleOver = ({ status, metadata }: StreamRecord): boolean => isTerminal(status) || metadata.sealedAt !== undefined

export interface FramesOptions {
  /** What a user sends to begin a new conversation; undefined if there is no such command. */
  newCommand?: string | undefined
}

/** Shows streams as WeCom understands them (document 101031): the whole text so far, within the limits of a frame. */
export function createFrames (texts: Texts, { newCommand }: FramesOptions = {}): Frames {
  // A record is immutable, and most refreshes find the one that the refresh before them found.
  const built = new WeakMap<StreamRecord, string>()
  const reserve = reserveOf(texts, newCommand)
  // A message of its own can have one sentence more.
  const messageBytes = MAX_FRAME_BYTES - reserve - 2 - Buffer.byteLength(texts.tooLate)

  const sentence = ({ code, reference }: NonNullable<Outcome['failure']>, what: string = texts.failures[code]): string =>
    `${what}${texts.reference.replace('{reference}', reference)}`

  /** Of a failure. One that comes of the history can be helped by its user, as long as there is a command for it. */
  function failureText ({ code }: NonNullable<Outcome['failure']>, notice: Notice | undefined, { history }: StreamMetadata): string {
    if (notice !== undefined) return noticeText(notice, texts)
    if (history !== 'refused' || newCommand === undefined) return texts.failures[code]
    return texts.failures[code] + texts.historyRefused.replace('{new}', () => newCommand)
  }

  const cut = (text: string, shown: string): string =>
    texts.cut.replace('{bytes}', String(Buffer.byteLength(text) - Buffer.byteLength(shown)))

  /** `apart`: in a message of its own, which has neither images nor a card. */
  function tailOf (record: StreamRecord, apart = record.metadata.sealedAt !== undefined): string[] {
    const { lost: [lost] = [], history, imageTooLarge } = record.metadata
    return [
      ...lost === undefined ? [] : [texts.lostAttachment.replace('{reason}', () => texts.lost[lost])],
      ...history === 'left-out' ? [texts.historyLeftOut] : [],
      ...imageTooLarge === true ? [texts.imageTooLarge] : [],
      ...endOf(record, apart)
    ]
  }

  function endOf ({ content, failure, notice, metadata }: StreamRecord, apart: boolean): string[] {
    if (failure !== undefined) return [sentence(failure, failureText(failure, notice, metadata))]
    if (notice !== undefined && !(SILENT_BELOW_TEXT.has(notice) && isVisible(content))) return [noticeText(notice, texts)]
    if (isVisible(content)) return []
    if (!hasExtras(metadata)) return metadata.imageTooLarge === true ? [] : [texts.empty]
    return apart ? [] : [texts.seeBelow]
  }

  function placeholderOf ({ metadata }: StreamRecord): string {
    return metadata.waiting === true ? texts.queued : metadata.thinking === true ? texts.thinking : texts.waiting
  }

  function contentOf (record: StreamRecord): string {
    const { content, reasoning, metadata } = record
    if (metadata.sealedAt !== undefined) return fit(bubbleOf(record, []), [texts.later])
    if (!isTerminal(record.status)) {
      const shown = shownHead(record)
      const body = isVisible(shown) ? shown + fenceCloser(shown) : ''
      return withThinking(reasoning, body) || placeholderOf(record)
    }
    const tail = tailOf(record)
    const shown = bubbleOf(record, tail)
    if (shown === content) return withThinking(reasoning, fit(content, tail))
    return fit(shown, [metadata.deliverable === true ? texts.later : cut(content, shown), ...tail])
  }

  /** A message of its own holds as much as a bubble. */
  function messageOf (text: string, tail: readonly string[]): string {
    const whole = join(text, tail)
    if (Buffer.byteLength(whole) <= MAX_FRAME_BYTES) return whole
    const head = stableHead(text, messageBytes)
    return join(head, [cut(text, head), ...tail])
  }

  return {
    bubbleBytes: MAX_FRAME_BYTES - reserve,
    reply (id, record, once = {}) {
      if (record === undefined) return streamReply(id, true, texts.expired)
      // It is none of what refreshes share.
      if (once.card === true || once.feedbackId !== undefined) {
        return streamReply(id, isBubbleOver(record), contentOf(record), record.metadata, once)
      }
      let reply = built.get(record)
      if (reply === undefined) {
        reply = streamReply(id, isBubbleOver(record), contentOf(record), record.metadata)
        built.set(record, reply)
      }
      return reply
    },
    waiting: id => streamReply(id, false, texts.waiting),
    failure: (id, failure) => streamReply(id, true, sentence(failure)),
    rest (record) {
      const { content, notice, metadata } = record
      const sealed = metadata.sealedAt !== undefined
      const shown = bubbleOf(record, tailOf(record))
      if (!sealed && shown === content) return undefined
      const left = content.slice(shown.length)
      // Below a bubble that ended with its stream stands how it ended.
      const tail = sealed ? [...tailOf(record), ...metadata.tooLate === true ? [texts.tooLate] : []] : []
      if (!isVisible(left)) {
        // It promised that something follows.
        const last = notice === undefined ? texts.complete : noticeText(notice, texts)
        return tail.length === 0 ? last : tail.join('\n\n')
      }
      const opener = left.startsWith('\n') ? fenceOpener(shown).trimEnd() : fenceOpener(shown)
      return messageOf(opener + left, tail)
    },
    whole (record, { card: isShown = false } = {}) {
      const { images, card, tooLate } = record.metadata
      const isMissing = images !== undefined || (card !== undefined && !isShown) || tooLate === true
      const tail = [...tailOf(record, true), ...isMissing ? [texts.tooLate] : []]
      // Its card, which was shown, was all of it.
      if (tail.length === 0 && !isVisible(record.content)) return texts.complete
      return messageOf(record.content, tail)
    }
  }
}

const hasExtras = ({ images, card }: StreamMetadata): boolean => images !== undefined || card !== undefined

/** The part of the source's text that an ended bubble holds. */
function bubbleOf (record: StreamRecord, tail: readonly string[]): string {
  const { content, metadata: { sealedAt, bubbleBytes } } = record
  if (sealedAt !== undefined) return shownHead(record, content.slice(0, sealedAt))
  // Where it is cut must not depend on sentences, as others may have other ones.
  const isWhole = bubbleBytes === undefined || tail.length === 0
    ? Buffer.byteLength(join(content, tail)) <= MAX_FRAME_BYTES
    : Buffer.byteLength(content) <= bubbleBytes
  return isWhole ? content : shownHead(record)
}

/** The head of a text that may still grow, or that has to be cut. */
const shownHead = ({ content, metadata }: StreamRecord, text = content): string =>
  stableHead(text, metadata.bubbleBytes ?? OLD_BUBBLE_BYTES)

/** Sentences that are longer than those that a stream was opened with give way, but the first one, and never its text. */
function fit (shown: string, [first = '', ...others]: readonly string[]): string {
  const frame = join(shown, [first, ...others])
  if (Buffer.byteLength(frame) <= MAX_FRAME_BYTES) return frame
  return others.length > 0 ? fit(shown, [first, ...others.slice(0, -1)]) : join(shown, [])
}

/** Images come with the last frame only (document 101031). */
function streamReply (id: string, finish: boolean, content: string, { images, card }: StreamMetadata = {}, once: OnceOnly = {}): string {
  const text = replyText(id, finish, content, { images, card }, once)
  // The card counts in any case: a frame that is repeated without it has the same images.
  const bytes = Buffer.byteLength(text) + (once.card === true || card === undefined ? 0 : Buffer.byteLength(JSON.stringify(card)))
  if (!finish || images === undefined || sealedBytes(bytes) <= MAX_SEALED_BYTES) return text
  const fewer = images.length > 1 ? { images: images.slice(0, -1) } : {}
  return streamReply(id, finish, content, { ...fewer, ...(card && { card }) }, once)
}

interface ReplyExtras {
  images: StreamMetadata['images'] | undefined
  card: StreamMetadata['card'] | undefined
}

function replyText (id: string, finish: boolean, content: string, { images, card }: ReplyExtras, once: OnceOnly): string {
  const stream = {
    id,
    finish,
    content,
    ...(finish && images && { msg_item: images }),
    ...(once.feedbackId !== undefined && { feedback: { id: once.feedbackId } })
  }
  return JSON.stringify(once.card === true && card !== undefined
    ? { msgtype: 'stream_with_template_card', stream, template_card: card }
    : { msgtype: 'stream', stream })
}

const join = (content: string, tail: readonly string[]): string =>
  [content === '' ? '' : content + fenceCloser(content), ...tail].filter(part => part !== '').join('\n\n')

/** Thinking is the first to give way where space is short. */
function withThinking (reasoning: string, body: string): string {
  if (!isVisible(reasoning)) return body
  const room = MAX_FRAME_BYTES - Buffer.byteLength(body) - THINK_BLOCK_BYTES
  if (room < MIN_THINKING_BYTES) return body
  const thinking = stableHead(reasoning.replace(THINK_TAG, '‹$1think›'), room)
  return thinkBlock(thinking + fenceCloser(thinking)) + body
}
