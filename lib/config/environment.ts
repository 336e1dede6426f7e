import { readFileSync } from 'node:fs'
import util from 'node:util'
import { ConfigError } from '../util/errors.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** The environment over a file `.env` in the working directory. Neither is written to. A blank value counts as unset. */
export function readEnvironment (path = '.env', env: Env = process.env): Env {
  let file: Env = {}
  try {
    file = util.parseEnv(textOf(path, readFileSync(path))) as Env
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') {
      throw new ConfigError([{ name: path, problem: `cannot be read (${code}), expected a file of variables, or none` }])
    }
  }
  return { ...withoutBlanks(file), ...withoutBlanks(env) }
}

function textOf (path: string, bytes: Buffer): string {
  // What `>` of a Windows PowerShell writes; read as UTF-8 it would have no variable at all.
  if (bytes.includes(0)) throw new ConfigError([{ name: path, problem: 'is in UTF-16 or binary, expected UTF-8: save it anew' }])
  // Editors of Windows begin a file with a byte order mark.
  return bytes.toString().replace(/^\uFEFF/, '')
}

const withoutBlanks = (env: Env): Env =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && !isBlank(value)))

export const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''

/** Whether this is more than a try, as the process or the variables that were given in its place say. */
export const isProduction = (env: Env = {}): boolean => (env['NODE_ENV'] ?? process.env['NODE_ENV']) === 'production'
