import type { Test } from 'tap'
import type { StreamInput, StreamState } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import { createProvider, cut, refused, sse, stalled, status } from '../fixtures/provider.ts'
import type { Provider, Script } from '../fixtures/provider.ts'
import { host, KEYS } from './sample.ts'
import type { Host } from './sample.ts'
import type { Wire } from './wire.ts'

export interface Model {
  name: string
  /** In place of the register line. */
  code: string
  wire: Wire
  /** False if the package drops the thinking that it is sent. */
  thinks: boolean
}

export interface Library {
  /** Where its packages are. */
  folder: string
  models: Model[]
  /** How often a question is asked if the provider is busy, and says that it is worth trying again. */
  attempts: number
}

const KEY = 'sk-a-key-of-the-samples'
const QUESTION = 'a question that nobody may log'
const ANSWER = 'an answer'
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const refusal = (code: number, word?: string): Script => status(
  code,
  { error: { message: `${KEY} asked: ${QUESTION}`, type: 'a_type', code: word ?? null } },
  { 'retry-after': '0', 'retry-after-ms': '1' }
)

const REFUSALS: Array<[what: string, script: Script, error: string]> = [
  ['a refused key', refusal(401, 'invalid_api_key'), 'AUTH'],
  ['a forbidden model', refusal(403), 'AUTH'],
  ['an empty account', refusal(402), 'QUOTA'],
  ['a used up quota', refusal(429, 'insufficient_quota'), 'QUOTA'],
  ['a rate limit', refusal(429, 'rate_limit_exceeded'), 'BUSY'],
  ['an unknown model', refusal(404, 'model_not_found'), 'BAD_REQUEST'],
  ['a question that a filter refuses', refusal(400, 'content_filter'), 'FILTERED'],
  ['a server with a fault', refusal(500), 'INTERNAL'],
  ['a page in place of an answer', status(200, '<html>', { 'content-type': 'text/html' }), 'BROKEN'],
  ['an empty answer', sse(), 'BROKEN'],
  ['a connection that breaks at once', refused, 'INTERNAL']
]

/** Holds a source to what the samples promise, whatever model and API is behind it. */
export async function testLibrary (t: Test, { folder, models, attempts }: Library): Promise<void> {
  // One for all models: some packages read its address when they are imported.
  const provider = await createProvider()
  t.teardown(() => provider.close())
  for (const model of models) {
    await t.test(model.name, async t => {
      const printed = (['log', 'info', 'warn', 'error'] as const).map(method => t.capture(console, method))
      const bot = await host(t, folder, model.code, { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: provider.url, STREAM_REASONING: 'show' })

      await testAnswers(t, bot, provider, model)
      await testFailures(t, bot, provider, model, attempts)
      await testStop(t, bot, provider, model)

      const told = bot.lines.join('') + JSON.stringify(printed.map(({ args }) => args()))
      t.ok(told.includes('"class":"AUTH"'), 'failures are logged')
      for (const secret of [KEY, QUESTION, 'answer', 'a thought']) t.notMatch(told, secret, `nothing quotes ${secret}`)
    })
  }
}

async function ask ({ app }: Host, input: StreamInput): Promise<StreamState> {
  let last: StreamState | undefined
  for await (const state of app.followStream(await app.startStream(input))) last = state
  if (last === undefined) throw new Error('the stream had no state')
  return last
}

