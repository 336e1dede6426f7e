// The samples of sources.
import t from 'tap'
import { chunk, createProvider, DONE, finish, sse } from '../../fixtures/provider.ts'
import { enter, run, serve, talk } from '../../fixtures/samples.ts'

t.test('qwen.mjs: a compatible server is asked with its own fields', async t => {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(sse(chunk('你好'), finish('stop'), DONE))
  const elsewhere = (code: string): string => code.replace(/https:\/\/dashscope[^']+/, provider.url)
  const { wecom } = await serve(t, 'qwen.mjs', { DASHSCOPE_API_KEY: 'sk-0123456789' }, elsewhere)
  t.equal(await talk(t, wecom(), 'hello'), '你好')
  const { body, headers } = await provider.request(0)
  t.hasStrict(body, { model: 'qwen-plus', enable_thinking: false, messages: [{ role: 'user', content: 'hello' }] })
  t.equal(headers.authorization, 'Bearer sk-0123456789')
})

t.test('qwen.mjs: without a key the app refuses to boot', async t => {
  enter(t)
  await t.rejects(run(t, 'qwen.mjs'), { code: 'WECOM_ERR_CONFIG', faults: [{ name: 'OPENAI_API_KEY' }] })
})

t.test('agent.mjs: a source with a tool, by default and by name', async t => {
  const { app, wecom } = await serve(t, 'agent.mjs')
  const content = 'Looking at your orders…\n\n- a lamp\n- two chairs\n'
  t.equal(await talk(t, wecom(), 'hello'), content)
  let last
  for await (const state of app.followStream(await app.startStream({ prompt: 'hello', source: 'orders' }))) last = state
  t.hasStrict(last, { status: 'done', content })
})

t.test('files.mjs: a source finds the files of a message', async t => {
  const { wecom } = await serve(t, 'files.mjs')
  t.match(await talk(t, wecom(), { msgtype: 'file', file: { url: 'http://127.0.0.1/inside' } }), /^file: REFUSED\n/)
})

t.test('fit.mjs: images are made smaller', async t => {
  const source = "async function * () { yield { type: 'image', data: picture(1_470_000) } }"
  const { wecom } = await serve(t, 'fit.mjs', {}, code => code
    .replace(/import sharp from ('.*')/, 'import sharp, { picture } from $1')
    .replace('{ images: { fit } }', `{ images: { fit }, source: ${source} }`))
  const { frames, problems } = await wecom().send('hello')
  t.strictSame(problems, [])
  const { stream } = frames.at(-1)?.reply as { stream: { msg_item: Array<{ image: { base64: string } }> } }
  t.equal(stream.msg_item[0]?.image.base64.length, Math.ceil(800 * 500 / 3) * 4)
})
