import type { FailureClass, SourceErrorOptions } from '../../util/errors.ts'
import { SourceError } from '../../util/errors.ts'
import { classOfFault, refusalOf } from './faults.ts'
import type { Refusal } from './faults.ts'
import type { IdentifierFilter } from './identifier.ts'
import { retryAfterMs } from './retry.ts'
import type { ProviderFault } from './wire/upstream-error.ts'
import { UpstreamError } from './wire/upstream-error.ts'

export type Details = NonNullable<SourceErrorOptions['details']>

/** A failure of one attempt. What came from the provider is still unchecked: see `toSourceError`. */
export interface Failure {
  class: FailureClass
  /** The same request may succeed if it is sent again. */
  retryable: boolean
  /** Nothing of the answer has been given out, whatever chunks came. */
  beforeText: boolean
  /** The same request without this may succeed. */
  refusal: Refusal | undefined
  /** How long the provider asks to be left alone. */
  retryAfterMs: number | undefined
  status: number | undefined
  /** Our own word for it, or the system's code of a connection error. */
  reason: string | undefined
  requestId: unknown
  fault: ProviderFault
}

const STATUS_CLASSES: Record<number, FailureClass> = {
  400: 'BAD_REQUEST',
  401: 'AUTH',
  402: 'QUOTA',
  403: 'AUTH',
  404: 'BAD_REQUEST',
  405: 'BAD_REQUEST',
  408: 'TIMEOUT',
  422: 'BAD_REQUEST',
  429: 'BUSY',
  503: 'BUSY',
  504: 'TIMEOUT',
  524: 'TIMEOUT',
  529: 'BUSY'
}

const CONNECTION_CODES: Record<string, { class: FailureClass, retryable: boolean }> = {
  ECONNREFUSED: { class: 'INTERNAL', retryable: true },
  EAI_AGAIN: { class: 'INTERNAL', retryable: true },
  ENOTFOUND: { class: 'INTERNAL', retryable: true },
  EHOSTUNREACH: { class: 'INTERNAL', retryable: true },
  ENETUNREACH: { class: 'INTERNAL', retryable: true },
  ETIMEDOUT: { class: 'TIMEOUT', retryable: true },
  UND_ERR_CONNECT_TIMEOUT: { class: 'TIMEOUT', retryable: true },
  ECONNRESET: { class: 'BROKEN', retryable: true },
  EPIPE: { class: 'BROKEN', retryable: true },
  UND_ERR_SOCKET: { class: 'BROKEN', retryable: true },
  // These two have waited for minutes already.
  UND_ERR_HEADERS_TIMEOUT: { class: 'TIMEOUT', retryable: false },
  UND_ERR_BODY_TIMEOUT: { class: 'TIMEOUT', retryable: false }
}

/**
 * Reads whatever an attempt threw: by `status`, `code` and `cause`, since most of it is no error of the SDK and the
 * names of those that are say nothing.
 */
export function readFailure (error: unknown, now: number): Failure {
  const chain = causes(error)
  const own = chain.find(link => link instanceof UpstreamError)
  if (own !== undefined) {
    const { fault, reason, beforeText } = own
    const byFault = classOfFault(fault)
    return failure(
      { class: byFault ?? own.class, reason, fault, beforeText, retryable: beforeText || mayPass(byFault), refusal: refusalOf(fault) }
    )
  }
  if (error instanceof SyntaxError) return failure({ class: 'BROKEN', reason: 'BAD_JSON', retryable: true })

  const fields = asFields(error)
  const { status, requestID: requestId } = fields
  const fault = { code: fields['code'], type: fields['type'], param: fields['param'], message: asFields(fields['error'])['message'] }

  if (typeof status === 'number') {
    const byFault = classOfFault(fault, status)
    return failure({
      class: byFault ?? STATUS_CLASSES[status] ?? 'INTERNAL',
      retryable: byFault === undefined ? status === 408 || status === 409 || status === 429 || status >= 500 : mayPass(byFault),
      refusal: refusalOf(fault, status),
      retryAfterMs: isHeaders(fields['headers']) ? retryAfterMs(fields['headers'], now) : undefined,
      status,
      requestId,
      fault
    })
  }
  if (fields['error'] !== undefined) {
    const byFault = classOfFault(fault)
    return failure(
      { class: byFault ?? 'BROKEN', reason: 'UPSTREAM_ERROR', retryable: mayPass(byFault), refusal: refusalOf(fault), requestId, fault }
    )
  }

  // undici wraps system errors: the innermost code names what happened
  const code = chain.map(link => asFields(link)['code']).findLast(value => typeof value === 'string')
  return failure({ class: 'INTERNAL', ...(code !== undefined && { reason: code, ...(CONNECTION_CODES[code] ?? brokenBody(code)) }) })
}

