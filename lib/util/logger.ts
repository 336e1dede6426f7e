/**
 * The part of a pino logger that the package uses; `fastify.log` is one, and one with these four methods will do. They are
 * called as pino's are: with fields, with a message, or with both, and with what fills the placeholders of the message.
 *
 * Methods, and not functions in fields: so a logger fits whose methods take less than that.
 */
export interface Logger {
  trace? (fieldsOrMessage: object | string, ...more: unknown[]): void
  debug (fieldsOrMessage: object | string, ...more: unknown[]): void
  info (fieldsOrMessage: object | string, ...more: unknown[]): void
  warn (fieldsOrMessage: object | string, ...more: unknown[]): void
  error (fieldsOrMessage: object | string, ...more: unknown[]): void
  child (bindings: Record<string, unknown>): Logger
  /** Spares the making of lines that nobody reads. */
  isLevelEnabled? (level: string): boolean
}

/** What code of the host is handed. */
export interface ContextLogger extends Logger {
  trace (fieldsOrMessage: object | string, ...more: unknown[]): void
  child (bindings: Record<string, unknown>): ContextLogger
}

/** The logger itself, or, if it has no `trace`, one that leaves such lines out. */
export function withTrace (log: Logger): ContextLogger {
  if (hasTrace(log)) return log
  return {
    trace () {},
    debug: (...line) => log.debug(...line),
    info: (...line) => log.info(...line),
    warn: (...line) => log.warn(...line),
    error: (...line) => log.error(...line),
    child: bindings => withTrace(log.child(bindings))
  }
}

const hasTrace = (log: Logger): log is ContextLogger => typeof log.trace === 'function'
