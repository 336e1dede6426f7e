import { fenceCloser } from '../util/code-fence.ts'

export interface Part { type: 'text' | 'reasoning', text: string }

/**
 * Tells the thinking that a model writes into its text, as `<think>…</think>` or with the marks of other makers, from the answer. It is for
 * one answer.
 *
 * The text comes out unchanged, without the blocks and the white space around their content. An opening tag counts at
 * the start of a line, outside code, or directly behind another tag: elsewhere the answer is about such tags. Any
 * closing tag ends a block, except in inline code, since text that is taken for thinking may never be seen, while
 * thinking that is taken for text is merely shown. For the same reason blocks do not nest. One that is not closed
 * goes on to the end: a model that reached its limit was still thinking.
 *
 * A closing tag that closes nothing ends thinking that began in the prompt, as the chat templates of some models
 * have it. What came before it has been shown by then, so a blank line sets it apart: see `opened`. Where the text
 * has named a tag before, it is text.
 */
export interface ThinkSplitter {
  /** What is certain by now: a tag may be cut anywhere, so what could be the start of one is held back. */
  push (text: string): Part[]
  /** What is still held back, when nothing more comes. */
  flush (): Part[]
}

export interface ThinkSplitterOptions {
  /** The answer begins with thinking: the opening tag is in the prompt. Default false. */
  opened?: boolean | undefined
}

// Only `<think>` is known to WeCom, but models write all of them.
const TAGS = [
  ...['think', 'thinking', 'thought', 'seed:think'].flatMap(name => [`<${name}>`, `</${name}>`]),
  '◁think▷', '◁/think▷'
]
const OPENERS = new Set(TAGS.map(tag => tag.charAt(0)))
const isWhole = (tag: string): boolean => /[>▷]$/.test(tag)
const TAG_HEADS = new Set(TAGS.flatMap(tag => [...tag].map((_, i) => tag.slice(0, i + 1))))
const BLANK_LINE = 2

export function createThinkSplitter (options: ThinkSplitterOptions = {}): ThinkSplitter {
  const answer = createPlace()
  let thoughts = createPlace()
  let thinking = options.opened ?? false
  let gap = thinking ? createGap(Infinity) : undefined
  let separator = ''
  let hasThought = false
  /** The text has named a tag. */
  let isAbout = false
  /** What has been read of a tag, in lower case. */
  let tag = ''
  let held = ''

  const place = (): TagPosition => thinking ? thoughts : answer

  function * give (text: string): Generator<Part> {
    if (text === '') return
    if (!thinking) return yield { type: 'text', text }
    yield { type: 'reasoning', text: separator + text }
    separator = ''
    hasThought = true
  }

  /** Whether a tag that begins like this, here, would be one. */
  function counts (head: string): boolean {
    const mayClose = head.length === 1 || head[1] === '/'
    const mayOpen = head[1] !== '/'
    if (thinking) return mayClose || gap !== undefined
    return !answer.inCode() && ((mayClose && !isAbout) || (mayOpen && (answer.atLineStart() || gap !== undefined)))
  }

  function * obey (): Generator<Part> {
    if (tag[1] !== '/') {
      // A second opening tag, behind the one of the chat template, says nothing new.
      if (!thinking) {
        thoughts = createPlace()
        separator = hasThought ? '\n\n' : ''
      }
      thinking = true
      gap = createGap(Infinity)
    } else {
      if (!thinking) {
        const blank = '\n'.repeat(Math.max(0, BLANK_LINE - answer.newlines()))
        yield * give(blank)
        answer.read(blank)
      }
      thinking = false
      // The wider of the gaps before and behind the block is the one that stays.
      gap = createGap(answer.newlines())
    }
    tag = ''
  }

  /** The letters are no tag. */
  function pass (): void {
    isAbout ||= isWhole(tag) && !thinking
    gap = undefined
    place().read(tag)
    tag = ''
  }

  /** The thinking is about tags if a backtick ends the code that its closing tag stands in. */
  const isInDoubt = (): boolean => tag[1] === '/' && isWhole(tag) && thinking && thoughts.inCode()

  function * split (chunk: string): Generator<Part> {
    const text = held + chunk
    let start = 0

    function * settle (end: number): Generator<Part> {
      if (!counts(tag)) return pass()
      yield * give(text.slice(start, end - tag.length))
      start = end
      yield * obey()
    }

    for (let i = held.length; i < text.length; i++) {
      const char = text.charAt(i)
      if (tag !== '') {
        const longer = tag + char.toLowerCase()
        if (TAG_HEADS.has(longer)) {
          tag = longer
          if (isWhole(longer) && !isInDoubt()) yield * settle(i + 1)
          continue
        }
        if (isInDoubt() && char !== '`') yield * settle(i)
        else pass()
      }
      if (OPENERS.has(char)) {
        tag = char
      } else if (gap?.takes(char)) {
        start = i + 1
      } else {
        gap = undefined
        place().read(char)
      }
    }
    const end = text.length - (tag !== '' && counts(tag) ? tag.length : 0)
    yield * give(text.slice(start, end))
    held = text.slice(end)
  }

  function * finish (): Generator<Part> {
    if (!isInDoubt()) yield * give(held)
    held = tag = ''
  }

  return {
    push: chunk => [...split(chunk)],
    flush: () => [...finish()]
  }
}

/** White space behind a tag: spaces in its line, then as many line breaks. */
function createGap (newlines: number): { takes (char: string): boolean } {
  let inLine = true
  return {
    takes (char) {
      if (char === ' ' || char === '\t') return inLine
      if (newlines === 0 || (char !== '\n' && char !== '\r')) return false
      if (char === '\n') newlines--
      inLine = false
      return true
    }
  }
}

/** Where in Markdown the end of a growing text stands. */
interface TagPosition {
  read (text: string): void
  inCode (): boolean
  /** At most three spaces stand before it in its line: behind four, CommonMark sees a block of code. */
  atLineStart (): boolean
  /** Line breaks since the last visible character; Infinity before the first. */
  newlines (): number
}

const LONGEST_FENCE_LINE = 1000

function createPlace (): TagPosition {
  let line = ''
  let fence = ''
  let indent = 0
  let newlines = Infinity
  /** Backticks at the very end, and those that have opened inline code; it is taken to end with its line. */
  let run = 0
  let opener = 0

  function endRun (): void {
    if (run === 0) return
    if (opener === 0) opener = run
    else if (opener === run) opener = 0
    run = 0
  }

  function endLine (): void {
    fence = fenceCloser(`${fence}\n${line}`).slice(1)
    line = ''
    indent = run = opener = 0
  }

  return {
    read (text) {
      for (const char of text) {
        if (char === '\n' || char === '\r') {
          endLine()
          if (char === '\n') newlines++
          continue
        }
        if (line.length < LONGEST_FENCE_LINE) line += char
        if (char === '`') run++
        else endRun()
        indent += char === ' ' ? 1 : 4
        if (char !== ' ' && char !== '\t') newlines = 0
      }
    },
    inCode () {
      endRun()
      return opener !== 0 || fence !== ''
    },
    atLineStart: () => indent < 4,
    newlines: () => newlines
  }
}
