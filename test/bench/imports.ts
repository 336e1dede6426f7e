import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { entryOf, OWN } from './built.ts'
import { settings } from './settings.ts'
import { median } from './statistics.ts'

export interface Imports {
  packageMs: number
  dependenciesMs: number
  /** At most `MAX_IMPORT_RATIO`. */
  ratio: number
}

export const MAX_IMPORT_RATIO = 1.3

/** Milliseconds that a fresh process takes to import these, from a checkout. */
function timeOf (specifiers: readonly string[], checkout: string): number {
  const code = `const begin = performance.now()
    for (const name of ${JSON.stringify(specifiers)}) await import(name)
    console.log(performance.now() - begin)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: checkout, encoding: 'utf8' }))
}

export const packageTimeOf = (checkout: string): number => timeOf([entryOf(checkout)], checkout)

/** The built package and its other dependencies in turn, so that what else the machine does hits both alike. */
export function benchImports (): Imports {
  const { dependencies } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  ) as { dependencies: Record<string, string> }
  // That of its source alone: an app that does not use it does not load it.
  const others = Object.keys(dependencies).filter(name => name !== 'openai')
  const rounds = Array.from({ length: 3 * settings.rounds }, () => ({ whole: packageTimeOf(OWN), part: timeOf(others, OWN) }))
  return {
    packageMs: median(rounds.map(({ whole }) => whole)),
    dependenciesMs: median(rounds.map(({ part }) => part)),
    ratio: median(rounds.map(({ whole, part }) => whole / part))
  }
}
