type Write = (fields: object, message: string) => void

/** The part of a pino logger that the package uses; `fastify.log` is one. */
export interface Logger {
  debug: Write
  info: Write
  warn: Write
  error: Write
  child (bindings: Record<string, unknown>): Logger
}
