import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import { LLMock } from '@copilotkit/aimock'
import t from 'tap'
import { createOpenAISource } from '../../../../lib/sources/openai/openai.ts'
import type { OpenAIOptions } from '../../../../lib/sources/openai/openai.ts'
import type { ReplyPart } from '../../../../lib/sources/source.ts'
import type { SourceError } from '../../../../lib/util/errors.ts'
import type { Logger } from '../../../../lib/util/logger.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import {
  DONE, chunk, createProvider, cut, event, finish, heldReply, refused, silent, sse, stalled, status, usage
} from '../../../fixtures/provider.ts'
import type { Provider, Script } from '../../../fixtures/provider.ts'
import { idle } from '../../../fixtures/waiting.ts'

const KEY = 'sk-secret-of-the-test'
const PROMPT = 'what the user asked'
const END = { type: 'end', reason: 'stop' }

process.on('unhandledRejection', error => t.fail('a rejection was not handled', { error }))

interface Outcome {
  parts: Array<string | ReplyPart>
  text: string
  error: SourceError | undefined
}

/** A source on the provider, with a clock, a log and a stop of its own. */
function build (provider: { url: string }, options: Partial<OpenAIOptions> = {}, { isImpatient = true } = {}) {
  const clock = createManualClock()
  const source = createOpenAISource({ apiKey: KEY, baseURL: provider.url, model: 'test', clock, random: () => 0, ...options })
  const stop = new AbortController()
  const logged: Array<Record<string, unknown>> = []
  const ends: Array<Record<string, unknown>> = []
  const untimed: Array<Promise<unknown>> = []
  const write = (): void => { t.fail('only warnings are expected') }
  let onWarn = (): void => {}
  const log: Logger = {
    info: write,
    // How the provider ended its answer.
    debug (fields) { ends.push({ ...fields as object }) },
    error: write,
    child: () => log,
    warn (fields) {
      logged.push({ ...fields as object })
      onWarn()
      // The wait for the next attempt is armed right after the warning.
      if (isImpatient) setImmediate(() => { void clock.advance(10_000) })
    }
  }
  const context = {
    signal: stop.signal,
    log,
    untimed<T> (work: Promise<T>): Promise<T> {
      if (this !== context) t.fail('untimed lost its object')
      untimed.push(work)
      return work
    }
  }
  const turn = { prompt: PROMPT, deadline: clock.now() + 330_000 }

  return {
    clock,
    stop,
    logged,
    ends,
    untimed,
    turn,
    warned: () => new Promise<void>(resolve => { onWarn = resolve }),
    start: (signal = stop.signal) => source(turn, Object.assign(context, { signal }))[Symbol.asyncIterator](),
    async run (): Promise<Outcome> {
      const outcome: Outcome = { parts: [], text: '', error: undefined }
      try {
        for await (const part of source(turn, context)) {
          outcome.parts.push(part)
          if (typeof part === 'string') outcome.text += part
        }
      } catch (error) {
        outcome.error = error as SourceError
      }
      t.equal(clock.pending, 0, 'no timer is left')
      t.equal(getEventListeners(stop.signal, 'abort').length, 0, 'no listener is left')
      return outcome
    }
  }
}

async function provide (t: { teardown (callback: () => Promise<void>): void }, ...scripts: Script[]): Promise<Provider> {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  if (scripts.length > 0) provider.respondWith(...scripts)
  return provider
}

const OK = sse(chunk({ role: 'assistant', content: '' }), chunk('hello'), chunk(' world'), finish('stop'), usage(3, 2), DONE)

// The first test, because the SDK keeps hold of the console it first wrote to.
t.test('the environment is not read', async t => {
  const provider = await provide(t, OK)
  const environment = {
    OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    OPENAI_API_KEY: 'sk-other',
    OPENAI_ADMIN_KEY: 'sk-admin',
    OPENAI_ORG_ID: 'org',
    OPENAI_PROJECT_ID: 'project',
    OPENAI_LOG: 'debug',
    OPENAI_CUSTOM_HEADERS: 'X-Custom: 1\nAuthorization: Bearer sk-custom'
  }
  const said = (['debug', 'log', 'info', 'warn', 'error'] as const).map(method => t.capture(console, method))
  Object.assign(process.env, environment)
  t.teardown(() => { for (const name of Object.keys(environment)) delete process.env[name] })
  const { text } = await build(provider).run()
  t.equal(text, 'hello world')
  const { headers } = await provider.request(0)
  t.strictSame(Object.keys(headers).filter(name => /^(x-|openai)/.test(name)), [])
  t.equal(headers.authorization, `Bearer ${KEY}`)

  t.strictSame(said.flatMap(method => method()), [], 'the SDK prints nothing')

  const asked: string[] = []
  const { run } = build(
    provider, { baseURL: undefined, fetch: async url => { asked.push(String(url)); return new Response('', { status: 400 }) } }
  )
  await run()
  t.strictSame(asked, ['https://api.openai.com/v1/chat/completions'])
})

