import { Buffer } from 'node:buffer'
import { fenceCloser, MAX_CLOSER_BYTES } from './code-fence.ts'
import { stableHead } from './stable-head.ts'
import type { Notes, Notice, Outcome, StreamRecord } from './stores/store.ts'
import { isTerminal } from './stream-state.ts'
import { isVisible } from './texts.ts'
import type { Texts } from './texts.ts'

/** `stream.content` in bytes of UTF-8 (document 101031). */
export const MAX_FRAME_BYTES = 20480

/** Room kept behind a cut text for what closes and explains it: the fence, and five sentences at most. */
const TAIL_BYTES = 2560

const THINK_TAG = /<(\/?)think>/gi
const thinkBlock = (thinking: string): string => `<think>${thinking}</think>\n\n`
const THINK_BLOCK_BYTES = Buffer.byteLength(thinkBlock('')) + MAX_CLOSER_BYTES
const MIN_THINKING_BYTES = 512

export interface Frames {
  /** The plaintext of a reply that shows a stream as it is; undefined stands for one that is not to be shown. */
  reply (id: string, record: StreamRecord | undefined): string
  /** The plaintext of a reply for a stream that could not be had at all. */
  failure (id: string, failure: NonNullable<Outcome['failure']>): string
}

/** Shows streams as WeCom understands them (document 101031): the whole text so far, within the limits of a frame. */
export function createFrames (texts: Texts): Frames {
  // A record is immutable, and most refreshes find the one that the refresh before them found.
  const built = new WeakMap<StreamRecord, string>()

  const sentence = ({ code, reference }: NonNullable<Outcome['failure']>, notice?: Notice): string =>
    `${notice === undefined ? texts.failures[code] : noticeText(notice, texts)}${texts.reference.replace('{reference}', reference)}`

  function tailOf (record: StreamRecord): string[] {
    const [lost] = record.notes.lost ?? []
    const told = lost === undefined ? [] : [texts.lostAttachment.replace('{reason}', () => texts.lost[lost])]
    return [...told, ...endOf(record)]
  }

  function endOf ({ content, failure, notice }: StreamRecord): string[] {
    if (failure !== undefined) return [sentence(failure, notice)]
    if (notice !== undefined && !(notice === 'STOPPED' && isVisible(content))) return [noticeText(notice, texts)]
    return isVisible(content) ? [] : [texts.empty]
  }

  function placeholderOf ({ notes }: StreamRecord): string {
    return notes.waiting === true ? texts.queued : notes.thinking === true ? texts.thinking : texts.waiting
  }

  function contentOf (record: StreamRecord): string {
    const { content, reasoning } = record
    if (!isTerminal(record.status)) {
      const shown = headOf(content)
      const body = isVisible(shown) ? shown + fenceCloser(shown) : ''
      return withThinking(reasoning, body) || placeholderOf(record)
    }
    const tail = tailOf(record)
    const whole = join(content, tail)
    if (Buffer.byteLength(whole) <= MAX_FRAME_BYTES) return withThinking(reasoning, whole)
    const head = headOf(content)
    const missing = Buffer.byteLength(content) - Buffer.byteLength(head)
    return join(head, [texts.cut.replace('{bytes}', String(missing)), ...tail])
  }

  return {
    reply (id, record) {
      if (record === undefined) return streamReply(id, true, texts.expired)
      let reply = built.get(record)
      if (reply === undefined) {
        reply = streamReply(id, isTerminal(record.status), contentOf(record), record.notes)
        built.set(record, reply)
      }
      return reply
    },
    failure: (id, failure) => streamReply(id, true, sentence(failure))
  }
}

/** The head of a text that may still grow, or that has to be cut. */
const headOf = (content: string): string => stableHead(content, MAX_FRAME_BYTES - TAIL_BYTES)

/** Images come with the last frame only (document 101031). */
function streamReply (id: string, finish: boolean, content: string, { images }: Notes = {}): string {
  return JSON.stringify({ msgtype: 'stream', stream: { id, finish, content, ...(finish && images && { msg_item: images }) } })
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

function noticeText (notice: Notice, texts: Texts): string {
  switch (notice) {
    case 'LENGTH': return texts.length
    case 'TOO_LARGE': return texts.tooLarge
    case 'STOPPED': return texts.stopped
    case 'UNSUPPORTED': return texts.unsupported
    case 'NO_PROMPT': return texts.noPrompt
    case 'CLOSING': return texts.closing
  }
}
