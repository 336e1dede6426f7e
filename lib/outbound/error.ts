/** Why a request to a host that a message names came to nothing. */
export const OUTBOUND_FAILURES = ['REFUSED', 'TOO_LARGE', 'TIMEOUT', 'BROKEN'] as const
export type OutboundFailure = typeof OUTBOUND_FAILURES[number]

/**
 * A request that came to nothing; whoever asked makes an error of its own of it. The message is made of fixed sentences and codes: the
 * URLs of messages are secrets, so none of it may get into a log.
 */
export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly reason: OutboundFailure
  /** Whether the host may have got the request. */
  readonly sent: boolean
  /** Whether the same request may fare better in a moment: the host was busy, or the connection broke. */
  readonly transient: boolean

  constructor (reason: OutboundFailure, message: string, { sent = false, transient = false } = {}) {
    super(message)
    this.reason = reason
    this.sent = sent
    this.transient = transient
  }
}