t.test('an answer', async t => {
  const provider = await provide(t, OK)
  const { run, turn } = build(provider)
  const { parts, error } = await run()
  t.equal(error, undefined)
  t.strictSame(parts, ['hello', ' world', { ...END, usage: { inputTokens: 3, outputTokens: 2 } }])
  const { method, path, headers, body } = await provider.request(0)
  t.strictSame([method, path, headers.authorization], ['POST', '/v1/chat/completions', `Bearer ${KEY}`])
  t.strictSame(
    body, { model: 'test', stream_options: { include_usage: true }, stream: true, messages: [{ role: 'user', content: turn.prompt }] }
  )
})

t.test('the model is asked with all of the turn', async t => {
  const provider = await provide(t, OK)
  const { run, turn } = build(provider, { systemPrompt: 'Be kind.', language: 'en', imageDetail: 'low' })
  Object.assign(turn, {
    prompt: 'and this?',
    history: [{ prompt: 'what is it?', reply: 'a d', cut: true }],
    attachments: [{ kind: 'image', type: 'image/png', size: 1, data: 'AA==' }],
    quote: { text: 'that' }
  })
  await run()
  t.strictSame((await provider.request(0)).body.messages, [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'what is it?' },
    { role: 'assistant', content: 'a d\n\n[the reply was cut off here]' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'The message that the user quotes:\n> that\n\nand this?' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } }
      ]
    }
  ])
})

t.test('an answer whose thinking is open from the beginning is told by an option', async t => {
  const script = sse(chunk('hm</think>a'), finish('stop'))
  t.strictSame((await build(await provide(t, script), { thinkingFirst: true }).run()).parts, [{ type: 'reasoning', text: 'hm' }, 'a', END])
})

t.test('thinking that breaks off is not lost', async t => {
  const { parts, error } = await build(await provide(t, cut(chunk('<think>hm, </thi')))).run()
  t.strictSame(parts.map(part => (part as { text: string }).text).join(''), 'hm, </thi')
  t.hasStrict(error, { class: 'BROKEN' })
})

t.test('the request has what was configured, and nothing else', async t => {
  const provider = await provide(t, OK)
  const ask = async (options: Partial<OpenAIOptions>): Promise<unknown> => {
    await build(provider, options).run()
    const { messages, ...body } = provider.requests.at(-1)?.body
    return { ...body, roles: messages.map((message: { role: string }) => message.role) }
  }
  const bare = { model: 'test', stream: true, roles: ['user'] }
  t.strictSame(await ask({ includeUsage: false }), bare)
  t.strictSame(await ask({ includeUsage: false, maxTokens: 9 }), { ...bare, max_completion_tokens: 9 })
  t.strictSame(await ask(
    { includeUsage: false, maxTokens: 9, maxTokensField: 'max_tokens', temperature: 0 }
  ), { ...bare, max_tokens: 9, temperature: 0 })
  t.strictSame(await ask({ includeUsage: false, systemPrompt: 'be kind' }), { ...bare, roles: ['system', 'user'] })
  t.strictSame(
    await ask({ includeUsage: false, systemPrompt: 'be kind', systemRole: 'developer' }), { ...bare, roles: ['developer', 'user'] }
  )
  t.strictSame(await ask({ extraBody: { enable_thinking: false, stream: false, messages: [], stream_options: { a: 1 } } }), {
    ...bare, enable_thinking: false, stream_options: { a: 1 }
  })
  t.strictSame(provider.requests.at(-1)?.body.messages, [{ role: 'user', content: PROMPT }])
})

t.test('with aimock: text and usage', async t => {
  const mock = await startMock(t)
  mock.onMessage('ask', { content: 'hello from the mock', usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 } })
  const { run, turn } = build({ url: `${mock.url}/v1` })
  turn.prompt = 'ask'
  const { parts, text, error } = await run()
  t.equal(error, undefined)
  t.equal(text, 'hello from the mock')
  t.strictSame(parts.at(-1), { ...END, usage: { inputTokens: 7, outputTokens: 4 } })
})

t.test('with aimock: refusals', async t => {
  for (const [code, failureClass] of [[400, 'BAD_REQUEST'], [401, 'AUTH'], [500, 'INTERNAL']] as const) {
    const mock = await startMock(t)
    mock.onMessage('ask', { error: { message: `about ${PROMPT}`, type: 'some_error' }, status: code })
    const { run, turn } = build({ url: `${mock.url}/v1` })
    turn.prompt = 'ask'
    const { error } = await run()
    t.hasStrict(error, { class: failureClass, details: { status: code, type: 'some_error' } })
    t.equal(mock.getRequests().length, code === 500 ? 3 : 1)
  }
})

