import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { settings } from './settings.ts'
import { median } from './statistics.ts'

export interface Imports {
  packageMs: number
  dependenciesMs: number
  /** At most 1.3. */
  ratio: number
}

const ROOT = new URL('../../', import.meta.url)
const { dependencies } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { dependencies: Record<string, string> }
// That of its source alone: an app that does not use it does not load it.
const others = Object.keys(dependencies).filter(name => name !== 'openai')

/** Milliseconds that a fresh process takes to import these. */
function timeOf (specifiers: readonly string[]): number {
  const code = `const begin = performance.now()
    for (const name of ${JSON.stringify(specifiers)}) await import(name)
    console.log(performance.now() - begin)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: fileURLToPath(ROOT), encoding: 'utf8' }))
}

/** The built package and its other dependencies in turn, so that what else the machine does hits both alike. */
export function benchImports (): Imports {
  const rounds = Array.from({ length: 3 * settings.rounds }, () => ({ whole: timeOf(['./dist/plugins/index.js']), part: timeOf(others) }))
  return {
    packageMs: median(rounds.map(({ whole }) => whole)),
    dependenciesMs: median(rounds.map(({ part }) => part)),
    ratio: median(rounds.map(({ whole, part }) => whole / part))
  }
}
