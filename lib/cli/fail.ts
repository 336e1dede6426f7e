import { ConfigError } from '../util/errors.ts'

/** Tells why a command ended: with a sentence if one will do, with the whole error if it was not foreseen. */
export function fail (error: unknown): void {
  const { code, port } = error as { code?: string, port?: number }
  if (error instanceof ConfigError) console.error(error.message)
  else if (code === 'EADDRINUSE') console.error(`Port ${port} is in use: set PORT to another one, or to 0 for any free one.`)
  else if (code === 'ERR_MODULE_NOT_FOUND') console.error(`${nameOf(error as Error)} is not installed: run npm ci first.`)
  else console.error(error)
  process.exitCode = 1
}

/** Node says "Cannot find package 'fastify' imported from …". */
const nameOf = ({ message }: Error): string => /'([^']+)'/.exec(message)?.[1] ?? 'A package'