async function testAnswers (t: Test, bot: Host, provider: Provider, { wire, thinks }: Model): Promise<void> {
  await t.test('a user of WeCom sees thinking and answer', async t => {
    provider.respondWith(sse(...wire.thought, ...wire.said, ...wire.whole))
    const next = provider.requests.length
    const target = `${await bot.app.listen({ port: 0, host: '127.0.0.1' })}/wecom/callback`
    const { content, problems } = await createSimulator({ target, ...KEYS, refreshMs: 20 }).send(QUESTION)
    t.strictSame({ content, problems }, { content: `${thinks ? '<think>a thought</think>\n\n' : ''}${ANSWER}`, problems: [] })
    t.match(bot.lines.join(''), /"usage":\{"inputTokens":3,"outputTokens":4\}/)
    const { path, headers } = await provider.request(next)
    t.strictSame({ path, authorization: headers.authorization }, { path: wire.path, authorization: `Bearer ${KEY}` })
  })

  await t.test('the model is asked with history, quotation, images and files', async t => {
    provider.respondWith(sse(...wire.said, ...wire.whole))
    const image = (data: string, type = 'image/png') => ({ kind: 'image' as const, type, size: 70, data })
    const file = (name: string, bytes: Uint8Array) => ({
      kind: 'file' as const, name, type: 'application/octet-stream', size: bytes.length, data: Buffer.from(bytes).toString('base64')
    })
    const next = provider.requests.length
    t.match(await ask(bot, {
      prompt: QUESTION,
      history: [{ prompt: 'first', reply: 'one' }, { prompt: '', reply: 'two', cut: true }, { prompt: 'third', reply: '' }],
      quote: { text: 'said\nbefore', attachments: [image(PIXEL)] },
      attachments: [
        image('/9j/2w==', 'image/jpeg'),
        file('notes.txt', Buffer.from('ünderlined')),
        file('a.bin', Buffer.from([255, 0])),
        { kind: 'video', lost: 'TIMEOUT' }
      ]
    }), { status: 'done', content: ANSWER })
    t.strictSame(wire.asked((await provider.request(next)).body), [
      { role: 'user', text: 'first', images: [] },
      { role: 'assistant', text: 'one', images: [] },
      { role: 'user', text: '(no text)', images: [] },
      { role: 'assistant', text: 'two\n\n(cut off here)', images: [] },
      { role: 'user', text: 'third', images: [] },
      { role: 'assistant', text: '(no text)', images: [] },
      {
        role: 'user',
        text: [
          '> said\n> before',
          'notes.txt:\nünderlined',
          '(a.bin, application/octet-stream, 2 bytes, cannot be read)',
          '(video that did not arrive: TIMEOUT)',
          QUESTION
        ].join('\n\n'),
        images: [`data:image/png;base64,${PIXEL}`, 'data:image/jpeg;base64,/9j/2w==']
      }
    ])
  })

  await t.test('an image alone is a question', async t => {
    provider.respondWith(sse(...wire.said, ...wire.whole))
    const next = provider.requests.length
    t.match(await ask(bot, { prompt: '', attachments: [{ kind: 'image', type: 'image/png', size: 70, data: PIXEL }] }), { status: 'done' })
    t.strictSame(wire.asked((await provider.request(next)).body), [{ role: 'user', text: '', images: [`data:image/png;base64,${PIXEL}`] }])
  })
}

async function testFailures (t: Test, bot: Host, provider: Provider, { wire }: Model, attempts: number): Promise<void> {
  for (const [what, script, code] of REFUSALS) {
    await t.test(`${what} is ${code}`, async t => {
      provider.respondWith(script)
      const before = provider.requests.length
      t.match(await ask(bot, { prompt: QUESTION }), { status: 'error', content: '', error: { code } })
      if (code === 'BUSY') t.equal(provider.requests.length - before, attempts, 'it was asked again')
    })
  }
  for (const [what, pieces, end] of [...wire.ends, ['a connection that breaks', undefined, 'BROKEN']] as const) {
    await t.test(`an answer that ends with ${what} is ${end}`, async t => {
      provider.respondWith(pieces === undefined ? cut(...wire.said) : sse(...wire.said, ...pieces))
      const lines = bot.lines.length
      const state = await ask(bot, { prompt: QUESTION })
      t.equal(state.content, ANSWER, 'what was said is kept')
      if (end === 'length') {
        t.equal(state.status, 'done')
        t.ok(bot.lines.slice(lines).join('').includes('"reason":"LENGTH"'))
      } else t.match(state, { status: 'error', error: { code: end } })
    })
  }
}

async function testStop (t: Test, { app }: Host, provider: Provider, { wire }: Model): Promise<void> {
  for (const [when, pieces, content] of [['before an answer', [], ''], ['in an answer', wire.said, ANSWER]] as const) {
    await t.test(`a stop ${when} reaches the provider`, { timeout: 20_000 }, async t => {
      provider.respondWith(stalled(...pieces))
      const next = provider.requests.length
      const id = await app.startStream({ prompt: QUESTION })
      const { closed } = await provider.request(next)
      for await (const state of app.followStream(id)) if (state.content === content) await app.stopStream(id)
      t.match(await app.getStreamState(id), { status: 'done', content })
      await closed
    })
  }
}