t.test('with aimock: 429 and Retry-After', async t => {
  const mock = await startMock(t)
  mock.onMessage('ask', { error: { message: 'slow down', code: 'rate_limit_exceeded' }, status: 429, retryAfter: 2 })
  const { clock, run, turn, logged, warned } = build({ url: `${mock.url}/v1` }, { maxRetries: 1 }, { isImpatient: false })
  turn.prompt = 'ask'
  const warning = warned()
  const outcome = run()
  await warning
  t.hasStrict(logged, [{ class: 'BUSY', status: 429, code: 'rate_limit_exceeded', model: 'test', attempt: 1 }])
  await idle()
  await clock.advance(1_999)
  t.equal(mock.getRequests().length, 1)
  await clock.advance(1)
  t.hasStrict(await outcome, { error: { class: 'BUSY', details: { status: 429, attempt: 2, durationMs: 0 } } })
  t.equal(mock.getRequests().length, 2)
})

t.test('streams that are not like the textbook', async t => {
  const bytes = Buffer.from(chunk('中文 😀') + finish('stop') + DONE)
  const onePerPacket: Script = async response => {
    response.socket?.setNoDelay(true)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) {
      response.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    response.end()
  }
  for (const [name, script, parts] of [
    ['CRLF', sse((chunk('a') + finish('stop') + DONE).replaceAll('\n', '\r\n')), ['a', END]],
    ['one byte a packet', onePerPacket, ['中文 😀', END]],
    ['surrogates in two chunks', sse(chunk('\ud83d'), chunk('\ude00'), finish('stop')), ['\ud83d', '\ude00', END]],
    ['comments', sse(': keep-alive\n\n', chunk('a'), ': OPENROUTER PROCESSING\n\n', finish('stop')), ['a', END]],
    ['no [DONE]', sse(chunk('a'), finish('stop')), ['a', END]],
    ['no blank line at the end', sse(chunk('a'), finish('stop').trimEnd()), ['a', END]],
    ['empty choices, null and other shapes', sse(
      event(null), event({ choices: null }), event({ choices: [] }), event({}), chunk({ content: 7 }), chunk('a', ''), finish('stop')
    ), ['a', END]],
    ['several choices', sse(
      event({ choices: [{ index: 1, delta: { content: 'b' } }, { index: 0, delta: { content: 'a' } }] }), finish('stop')
    ), ['a', END]],
    ['reasoning_content', sse(chunk({ reasoning_content: 'hm' }), chunk('a', 'stop')), [{ type: 'reasoning', text: 'hm' }, 'a', END]],
    ['reasoning', sse(chunk({ reasoning: 'hm' }), chunk('a', 'stop')), [{ type: 'reasoning', text: 'hm' }, 'a', END]],
    ['thinking inside the text', sse(
      chunk('<thi'), chunk('nk>hm</think>\n\na'), finish('stop')
    ), [{ type: 'reasoning', text: 'hm' }, 'a', END]],
    ['refusal', sse(chunk({ refusal: 'no' }), finish('stop')), ['no', END]],
    ['length', sse(chunk('a'), finish('length')), ['a', { ...END, reason: 'length' }]],
    ['usage in every chunk', sse(
      event({ choices: [{ delta: { content: 'a' } }], usage: { prompt_tokens: 1, completion_tokens: 1 } }), usage(1, 2), finish('stop')
    ),
    ['a', '', { ...END, usage: { inputTokens: 1, outputTokens: 2 } }]]
  ] as Array<[string, Script, unknown[]]>) {
    const provider = await provide(t, script)
    const { parts: actual, error } = await build(provider).run()
    t.equal(error, undefined, name)
    t.strictSame(actual, parts, name)
  }
})

