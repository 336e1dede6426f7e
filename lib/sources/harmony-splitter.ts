import type { Part } from './think-splitter.ts'

/** Tells thinking from the answer in the channels of gpt-oss, where a server passes them on as they are. For one answer. */
export interface HarmonySplitter {
  /** What is certain by now: a mark may be cut anywhere. */
  push (text: string): Part[]
  /** What is still held back, when nothing more comes. */
  flush (): Part[]
}

const OPENERS = ['<|channel|>', '<|start|>']
const MARK = /<\|[a-z]{1,16}\|>/
/** The start of what may become a mark. */
const OPEN_MARK = /<(?:\|(?:[a-z]{0,16}\|?)?)?$/

export function createHarmonySplitter (): HarmonySplitter {
  /** Only an answer that begins with a mark is in channels: in any other, marks are what it is about. */
  let state: 'unknown' | 'plain' | 'header' | 'message' = 'unknown'
  let held = ''
  let header = ''

  function give (text: string): Part[] {
    if (text === '') return []
    if (state === 'header') {
      header += text
      return []
    }
    return [{ type: /final/.test(header) ? 'text' : 'reasoning', text }]
  }

  function obey (mark: string): void {
    if (mark === '<|message|>') {
      state = 'message'
    } else {
      // What follows an end, a start or a channel is the name of the next one.
      if (mark !== '<|constrain|>') header = ''
      state = 'header'
    }
  }

  function split (text: string): Part[] {
    const parts: Part[] = []
    let rest = text
    for (let mark = MARK.exec(rest); mark !== null; mark = MARK.exec(rest)) {
      parts.push(...give(rest.slice(0, mark.index)))
      obey(mark[0])
      rest = rest.slice(mark.index + mark[0].length)
    }
    held = OPEN_MARK.exec(rest)?.[0] ?? ''
    parts.push(...give(rest.slice(0, rest.length - held.length)))
    return parts
  }

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
      return state === 'plain' ? [{ type: 'text', text }] : split(text)
    },
    flush () {
      const text = held
      held = ''
      return state === 'unknown' || state === 'plain' ? (text === '' ? [] : [{ type: 'text', text }]) : give(text)
    }
  }
}
