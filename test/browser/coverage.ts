import { build } from 'esbuild'
import type { Page } from 'playwright-core'

/** The page as it is written, so that what was run of it can be told by line. */
export async function buildReadablePage (): Promise<string> {
  const { outputFiles } = await build({
    bundle: true, write: false, format: 'esm', target: 'chrome109', legalComments: 'none', entryPoints: ['plugins/playground/page/app.tsx']
  })
  return String(outputFiles[0]?.text)
}

/** The parts of `Page.coverage.stopJSCoverage` that count. */
interface Ran {
  source?: string
  functions: Array<{ ranges: Array<{ count: number, startOffset: number, endOffset: number }> }>
}

export interface FileCoverage {
  file: string
  lines: number
  covered: number
  /** Numbers of lines in the bundle, and what stands there. */
  missed: Array<[number, string]>
}

/** What all pages together have run of the readable page. */
export function createCoverage (source: string) {
  const ran = new Uint8Array(source.length)

  return {
    start: async (page: Page): Promise<void> => await page.coverage.startJSCoverage({ resetOnNavigation: false }),

    async stop (page: Page): Promise<void> {
      const entries: Ran[] = await page.coverage.stopJSCoverage()
      for (const { source: found, functions } of entries) {
        if (found !== source) continue
        const here = new Uint8Array(source.length)
        // Ranges nest: the inner ones say more.
        const ranges = functions.flatMap(one => one.ranges)
          .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
        for (const { count, startOffset, endOffset } of ranges) here.fill(count > 0 ? 1 : 0, startOffset, endOffset)
        for (const [at, value] of here.entries()) ran[at] ||= value
      }
    },

    files (): FileCoverage[] {
      const files: FileCoverage[] = []
      let file: FileCoverage | undefined
      let at = 0
      for (const [index, line] of source.split('\n').entries()) {
        const name = /^ *\/\/ (\S+\.[cm]?[jt]sx?)$/.exec(line)?.[1]
        if (name !== undefined) {
          file = { file: name, lines: 0, covered: 0, missed: [] }
          if (name.startsWith('plugins/playground/page/')) files.push(file)
        } else if (file !== undefined && /\w/.test(line)) {
          file.lines++
          // A line was run if all of it was, blanks aside.
          const begin = at + line.search(/\S/)
          if (ran.subarray(begin, at + line.length).every(Boolean)) file.covered++
          else file.missed.push([index + 1, line])
        }
        at += line.length + 1
      }
      return files
    }
  }
}
