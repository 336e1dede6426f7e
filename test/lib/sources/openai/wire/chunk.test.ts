import t from 'tap'
import { readChunk, readFault } from '../../../../../lib/sources/openai/wire/chunk.ts'

const NOTHING = { text: '', reasoning: '', unknownParts: 0, toolCalls: false, finish: undefined, usage: undefined, error: undefined }

const withDelta = (delta: unknown): unknown => ({ choices: [{ index: 0, delta, finish_reason: null }] })

t.test('what holds nothing for us is no trouble', async t => {
  for (const chunk of [
    null, undefined, 0, 'text', [], {}, { choices: null }, { choices: [] }, { choices: {} }, { choices: [null] }, { choices: ['x'] },
    withDelta(null), withDelta({}), withDelta({ role: 'assistant', content: null }), withDelta({ content: '' }),
    withDelta({ content: [''] }), withDelta({ content: { type: 'text', text: '' } }), withDelta({ reasoning_content: 1, reasoning: null }),
    withDelta({ refusal: null }), withDelta({ tool_calls: null }), withDelta({ tool_calls: [] }), withDelta({ function_call: null }),
    {
      choices: [{ finish_reason: '' }]
    }, { choices: [{ finish_reason: 3 }] }, { usage: null }, { usage: {} }, { usage: { prompt_tokens: '3' } },
    { error: null }, { message: 'x' }, { code: 1 }, {
      object: 'chat.completion.chunk', choices: [{ index: 1, delta: { content: 'b' }, finish_reason: 'stop' }]
    }
  ]) t.strictSame({ ...readChunk(chunk), whole: undefined }, { ...NOTHING, whole: undefined }, JSON.stringify(chunk) ?? 'undefined')
})

t.test('text', async t => {
  t.equal(readChunk(withDelta({ content: ' a ' })).text, ' a ')
  t.equal(readChunk(withDelta({ refusal: 'no' })).text, 'no', 'a refusal is text')
  t.equal(readChunk(withDelta({ content: '\ud83d' })).text, '\ud83d', 'half a character is passed on')
  t.equal(readChunk({ choices: [{ delta: { content: 'a' } }] }).text, 'a', 'a choice may lack its index')
  t.equal(readChunk(
    { choices: [{ index: 1, delta: { content: 'b' } }, { index: 0, delta: { content: 'a' } }] }
  ).text, 'a', 'the first of several choices')
  t.equal(readChunk({ choices: [{ index: '0', delta: { content: 'a' } }] }).text, 'a')
})

t.test('text in parts, and what is no text', async t => {
  t.equal(
    readChunk(withDelta({ content: ['a', { type: 'text', text: 'b' }, { text: 'c' }, { type: 'refusal', refusal: 'd' }] })).text, 'abcd'
  )
  t.equal(readChunk(withDelta({ content: { type: 'output_text', text: { value: 'a' } } })).text, 'a')
  t.equal(readChunk(withDelta({ content: [{ type: 'text', content: 'a' }, { type: 'text', text: null }] })).text, 'a')
  for (const [content, count] of [
    [[{ type: 'image_url' }, null, 7], 3], [7, 1], [false, 1], [{ type: 'text' }, 1], [[{ x: 'a' }], 1]
  ] as const) {
    t.equal(readChunk(withDelta({ content })).unknownParts, count, `what was left out of ${JSON.stringify(content)} is counted`)
  }
  t.equal(readChunk(withDelta({
    content: [{
      type: 'thinking', thinking: [{ type: 'text', text: 'a' }, 'b']
    }, { type: 'reasoning', reasoning: 'c' }, { type: 'reasoning', text: 'd' }]
  })).reasoning, 'abcd')
  t.equal(readChunk(withDelta({ reasoning_details: [{ text: 'a' }, { summary: 'b' }, { data: 'sealed' }, 'c'] })).reasoning, 'abc')
  t.equal(readChunk(withDelta({ reasoning_details: { content: 'a' }, content: [{ type: 'thinking', thinking: 'b' }] })).reasoning, 'a')
  for (const name of ['thinking', 'reasoning_text', 'thinking_blocks']) {
    t.equal(readChunk(withDelta({ [name]: [{ thinking: 'a' }] })).reasoning, 'a', name)
  }
})

