import { LLMock } from '@copilotkit/aimock'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import wecomStream from '../../plugins/index.ts'
import type { FailureClass, WecomStreamOptions } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import { chunk, createProvider, cut, DONE, event, finish, heldReply, silent, sse, stalled, status, usage } from '../fixtures/provider.ts'
import type { Script } from '../fixtures/provider.ts'

const CREDENTIALS = { token: 'token', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const KEY = 'sk-test-0123456789abcdef'
const PROMPT = 'what is the secret of the temple?'

async function serve (t: Test, baseURL: string, options: WecomStreamOptions = {}) {
  const lines: string[] = []
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'debug', stream: { write: (line: string) => lines.push(line) } } })
  t.teardown(() => app.close())
  const { openai, ...others } = options
  // Only the environment chooses the source here: a key is all it takes.
  await app.register(wecomStream, {
    ...CREDENTIALS,
    env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: baseURL },
    openai: { maxRetries: 0, ...openai },
    shutdownGraceMs: 0,
    ...others
  })
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  return { app, lines, wecom: createSimulator({ target, ...CREDENTIALS, refreshMs: 20 }) }
}

async function serveProvider (t: Test, script: Script, options: WecomStreamOptions = {}) {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(script)
  return { provider, ...await serve(t, provider.url, options) }
}

t.test('a whole answer comes from a mock of OpenAI, token by token', async t => {
  const mock = new LLMock({ port: 0, logLevel: 'silent' })
  const baseURL = `${await mock.start()}/v1`
  t.teardown(async () => {
    // A fetch that was aborted leaves a fresh socket behind, which would keep the mock from closing.
    const { server } = mock['serverInstance' as keyof typeof mock] as unknown as { server: { closeAllConnections (): void } }
    server.closeAllConnections()
    await mock.stop()
  })
  mock.onMessage(PROMPT, { content: 'There is no secret, and this is the whole of it.' })
  const { wecom } = await serve(t, baseURL)
  const { content, problems } = await wecom.send(PROMPT)
  t.equal(content, 'There is no secret, and this is the whole of it.')
  t.strictSame(problems, [])
})

t.test('the text grows as the provider writes it', async t => {
  const reply = heldReply()
  const { provider, wecom } = await serveProvider(
    t, reply.script, { openai: { model: 'some-model', systemPrompt: 'Be kind.' }, firstReplyGraceMs: 0 }
  )
  const words = ['你', '好', '，', '世界']
  const seen: string[] = []
  const { content, problems } = await wecom.send(PROMPT, {
    onFrame: frame => {
      seen.push(frame.content)
      const word = words.shift()
      if (word !== undefined) reply.send(chunk(word)).catch(t.fail)
      else if (!frame.finish) reply.send(finish('stop') + usage(3, 4) + DONE).then(() => reply.end(), t.fail)
    }
  })
  t.equal(content, '你好，世界')
  t.strictSame(problems, [])
  t.ok(new Set(seen).size >= 3, 'frames show what had come')
  t.hasStrict((await provider.request(0)).body, {
    model: 'some-model', stream: true, messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: PROMPT }]
  })
})

