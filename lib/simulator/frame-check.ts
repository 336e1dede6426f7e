import { isDeepStrictEqual } from 'node:util'
import { loadTexts, type Texts } from '../texts/texts.ts'
import { isObject } from '../util/objects.ts'
import { isFenceOpen, withoutCode } from './frame-check-markdown.ts'

/** `stream.content` in bytes of UTF-8 (document 101031). */
const MAX_CONTENT_BYTES = 20480
/** Longest piece of a frame in a sentence about it. */
const MAX_QUOTE = 18

export interface CheckFramesOptions {
  /** The bot's own placeholders, if the host has replaced them: what is shown in their place is not taken for a shrunk answer. */
  texts?: Placeholders
}

/** The sentences that stand where an answer will. */
export type Placeholders = Partial<Pick<Texts, 'waiting' | 'queued' | 'thinking'>>

interface Frame {
  n: number
  id: string
  finish: boolean
  content: string
  items: unknown
  card: unknown
  thinking: string
  /** What follows the thinking, with the closers and notices that may stand behind the source's text. */
  text: string
  waiting: boolean
}

/** Returns a sentence on what is wrong, or undefined. */
type Rule = (frame: Frame, earlier: readonly Frame[]) => string | undefined

/**
 * Judges the plaintext replies of one conversation, in the order in which they were answered, by what WeCom takes
 * (documents 100719 and 101031) and by what its user may see: one id, text that only grows, a visible end that stays.
 * Returns a sentence for every breach, with the number of the frame (from 1) and offsets in UTF-16 units.
 */
export function checkFrames (frames: readonly unknown[], options: CheckFramesOptions = {}): string[] {
  const judge = createFrameJudge(options)
  return frames.flatMap(frame => judge(frame))
}

/** Judges the frames of one conversation as they come: for each, the sentences that `checkFrames` would add. */
export function createFrameJudge ({ texts = {} }: CheckFramesOptions = {}): (frame: unknown) => string[] {
  const placeholders = placeholdersOf(texts)
  const earlier: Frame[] = []
  let n = 0
  return value => {
    const frame = read(value, ++n, placeholders)
    const found = typeof frame === 'string' ? [frame] : RULES.map(rule => rule(frame, earlier)).filter(problem => problem !== undefined)
    if (typeof frame !== 'string') earlier.push(frame)
    return found.map(problem => `frame ${n}: ${problem}`)
  }
}

/** What a bot may show while it has nothing to show yet: the texts of the host, or ours of either language. */
export const placeholdersOf = (texts: Placeholders): ReadonlySet<string> => new Set(
  (['waiting', 'queued', 'thinking'] as const).flatMap(name => [texts[name] ?? [loadTexts()[name], loadTexts({}, 'en')[name]]].flat()))

function read (value: unknown, n: number, placeholders: ReadonlySet<string>): Frame | string {
  if (!isObject(value)) return 'it is not an object'
  const { msgtype, template_card: card } = value
  if (msgtype !== 'stream' && msgtype !== 'stream_with_template_card') return 'msgtype is neither stream nor stream_with_template_card'
  if ((msgtype === 'stream') !== (card === undefined)) return `template_card does not go with msgtype ${msgtype}`
  const stream = value['stream']
  if (!isObject(stream)) return 'stream is not an object'
  const { id, finish, content, msg_item: items } = stream
  if (typeof id !== 'string' || id === '') return 'stream.id is not a string, or an empty one'
  if (typeof finish !== 'boolean') return 'stream.finish is not a boolean'
  if (typeof content !== 'string') return 'stream.content is not a string'

  const waiting = placeholders.has(content)
  const [, thinking = '', body = ''] = /^<think>([^]*?)(?:<\/think>([^]*)|$)/.exec(content) ?? ['', '', content]
  // Line breaks between the thinking and the text belong to neither.
  return { n, id, finish, content, items, card, thinking, text: waiting ? '' : body.replace(/^[\r\n]+/, ''), waiting }
}

