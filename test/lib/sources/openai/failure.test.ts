import { inspect } from 'node:util'
import t from 'tap'
import type { AttemptFacts } from '../../../../lib/sources/openai/failure.ts'
import { logFields, readFailure, toSourceError } from '../../../../lib/sources/openai/failure.ts'
import { createIdentifierFilter } from '../../../../lib/sources/openai/identifier.ts'
import { UpstreamError } from '../../../../lib/sources/openai/wire/upstream-error.ts'

const NOW = 1_700_000_000_000
const KEY = 'sk-secret-of-the-test'
const identifier = createIdentifierFilter(KEY)
const facts: AttemptFacts = { model: 'm', attempt: 1, chunks: 0, bytes: 0 }

/** An error as the SDK makes it out of a status and a body. */
function statusError (status: number, error: object = {}, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error(`${status} refused`), { status, error, ...error, headers: new Headers(headers) })
}

const withCause = (message: string, cause: unknown): Error => new TypeError(message, { cause })

t.test('by status', async t => {
  for (const [status, failureClass, retryable] of [
    [400, 'BAD_REQUEST', false], [401, 'AUTH', false], [402, 'QUOTA', false], [403, 'AUTH', false], [404, 'BAD_REQUEST', false],
    [408, 'TIMEOUT', true], [409, 'INTERNAL', true], [418, 'INTERNAL', false], [422, 'BAD_REQUEST', false], [429, 'BUSY', true],
    [499, 'INTERNAL', false], [
      500, 'INTERNAL', true
    ], [502, 'INTERNAL', true], [503, 'BUSY', true], [504, 'TIMEOUT', true], [524, 'TIMEOUT', true], [529, 'BUSY', true]
  ] as const) t.hasStrict(readFailure(statusError(status), NOW), { class: failureClass, retryable, status }, `${status}`)
})

t.test('some codes say more than the status, and are never retried', async t => {
  for (const [status, error, failureClass] of [
    [429, { code: 'insufficient_quota' }, 'QUOTA'], [429, { type: 'insufficient_quota', code: null }, 'QUOTA'],
    [400, { code: 'Arrearage' }, 'QUOTA'], [400, { code: 'content_filter' }, 'FILTERED'], [
      400, { code: 'data_inspection_failed' }, 'FILTERED'
    ],
    [500, { code: 'content_filter' }, 'FILTERED']
  ] as const) {
    t.hasStrict(
      readFailure(statusError(status, error), NOW), { class: failureClass, retryable: false }, `${status} ${JSON.stringify(error)}`
    )
  }
  t.hasStrict(readFailure(statusError(429, { code: 'toString', type: 429 }), NOW), { class: 'BUSY', retryable: true })
})

t.test('the wait that the server asks for', async t => {
  t.equal(readFailure(statusError(429, {}, { 'retry-after': '3' }), NOW).retryAfterMs, 3_000)
  t.equal(readFailure(statusError(429), NOW).retryAfterMs, undefined)
  t.equal(readFailure({ status: 429 }, NOW).retryAfterMs, undefined)
})

t.test('by the code of the connection, however deep it lies', async t => {
  for (const [code, failureClass, retryable] of [
    [
      'ECONNREFUSED', 'INTERNAL', true
    ], ['EAI_AGAIN', 'INTERNAL', true], ['ENOTFOUND', 'INTERNAL', true], ['EHOSTUNREACH', 'INTERNAL', true],
    ['ENETUNREACH', 'INTERNAL', true], ['ETIMEDOUT', 'TIMEOUT', true], [
      'UND_ERR_CONNECT_TIMEOUT', 'TIMEOUT', true
    ], ['ECONNRESET', 'BROKEN', true],
    ['EPIPE', 'BROKEN', true], ['UND_ERR_SOCKET', 'BROKEN', true], [
      'UND_ERR_HEADERS_TIMEOUT', 'TIMEOUT', false
    ], ['UND_ERR_BODY_TIMEOUT', 'TIMEOUT', false],
    ['HPE_INVALID_CHUNK_SIZE', 'BROKEN', true], ['Z_DATA_ERROR', 'BROKEN', true], ['DEPTH_ZERO_SELF_SIGNED_CERT', 'INTERNAL', false]
  ] as const) {
    const system = Object.assign(new Error('system'), { code })
    for (const error of [system, withCause('terminated', system), withCause('Connection error.', withCause('fetch failed', system))]) {
      t.hasStrict(readFailure(error, NOW), { class: failureClass, retryable, reason: code }, code)
    }
  }
  const wrapped = Object.assign(withCause('terminated', Object.assign(new Error('reset'), { code: 'ECONNRESET' })), { code: 'ERR_WRAPPED' })
  t.hasStrict(readFailure(wrapped, NOW), { class: 'BROKEN', reason: 'ECONNRESET' }, 'the innermost code counts')
  const circle: { code: string, cause?: unknown } = { code: 'EPIPE' }
  circle.cause = circle
  t.hasStrict(readFailure(circle, NOW), { class: 'BROKEN' }, 'a circle of causes ends')
})

