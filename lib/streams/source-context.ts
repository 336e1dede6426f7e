import type { SourceContext } from '../sources/source.ts'
import { withTrace } from '../util/logger.ts'
import type { ContextLogger, Logger } from '../util/logger.ts'

/** What a source is given besides its turn. */
// A class, because a getter in an object literal costs each stream some 400 bytes.
export class StreamSourceContext implements SourceContext {
  readonly signal: AbortSignal
  readonly untimed: SourceContext['untimed']
  readonly #log: Logger
  readonly #streamId: string

  constructor (signal: AbortSignal, log: Logger, streamId: string, untimed: SourceContext['untimed']) {
    this.signal = signal
    this.untimed = untimed
    this.#log = log
    this.#streamId = streamId
  }

  // A child logger costs more than the rest of a waiting stream, and most sources never log.
  get log (): ContextLogger {
    return withTrace(this.#log.child({ streamId: this.#streamId }))
  }
}