const RULES: readonly Rule[] = [
  function oneId ({ id }, [first]) {
    return first === undefined || id === first.id ? undefined : `the stream id is not that of frame ${first.n}`
  },

  function fits ({ content }) {
    const bytes = Buffer.byteLength(content)
    return bytes <= MAX_CONTENT_BYTES ? undefined : `content has ${bytes} bytes of UTF-8, more than ${MAX_CONTENT_BYTES}`
  },

  function wellFormed ({ content }) {
    const at = content.search(/\p{Surrogate}/u)
    return at === -1 ? undefined : `content has a lone surrogate at offset ${at}`
  },

  function fencesClosed ({ thinking, text }) {
    if (isFenceOpen(thinking)) return 'the thinking ends inside a code fence'
    return isFenceOpen(text) ? 'content ends inside a code fence' : undefined
  },

  function thinkingClosed ({ content, thinking, text }) {
    if (content.startsWith('<think>') && !content.includes('</think>')) return 'the <think> at the start of content is not closed'
    if (thinking.includes('<think>')) return 'there is a <think> inside the thinking'
    let depth = 0
    for (const [tag] of withoutCode(text).matchAll(/<\/?think>/g)) {
      depth += tag === '<think>' ? 1 : -1
      if (depth < 0) return 'there is a </think> without its <think>'
    }
    return depth === 0 ? undefined : 'there is a <think> without its </think>'
  },

  function imagesAtTheEnd ({ finish, items }) {
    return items === undefined || finish ? undefined : 'msg_item stands in a frame without finish: true'
  },

  function oneCard ({ card }, earlier) {
    const shown = card === undefined ? undefined : earlier.find(frame => frame.card !== undefined)
    // One that is the same may answer a callback that was delivered again.
    return shown === undefined || isDeepStrictEqual(card, shown.card) ? undefined : `template_card is another one than in frame ${shown.n}`
  },

  function visibleEnd ({ finish, text, waiting }) {
    if (finish && waiting) return 'the final frame shows the waiting text'
    return finish && !isVisible(text) ? 'the final frame has no visible character' : undefined
  },

  function neverBlankAgain ({ finish, text }, earlier) {
    const shown = earlier.find(frame => isVisible(frame.text))
    const blank = shown !== undefined && !finish && !isVisible(text)
    return blank ? `the text is blank, after frame ${shown.n} has shown some` : undefined
  },

  function onlyGrows ({ text }, earlier) {
    const before = earlier.at(-1)
    if (before === undefined || before.finish || !isVisible(text)) return undefined
    // Its last line may be the source's own or a closer of the package.
    const source = before.text.replace(/\n(`{3,}|~{3,})$/, '')
    return text.startsWith(source) ? undefined : `the text does not start with that of frame ${before.n}: ${difference(source, text)}`
  },

  function endStays ({ finish, content, items }, earlier) {
    const end = earlier.find(frame => frame.finish)
    if (end === undefined) return undefined
    if (!finish) return `finish is false, after it was true in frame ${end.n}`
    if (content !== end.content) return `content is not the final one of frame ${end.n}: ${difference(end.content, content)}`
    return isDeepStrictEqual(items, end.items) ? undefined : `msg_item is not the final one of frame ${end.n}`
  }
]

/** Braille's blank is the one invisible character that Unicode counts among the symbols. */
const isVisible = (text: string): boolean => /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(text)

function difference (before: string, now: string): string {
  let at = 0
  while (at < before.length && before[at] === now[at]) at++
  if (at === now.length) return `it ends at offset ${at}, before ${quote(before, at)}`
  return `at offset ${at} stands ${quote(now, at)}${at === before.length ? '' : ` instead of ${quote(before, at)}`}`
}

function quote (text: string, at: number): string {
  const quoted = JSON.stringify(text.slice(at, at + MAX_QUOTE))
  // Escapes are longer than what they stand for.
  return quoted.length <= MAX_QUOTE + 2 ? quoted : `${quoted.slice(0, MAX_QUOTE)}…"`
}
