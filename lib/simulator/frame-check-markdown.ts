// What may stand before a fence: it is no fence behind four spaces (CommonMark), unless a quote or a list makes room
// for it. Nobody knows how far WeCom goes, so a fence is open only if every reading finds it open.
const READINGS = [
  /^ {0,3}(`{3,}|~{3,})(.*)$/s,
  /^[ \t>]*(`{3,}|~{3,})(.*)$/s,
  /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t>]+)*(`{3,}|~{3,})(.*)$/s
] as const

interface Line {
  line: string
  /** A block is open behind the line. */
  open: boolean
}

function * readLines (text: string, reading: RegExp): Generator<Line> {
  let fence = ''
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, run = '', rest = ''] = reading.exec(line) ?? []
    if (fence === '') {
      // Backticks behind the opening ones make it inline code.
      if (run[0] === '~' || !rest.includes('`')) fence = run
    } else if (run[0] === fence[0] && run.length >= fence.length && rest.trim() === '') {
      fence = ''
    }
    yield { line, open: fence !== '' }
  }
}

/** Whether the text ends inside a fenced block of code. */
export const isFenceOpen = (text: string): boolean => READINGS.every(reading => [...readLines(text, reading)].at(-1)?.open === true)

/** The text without its fenced blocks and inline code, in which tags are just letters. */
export const withoutCode = (text: string): string =>
  [...readLines(text, READINGS[1])]
    .filter(({ open }) => !open)
    .map(({ line }) => line.replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)/g, ''))
    .join('\n')
