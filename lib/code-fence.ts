// A fence may stand behind quote marks and list markers. A longer run of backticks or tildes is decoration; its closer
// would not fit behind a full frame.
const FENCE_LINE = /(?<=^|[\r\n])[ \t>]*(?:(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+(?:>[ \t>]*)?)?(`{3,512}(?!`)|~{3,512}(?!~))([^\r\n]*)/g

/** The longest that `fenceCloser` gives. */
export const MAX_CLOSER_BYTES = 513

/** What closes the code fence that a text leaves open: a newline and the fence, or `''`. */
export function fenceCloser (text: string): string {
  if (!text.includes('```') && !text.includes('~~~')) return ''
  let open = ''
  for (const [, fence = '', rest = ''] of text.matchAll(FENCE_LINE)) {
    if (open === '') {
      // Backticks in the rest of the line make it inline code.
      if (fence[0] === '~' || !rest.includes('`')) open = fence
    } else if (fence[0] === open[0] && fence.length >= open.length && rest.trim() === '') {
      open = ''
    }
  }
  return open === '' ? '' : `\n${open}`
}
