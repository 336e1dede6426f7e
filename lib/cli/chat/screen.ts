import type { Io } from '../io.ts'
import { rowsOf } from './render.ts'

/** Of a terminal; what does not say how large it is has the size of the first ones. */
export const sizeOf = ({ columns = 80, rows = 24 }: { columns?: number, rows?: number }): { columns: number, rows: number } =>
  ({ columns, rows })

/** Where an answer grows. In a pipe its end alone is printed. */
export interface Screen {
  show (text: string): void
  /** The last state of an answer, which stays. */
  settle (text: string): void
}

export function createScreen ({ stdout }: Pick<Io, 'stdout'>): Screen {
  if (stdout.isTTY !== true) return { show () {}, settle: text => { stdout.write(`${text}\n`) } }
  let rows = 0
  const draw = (text: string): void => {
    // Back to where the answer begins, and everything below is cleared.
    const back = rows === 0 ? '' : `\u001b[${rows}A\r\u001b[J`
    stdout.write(`${back}${text}\n`)
    rows = rowsOf(text, sizeOf(stdout).columns)
  }
  return {
    show (text) {
      const size = sizeOf(stdout)
      draw(lastRows(text, size.rows - 1, size.columns))
    },
    settle (text) {
      draw(text)
      rows = 0
    }
  }
}

/** What has scrolled away cannot be drawn anew: while an answer grows, its end is shown. */
function lastRows (text: string, rows: number, columns: number): string {
  const lines = text.split('\n')
  while (lines.length > 1 && rowsOf(lines.join('\n'), columns) > rows) lines.shift()
  return lines.join('\n')
}
