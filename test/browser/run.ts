import { readdirSync } from 'node:fs'
import { after } from 'node:test'
import { chromiumPath, MISSING } from './chromium.ts'

/** Runs the tests of the page in one process and one browser, and holds what they run of its code to this part of its lines. */
const MIN_COVERED = 0.9

if (chromiumPath() === undefined) {
  const isCI = process.env['CI'] === 'true'
  console.warn(isCI ? `${MISSING} CI needs one.` : `${MISSING} The tests of the page are skipped.`)
  process.exit(isCI ? 1 : 0)
}

const { coverageOfAll } = await import('./page.ts')
after(() => {
  const files = coverageOfAll()
  const [lines, covered] = [files.map(one => one.lines), files.map(one => one.covered)].map(all => all.reduce((a, b) => a + b, 0))
  for (const { file, lines, covered, missed } of files) {
    console.log(`${(covered / lines * 100).toFixed(1).padStart(5)} %  ${file}`)
    if (process.env['MISSED'] === 'true') for (const [number, line] of missed) console.log(`         ${number}: ${line.trim()}`)
  }
  const part = Number(covered) / Number(lines)
  console.log(`${(part * 100).toFixed(1).padStart(5)} %  of the lines of the page`)
  if (part >= MIN_COVERED) return
  console.error(`The tests of the page must run ${MIN_COVERED * 100} % of its lines. MISSED=true lists the others.`)
  process.exitCode = 1
})

for (const file of readdirSync(import.meta.dirname).filter(name => name.endsWith('.test.ts')).sort()) await import(`./${file}`)
