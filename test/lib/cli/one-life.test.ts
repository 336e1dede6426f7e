import t from 'tap'
import { showOneLife } from '../../../lib/cli/one-life.ts'
import { chunk, createProvider, DONE, finish, sse, status } from '../../fixtures/provider.ts'

async function live (env: Record<string, string>) {
  const lines: string[] = []
  const well = await showOneLife(env, line => { lines.push(line) })
  return { well, output: lines.join('\n') }
}

t.test('it shows a growing answer and a stopped one', async t => {
  const { well, output } = await live({ MOCK_CHUNK_DELAY_MS: '400' })
  t.ok(well)
  t.match(output, /^server up at http:\/\/127\.0\.0\.1:\d+\/wecom\/callback, source: mock$/m)
  t.match(output, /^URL verified$/m)
  const frames = [...output.matchAll(/^ +[\d.]+ s {2}(running|finished) +(".*")$/mg)]
    .map(([, state, content = '']) => ({ state, content: JSON.parse(content) as string }))
  t.ok(frames.filter(({ state }) => state === 'running').length >= 4)
  const [whole = '', half = ''] = frames.filter(({ state }) => state === 'finished').map(({ content }) => content)
  t.equal(whole, 'Q: What can you do?\nHello world! This is a stream.')
  t.match(half, /^Q: Tell me a long story\.\n/)
  t.notMatch(half, 'stream.', 'the second one was stopped before its end')
  t.match(output, /^stopping$/m)
  t.equal(output.match(/^status: done$/mg)?.length, 2)
  t.match(output, /\ndone$/)
})

t.test('it asks OpenAI where there is a key', async t => {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(sse(chunk('I can talk.'), finish('stop'), DONE))
  const { well, output } = await live({ OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: provider.url })
  t.ok(well)
  t.match(output, /source: openai[^]*"I can talk\."/)
})

t.test('it says so where an answer fails', async t => {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(status(401))
  const { well, output } = await live({ OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: provider.url })
  t.notOk(well)
  t.match(output, /^status: error$/m)
})

t.test('it says so where the bot does not keep to the protocol', async t => {
  // No URL may be as long as one that has this sealed in it.
  const { well, output } = await live({ MOCK_CHUNK_DELAY_MS: '0', WECOM_BODY_LIMIT_BYTES: '1024', WECOM_RECEIVE_ID: 'x'.repeat(20_000) })
  t.notOk(well)
  t.match(output, /^URL NOT verified$/m)
  t.match(output, /^problem: /m)
})
