import { chunk, DONE, event, finish, usage } from '../fixtures/provider.ts'

/** How one API of a provider says things, and how it was asked. */
export interface Wire {
  path: string
  /** What comes before the end, thinking first. */
  thought: string[]
  said: string[]
  whole: string[]
  ends: Array<[what: string, pieces: string[], end: 'length' | 'FILTERED' | 'BAD_REQUEST' | 'BROKEN' | 'BUSY']>
  asked (body: any): Asked[]
}

export interface Asked {
  role: string
  text: string
  images: string[]
}

const listOf = (content: any): any[] => typeof content === 'string' ? [{ text: content }] : content

const chatEnds: Wire['ends'] = [
  ['the token limit', [finish('length'), DONE], 'length'],
  ['a content filter', [finish('content_filter'), DONE], 'FILTERED'],
  ['tool calls that nobody asked for', [
    chunk({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }), finish('tool_calls'), DONE
  ], 'BAD_REQUEST'],
  ['an unknown word', [finish('network_error'), DONE], 'BROKEN'],
  ['[DONE] alone', [DONE], 'BROKEN'],
  ['nothing', [], 'BROKEN'],
  ['an error in the stream', [event({ error: { message: 'no', type: 'server_error', code: 'server_error' } }), DONE], 'BROKEN'],
  ['a broken event', ['data: {"choices":[{"delta":{"content":"an answer\n\n', finish('stop'), DONE], 'BROKEN']
]

/** Chat completions. */
export const chat: Wire = {
  path: '/v1/chat/completions',
  thought: [chunk({ role: 'assistant', content: '' }), chunk({ reasoning_content: 'a thought' })],
  said: [chunk({ role: 'assistant', content: '' }), chunk('an '), chunk('answer')],
  whole: [finish('stop'), usage(3, 4), DONE],
  ends: chatEnds,
  asked: body => body.messages.map(({ role, content }: any) => ({
    role,
    text: listOf(content).map(part => part.text ?? '').join(''),
    images: listOf(content).flatMap(part => part.image_url?.url ?? [])
  }))
}

const typed = (type: string, more: object = {}): string => `event: ${type}\n${event({ type, sequence_number: 1, ...more })}`
const bare = { id: 'r', object: 'response', created_at: 1, model: 'test', output: [], error: null, incomplete_details: null, usage: null }
const response = (status: string, more: object = {}): object => ({ response: { ...bare, status, ...more } })
const item = (done: 'added' | 'done', fields: object): string => typed(`response.output_item.${done}`, { output_index: 0, item: fields })
const thinking = { type: 'reasoning', id: 'a', encrypted_content: null, summary: [] }
const text = { type: 'message', id: 'b', role: 'assistant', content: [] }
const delta = (words: string): string =>
  typed('response.output_text.delta', { item_id: 'b', output_index: 0, content_index: 0, delta: words })
const counted = { usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 } }
const created = typed('response.created', response('in_progress'))
const completed = typed('response.completed', response('completed', counted))
const incomplete = (reason: string): string =>
  typed('response.incomplete', response('incomplete', { ...counted, incomplete_details: { reason } }))

/** Responses. */
export const responses: Wire = {
  path: '/v1/responses',
  thought: [
    item('added', thinking),
    typed('response.reasoning_summary_part.added', { item_id: 'a', summary_index: 0, part: { type: 'summary_text', text: '' } }),
    typed('response.reasoning_summary_text.delta', { item_id: 'a', summary_index: 0, delta: 'a thought' }),
    item('done', thinking)
  ],
  said: [created, item('added', text), delta('an '), delta('answer')],
  whole: [item('done', text), completed],
  ends: [
    ['the token limit', [incomplete('max_output_tokens')], 'length'],
    ['a content filter', [incomplete('content_filter')], 'FILTERED'],
    ['nothing', [], 'BROKEN'],
    ['response.failed', [typed('response.failed', response('failed', { error: { code: 'server_error', message: 'no' } }))], 'BROKEN'],
    ['an error in the stream', [typed('error', { code: 'server_error', message: 'no', param: null })], 'BROKEN'],
    ['a broken event', ['data: {"type":"response.output_text.delta","delta":"an answer\n\n', completed], 'BROKEN'],
    ['a busy model', [typed('error', { error: { type: 'requests', code: 'rate_limit_exceeded', message: 'no', param: null } })], 'BUSY']
  ],
  asked: body => body.input.map(({ role, content }: any) => ({
    role,
    text: listOf(content).map(part => part.text ?? '').join(''),
    images: listOf(content).flatMap(part => part.image_url ?? [])
  }))
}
