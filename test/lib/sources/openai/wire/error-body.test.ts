import t from 'tap'
import { isPage, readErrorBody } from '../../../../../lib/sources/openai/wire/error-body.ts'

t.test('the words of an error are found under whatever name they stand', async t => {
  for (const [body, expected] of [
    [{ error: { code: 'c', message: 'm' } }, { code: 'c', message: 'm' }],
    [[{ error: { message: 'm' } }], { message: 'm' }],
    [{ message: 'm' }, { message: 'm' }],
    [{ code: 7, msg: 'm', type: 't' }, { code: 7, type: 't', message: 'm' }],
    [{ error_code: 8, error_msg: 'm' }, { code: 8, message: 'm' }],
    [{ detail: 'm' }, { message: 'm' }],
    [{ errors: [{ message: 'a' }, 'b', 7] }, { message: 'a b ' }]
  ]) t.match(readErrorBody(JSON.stringify(body)), expected as object, JSON.stringify(body))
  t.strictSame(readErrorBody(' no credit '), { message: ' no credit ' })
})

t.test('what was asked is not taken for words of the error', async t => {
  const loc = ['body', 'messages', 0, 'content', 0, 'type']
  const detail = [{ type: 'literal_error', loc, msg: 'Input should be \'text\'', input: 'the prompt' }]
  t.strictSame(readErrorBody(JSON.stringify({ detail })), {
    code: undefined, type: undefined, message: 'body.messages.0.content.0.type Input should be \'text\' literal_error'
  })
})

t.test('what has no words has none', async t => {
  for (const body of ['', ' ', '<html>', '\n<!doctype html>', '{}', '[]', '7', '{"detail":7}', '{"detail":{}}', '{"status":"ok"}']) {
    t.equal(readErrorBody(body), undefined, body)
  }
  t.ok(isPage(' <p>'))
  t.notOk(isPage('a < b'))
})
