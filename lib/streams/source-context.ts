import { kAttemptFailed } from '../sources/attempts.ts'
import type { SourceContext } from '../sources/source.ts'
import type { FailureClass } from '../util/errors.ts'
import { withTrace } from '../util/logger.ts'
import type { ContextLogger, Logger } from '../util/logger.ts'
import type { StreamReport } from './report/stream-report.ts'
import type { Watchdog } from './watchdog.ts'

/** What a source is given besides its turn. */
// A class, because a getter in an object literal costs each stream some 400 bytes.
export class StreamSourceContext implements SourceContext {
  readonly signal: AbortSignal
  readonly #log: Logger
  readonly #report: StreamReport
  readonly #watchdog: Watchdog

  constructor (signal: AbortSignal, log: Logger, report: StreamReport, watchdog: Watchdog) {
    this.signal = signal
    this.#log = log
    this.#report = report
    this.#watchdog = watchdog
  }

  // Made when it is asked for, as most sources have no tools. It may be taken out of the context.
  get untimed (): SourceContext['untimed'] {
    return async work => {
      const release = this.#watchdog.hold()
      try {
        return await work
      } finally {
        release()
      }
    }
  }

  // A child logger costs more than the rest of a waiting stream, and most sources never log.
  get log (): ContextLogger {
    return withTrace(this.#log.child({ streamId: this.#report.id }))
  }

  [kAttemptFailed] (failure: FailureClass): void {
    this.#report.attemptFailed(failure)
  }
}