const { failures, length } = loadTexts()
const quota = { error: { message: `no money for ${KEY}: ${PROMPT}`, type: 'insufficient_quota', code: 'insufficient_quota' } }
const invalid = { error: { message: `I refuse "${PROMPT}"`, type: 'invalid_request_error', param: 'model', code: null } }
const FAILURES: Array<[name: string, script: Script, code: FailureClass, kept: string]> = [
  ['401', status(401, { error: { message: `Incorrect API key provided: ${KEY}`, code: 'invalid_api_key' } }), 'AUTH', ''],
  ['insufficient quota', status(429, quota), 'QUOTA', ''],
  ['429', status(429, { error: { message: 'slow down' } }), 'BUSY', ''],
  ['400', status(400, invalid), 'BAD_REQUEST', ''],
  ['content filter', sse(chunk('so far'), finish('content_filter'), DONE), 'FILTERED', 'so far'],
  ['a broken connection', cut(chunk('half a')), 'BROKEN', 'half a'],
  ['an error in the stream', sse(chunk('half a'), event({ error: { message: `boom ${PROMPT} ${KEY}` } }), DONE), 'BROKEN', 'half a'],
  ['an end without a reason', sse(chunk('half a')), 'BROKEN', 'half a'],
  ['something that is no event stream', status(200, { choices: [] }), 'BROKEN', ''],
  ['silence after some text', stalled(chunk('half a')), 'TIMEOUT', 'half a']
]
for (const [name, script, code, kept] of FAILURES) {
  t.test(`${name} is told as ${code} and keeps the text`, async t => {
    const { app, lines, wecom } = await serveProvider(t, script, { idleTimeoutMs: 200 })
    const { content, problems, id } = await wecom.send(PROMPT)
    t.strictSame(problems, [])
    const { status, content: text, error } = await app.getStreamState(id)
    t.hasStrict({ status, text, code: error?.code }, { status: 'error', text: kept, code })
    t.equal(content, `${kept}${kept && '\n\n'}${failures[code]}（编号 ${error?.reference}）`)
    const log = lines.join('')
    t.ok(log.includes(`"reference":"${error?.reference}"`), 'the reference stands in the log')
    t.notMatch(log + content, KEY)
    t.notMatch(log + content, PROMPT)
  })
}

t.test('an answer that reached the token limit is done, with a notice', async t => {
  const { wecom } = await serveProvider(t, sse(chunk('as long as'), finish('length'), DONE))
  t.equal((await wecom.send(PROMPT)).content, `as long as\n\n${length}`)
})

t.test('thinking is hidden, or shown in the thinking area', async t => {
  const script = sse(chunk({ reasoning_content: 'hm, ' }), chunk({ reasoning_content: 'yes' }), chunk('Answer'), finish('stop'), DONE)
  t.equal((await (await serveProvider(t, script)).wecom.send(PROMPT)).content, 'Answer')
  const shown = await (await serveProvider(t, script, { reasoning: 'show' })).wecom.send(PROMPT)
  t.equal(shown.content, '<think>hm, yes</think>\n\nAnswer')
  t.strictSame(shown.problems, [])
})

for (const [name, script] of [
  ['never answers', silent], ['sent bare headers', stalled()], ['fell silent', stalled(chunk('word'))]
] as const) {
  t.test(`stop closes the socket of a provider that ${name} within a second`, async t => {
    const { app, provider } = await serveProvider(t, script)
    const id = await app.startStream(PROMPT)
    const { closed } = await provider.request(0)
    const askedAt = performance.now()
    await app.stopStream(id)
    await closed
    t.ok(performance.now() - askedAt < 1000)
    for await (const state of app.followStream(id)) if (state.status !== 'stopping') t.equal(state.status, 'done')
  })
}

t.test('a deadline closes the socket, with no refresh coming', async t => {
  const { app, provider } = await serveProvider(t, stalled(chunk('word')), { deadlineMs: 150 })
  const id = await app.startStream(PROMPT)
  await (await provider.request(0)).closed
  let last
  for await (const state of app.followStream(id)) last = state
  t.hasStrict(last, { status: 'error', content: 'word', error: { code: 'TIMEOUT' } })
})

t.test('stop is heard during the wait for a retry', async t => {
  const { app, provider } = await serveProvider(t, status(503, {}, { 'retry-after': '9' }), { openai: { maxRetries: 2 } })
  const id = await app.startStream(PROMPT)
  await provider.request(0)
  await app.stopStream(id)
  let last
  for await (const state of app.followStream(id)) last = state
  t.hasStrict(last, { status: 'done', content: '' })
  t.equal(provider.requests.length, 1)
})

t.test('closing the app ends a running answer and its socket', async t => {
  const { app, provider } = await serveProvider(t, stalled(chunk('word')))
  await app.startStream(PROMPT)
  const { closed } = await provider.request(0)
  await app.close()
  await closed
  t.equal(provider.openSockets, 0)
})
