import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError } from '../util/errors.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** `process.env` over a file `.env` in the working directory. Neither is written to. A blank value counts as unset. */
export function readEnvironment (path = '.env'): Env {
  let file: Env = {}
  try {
    // Editors of Windows begin a file with a byte order mark.
    file = parseEnv(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')) as Env
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new ConfigError([{ name: path, problem: `cannot be read (${code}), expected a file of variables, or none` }])
  }
  return { ...withoutBlanks(file), ...withoutBlanks(process.env) }
}

const withoutBlanks = (env: Env): Env =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && !isBlank(value)))

export const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''
