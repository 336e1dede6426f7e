import crypto from 'node:crypto'
import util from 'node:util'
import { ConfigError } from './errors.ts'

/**
 * Says in words what an old Node.js lacks, of which npm only warns. That works as long as no file imports by its name what is not in every
 * version: a module that names it is not even loaded.
 */
export function checkNode (
  version: string = process.versions.node, there: { hash?: unknown, parseEnv?: unknown } = { hash: crypto.hash, parseEnv: util.parseEnv }
): void {
  const { hash, parseEnv } = there
  if (hash !== undefined && parseEnv !== undefined) return
  throw new ConfigError([{ name: 'Node.js', problem: `is ${version}, expected 20.19 or later, 22.12 or later, or 24 and later` }])
}
