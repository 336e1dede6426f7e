import t from 'tap'
import { describeError, redact, safeName } from '../../../lib/util/redact.ts'

t.test('key-shaped text goes', async t => {
  for (const [text, expected] of [
    ['key sk-proj_abc-123456 is wrong', 'key [redacted] is wrong'],
    ['pk-12345678 and rk-12345678', '[redacted] and [redacted]'],
    ['SK-ABCDEFGH', '[redacted]'],
    ['authorization: Bearer abc.def/ghi= refused', 'authorization: [redacted] refused'],
    ['bearer  x', '[redacted]'],
    ['Incorrect API key provided: sk-proj-abc***wxyz. See the docs.', 'Incorrect API key provided: [redacted] See the docs.'],
    ['connect to http://user:pass@host/v1', 'connect to http:[redacted]host/v1'],
    ['a risk-free-operation, a task-management tool', 'a risk-free-operation, a task-management tool']
  ] as const) t.equal(redact(text), expected)
})

t.test('a name of others is short, of one line, and plain', async t => {
  for (const [name, expected] of [
    ['enter_chat', 'enter_chat'], ['of the future', 'of the future'], ['', ''], [
      'a\nb\u0000\u007f\u202e你', 'a?b????'
    ], ['x'.repeat(200), 'x'.repeat(64)], ['😀', '??']
  ] as const) t.equal(safeName(name), expected)
})

t.test('given secrets go wherever they stand, also within JSON', async t => {
  t.equal(redact('a+b (a+b)', ['a+b']), '[redacted] ([redacted])', 'a secret is no pattern')
  const prompt = 'say "hi"\nplease'
  t.equal(redact(`bad request: ${prompt}`, [prompt]), 'bad request: [redacted]')
  t.equal(redact(`bad request: ${JSON.stringify({ prompt })}`, [prompt]), 'bad request: {"prompt":"[redacted]"}')
  t.equal(redact('one two', ['one', 'two']), '[redacted] [redacted]')
  t.equal(redact(
    'at https://a/secret', ['https', 'a', 'https://a/secret']
  ), '[redacted]t [redacted]', 'a shorter one leaves nothing of a longer one behind')
  t.equal(redact('red e', ['red', 'e']), '[redacted] [redacted]', 'nor is one found in what stands for another')
  t.equal(redact('e', ['e']), '[redacted]', 'what was put in place of a secret is left alone')
})

t.test('a blank secret is none', async t => {
  t.equal(redact('a b', ['', ' ']), 'a b')
})

t.test('a text is cut at 200 characters, after the secrets are gone', async t => {
  t.equal(redact('x'.repeat(200)), 'x'.repeat(200))
  t.equal(redact('x'.repeat(201)), 'x'.repeat(200))
  t.equal(redact('x'.repeat(194) + ' sk-12345678'), 'x'.repeat(194) + ' [reda')
  t.equal(redact('x'.repeat(195) + 'a secret', ['a secret']), 'x'.repeat(195) + '[reda')
})

t.test('an error is its type, its message, its code and its frames', async t => {
  class OddError extends Error { code = 'E_ODD' }
  const described = describeError(new OddError('it failed'))
  t.hasStrict(described, { type: 'OddError', message: 'it failed', code: 'E_ODD' })
  const frames = String(described['stack']).split('\n')
  t.match(frames[0], /redact\.test\.ts/)
  t.ok(frames.every(frame => /^\s+at /.test(frame)))
})

t.test('an error shows no secret, wherever it holds it', async t => {
  const prompt = 'why?\n    at secretPlace (secret.js:1:1)\nthanks'
  const error = Object.assign(
    new Error(`cannot answer ${prompt} with sk-12345678`), { code: `E ${prompt}`, prompt, headers: { authorization: 'x' } }
  )
  const described = describeError(error, [prompt])
  t.hasStrict(described, { message: 'cannot answer [redacted] with [redacted]', code: 'E [redacted]' })
  t.notMatch(JSON.stringify(described), /secret|why|thanks|authorization/)

  error.message = 'another message'
  t.notMatch(JSON.stringify(describeError(error, [prompt])), /secret/, 'a stack keeps the message that the error was made with')
  t.notMatch(JSON.stringify(describeError(new Error('x\n    at y (z)'))['stack']), /at y/, 'no line of the message passes for a frame')
})

t.test('only a code that is a string is told', async t => {
  for (const code of [7, undefined, { secret: 1 }]) t.notOk('code' in describeError(Object.assign(new Error('x'), { code })))
})

t.test('an error without a stack, or with a message that is no string, is described all the same', async t => {
  const error = Object.assign(new Error(), { message: 7 })
  delete (error as { stack?: string }).stack
  t.strictSame(describeError(error), { type: 'Error', message: '7', stack: undefined })
})

t.test('of anything else that is thrown, only the type is told', async t => {
  for (const [thrown, type] of [
    ['secret', 'string'], [7, 'number'], [null, 'object'], [undefined, 'undefined'], [{ message: 'secret' }, 'object']
  ] as const) {
    t.strictSame(describeError(thrown), { type })
  }
})

t.test('the cause of an error is told, one deep, with its secrets gone', async t => {
  const inner = Object.assign(new Error('connect ECONNREFUSED with sk-0123456789'), { code: 'ECONNREFUSED' })
  const outer = new TypeError('fetch failed', { cause: inner })
  inner.cause = outer
  t.hasStrict(describeError(outer), {
    type: 'TypeError',
    message: 'fetch failed',
    cause: {
      type: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED with [redacted]'
    }
  })
  t.notOk('cause' in (describeError(outer)['cause'] as object))
  t.notOk('cause' in describeError(new Error('x', { cause: 'text' })))
})
