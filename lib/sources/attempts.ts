import type { FailureClass } from '../util/errors.ts'

/** By which a context is told that a request to a provider has failed, and that another follows. */
export const kAttemptFailed: unique symbol = Symbol('fastify-wecom-stream.attemptFailed')

interface Told { [kAttemptFailed]? (failure: FailureClass): void }

/** A context of the host's own, as in its tests, need not listen. */
export const attemptFailed = (context: object, failure: FailureClass): void => (context as Told)[kAttemptFailed]?.(failure)
