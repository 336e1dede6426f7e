import { createHash } from 'node:crypto'
import type { RedisConnection } from './connection.ts'

export interface RedisScript {
  /** What it does, in the words of the stores. */
  readonly name: string
  readonly lua: string
  readonly sha: string
}

/** In its text each key of a command is `KEYS[n]`, with a number: managed editions of Redis read scripts, and refuse any other. */
export const defineScript = (name: string, lua: string): RedisScript => ({ name, lua, sha: createHash('sha1').update(lua).digest('hex') })

/** `now`, in milliseconds since the Unix epoch: the server's, so that clocks of replicas do not matter. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/** Runs a script, all of whose keys have to be in one hash slot. The server may have forgotten it at any time. */
export async function runScript (
  connection: RedisConnection, { name, lua, sha }: RedisScript, keys: readonly string[], args: readonly string[]
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args]
  try {
    return await connection.command(['EVALSHA', sha, ...rest], keys[0], name)
  } catch (error) {
    if (!isUnknownScript(error)) throw error
    return await connection.command(['EVAL', lua, ...rest], keys[0], name)
  }
}

/** Whether a server has refused a script because it has to be sent whole. */
export const isUnknownScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/** As Redis takes it: whole, and never so short that the key would not come to be. */
export const ttlArg = (ms: number): string => String(Math.max(1, Math.ceil(ms)))
