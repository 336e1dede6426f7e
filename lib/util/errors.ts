/** The classes of failure a user can be told about; each has one sentence in the texts. */
export const FAILURE_CLASSES = ['AUTH', 'QUOTA', 'BUSY', 'BAD_REQUEST', 'FILTERED', 'TIMEOUT', 'BROKEN', 'INTERNAL'] as const
export type FailureClass = typeof FAILURE_CLASSES[number]

export interface ConfigFault {
  /** The environment variable, or the path of the option, that has to change. */
  name: string
  /** What was wrong, and what is expected. Never the value of a secret. */
  problem: string
}

/** Every fault of a configuration at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'WECOM_ERR_CONFIG'
  readonly faults: readonly ConfigFault[]

  constructor (faults: readonly ConfigFault[]) {
    super(['fastify-wecom-stream is not configured correctly:', ...faults.map(fault => `- ${fault.name}: ${fault.problem}`)].join('\n'))
    this.faults = faults
  }
}

/** A call of the host that cannot be carried out as it stands. */
export class InputError extends Error {
  override readonly name = 'InputError'
  readonly code = 'WECOM_ERR_INPUT'
  readonly statusCode = 400
}

/** As many streams run and wait as the bounds allow. */
export class BusyError extends Error {
  override readonly name = 'BusyError'
  readonly code = 'WECOM_ERR_BUSY'
  readonly statusCode = 503

  constructor (running: number) {
    super(`${running} streams are running or waiting already; raise STREAM_MAX_RUNNING or STREAM_MAX_QUEUED, or try again later`)
  }
}

/** The streams are draining or closed, and take nothing new. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError'
  readonly code = 'WECOM_ERR_CLOSED'
  readonly statusCode = 503

  constructor () {
    super('the streams are shutting down and take no new stream')
  }
}

/** The store that several processes share is away, or refuses what it is asked. Its log line says why. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'
  readonly code = 'WECOM_ERR_UNAVAILABLE'
  readonly statusCode = 503

  constructor (cause: unknown) {
    super('the shared store is away or refuses commands; try again later', { cause })
  }
}

/** Whether the store was away, and will be back: what it refuses, it refuses again. */
export const isPassing = (error: unknown): boolean =>
  error instanceof UnavailableError && (error.cause as { kind?: unknown }).kind !== 'refused'

/** For what comes of a failure: a store that is away says so itself, once for all. */
export const levelOf = (error: unknown): 'debug' | 'error' => error instanceof UnavailableError ? 'debug' : 'error'

/** Why a callback was refused. The caller never learns which of the sealed ones it was (see `lib/wecom/refusals.ts`). */
export type RefusalCode =
  | 'WECOM_ERR_QUERY' | 'WECOM_ERR_BODY' | 'WECOM_ERR_BODY_TOO_LARGE'
  | 'WECOM_ERR_SIGNATURE' | 'WECOM_ERR_TIMESTAMP' | 'WECOM_ERR_DECRYPT' | 'WECOM_ERR_RECEIVER'
  | 'WECOM_ERR_MESSAGE'

/** A callback that is not answered as a message of WeCom. `message` is for the operator's log alone. */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
  readonly code: RefusalCode

  constructor (code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface SourceErrorOptions {
  class: FailureClass
  cause?: unknown
  /** The history of the turn was refused, and less of it did not help: the user is told how to begin a new conversation. */
  historyRefused?: boolean
  /** Plain fields for the log line of the failure. Whatever is put here is logged: no key, prompt or reply. */
  details?: Record<string, string | number | boolean | undefined>
}

/** Thrown by a source to choose the sentence that the user sees. Anything else a source throws is `INTERNAL`. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly code = 'WECOM_ERR_SOURCE'
  readonly class: FailureClass
  readonly historyRefused: boolean
  readonly details: NonNullable<SourceErrorOptions['details']>

  constructor (options: SourceErrorOptions) {
    super(`the source failed: ${options.class}`, 'cause' in options ? { cause: options.cause } : undefined)
    if (!FAILURE_CLASSES.includes(options.class)) {
      throw new InputError(`SourceError: class must be one of ${FAILURE_CLASSES.join(', ')}`)
    }
    this.class = options.class
    this.historyRefused = options.historyRefused === true
    this.details = options.details ?? {}
  }
}
