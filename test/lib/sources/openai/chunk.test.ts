import t from 'tap'
import { readChunk, readFault } from '../../../../lib/sources/openai/chunk.ts'

const NOTHING = { text: '', reasoning: '', toolCalls: false, finish: undefined, usage: undefined, error: undefined }

const withDelta = (delta: unknown): unknown => ({ choices: [{ index: 0, delta, finish_reason: null }] })

t.test('what holds nothing for us is no trouble', async t => {
  for (const chunk of [
    null, undefined, 0, 'text', [], {}, { choices: null }, { choices: [] }, { choices: {} }, { choices: [null] }, { choices: ['x'] },
    withDelta(null), withDelta({}), withDelta({ role: 'assistant', content: null }), withDelta({ content: '' }), withDelta({ content: 7 }),
    withDelta({ content: ['a'] }), withDelta({ content: { text: 'a' } }), withDelta({ reasoning_content: 1, reasoning: null }),
    withDelta({ refusal: null }), withDelta({ tool_calls: null }), withDelta({ tool_calls: [] }), withDelta({ function_call: null }),
    { choices: [{ finish_reason: '' }] }, { choices: [{ finish_reason: 3 }] }, { usage: null }, { usage: {} }, { usage: { prompt_tokens: '3' } },
    { error: null }, { message: 'x' }, { code: 1 }, { object: 'chat.completion.chunk', choices: [{ index: 1, delta: { content: 'b' }, finish_reason: 'stop' }] }
  ]) t.strictSame(readChunk(chunk), NOTHING, JSON.stringify(chunk) ?? 'undefined')
})

t.test('text', async t => {
  t.equal(readChunk(withDelta({ content: ' a ' })).text, ' a ')
  t.equal(readChunk(withDelta({ refusal: 'no' })).text, 'no', 'a refusal is text')
  t.equal(readChunk(withDelta({ content: '\ud83d' })).text, '\ud83d', 'half a character is passed on')
  t.equal(readChunk({ choices: [{ delta: { content: 'a' } }] }).text, 'a', 'a choice may lack its index')
  t.equal(readChunk({ choices: [{ index: 1, delta: { content: 'b' } }, { index: 0, delta: { content: 'a' } }] }).text, 'a', 'the first of several choices')
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
    [{ ...bare, code: null, choices: null }, { ...bare, code: null, choices: null }]
  ]) t.strictSame(readFault(value), expected, JSON.stringify(value))
  t.equal(readFault({ ...bare, choices: [] }), undefined, 'a chunk may have more fields')
  t.equal(readChunk({ error: bare }).error, bare)
})