t.test('failures: class, reason, and the text that came', async t => {
  const json = { error: { message: `about ${PROMPT}`, code: 'some_code', type: 'some_type', param: 'some_param' } }
  const overloaded = { message: `about ${PROMPT}`, code: 'overloaded' }
  for (const [name, script, text, failure, options] of [
    ['EOF without finish', sse(chunk('a')), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_TRUNCATED', chunks: 1, status: undefined }
    }],
    ['[DONE] without finish', sse(chunk('a'), DONE), 'a', { class: 'BROKEN', details: { reason: 'UPSTREAM_TRUNCATED' } }],
    ['empty stream', sse(), '', { class: 'BROKEN', details: { reason: 'UPSTREAM_TRUNCATED', attempt: 1 } }],
    ['half an event', sse(chunk('a'), 'data: {"choices":[{"del'), 'a', { class: 'BROKEN', details: { reason: 'BAD_JSON' } }],
    ['bad JSON', sse(chunk('a'), 'data: {nope}\n\n', chunk('b', 'stop')), 'a', { class: 'BROKEN', details: { reason: 'BAD_JSON' } }],
    ['cut after a chunk', cut(chunk('a')), 'a', { class: 'BROKEN', details: { reason: 'UND_ERR_SOCKET', attempt: 1 } }],
    ['200 JSON error', status(200, json), '', {
      class: 'BROKEN', details: { reason: 'NOT_SSE', code: 'some_code', type: 'some_type', param: 'some_param' }
    }],
    ['200 HTML', status(200, '<html>'), '', { class: 'BROKEN', details: { reason: 'NOT_SSE' } }],
    ['200 empty', status(200), '', { class: 'BROKEN', details: { reason: 'NOT_SSE' } }],
    ['200 JSON that is no completion', status(200, { results: [] }), '', { class: 'BROKEN', details: { reason: 'NOT_SSE' } }],
    ['JSON called a stream', status(200, json, { 'content-type': 'text/event-stream' }), '', {
      class: 'BROKEN', details: { reason: 'NOT_SSE', code: 'some_code' }
    }],
    ['in-band error', sse(chunk('a'), event(json), DONE), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_ERROR', code: 'some_code' }
    }],
    ['in-band error, numeric code', sse(
      chunk('a'), event({ error: { code: 502, message: 'x' } })
    ), 'a', { class: 'BROKEN', details: { code: 502 } }],
    ['in-band error without the key', sse(chunk('a'), event(overloaded)), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_ERROR', code: 'overloaded' }
    }],
    ['event: error', sse(chunk('a'), `event: error\n${event(overloaded)}`), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_ERROR', code: 'overloaded' }
    }],
    ['event: error with the key', sse(chunk('a'), `event: error\n${event(json)}`), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_ERROR', code: 'some_code' }
    }],
    ['event: error that says nothing', sse(chunk('a'), 'event: error\ndata: <html>\n\n'), 'a', {
      class: 'BROKEN', details: { reason: 'UPSTREAM_ERROR' }
    }],
    ['error after the finish', sse(chunk('a'), finish('stop'), event(json)), 'a', { class: 'BROKEN', details: { finishReason: 'stop' } }],
    ['content_filter', sse(chunk('a'), finish('content_filter')), 'a', {
      class: 'FILTERED', details: { reason: 'CONTENT_FILTER', finishReason: 'content_filter' }
    }],
    ['insufficient_system_resource', sse(chunk('a'), finish('insufficient_system_resource')), 'a', {
      class: 'BUSY', details: { finishReason: 'insufficient_system_resource' }
    }],
    ['finish error', sse(chunk('a'), finish('error')), 'a', { class: 'BROKEN', details: { finishReason: 'error' } }],
    ['tool calls only', sse(
      chunk({ tool_calls: [{ index: 0, function: { name: 'f' } }] }), finish('tool_calls')
    ), '', { class: 'BAD_REQUEST', details: { reason: 'UNSUPPORTED_TOOL_CALL' } }],
    ['flood', flood, undefined, { class: 'BROKEN', details: { reason: 'TOO_MANY_BYTES' } }, { maxResponseBytes: 100_000 }],
    ['402', status(402), '', { class: 'QUOTA', details: { status: 402 } }],
    ['403', status(403), '', { class: 'AUTH' }],
    ['404', status(404, json), '', { class: 'BAD_REQUEST', details: { code: 'some_code', param: 'some_param' } }],
    ['422', status(422), '', { class: 'BAD_REQUEST' }],
    ['400 content_filter', status(400, { error: { code: 'content_filter' } }), '', { class: 'FILTERED' }],
    ['429 quota', status(429, { error: { code: 'insufficient_quota' } }), '', { class: 'QUOTA' }],
    ['429, wait too long', status(429, '', { 'retry-after': '11' }), '', { class: 'BUSY', details: { attempt: 1 } }],
    ['408', status(408, '', { connection: 'close' }), '', { class: 'TIMEOUT', details: { attempt: 3 } }],
    ['409', status(409), '', { class: 'INTERNAL', details: { attempt: 3 } }],
    ['503', status(503, overloaded), '', { class: 'BUSY', details: { attempt: 3, code: 'overloaded' } }],
    ['broken before the headers', refused, '', { class: 'BROKEN', details: { reason: 'UND_ERR_SOCKET', attempt: 3 } }],
    ['cut before the first chunk', cut(': wait\n\n'), '', { class: 'BROKEN', details: { attempt: 3 } }],
    ['no retries', status(503), '', { class: 'BUSY', details: { attempt: 1 } }, { maxRetries: 0 }]
  ] as Array<[string, Script, string | undefined, { class: string, details?: { attempt?: number } }, Partial<OpenAIOptions> | undefined]>) {
    const provider = await provide(t, script)
    const { run, logged } = build(provider, options)
    const outcome = await run()
    t.hasStrict(outcome.error, { code: 'WECOM_ERR_SOURCE', ...failure }, name)
    if (text !== undefined) t.equal(outcome.text, text, name)
    t.equal(provider.requests.length, failure.details?.attempt ?? 1, `${name}: requests`)
    t.equal(logged.length, provider.requests.length - 1, `${name}: warnings`)
    t.notMatch(inspect(outcome.error?.details), PROMPT, name)
    t.equal(outcome.parts.some(part => typeof part === 'object' && part.type === 'end'), false, `${name}: no end`)
  }
})

