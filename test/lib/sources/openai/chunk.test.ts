import t from 'tap'
import { readChunk, readFault } from '../../../../lib/sources/openai/chunk.ts'

const NOTHING = { text: '', reasoning: '', unknownParts: 0, toolCalls: false, finish: undefined, usage: undefined, error: undefined }

const withDelta = (delta: unknown): unknown => ({ choices: [{ index: 0, delta, finish_reason: null }] })

t.test('what holds nothing for us is no trouble', async t => {
  for (const chunk of [
    null, undefined, 0, 'text', [], {}, { choices: null }, { choices: [] }, { choices: {} }, { choices: [null] }, { choices: ['x'] },
    withDelta(null), withDelta({}), withDelta({ role: 'assistant', content: null }), withDelta({ content: '' }), withDelta({ content: 7 }),
    withDelta({ content: [''] }), withDelta({ content: { type: 'text' } }), withDelta({ reasoning_content: 1, reasoning: null }),
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
})

t.test('text in parts, and what is no text', async t => {
  t.equal(
    readChunk(withDelta({ content: ['a', { type: 'text', text: 'b' }, { text: 'c' }, { type: 'refusal', refusal: 'd' }] })).text, 'abcd'
  )
  t.equal(readChunk(withDelta({ content: { type: 'output_text', text: { value: 'a' } } })).text, 'a')
  t.equal(readChunk(withDelta({ content: [{ type: 'image_url' }, null, 7] })).unknownParts, 3, 'what was left out is counted')
  t.equal(readChunk(withDelta({
    content: [{
      type: 'thinking', thinking: [{ type: 'text', text: 'a' }, 'b']
    }, { type: 'reasoning', reasoning: 'c' }, { type: 'reasoning', text: 'd' }]
  })).reasoning, 'abcd')
  t.equal(readChunk(withDelta({ reasoning_details: [{ text: 'a' }, { summary: 'b' }, { data: 'sealed' }, 'no'] })).reasoning, 'ab')
  t.equal(readChunk(withDelta({ thinking: 'a' })).reasoning, 'a')
})

t.test('a message stands in the place of a delta only if there is no delta', async t => {
  t.match(readChunk({ choices: [{ message: { content: 'a' } }] }), { text: 'a', whole: true })
  t.match(readChunk({ choices: [{ delta: { content: 'b' }, message: { content: 'ab' } }] }), { text: 'b', whole: false })
  t.match(readChunk({ choices: [{ delta: {}, message: { content: 'ab' } }] }), { text: '' })
})

t.test('reasoning has two names, and is taken once', async t => {
  t.equal(readChunk(withDelta({ reasoning_content: 'a' })).reasoning, 'a')
  t.equal(readChunk(withDelta({ reasoning: 'b' })).reasoning, 'b')
  t.equal(readChunk(withDelta({ reasoning_content: 'a', reasoning: 'a' })).reasoning, 'a')
  t.equal(readChunk(withDelta({ reasoning_content: null, reasoning: 'b' })).reasoning, 'b')
})

t.test('tool calls, finish and usage', async t => {
  t.equal(readChunk(withDelta({ tool_calls: [{ index: 0 }] })).toolCalls, true)
  t.equal(readChunk(withDelta({ function_call: { name: 'f' } })).toolCalls, true)
  t.equal(readChunk({ choices: [{ finish_reason: 'stop' }] }).finish, 'stop')
  t.strictSame(readChunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 0 } }).usage, { inputTokens: 3, outputTokens: 0 })
  t.strictSame(readChunk({ usage: { prompt_tokens: -1, completion_tokens: 5 } }).usage, { outputTokens: 5 })
  t.strictSame(readChunk({ choices: [{ usage: { prompt_tokens: 4 } }] }).usage, { inputTokens: 4 }, 'the usage may stand in the choice')
  t.strictSame(readChunk({ usage: { prompt_tokens: 2, completion_tokens: 1.5 } }).usage, { inputTokens: 2 })
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
  t.equal(readChunk({ error: bare }).error, bare)
})
