import t from 'tap'
import { UpstreamError } from '../../../../../lib/sources/openai/wire/upstream-error.ts'

t.test('every reason has its class', async t => {
  for (const [reason, failureClass] of [
    ['HEADERS_TIMEOUT', 'TIMEOUT'], ['NOT_SSE', 'BROKEN'], ['TOO_MANY_BYTES', 'BROKEN'], ['UPSTREAM_ERROR', 'BROKEN'],
    ['UPSTREAM_TRUNCATED', 'BROKEN'], ['UNSUPPORTED_TOOL_CALL', 'BAD_REQUEST'], ['CONTENT_FILTER', 'FILTERED']
  ] as const) {
    t.match(new UpstreamError(reason), { name: 'UpstreamError', reason, class: failureClass, fault: {} })
  }
})

t.test('the provider\'s words are kept out of the message', async t => {
  const error = new UpstreamError('UPSTREAM_ERROR', { message: 'the prompt was: hello' })
  t.equal(error.message, 'the provider failed: UPSTREAM_ERROR')
  t.notMatch(error.stack, 'hello')
})