/** What Node's readers of HTTP and of compressed bodies say of bytes that make no sense. */
const brokenBody = (code: string): Partial<Failure> | undefined =>
  /^(?:HPE|Z)_/.test(code) ? { class: 'BROKEN', retryable: true } : undefined

/** What is known of an attempt, whether it failed or not. */
export interface AttemptFacts {
  model: string
  attempt: number
  chunks: number
  bytes: number
  requestId?: string
  finishReason?: string
  timeToFirstTokenMs?: number
  durationMs?: number
  /** Parts of the content that are of no known type. */
  unknownParts?: number
  /** What was made of deltas that may each hold all the text so far. */
  deltas?: 'cumulative' | 'appended'
  contentType?: string
  skipped?: number
  address?: string
}

/** What the operator can do about it. */
const HINTS: Record<string, string> = {
  ONLY_REASONING: 'the whole answer came as thinking: start the server without a reasoning parser if the model does not ' +
    'think, or set OPENAI_REASONING_AS_ANSWER=true',
  NOT_SSE: 'no answer of a model stands at this address: OPENAI_BASE_URL may lack the version path',
  404: 'nothing stands at this address, or the model is unknown: OPENAI_BASE_URL may lack the version path',
  405: 'no answer of a model stands at this address: OPENAI_BASE_URL may lack the version path'
}

/** What the stream gets. The provider's own words stay behind: they can quote the key, or the prompt. */
export function toSourceError (
  failure: Failure, facts: AttemptFacts, { identifier, hasParts }: { identifier: IdentifierFilter, hasParts: boolean }
): SourceError {
  // A fault of its own says more than the wrong kind of answer.
  const hint = Object.keys(failure.fault).length > 0 && failure.reason === 'NOT_SSE'
    ? undefined
    : HINTS[failure.reason ?? failure.status ?? '']
  return new SourceError({
    class: failure.class,
    historyRefused: failure.refusal === 'history' && !hasParts,
    details: { ...logFields(failure, facts, identifier), ...(hint !== undefined && { hint }) }
  })
}

/** The fields that may be logged. */
export function logFields (failure: Failure, facts: AttemptFacts, identifier: IdentifierFilter): Details {
  const all = {
    status: failure.status,
    reason: failure.reason,
    code: identifier(failure.fault.code),
    type: identifier(failure.fault.type),
    param: identifier(failure.fault.param),
    ...facts,
    requestId: identifier(failure.requestId ?? facts.requestId),
    finishReason: identifier(facts.finishReason)
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function failure (known: Pick<Failure, 'class'> & Partial<Failure>): Failure {
  return {
    retryable: false,
    beforeText: false,
    refusal: undefined,
    retryAfterMs: undefined,
    status: undefined,
    reason: undefined,
    requestId: undefined,
    fault: {},
    ...known
  }
}

/** What is busy or late now may be neither a moment later. */
const mayPass = (byFault: FailureClass | undefined): boolean => byFault === 'BUSY' || byFault === 'TIMEOUT'

function causes (error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let link = error; link !== undefined && link !== null && !chain.includes(link); link = asFields(link)['cause']) chain.push(link)
  return chain
}

function asFields (value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
}

function isHeaders (value: unknown): value is Headers {
  return typeof asFields(value)['get'] === 'function'
}