const flood: Script = response => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const more = (): void => {
    while (!response.destroyed && response.write(chunk('x'.repeat(1_000))));
    if (!response.destroyed) response.once('drain', more)
  }
  more()
}

t.test('a flood is cut off, and its connection closed', async t => {
  const provider = await provide(t, flood)
  const { run } = build(provider, { maxResponseBytes: 100_000 })
  const { text, error } = await run()
  t.ok(text.length <= 100_000)
  t.ok((error?.details as { bytes: number }).bytes < 300_000)
  await (await provider.request(0)).closed
})

t.test('a failure that passes is not seen', async t => {
  for (const script of [status(503), status(429), refused, cut()]) {
    const provider = await provide(t, script, OK)
    const { run, logged } = build(provider)
    t.hasStrict(await run(), { text: 'hello world', error: undefined })
    t.equal(provider.requests.length, 2)
    t.equal(logged.length, 1)
  }
})

t.test('a server that is not there', async t => {
  const provider = await createProvider()
  await provider.close()
  t.hasStrict(await build(provider).run(), { error: { class: 'INTERNAL', details: { reason: 'ECONNREFUSED', attempt: 3 } } })
})

t.test('the waits between attempts', async t => {
  const date = new Date(createManualClock().now() + 3_000).toUTCString()
  for (const [headers, wait] of [
    [{}, 500], [{ 'retry-after': '7' }, 7_000], [{ 'retry-after-ms': '20' }, 20], [{ 'retry-after': date }, 3_000]
  ] as Array<[Record<string, string>, number]>) {
    for (const code of [429, 503]) {
      const provider = await provide(t, status(code, '', headers), OK)
      const { clock, run, warned, untimed } = build(provider, {}, { isImpatient: false })
      const warning = warned()
      const outcome = run()
      await warning
      await idle()
      t.equal(clock.pending, 1)
      t.equal(untimed.length, code === 429 ? 2 : 1, 'a pause after 429 is untimed')
      await clock.advance(wait - 1)
      t.equal(clock.pending, 1)
      await clock.advance(1)
      t.hasStrict(await outcome, { text: 'hello world', error: undefined })
    }
  }
})

t.test('no attempt is made that the deadline forbids', async t => {
  for (const [left, requests] of [[500, 1], [501, 2]] as const) {
    const provider = await provide(t, status(503), OK)
    const { clock, run, turn } = build(provider)
    turn.deadline = clock.now() + left
    const { error } = await run()
    t.equal(error?.class, requests === 1 ? 'BUSY' : undefined)
    t.equal(provider.requests.length, requests)
  }
})

t.test('after a 429 the other turns of the source wait too', async t => {
  const provider = await provide(t, status(429, '', { 'retry-after': '5' }), OK)
  const { clock, start, warned, untimed } = build(provider, { maxRetries: 1 }, { isImpatient: false })
  const warning = warned()
  const first = start().next()
  await warning
  const second = start().next()
  await idle()
  t.equal(untimed.length, 3)
  t.equal(provider.requests.length, 1)
  await clock.advance(5_000)
  t.hasStrict(await Promise.all([first, second]), [{ value: 'hello' }, { value: 'hello' }])
})

t.test('a 429 for want of money stops nobody else', async t => {
  const provider = await provide(t, status(429, { error: { type: 'insufficient_quota' } }, { 'retry-after': '5' }), OK)
  const { clock, start } = build(provider)
  t.hasStrict(await failureOf(start().next()), { class: 'QUOTA' })
  t.hasStrict(await start().next(), { value: 'hello' })
  t.equal(clock.pending, 0)
})

t.test('a place is kept until the answer has ended, and waiting for one is untimed', async t => {
  const held = heldReply()
  const provider = await provide(t, held.script, OK)
  const { start, untimed } = build(provider, { maxConcurrency: 1 })
  const first = start()
  const started = first.next()
  await held.send(chunk('a'))
  t.hasStrict(await started, { value: 'a' })

  const stop = new AbortController()
  const second = start(stop.signal).next()
  const third = start(new AbortController().signal).next()
  await idle()
  t.equal(provider.requests.length, 1)
  t.equal(untimed.length, 3)
  stop.abort()
  t.hasStrict(await second, { done: true, value: undefined })
  t.equal(getEventListeners(stop.signal, 'abort').length, 0)

  await first.return?.()
  t.hasStrict(await third, { value: 'hello' })
})

