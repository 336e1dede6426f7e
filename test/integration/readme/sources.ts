// The samples of sources.
import t from 'tap'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { chunk, createProvider, DONE, finish, sse } from '../../fixtures/provider.ts'
import { aiSdk } from '../../fixtures/readme.ts'
import type { StreamTextPart } from '../../fixtures/readme.ts'
import { enter, run, serve, talk } from '../../fixtures/samples.ts'

const texts = loadTexts()

t.test('qwen.mjs: a compatible server is asked with its own fields', async t => {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(sse(chunk('你好'), finish('stop'), DONE))
  const elsewhere = (code: string): string => code.replace(/https:\/\/dashscope[^']+/, provider.url)
  const { wecom } = await serve(t, 'qwen.mjs', { DASHSCOPE_API_KEY: 'sk-0123456789' }, elsewhere)
  t.equal(await talk(t, wecom(), 'hello'), '你好')
  const { body, headers } = await provider.request(0)
  t.match(body, { model: 'qwen-plus', enable_thinking: false, messages: [{ role: 'user', content: 'hello' }] })
  t.equal(headers.authorization, 'Bearer sk-0123456789')
})

t.test('qwen.mjs: without a key the app refuses to boot', async t => {
  enter(t)
  await t.rejects(run(t, 'qwen.mjs'), { code: 'WECOM_ERR_CONFIG', faults: [{ name: 'OPENAI_API_KEY' }] })
})

t.test('ai-sdk.mjs: text, thinking, the token limit and failures come through', async t => {
  const { wecom, log } = await serve(t, 'ai-sdk.mjs', { STREAM_REASONING: 'show' })
  const totalUsage = { inputTokens: 3, outputTokens: 4 }
  const said = [{ type: 'start' }, { type: 'reasoning-delta', id: '1', text: 'Hm.' }, { type: 'text-delta', id: '2', text: 'An answer.' }] as const
  const answer = async (...parts: StreamTextPart[]): Promise<string> => {
    aiSdk.parts = [...said, ...parts]
    return await talk(t, wecom(), 'hello')
  }
  const whole = '<think>Hm.</think>\n\nAn answer.'
  t.equal(await answer({ type: 'finish', finishReason: 'stop', totalUsage }), whole)
  t.match(aiSdk.asked, { model: 'model gpt-5-mini', prompt: 'hello', abortSignal: AbortSignal })
  t.match(log.join(''), '"usage":{"inputTokens":3,"outputTokens":4}')
  t.equal(await answer({ type: 'finish', finishReason: 'length', totalUsage }), `${whole}\n\n${texts.length}`)
  for (const [part, sentence] of [
    [{ type: 'finish', finishReason: 'content-filter', totalUsage }, texts.failures.FILTERED],
    [{ type: 'finish', finishReason: 'error', totalUsage }, texts.failures.BROKEN],
    [{ type: 'error', error: Object.assign(new Error('slow down'), { statusCode: 429 }) }, texts.failures.BUSY],
    [{ type: 'error', error: undefined }, texts.failures.BROKEN]
  ] as const) {
    const content = await answer(part)
    t.ok(content.startsWith(`${whole}\n\n${sentence}`), content)
  }
})

t.test('langchain.mjs: the chunks of a chat model are the answer', async t => {
  const { wecom } = await serve(t, 'langchain.mjs')
  t.equal(await talk(t, wecom(), 'hello'), 'gpt-5-mini was asked: hello')
})

t.test('agent.mjs: a source with a tool, by default and by name', async t => {
  const { app, wecom } = await serve(t, 'agent.mjs')
  const content = 'Looking at your orders…\n\n- a lamp\n- two chairs\n'
  t.equal(await talk(t, wecom(), 'hello'), content)
  let last
  for await (const state of app.followStream(await app.startStream({ prompt: 'hello', source: 'orders' }))) last = state
  t.match(last, { status: 'done', content })
})

t.test('files.mjs: a source finds the files of a message', async t => {
  const { wecom } = await serve(t, 'files.mjs')
  t.match(await talk(t, wecom(), { msgtype: 'file', file: { url: 'http://127.0.0.1/inside' } }), /^file: REFUSED\n/)
})
