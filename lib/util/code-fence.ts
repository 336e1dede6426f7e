// A fence may stand behind quote marks and list markers. A longer run of backticks or tildes is decoration; its closer
// would not fit behind a full frame.
const FENCE_LINE = /(?<=^|[\r\n])[ \t>]*(?:(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+(?:>[ \t>]*)?)?(`{3,512}(?!`)|~{3,512}(?!~))([^\r\n]*)/g

/** The longest that `fenceCloser` gives. */
export const MAX_CLOSER_BYTES = 513

/** The language behind a fence. What is longer is none. */
const MAX_INFO_LENGTH = 32

interface Fence {
  mark: string
  info: string
}

/** What closes the code fence that a text leaves open: a newline and the fence, or `''`. */
export function fenceCloser (text: string): string {
  const open = openFence(text)
  return open === undefined ? '' : `\n${open.mark}`
}

/**
 * What opens, for a text that goes on elsewhere, the code fence that it leaves open: the fence with its language and a newline, or `''`.
 */
export function fenceOpener (text: string): string {
  const open = openFence(text)
  if (open === undefined) return ''
  const info = open.info.trim()
  return `${open.mark}${info.length > MAX_INFO_LENGTH ? '' : info}\n`
}

function openFence (text: string): Fence | undefined {
  if (!text.includes('```') && !text.includes('~~~')) return undefined
  let open: Fence | undefined
  for (const [, mark = '', info = ''] of text.matchAll(FENCE_LINE)) {
    if (open === undefined) {
      // Backticks in the rest of the line make it inline code.
      if (mark[0] === '~' || !info.includes('`')) open = { mark, info }
    } else if (mark[0] === open.mark[0] && mark.length >= open.mark.length && info.trim() === '') {
      open = undefined
    }
  }
  return open
}
