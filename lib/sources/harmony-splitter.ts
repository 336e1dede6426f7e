import type { Part } from './think-splitter.ts'

/** Tells thinking from the answer in the channels of gpt-oss, if a server passes them on as they are. For one answer. */
export interface HarmonySplitter {
  /** What is certain by now: a mark may be cut anywhere. */
  push (text: string): Part[]
  /** What is still held back, when nothing more comes. */
  flush (): Part[]
}

const OPENERS = ['<|channel|>', '<|start|>']
const MARK = /<\|(?:start|end|message|channel|constrain|return|call)\|>/
/** The start of what may become a mark. */
const OPEN_MARK = /<(?:\|(?:[a-z]{0,16}\|?)?)?$/
const ENDS = new Set(['<|end|>', '<|return|>', '<|call|>'])
const LONGEST_HEADER = 200
const KNOWN = /^\s*(?:assistant|analysis|commentary|final)?\s*$/

export function createHarmonySplitter (): HarmonySplitter {
  /** Only an answer that begins with a mark is in channels: in any other, marks are what it is about. */
  let state: 'unknown' | 'plain' | 'header' | 'message' = 'unknown'
  let held = ''
  let header = ''
  let mark = ''
  /** The header with its marks, as it came. */
  let raw = ''
  let type: Part['type'] = 'text'
  let hasMessage = false

  function give (text: string): Part[] {
    if (text === '') return []
    if (state !== 'header') return [{ type, text }]
    header += text
    raw += text
    return isHeader(header, mark) ? [] : giveHeader()
  }

  /** It was none. */
  function giveHeader (): Part[] {
    const text = raw
    state = hasMessage ? 'message' : 'plain'
    header = raw = ''
    return [{ type, text }]
  }

  function obey (found: string): void {
    mark = found
    if (mark === '<|message|>') {
      type = /final/.test(header) ? 'text' : 'reasoning'
      state = 'message'
      hasMessage = true
      header = raw = ''
      return
    }
    // What follows an end, a start or a channel is the name of the next one.
    if (mark !== '<|constrain|>') header = ''
    raw += mark
    state = 'header'
  }

  function split (text: string): Part[] {
    const parts: Part[] = []
    let rest = text
    for (let found = MARK.exec(rest); found !== null; found = MARK.exec(rest)) {
      parts.push(...give(rest.slice(0, found.index)))
      rest = rest.slice(found.index)
      if (isPlain()) break
      obey(found[0])
      rest = rest.slice(found[0].length)
    }
    held = isPlain() ? '' : OPEN_MARK.exec(rest)?.[0] ?? ''
    parts.push(...give(rest.slice(0, rest.length - held.length)))
    return parts
  }

  const isPlain = (): boolean => state === 'plain'

  return {
    push (piece) {
      const text = held + piece
      held = ''
      if (state === 'unknown') {
        const start = text.trimStart()
        if (OPENERS.some(opener => start.startsWith(opener))) {
          state = 'header'
        } else if (OPENERS.some(opener => opener.startsWith(start))) {
          held = text
          return []
        } else {
          state = 'plain'
        }
      }
      return isPlain() ? [{ type: 'text', text }] : split(text)
    },
    flush () {
      const parts = give(held)
      held = ''
      if (state !== 'header' || hasMessage || KNOWN.test(header)) return parts
      return [...parts, ...giveHeader()]
    }
  }
}

/** A role or a channel, to whom, and the kind of content. Anything else is text that is about marks. */
function isHeader (text: string, mark: string): boolean {
  const words = text.trim().split(/\s+/)
  // Some servers leave the mark of the start out.
  if (ENDS.has(mark)) return 'assistant'.startsWith(words.join(' '))
  return text.length <= LONGEST_HEADER && words.length <= 3 && words.every(word => /^[\w.:=-]*$/.test(word))
}