t.test('a server that stays open after the end is left after a second', async t => {
  for (const pieces of [[chunk('a'), finish('stop')], [chunk('a'), finish('stop'), usage(1, 1), DONE]]) {
    const provider = await provide(t, stalled(...pieces))
    const { clock, start } = build(provider)
    const answer = start()
    t.hasStrict(await answer.next(), { value: 'a' })
    const last = answer.next()
    const { closed } = await provider.request(0)
    // Some versions of the SDK end with [DONE], others with the connection.
    const outcome: unknown[] = []
    last.then(result => outcome.push(result), () => {})
    while (outcome.length === 0 && clock.pending === 0) await new Promise(resolve => setTimeout(resolve, 1))
    if (outcome.length === 0) await clock.advance(1_000)
    t.hasStrict(await last, { value: END })
    t.hasStrict(await answer.next(), { done: true })
    await closed
    t.equal(clock.pending, 0)
  }
})

t.test('no headers: a time-out, and only one', async t => {
  const provider = await provide(t, silent)
  const { clock, start } = build(provider, { requestTimeoutMs: 30_000 })
  const asking = start().next()
  const refusal = failureOf(asking)
  const { closed } = await provider.request(0)
  await clock.advance(30_000)
  t.hasStrict(await refusal, { class: 'TIMEOUT', details: { reason: 'HEADERS_TIMEOUT', attempt: 1, durationMs: 30_000 } })
  await closed
  t.equal(provider.requests.length, 1)
})

t.test('stop is obeyed everywhere, at once, and leaves nothing behind', async t => {
  const keepAlive: Script = (response, request) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(': keep-alive\n\n'), 1)
    void request.closed.then(() => clearInterval(timer))
  }
  const stalledError: Script = response => { response.writeHead(400, { 'content-type': 'application/json' }).write('{') }
  for (const [name, script, chunks] of [
    ['no headers', silent, 0],
    ['bare headers', stalled(), 0],
    ['keep-alive comments only', keepAlive, 0],
    ['a body that falls silent', stalled(chunk('a')), 1],
    ['after the finish reason', stalled(chunk('a'), finish('stop')), 1],
    ['a stalled error', stalledError, 0]
  ] as const) {
    const provider = await provide(t, script)
    const { clock, stop, start } = build(provider)
    const answer = start()
    for (let i = 0; i < chunks; i++) await answer.next()
    const waiting = answer.next()
    const { closed } = await provider.request(0)
    await new Promise(resolve => setTimeout(resolve, 5))
    const stoppedAt = performance.now()
    stop.abort()
    t.strictSame(await waiting, { done: true, value: undefined }, name)
    await closed
    t.ok(performance.now() - stoppedAt < 5000, name)
    t.equal(clock.pending, 0, name)
    t.equal(getEventListeners(stop.signal, 'abort').length, 0, name)
    t.equal(provider.requests.length, 1, name)
  }
})

t.test('stop before the request, and during the wait for the next one', async t => {
  const provider = await provide(t, status(503), status(429), OK)
  const before = build(provider)
  before.stop.abort()
  t.hasStrict(await before.start().next(), { done: true })
  t.equal(provider.requests.length, 0)

  for (const requests of [1, 2]) {
    const { clock, stop, start, warned } = build(provider, {}, { isImpatient: false })
    const warning = warned()
    const answer = start().next()
    await warning
    await idle()
    stop.abort()
    t.hasStrict(await answer, { done: true })
    t.equal(clock.pending, 0)
    t.equal(getEventListeners(stop.signal, 'abort').length, 0)
    t.equal(provider.requests.length, requests)
  }
})

t.test('stop between the place and the request', async t => {
  const provider = await provide(t)
  const { stop, start } = build(provider, { maxConcurrency: 1 })
  const answer = start().next()
  stop.abort()
  t.hasStrict(await answer, { done: true })
  t.equal(provider.requests.length, 0)
})

t.test('what was buffered is dropped after a stop', async t => {
  const provider = await provide(t, sse(...Array.from({ length: 500 }, () => chunk('a')), finish('stop')))
  const { stop, start } = build(provider)
  const answer = start()
  await answer.next()
  stop.abort()
  t.hasStrict(await answer.next(), { done: true })
})

t.test('a reader that leaves closes the connection', async t => {
  const provider = await provide(t, stalled(chunk('a')))
  let signal: AbortSignal | null | undefined
  const { start, stop, clock } = build(provider, {
    fetch: (url, init) => {
      signal = init?.signal
      return fetch(url, init)
    }
  })
  const answer = start()
  await answer.next()
  t.equal(signal?.aborted, false)
  await answer.return?.()
  t.equal(signal?.aborted, true)
  await (await provider.request(0)).closed
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(stop.signal, 'abort').length, 0)
})

