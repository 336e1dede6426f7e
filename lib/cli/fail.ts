import { ConfigError } from '../util/errors.ts'

/** Tells why a command ended: with a sentence where one will do, with the whole error where it was not foreseen. */
export function fail (error: unknown): void {
  const { code, port } = error as { code?: string, port?: number }
  if (error instanceof ConfigError) console.error(error.message)
  else if (code === 'EADDRINUSE') console.error(`Port ${port} is in use: set PORT to another one, or to 0 for any free one.`)
  else console.error(error)
  process.exitCode = 1
}
