import { UsageError } from '../arguments.ts'
import { readFile } from '../target.ts'
import type { Check } from './check.ts'

/** The names in a file of failures that are known: one a line, `#` begins a comment. */
export function readExpected (file: string | undefined, cwd: string, checks: readonly Check[]): ReadonlySet<string> {
  if (file === undefined) return new Set()
  const names = readFile(file, cwd).split(/\r?\n/).map(line => line.replace(/#.*/, '').trim()).filter(line => line !== '')
  for (const name of names) {
    if (!checks.some(check => check.name === name)) throw unknownName(file, name)
  }
  return new Set(names)
}

/** Checks by their names or by those of their groups; none stands for all. */
export function chosenChecks (names: readonly string[], checks: readonly Check[]): readonly Check[] {
  const given = names.flatMap(name => name.split(',')).map(name => name.trim())
  const isMeant = (check: Check, name: string): boolean => check.name === name || check.name.startsWith(`${name}.`)
  for (const name of given) {
    if (!checks.some(check => isMeant(check, name))) throw unknownName('--only', name)
  }
  return given.length === 0 ? checks : checks.filter(check => given.some(name => isMeant(check, name)))
}

const unknownName = (where: string, name: string): UsageError =>
  new UsageError(`${where} names ${JSON.stringify(name)}, which is no check: see --list`)