t.test('a fetch that ignores the signal cannot hold a stop', async t => {
  const { stop, start, clock } = build({ url: 'http://localhost/v1' }, { fetch: () => new Promise(() => {}) })
  const answer = start().next()
  await idle()
  stop.abort()
  t.hasStrict(await answer, { done: true })
  t.equal(clock.pending, 0)
})

t.test('servers that never send a finish reason can be allowed', async t => {
  const provider = await provide(t, sse(chunk('a'), DONE))
  const { run, ends } = build(provider, { allowMissingFinish: true })
  t.hasStrict(await run(), { parts: ['a', END], error: undefined })
  t.hasStrict(ends, [{ finishReason: 'none', ending: 'missing' }], 'the log says so')
})

t.test('the key is shown nowhere', async t => {
  const echo: Script = (response, request) => status(401, {
    error: { message: `${request.headers.authorization} is wrong: ${KEY}`, code: KEY, type: `x:${KEY}`, param: 'a sentence about it' }
  }, { 'x-request-id': KEY })(response, request)
  const inBand = sse(event({ error: { message: `the key ${KEY} is wrong`, code: KEY } }))
  for (const script of [
    echo, inBand, status(503, { error: { code: KEY, message: KEY } }), status(200, { error: { code: KEY, message: KEY } })
  ]) {
    const provider = await provide(t, script)
    const { run, logged } = build(provider)
    const { error } = await run()
    t.ok(error)
    t.notMatch(inspect([error, logged], { depth: Infinity, showHidden: true, getters: true }), KEY)
    t.notMatch(JSON.stringify([error, error?.cause, logged]), KEY)
  }
  t.notMatch(inspect(createOpenAISource({ apiKey: KEY }), { depth: Infinity, showHidden: true }), KEY)
})

t.test('options that cannot work are refused when the source is made', async t => {
  t.throws(() => createOpenAISource({ apiKey: '' }), { code: 'WECOM_ERR_INPUT' })
})

async function startMock (t: { teardown (callback: () => Promise<void>): void }): Promise<LLMock> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' })
  await mock.start()
  t.teardown(async () => {
    // A socket that fetch keeps alive would hold the server open.
    mock['serverInstance']?.server.closeAllConnections()
    await mock.stop()
  })
  return mock
}

function failureOf (work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, error => error)
}

const refusedFor = (error: object): Script => status(400, JSON.stringify({ error }), { 'content-type': 'application/json' })
const answered = sse(chunk('ok'), finish('stop'), DONE)

t.test('a history that is refused is asked with by half, then left out, and the end tells how much of it was used', async t => {
  const inspection = refusedFor({ code: 'data_inspection_failed', message: 'no' })
  for (const [scripts, historyUsed, sent] of [
    [[inspection, answered], 2, [6, 4]], [[inspection, inspection, answered], 0, [6, 4, 0]]
  ] as const) {
    const provider = await provide(t, ...scripts)
    const { run, turn, logged } = build(provider)
    Object.assign(turn, { history: Array.from({ length: 3 }, (_, index) => ({ prompt: `q${index}`, reply: `a${index}` })) })
    const { parts, error } = await run()
    t.equal(error, undefined)
    t.strictSame(parts, ['ok', { ...END, historyUsed }])
    t.strictSame(provider.requests.map(({ body }) => body.messages.length - 1), sent)
    t.equal(logged.length, scripts.length - 1)
  }
})

t.test('a history that is refused in any length fails as the provider refused it', async t => {
  const provider = await provide(t, refusedFor({ code: 'data_inspection_failed', message: 'no' }))
  const { run, turn } = build(provider)
  Object.assign(turn, { history: [{ prompt: 'q', reply: 'a' }, { prompt: 'p', reply: 'b' }] })
  t.equal((await run()).error?.class, 'FILTERED')
  t.equal(provider.requests.length, 3)
})

t.test('a question costs four requests at most, reduced and retried together', async t => {
  const refusal = refusedFor({ code: 'data_inspection_failed', message: 'no' })
  const provider = await provide(t, refusal, refusal, status(503), status(503), answered)
  const { run, turn } = build(provider, { maxRetries: 2 })
  Object.assign(turn, { history: [{ prompt: 'q', reply: 'a' }, { prompt: 'p', reply: 'b' }] })
  t.equal((await run()).error?.class, 'BUSY')
  t.equal(provider.requests.length, 4)
})

t.test('a key that the provider echoes as its content type is not logged', async t => {
  for (const label of [KEY, `text/${KEY}`, 'text/sk-another-0123456789']) {
    const provider = await provide(t, response => {
      response.writeHead(200, { 'content-type': label })
      response.end(
        'data: {"choices":[{"delta":{"content":"ok"}}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"odd"}]}\n\ndata: [DONE]\n\n'
      )
    })
    const { run, logged } = build(provider)
    const { text, error } = await run()
    t.strictSame([text, error], ['ok', undefined], label)
    t.equal(logged.length, 1, 'the label is told')
    t.notMatch(JSON.stringify(logged), /sk-/, label)
  }
})

