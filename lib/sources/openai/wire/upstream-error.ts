import type { FailureClass } from '../../../util/errors.ts'

export type UpstreamReason =
  | 'HEADERS_TIMEOUT' | 'NOT_SSE' | 'BAD_JSON' | 'TOO_MANY_BYTES' | 'UPSTREAM_ERROR' | 'UPSTREAM_TRUNCATED' | 'ENDED_BROKEN' | 'ENDED_BUSY'
  | 'FINISH_UNPROVED' | 'ONLY_REASONING' | 'UNSUPPORTED_TOOL_CALL' | 'CONTENT_FILTER'

/** What a provider says of its own failure: anything at all, so nothing of it is shown or logged unchecked. */
export interface ProviderFault {
  code?: unknown
  type?: unknown
  param?: unknown
  message?: unknown
}

const CLASSES: Record<UpstreamReason, FailureClass> = {
  HEADERS_TIMEOUT: 'TIMEOUT',
  NOT_SSE: 'BROKEN',
  BAD_JSON: 'BROKEN',
  TOO_MANY_BYTES: 'BROKEN',
  UPSTREAM_ERROR: 'BROKEN',
  UPSTREAM_TRUNCATED: 'BROKEN',
  ENDED_BROKEN: 'BROKEN',
  ENDED_BUSY: 'BUSY',
  FINISH_UNPROVED: 'BROKEN',
  ONLY_REASONING: 'BROKEN',
  UNSUPPORTED_TOOL_CALL: 'BAD_REQUEST',
  CONTENT_FILTER: 'FILTERED'
}

/** A failure that we found ourselves in what a provider sent, or did not send. It never leaves the sources. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly reason: UpstreamReason
  readonly class: FailureClass
  readonly fault: ProviderFault
  /** Nothing of the answer has been given out, whatever chunks came. */
  readonly beforeText: boolean

  constructor (reason: UpstreamReason, fault: ProviderFault = {}, { beforeText = false } = {}) {
    // No free text of the provider: the SDK looks into messages of errors for "timed out", and logs show them.
    super(`the provider failed: ${reason}`)
    this.reason = reason
    this.class = CLASSES[reason]
    this.fault = fault
    this.beforeText = beforeText
  }
}
