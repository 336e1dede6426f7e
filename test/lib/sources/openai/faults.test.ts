import t from 'tap'
import { refusalOf } from '../../../../lib/sources/openai/faults.ts'

t.test('a refusal that names the inspection or the length of the context is of the history', async t => {
  for (const [fault, status] of [
    [{ code: 'data_inspection_failed' }, 400],
    [{ code: 'context_length_exceeded', type: 'invalid_request_error' }, 400],
    [{ code: 'invalid_request_error', message: "This model's maximum context length is 8192 tokens." }, 400],
    [{ message: 'Content Exists Risk' }, 400],
    [{ code: 'data_inspection_failed' }, 200]
  ] as const) t.equal(refusalOf(fault, status), 'history', JSON.stringify(fault))
})

t.test('a refusal that names pictures is of the pictures', async t => {
  for (const [fault, status] of [
    [{ code: 'invalid_request_error', message: 'image_url is only supported by certain models' }, 400],
    [{ message: 'this model does not support vision' }, 422]
  ] as const) t.equal(refusalOf(fault, status), 'pictures', JSON.stringify(fault))
})

t.test('anything else is refused for reasons that less of it does not mend', async t => {
  for (const [fault, status] of [
    [{ message: 'image' }, 500],
    [{ message: 'image' }, 404],
    [{ code: 'insufficient_quota' }, 400],
    [{ message: 'unknown parameter' }, 400],
    [{ message: 'too many requests: image' }, 429],
    [{}, 400]
  ] as const) t.equal(refusalOf(fault, status), undefined, JSON.stringify(fault))
})