t.test('what we found ourselves keeps its class, however deep it lies', async t => {
  const own = new UpstreamError('NOT_SSE')
  for (const error of [own, withCause('Connection error.', own)]) {
    t.hasStrict(readFailure(error, NOW), { class: 'BROKEN', reason: 'NOT_SSE', retryable: false })
  }
  t.hasStrict(readFailure(new UpstreamError('NOT_SSE', { code: 'insufficient_quota', message: 'pay' }), NOW), { class: 'QUOTA' })
})

t.test('failures inside a stream', async t => {
  const thrown = Object.assign(new Error('overloaded'), { status: undefined, error: { code: 503 }, code: 503, requestID: 'req_1' })
  t.hasStrict(
    readFailure(thrown, NOW), { class: 'BROKEN', reason: 'UPSTREAM_ERROR', retryable: false, fault: { code: 503 }, requestId: 'req_1' }
  )
  t.hasStrict(readFailure({ error: {}, code: 'content_filter' }, NOW), { class: 'FILTERED' })
  t.hasStrict(readFailure({ error: null }, NOW), { class: 'BROKEN' }, 'an error event without a body')
  const broken = readFailure(new SyntaxError('Unexpected token in "the reply so far"'), NOW)
  t.hasStrict(broken, { class: 'BROKEN', reason: 'BAD_JSON', retryable: true })
  t.notMatch(inspect(broken), 'the reply')
})

t.test('anything else is internal', async t => {
  for (const thrown of [new Error('bug'), 'text', null, undefined, 7, {}, { code: 7 }, { status: '500' }]) {
    t.hasStrict(readFailure(thrown, NOW), { class: 'INTERNAL', retryable: false, status: undefined, reason: undefined }, inspect(thrown))
  }
})

t.test('log fields are known, present, and clean', async t => {
  const failure = readFailure(statusError(401, {
    code: KEY, type: 'prose with spaces', param: 'model', message: 'about the prompt', requestID: 'req_1', extra: 'more'
  }), NOW)
  t.strictSame(logFields(failure, { ...facts, finishReason: 'two words' }, identifier), {
    ...facts, status: 401, param: 'model', requestId: 'req_1'
  })
  t.hasStrict(logFields(
    readFailure(new Error('x'), NOW), { ...facts, requestId: 'req_2', finishReason: 'stop' }, identifier
  ), { requestId: 'req_2', finishReason: 'stop' })
})

t.test('the error for the host shows no key, however it is looked at', async t => {
  const failure = readFailure(statusError(401, { code: KEY, message: `${KEY} is wrong` }, { authorization: `Bearer ${KEY}` }), NOW)
  const error = toSourceError(failure, facts, { identifier, hasParts: false })
  t.match(error, { name: 'SourceError', class: 'AUTH', details: { status: 401 } })
  t.notMatch(inspect(error), 'is wrong', 'nor the words of the provider')
  t.notMatch(inspect(error, { depth: Infinity, showHidden: true }), KEY)
  t.notMatch(JSON.stringify(error), KEY)
})

t.test('a failure without a reason or a status has no hint, and a fault of its own says more than the wrong kind of answer', async t => {
  const facts: AttemptFacts = { model: 'm', attempt: 1, chunks: 0, bytes: 0 }
  const hintOf = (error: unknown): unknown =>
    toSourceError(readFailure(error, NOW), facts, { identifier: createIdentifierFilter('k'), hasParts: false }).details['hint']
  t.equal(hintOf(new Error('odd')), undefined)
  t.equal(hintOf(new UpstreamError('NOT_SSE', { code: 'unknown_thing' })), undefined)
  t.match(hintOf(new UpstreamError('NOT_SSE')), /OPENAI_BASE_URL/)
})

t.test('a history is refused only before the first part of an answer', async t => {
  const failure = readFailure(new UpstreamError('UPSTREAM_ERROR', { code: 'context_length_exceeded' }), NOW)
  for (const hasParts of [false, true]) t.equal(toSourceError(failure, facts, { identifier, hasParts }).historyRefused, !hasParts)
})
