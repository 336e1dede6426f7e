import type { Turn } from '../sources/source.ts'
import type { EndStatus } from '../stores/status.ts'
import type { Failure, Notice, RefusalNotice } from '../stores/store.ts'
import { attempt } from '../util/attempt.ts'
import { FAILURE_CLASSES, SourceError } from '../util/errors.ts'
import type { FailureClass } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import type { TimeoutReason } from './watchdog.ts'

/** Why a stream ended. The first reason counts, whatever its source does afterwards. */
export type EndReason = 'END' | 'LENGTH' | 'TOO_LARGE' | 'STOP' | 'SHUTDOWN' | 'OWNER_LOST' | 'FAILED' | RefusalNotice | TimeoutReason

interface Ending {
  status: EndStatus
  class?: FailureClass
  notice?: Notice
}

const ENDINGS: Record<Exclude<EndReason, 'FAILED'>, Ending> = {
  END: { status: 'done' },
  LENGTH: { status: 'done', notice: 'LENGTH' },
  TOO_LARGE: { status: 'done', notice: 'TOO_LARGE' },
  STOP: { status: 'done', notice: 'STOPPED' },
  DENIED: { status: 'done', notice: 'DENIED' },
  LIMITED: { status: 'done', notice: 'LIMITED' },
  REFUSED: { status: 'done', notice: 'REFUSED' },
  SHUTDOWN: { status: 'error', class: 'BROKEN' },
  OWNER_LOST: { status: 'error', class: 'BROKEN' },
  DEADLINE: { status: 'error', class: 'TIMEOUT' },
  FIRST_TOKEN: { status: 'error', class: 'TIMEOUT' },
  IDLE: { status: 'error', class: 'TIMEOUT' }
}

export function endingOf (reason: EndReason, error: unknown): Ending {
  if (reason !== 'FAILED') return ENDINGS[reason]
  return { status: 'error', class: classOf(error) }
}

/** A host can have changed the class of its error to anything. */
function classOf (error: unknown): FailureClass {
  const given = attempt(() => error instanceof SourceError ? error.class : undefined)
  return FAILURE_CLASSES.find(known => known === given) ?? 'INTERNAL'
}

/** How loud each class is in the log: an error is something that the operator has to mend. */
export const FAILURE_LEVELS: Record<FailureClass, 'info' | 'warn' | 'error'> = {
  AUTH: 'error',
  QUOTA: 'error',
  BUSY: 'warn',
  BAD_REQUEST: 'error',
  FILTERED: 'info',
  TIMEOUT: 'warn',
  BROKEN: 'warn',
  INTERNAL: 'error'
}

interface EndOfStream {
  /** Of the stream and its end, whether that is a failure or not. */
  fields: object
  failure?: Failure | undefined
  /** See `causeOf`. */
  cause: object
}

/** One line for the end of a stream, as loud as its failure asks for. Its summary follows when it is delivered. */
export function logEnd (log: Logger, { fields, failure, cause }: EndOfStream): void {
  if (failure === undefined) return log.debug(fields, 'stream ended')
  const { code, reference } = failure
  log[FAILURE_LEVELS[code]]({ ...fields, class: code, reference, ...cause }, 'stream failed')
}

/** What a log may say of an error, without anything of the turn. Never throws. */
export function causeOf (error: unknown, turn: Turn | undefined): object {
  if (error === undefined) return {}
  const source = attempt(() => error instanceof SourceError ? { details: { ...error.details }, cause: error.cause } : undefined)
  const { details, cause } = source ?? { details: undefined, cause: error }
  return {
    ...(details && { details }),
    ...(cause !== undefined && { cause: describeError(cause, privateTextsIn(turn)) })
  }
}
