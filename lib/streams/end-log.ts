import type { Turn } from '../sources/source.ts'
import type { Failure } from '../stores/store.ts'
import { attempt } from '../util/attempt.ts'
import { SourceError } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import { FAILURE_LEVELS } from './ending.ts'

interface EndOfStream {
  /** Of the stream and its end, whether that is a failure or not. */
  fields: object
  failure?: Failure | undefined
  error: unknown
  turn: Turn | undefined
}

/** One line for the end of a stream, as loud as its failure asks for. */
export function logEnd (log: Logger, { fields, failure, error, turn }: EndOfStream): void {
  if (failure === undefined) return log.info(fields, 'stream ended')
  const { code, reference } = failure
  log[FAILURE_LEVELS[code]]({ ...fields, class: code, reference, ...causeOf(error, turn) }, 'stream failed')
}

function causeOf (error: unknown, turn: Turn | undefined): object {
  const source = attempt(() => error instanceof SourceError ? { details: { ...error.details }, cause: error.cause } : undefined)
  const { details, cause } = source ?? { details: undefined, cause: error }
  return {
    ...(details && { details }),
    ...(cause !== undefined && { cause: describeError(cause, privateTextsIn(turn)) })
  }
}