t.test('a message stands in the place of a delta only if there is no delta', async t => {
  t.hasStrict(readChunk({ choices: [{ message: { content: 'a' } }] }), { text: 'a', whole: true })
  t.hasStrict(readChunk({ choices: [{ delta: { content: 'b' }, message: { content: 'ab' } }] }), { text: 'b', whole: false })
  for (const delta of [{}, null, { role: 'assistant', content: '', tool_calls: [], refusal: null }]) {
    t.hasStrict(readChunk({ choices: [{ delta, message: { content: 'ab' } }] }), { text: 'ab', whole: true }, JSON.stringify(delta))
  }
  t.hasStrict(readChunk({ choices: [{ text: 'a' }] }), { text: 'a', whole: false }, 'nor is there either in old completions')
  t.hasStrict(readChunk({ choices: [{ delta: { content: 'b' }, text: 'b' }] }), { text: 'b' })
})

t.test('reasoning has several names, and is taken once', async t => {
  t.equal(readChunk(withDelta({ reasoning_content: 'a' })).reasoning, 'a')
  t.equal(readChunk(withDelta({ reasoning: 'b' })).reasoning, 'b')
  t.equal(readChunk(withDelta({ reasoning_content: 'a', reasoning: 'a' })).reasoning, 'a')
  t.equal(readChunk(withDelta({ reasoning_content: null, reasoning: 'b' })).reasoning, 'b')
})

t.test('tool calls, finish and usage', async t => {
  t.equal(readChunk(withDelta({ tool_calls: [{ index: 0 }] })).toolCalls, true)
  t.equal(readChunk(withDelta({ function_call: { name: 'f' } })).toolCalls, true)
  t.equal(readChunk({ choices: [{ finish_reason: 'stop' }] }).finish, 'stop')
  t.equal(readChunk({ choices: [{ finish_reason: '完成' }] }).finish, '完成')
  for (const word of ['null', 'None', 'not_finished', 'FINISH_REASON_UNSPECIFIED', ' ']) {
    t.equal(readChunk({ choices: [{ finish_reason: word }] }).finish, undefined, `${word} stands in place of none`)
  }
  t.strictSame(readChunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 0 } }).usage, { inputTokens: 3, outputTokens: 0 })
  t.strictSame(readChunk({ usage: { prompt_tokens: -1, completion_tokens: 5 } }).usage, { outputTokens: 5 })
  t.strictSame(readChunk({ choices: [{ usage: { prompt_tokens: 4 } }] }).usage, { inputTokens: 4 }, 'the usage may stand in the choice')
  t.strictSame(readChunk({ usage: { prompt_tokens: 2, completion_tokens: 1.5 } }).usage, { inputTokens: 2 })
  t.strictSame(readChunk({ choices: [], x_groq: { usage: { prompt_tokens: 2 } } }).usage, { inputTokens: 2 })
  t.strictSame(readChunk({ choices: [], usage: { input_tokens: 2, output_tokens: 3 } }).usage, { inputTokens: 2, outputTokens: 3 })
})

t.test('failures in all their disguises', async t => {
  const bare = { message: 'overloaded', code: 503 }
  for (const [value, expected] of [
    [{ error: bare }, bare],
    [{ error: 'overloaded' }, { message: 'overloaded' }],
    [{ type: 'error', error: bare }, bare],
    [{ type: 'error' }, { type: 'error' }],
    [{ object: 'error', message: 'x' }, { object: 'error', message: 'x' }],
    [bare, bare],
    [{ base_resp: { status_code: 1008, status_msg: 'pay' } }, { code: 1008, message: 'pay' }],
    [{ base_resp: { status_code: 0, status_msg: '' } }, undefined],
    [{ ...bare, code: null, choices: null }, { ...bare, code: null, choices: null }]
  ]) t.strictSame(readFault(value), expected, JSON.stringify(value))
  t.equal(readFault({ ...bare, choices: [] }), undefined, 'a chunk may have more fields')
  for (const code of [0, '0', '00000']) t.equal(readFault({ message: 'Success', code }), undefined, 'nought is a success')
  t.equal(readChunk({ error: bare }).error, bare)
})
