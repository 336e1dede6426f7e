import t from 'tap'
import { classOfFault, refusalOf } from '../../../../lib/sources/openai/faults.ts'

t.test('a refusal that names the inspection or the length of the context is of the history', async t => {
  for (const [fault, status] of [
    [{ code: 'data_inspection_failed' }, 400],
    [{ code: 'context_length_exceeded', type: 'invalid_request_error' }, 400],
    [{ code: 'invalid_request_error', message: "This model's maximum context length is 8192 tokens." }, 400],
    [{ message: 'Content Exists Risk' }, 400],
    [{ code: 'data_inspection_failed' }, 200],
    [{ code: 10013, message: '输入内容审核不通过，涉嫌违规' }, 400]
  ] as const) t.equal(refusalOf(fault, status), 'history', JSON.stringify(fault))
})

t.test('a refusal that names pictures is of the pictures', async t => {
  for (const [fault, status] of [
    [{ code: 'invalid_request_error', message: 'image_url is only supported by certain models' }, 400],
    [{ message: 'this model does not support vision' }, 422],
    [{ code: '1210', message: 'messages.content.type 参数非法，取值范围 [\'text\']' }, 400],
    [{ message: 'messages[0].content[0].type类型错误' }, 400],
    [{ message: 'body.messages.0.content.0.type Input should be \'text\' literal_error' }, 422]
  ] as const) t.equal(refusalOf(fault, status), 'pictures', JSON.stringify(fault))
})

t.test('anything else is refused for reasons that less of it does not mend', async t => {
  for (const [fault, status] of [
    [{ message: 'image' }, 500],
    [{ message: 'image' }, 404],
    [{ code: 'insufficient_quota' }, 400],
    [{ message: 'unknown parameter' }, 400],
    [{ message: 'too many requests: image' }, 429],
    [{ message: 'input tokens of this minute exceeded' }, 429],
    [{ code: 'data_inspection_failed', message: '<400> DataInspectionFailed: Output data may contain inappropriate content.' }, 400],
    [{ code: 'model_not_found', message: 'no context window' }, 400],
    [{ message: 'max_tokens is too large: 9000' }, 400],
    [{}, 400]
  ] as const) t.equal(refusalOf(fault, status), undefined, JSON.stringify(fault))
})

t.test('a history that is too long is refused in many words', async t => {
  for (const [fault, status = 400] of [
    [{ code: 'invalid_parameter_error', message: '<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]' }],
    [{ type: 'invalid_request_error', message: 'Invalid request: Your request exceeded model token limit: 8192' }],
    [{ type: 'exceed_context_size_error', code: 400, message: 'the request exceeds the available context size' }],
    [{ code: 400, message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.' }],
    [{ code: 400, message: 'The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).' }],
    [{ code: 'InvalidParameter', message: 'Total tokens of image and text exceed max message tokens.' }],
    [{ code: 'InvalidParameter', message: 'Input length 33000 exceeds the maximum length 32768' }],
    [{ code: '3051', message: 'Prompt contains 40000 tokens, too large for model with 32768 maximum context length' }],
    [{ code: 20015, message: 'length of prompt_tokens (40000) must be less than max_seq_len (32768).' }],
    [{ message: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193.' }, 422],
    [{ message: 'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000' }],
    [{ message: 'Please reduce the length of the messages or completion.' }],
    [{ code: '10907', message: 'token数量超过上限。对话历史+问题的字数太多，需要精简输入' }],
    [{ message: '请求的 token 数超过了模型的最大长度' }],
    [{ code: 'invalid_argument', message: 'the max length of current question is 5000' }],
    [{ message: 'context length exceeded' }, 413]
  ] as const) {
    t.equal(refusalOf(fault, status), 'history', JSON.stringify(fault))
    t.equal(classOfFault(fault, status), 'BAD_REQUEST')
  }
})

t.test('a number that is not listed with its status says nothing, and the words do', async t => {
  t.equal(classOfFault({ code: '1113', message: '您的账户已欠费' }, 400), 'QUOTA')
  t.equal(classOfFault({ code: '1113', message: 'no such tool' }, 400), undefined)
  t.equal(classOfFault({ code: '1301', message: '余额不足' }, 400), 'FILTERED', 'one that is listed does')
  t.equal(classOfFault({ code: 'x1113', message: '余额不足' }, 400), undefined)
})