t.test('a model that reads no pictures is asked without them, with a word about it', async t => {
  for (const language of ['zh-CN', 'en'] as const) {
    const provider = await provide(t, refusedFor({ message: 'this model does not support image_url' }), answered)
    const { run, turn } = build(provider, { language })
    Object.assign(turn, { attachments: [{ kind: 'image', type: 'image/png', size: 3, data: 'AAAA' }] })
    const { parts, error } = await run()
    t.equal(error, undefined)
    t.strictSame(parts, ['ok', END])
    const [first, second] = provider.requests.map(({ body }) => JSON.stringify(body.messages))
    t.equal(first?.includes('image_url'), true)
    t.notMatch(second, 'image_url')
    t.ok(second?.includes({ 'zh-CN': '当前模型无法查看图片', en: 'which this model cannot look at' }[language]))
  }
})

const PICTURE = { kind: 'image', type: 'image/png', size: 3, data: 'AAAA' }

t.test('a picture is left out whatever words it is refused with, and only if it is', async t => {
  const rows: Array<[error: object, code: number, more: object, requests: number]> = [
    [{ code: 'invalid_request_error', message: 'Image input is not supported by this model' }, 400, { attachments: [PICTURE] }, 2],
    [{
      code: null, type: 'invalid_request_error', param: 'messages.[0].content.[1].image_url', message: 'unknown variant'
    }, 422, { attachments: [PICTURE] }, 2],
    [{ message: '该模型不支持图片输入' }, 400, { quote: { text: 'this', attachments: [PICTURE] } }, 2],
    [{ message: 'modality not supported' }, 400, { attachments: [PICTURE], quote: { attachments: [PICTURE] } }, 2],
    [{ message: 'Image input is not supported by this model' }, 400, {}, 1],
    [{ message: 'Image input is not supported by this model' }, 400, { attachments: [{ kind: 'image', lost: 'TIMEOUT' }] }, 1],
    [{ message: 'Image input is not supported by this model' }, 500, { attachments: [PICTURE] }, 1],
    [{ message: 'unknown parameter: foo' }, 400, { attachments: [PICTURE] }, 1]
  ]
  for (const [error, code, more, requests] of rows) {
    const provider = await provide(t, status(code, { error }), answered)
    const { run, turn, logged } = build(provider, { maxRetries: 0 })
    Object.assign(turn, more)
    const { text } = await run()
    t.equal(text, requests === 2 ? 'ok' : '', JSON.stringify(error))
    t.equal(provider.requests.length, requests)
    t.strictSame(logged.map(({ without }) => without), requests === 2 ? ['pictures'] : [])
    t.notMatch(JSON.stringify(provider.requests.slice(1)), 'image_url')
  }
})

t.test('whatever is retried and reduced, a question costs four requests at most, and each further one is explained', async t => {
  const history = [{ prompt: 'q', reply: 'a' }, { prompt: 'p', reply: 'b' }]
  const faults: Record<string, Script> = {
    limit: status(429, { error: { code: 'rate_limit_exceeded' } }),
    overload: status(503),
    history: refusedFor({ code: 'context_length_exceeded', message: 'no' }),
    pictures: refusedFor({ message: 'no vision' }),
    ending: sse(finish('network_error'), DONE),
    broken: sse('data: {"choices"\n\n'),
    gone: refused,
    final: refusedFor({ message: 'unknown parameter' })
  }
  const names = Object.keys(faults)
  for (const first of names) {
    for (const second of names) {
      for (const third of [...names, first].slice(names.indexOf(second), names.indexOf(second) + 2)) {
        const given = [first, second, third, 'history', 'pictures', 'limit']
        const provider = await provide(t, ...given.map(name => faults[name] as Script))
        const { run, turn, logged } = build(provider, { maxRetries: 10, includeUsage: false })
        Object.assign(turn, { history, attachments: [PICTURE] })
        const { error } = await run()
        const count = provider.requests.length
        const label = given.slice(0, count).join(', ')
        t.ok(error, label)
        t.ok(count >= 1 && count <= 4, `${label}: ${count} requests`)
        t.equal(logged.length, count - 1, `${label}: each further request is explained`)
        t.strictSame(logged.map(({ attempt }) => attempt), logged.map((_, index) => index + 1))
        t.ok(logged.every(line => line['status'] !== undefined || line['reason'] !== undefined), `${label}: by what came before it`)
        if (!given.slice(0, count - 1).includes('final')) {
          t.ok(count === 4 || given[count - 1] === 'final' || given[count - 1] === 'history' || given[count - 1] === 'pictures', label)
        }
        await provider.close()
      }
    }
  }
})
