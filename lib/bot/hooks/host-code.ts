import type { Clock } from '../../util/clock.ts'
import { withTrace } from '../../util/logger.ts'
import type { ContextLogger, Logger } from '../../util/logger.ts'
import { privateTextsIn } from '../../util/private-texts.ts'
import { describeError } from '../../util/redact.ts'
import { abortable } from '../../util/waiting.ts'

/** What host code is handed besides what it is about. */
export interface HostContext {
  /** Aborted if nobody waits for it any more: it has taken too long, or its stream has ended. */
  signal: AbortSignal
  /** Says whose lines they are. Whatever is logged is logged: keep what users write out of it. */
  log: ContextLogger
}

export interface HostCall<T> {
  /** What is called, as the host has named it: `onMessage`. */
  hook: string
  /** What it is called with. Whatever of it an error quotes is kept out of the log. */
  about: unknown
  streamId?: string
  /** Milliseconds; without it, as long as it takes. */
  maxMs?: number
  /** Of the stream, if the call is of no use without it. */
  signal?: AbortSignal
  call: (context: HostContext) => T | Promise<T>
}

/**
 * Runs code of the host. Undefined if it failed or took too long, which costs one line in the log, or if the signal was aborted. Never
 * rejects.
 */
export type RunHostCode = <T>(call: HostCall<T>) => Promise<{ value: T } | undefined>

// One for all, as it says nothing of the call.
const LATE = new DOMException('it took too long', 'TimeoutError')

export function createHostCodeRunner ({ clock, log }: { clock: Clock, log: Logger }): RunHostCode {
  return async ({ hook, about, streamId, maxMs, signal, call }) => {
    const whose = { ...(streamId !== undefined && { streamId }), hook }
    const late = new AbortController()
    const over = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal])
    const cancel = maxMs === undefined ? () => {} : clock.setTimeout(() => late.abort(LATE), maxMs)
    try {
      const called = (async () => await call({ signal: over, log: withTrace(log.child(whose)) }))()
      return { value: await abortable(called, over).finally(cancel) }
    } catch (error) {
      // Its stream has ended, and nobody asks any more.
      if (signal?.aborted === true) return undefined
      if (late.signal.aborted) log.warn({ ...whose, waitedMs: maxMs }, 'a hook takes too long')
      else log.error({ ...whose, cause: describeError(error, privateTextsIn(about)) }, 'a hook failed')
      return undefined
    }
  }
}
