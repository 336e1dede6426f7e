import { execSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { serverSettings } from '../../lib/cli/settings.ts'
import { callbackFurtherOptions, callbackSettings, streamsFurtherOptions, streamsSettings } from '../../lib/config/settings.ts'
import type { Setting } from '../../lib/config/settings.ts'
import { FAILURE_LEVELS } from '../../lib/streams/ending.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { FAILURE_CLASSES, RefusalError } from '../../lib/util/errors.ts'
import type { RefusalCode } from '../../lib/util/errors.ts'
import { createRefusals } from '../../lib/wecom/refusals.ts'
import { BusyError, ClosedError, InputError } from '../../plugins/index.ts'
import type { Logger, StreamState } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import type { SendOptions, SimulatedMessage, Simulator, SimulatorOptions } from '../../plugins/testing.ts'
import { chunk, createProvider, DONE, finish, sse } from '../fixtures/provider.ts'
import { aiSdk, anchorOf, apps, defaultCell, fences, readme, registeredTests, samples, tableOf, typeCell } from '../fixtures/readme.ts'
import type { SampleApp, StreamTextPart } from '../fixtures/readme.ts'
import { openRedis } from '../fixtures/redis.ts'

const ROOT = new URL('../../', import.meta.url)
const KEYS = { token: 'sample', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const CREDENTIALS = { WECOM_TOKEN: KEYS.token, WECOM_ENCODING_AES_KEY: KEYS.encodingAESKey, MOCK_CHUNK_DELAY_MS: '1' }
const LISTEN = { port: 3000, host: '127.0.0.1' }
const HELLO = 'Q: hello\nHello world! This is a stream.'

const settings: ReadonlyArray<[variable: string, setting: Setting]> = Object.entries({ ...callbackSettings, ...streamsSettings })
const texts = loadTexts()
const shellLines = fences.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.trim().split('\n'))
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')

const SOURCES = new Map([
  ['fastify-wecom-stream', 'plugins/index.ts'],
  ['fastify-wecom-stream/testing', 'plugins/testing.ts'],
  ...['fastify', 'ai', '@ai-sdk/openai', '@langchain/openai', 'node:test'].map(name => [name, 'test/fixtures/readme.ts'] as const)
])

/** The code of a sample, with imports that lead to this checkout and to stand-ins. */
function codeOf (name: string): string {
  const sample = samples.get(name)
  if (sample === undefined) throw new Error(`the README has no sample ${name}`)
  const isPart = sample.startsWith(`// ${name}, in place of the register line of server.mjs`)
  const whole = isPart ? (samples.get('server.mjs') ?? '').replace(/^await app\.register\(wecomStream\).*$/m, () => sample) : sample
  return whole.replace(/(?<=^import .*)'(.+)'$/gm, (_quoted, specifier: string) => {
    const source = SOURCES.get(specifier)
    if (specifier === 'redis') return `'${import.meta.resolve(specifier)}'`
    if (source === undefined && !isBuiltin(specifier)) throw new Error(`${name} imports ${specifier}, which has no stand-in`)
    return `'${source === undefined ? specifier : new URL(source, ROOT).href}'`
  })
}

/** A working directory and an environment of their own, without what is set on this machine. */
function enter (t: Test, env: Record<string, string>): string {
  const saved = { folder: process.cwd(), env: process.env }
  t.teardown(() => {
    process.chdir(saved.folder)
    process.env = saved.env
  })
  const folder = t.testdir({})
  process.chdir(folder)
  const unset = new Set(settings.map(([variable]) => variable))
  process.env = { ...Object.fromEntries(Object.entries(saved.env).filter(([name]) => !unset.has(name))), ...env }
  return folder
}

const ran = new Set<string>()

/** Runs a sample as it stands in the README; gives the app it made, if it made one. */
async function run (t: Test, name: string, change = (code: string): string => code): Promise<SampleApp> {
  ran.add(name)
  const file = join(process.cwd(), name)
  writeFileSync(file, change(codeOf(name)))
  const known = apps.length
  t.teardown(async () => { for (const { app } of apps.splice(known)) await app.close() })
  await import(pathToFileURL(file).href)
  return apps[known] as SampleApp
}

/** Gives a function that takes off the listeners to signals that were added since, and gives them. */
function watchSignals (): () => Array<readonly [signal: string, listener: (signal: 'SIGTERM') => unknown]> {
  const known = new Map((['SIGTERM', 'SIGINT'] as const).map(signal => [signal, process.listeners(signal)]))
  return () => {
    const added = [...known].flatMap(([signal, before]) => process.listeners(signal).filter(listener => !before.includes(listener)).map(listener => [signal, listener] as const))
    for (const [signal, listener] of added) process.removeListener(signal, listener)
    return added as ReturnType<ReturnType<typeof watchSignals>>
  }
}

interface Bot extends SampleApp {
  url: string
  wecom (options?: Partial<SimulatorOptions>): Simulator
}

/** Runs a sample that ends with `listen`, and checks that WeCom could save its URL. */
async function serve (t: Test, name: string, env: Record<string, string> = {}, change?: (code: string) => string): Promise<Bot> {
  enter(t, { ...CREDENTIALS, ...env })
  const sample = await run(t, name, change)
  t.strictSame(sample.asked, LISTEN)
  const url = await sample.address as string
  const wecom = (options: Partial<SimulatorOptions> = {}) => createSimulator({ target: `${url}/wecom/callback`, ...KEYS, refreshMs: 20, ...options })
  t.strictSame((await wecom().verify()).problems, [])
  return { ...sample, url, wecom }
}

async function talk (t: Test, simulator: Simulator, message: string | SimulatedMessage, options?: SendOptions): Promise<string> {
  const { content, finished, problems } = await simulator.send(message, options)
  t.ok(finished)
  t.strictSame(problems, [])
  return content
}

t.test('server.mjs and talk.mjs: the quick start, with the credentials that its command makes', async t => {
  const command = shellLines.find(line => line.endsWith('> .env')) ?? ''
  const folder = enter(t, { MOCK_CHUNK_DELAY_MS: '1' })
  execSync(command, { cwd: folder })
  const env = parseEnv(readFileSync(join(folder, '.env'), 'utf8'))
  t.strictSame(Object.keys(env).sort(), ['WECOM_ENCODING_AES_KEY', 'WECOM_TOKEN'])

  const { asked, address } = await run(t, 'server.mjs')
  t.strictSame(asked, LISTEN)
  const url = await address as string
  const refused = await fetch(`${url}/wecom/callback`)
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: String })

  Object.assign(process.env, env)
  const { args } = t.capture(console, 'log')
  await run(t, 'talk.mjs', code => code.replace('http://127.0.0.1:3000', url))
  t.strictSame(args().map(line => `${line.join(' ')}\n`), [fences.find(({ language }) => language === 'text')?.code])
})

t.test('production.mjs: hooks leave the callback alone, and shutdown lets an answer end', async t => {
  const takeListeners = watchSignals()
  const { app, options, url, log, wecom } = await serve(t, 'production.mjs', {
    API_KEYS: 'one,two', MOCK_CHUNK_DELAY_MS: '20', STREAM_FIRST_REPLY_GRACE_MS: '0'
  })
  const added = takeListeners()
  t.strictSame(added.map(([signal]) => signal), ['SIGTERM', 'SIGINT'])

  t.match(options, { return503OnClosing: false })
  t.match(app.server, { requestTimeout: 10_000, headersTimeout: 10_000 })
  t.equal((await fetch(`${url}/orders`)).status, 401)
  t.equal((await fetch(`${url}/nothing`)).status, 401)
  t.equal((await fetch(`${url}/orders`, { headers: { 'x-api-key': '' } })).status, 401)
  t.equal((await fetch(`${url}/orders`, { headers: { 'x-api-key': 'two' } })).status, 200)

  let closed: unknown
  const content = await talk(t, wecom(), 'hello', { onFrame: () => { closed ??= added[0]?.[1]('SIGTERM') } })
  t.equal(content, HELLO)
  await closed
  t.equal(app.server.listening, false)
  t.notMatch(log.join(''), '/wecom/callback', 'requests of WeCom are not logged')
})

t.test('ask.mjs: the methods serve a page of the host', async t => {
  const { app, url, wecom } = await serve(t, 'ask.mjs', { MOCK_CHUNK_DELAY_MS: '5' })
  const post = async (body: object) => await fetch(`${url}/ask`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const { id } = await (await post({ prompt: 'hello' })).json() as { id: string }
  const events = await fetch(`${url}/ask/${id}`)
  t.equal(events.headers.get('content-type'), 'text/event-stream')
  const states = (await events.text()).split('\n\n').filter(event => event !== '').map(event => JSON.parse(event.replace(/^data: /, '')) as StreamState)
  t.match(states.at(-1), { status: 'done', content: HELLO })
  t.ok(states.length > 2, 'the text grew')
  t.match(await app.getStreamState(id, { from: states[0]?.cursor ?? 0 }), { delta: HELLO.slice(states[0]?.cursor) })
  t.match(await (await post({})).json(), { statusCode: 400, code: 'WECOM_ERR_INPUT' })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
})

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
  enter(t, CREDENTIALS)
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

t.test('support.mjs: a group has one conversation', async t => {
  const { options, wecom } = await serve(t, 'support.mjs', { MOCK_CHUNK_DELAY_MS: '1' })
  t.ok(options)
  t.equal(await talk(t, wecom(), 'hello', { chat: 'g', user: 'a' }), HELLO)
  t.equal(await talk(t, wecom(), '/new', { chat: 'g', user: 'b' }), '已开始新对话')
})

t.test('commands.mjs: words of the host, and a command of its own', async t => {
  const { wecom } = await serve(t, 'commands.mjs', { MOCK_CHUNK_DELAY_MS: '1' })
  t.equal(await talk(t, wecom(), 'Enough'), 'There is no answer under way.')
  t.equal(await talk(t, wecom(), '/whoami', { user: 'zhang' }), 'You are zhang.')
  t.match(await talk(t, wecom(), '/help'), /\/stop enough[^]*\/whoami — says who you are/)
  t.equal(await talk(t, wecom(), '/new'), 'Q: /new\nHello world! This is a stream.', 'it is switched off')
})

t.test('access.mjs: lists, limits and a decision of the host', async t => {
  const { wecom } = await serve(t, 'access.mjs', { MOCK_CHUNK_DELAY_MS: '1' })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom(), 'hello', { user: 'li' }), texts.denied)
  t.equal(await talk(t, wecom(), 'hello', { chat: 'wrSales' }), HELLO)
  t.equal(await talk(t, wecom(), 'hello', { chat: 'wrOther' }), texts.denied)
  t.equal(await talk(t, wecom(), 'hello', { user: 'guest' }), 'Only for employees.')
  for (let n = 2; n < 20; n++) t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom(), 'hello'), texts.limited)
})

t.test('order.mjs: an answer with a card', async t => {
  const { wecom } = await serve(t, 'order.mjs')
  const { content, problems, frames } = await wecom().send('my order')
  t.strictSame(problems, [])
  t.equal(content, 'I have found this for “my order”:')
  t.match(frames.at(-1)?.reply, { msgtype: 'stream_with_template_card', template_card: { card_type: 'text_notice', main_title: { title: 'Order 4711' } } })
})

t.test('hooks.mjs: questions are seen before, and answers behind', async t => {
  const { wecom, log } = await serve(t, 'hooks.mjs')
  t.equal(await talk(t, wecom(), 'opening hours'), 'Monday to Friday, 9 to 18.')
  t.equal(await talk(t, wecom(), 'my Password is lost'), texts.denied)
  t.equal(await talk(t, wecom(), 'hello', { user: 'li' }), 'Q: hello (asked by li)\nHello world! This is a stream.')
  t.match(log.join(''), /"status":"done","durationMs":\d+,"msg":"for the books"/)
})

t.test('events.mjs: each event has its hook', async t => {
  const { wecom, log } = await serve(t, 'events.mjs')
  const send = async (eventtype: string, said: object = {}) => (await wecom().post({ msgtype: 'event', from: { userid: 'zhang' }, event: { eventtype, [eventtype]: said } })).reply
  t.strictSame(await send('enter_chat'), { msgtype: 'text', text: { content: 'Hello zhang, what can I do for you?' } })
  const used = { event_key: 'book', task_id: 'room', selected_items: { selected_item: [{ question_key: 'q', option_ids: { option_id: ['small'] } }] } }
  t.match(await send('template_card_event', used), { response_type: 'update_template_card', template_card: { main_title: { title: 'Booked: small' }, task_id: 'room' } })
  t.equal(await send('template_card_event', { ...used, event_key: 'other' }), undefined)
  const { id } = await wecom().send('hello', { user: 'asker' })
  t.equal(await send('feedback_event', { id, type: 2, inaccurate_reason_list: [2] }), undefined)
  t.match(log.join(''), new RegExp(`"vote":"inaccurate","reasons":\\["incomplete"\\],"streamId":"${id}","asker":"asker","msg":"an answer was rated"`))
})

t.test('files.mjs: a source finds the files of a message', async t => {
  const { wecom } = await serve(t, 'files.mjs')
  t.match(await talk(t, wecom(), { msgtype: 'file', file: { url: 'http://127.0.0.1/inside' } }), /^file: REFUSED\n/)
})

t.test('two-bots.mjs: each bot has its credentials, path and source', async t => {
  const sales = { token: 'sales', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }
  const { url, wecom } = await serve(t, 'two-bots.mjs', { SALES_TOKEN: sales.token, SALES_ENCODING_AES_KEY: sales.encodingAESKey })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom({ target: `${url}/wecom/sales`, ...sales }), 'hello'), 'Welcome to sales.')
})

t.test('english.mjs: the sentences of the host take the place of ours', async t => {
  const { wecom } = await serve(t, 'english.mjs')
  t.equal(await talk(t, wecom(), { msgtype: 'location', location: {} }), 'I can read text, voice, images, files and videos only.')
  const section = readme.slice(readme.indexOf('## Sentences of the bot'), readme.indexOf('## Test your app'))
  for (const name of Object.keys(texts)) t.match(section, new RegExp(`\`${name}\`|^ +${name}: `, 'm'), `${name} is named`)
})

t.test('bot.test.mjs: the test of a host passes', async t => {
  enter(t, {})
  await run(t, 'bot.test.mjs')
  for (const [name, body] of registeredTests) {
    const teardowns: Array<() => unknown> = []
    await t.resolves(body({ after: teardown => { teardowns.push(teardown) } }), name)
    for (const teardown of teardowns) await teardown()
  }
  t.equal(registeredTests.length, 1)
})

const redis = await openRedis(t)
if (redis === undefined) ran.add('replicas.mjs')
else {
  t.test('replicas.mjs: state is in Redis, and readiness fails before the answers are let end', async t => {
    const takeListeners = watchSignals()
    const prefix = redis.newPrefix()
    const change = (code: string): string => code.replace('support:', prefix).replace('sleep(5000)', 'sleep(100)')
    const { app, url, log, wecom } = await serve(t, 'replicas.mjs', { REDIS_URL: redis.url, MOCK_CHUNK_DELAY_MS: '20', STREAM_FIRST_REPLY_GRACE_MS: '0' }, change)
    const [[signal, onSignal] = []] = takeListeners()
    t.equal(signal, 'SIGTERM')
    t.strictSame(await (await fetch(`${url}/ready`)).json(), { ready: true })

    let closed: unknown
    let unready: Promise<Response> | undefined
    const content = await talk(t, wecom(), 'hello', {
      onFrame: () => {
        closed ??= onSignal?.('SIGTERM')
        unready ??= fetch(`${url}/ready`)
      }
    })
    t.equal(content, HELLO)
    t.equal((await unready)?.status, 503)
    await closed
    t.equal(app.server.listening, false)
    t.notMatch(log.join(''), '"level":50')
    t.not((await redis.keys(prefix)).length, 0)
  })
}

t.test('every sample has been run', async t => {
  t.strictSame([...ran].sort(), [...samples.keys()].sort())
  t.strictSame([...new Set(fences.map(({ language }) => language))].sort(), ['caddy', 'js', 'nginx', 'sh', 'text', 'yaml'])
})

t.test('every command of npm exists', async t => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const BUILT_IN = ['ci', 'install', 'pack']
  for (const [, script, command = ''] of readme.matchAll(/\bnpm (?:run ([\w:]+)|(\w+))/g)) {
    if (!BUILT_IN.includes(command)) t.ok(scripts[script ?? command], `npm ${script ?? command}`)
  }
})

t.test('the configuration is that of the code', async t => {
  const rows = new Map(tableOf('Variable').map(([variable = '', option, values, standard, meaning]) => [variable, { option, values, standard, meaning }]))
  t.strictSame([...rows.keys()], settings.map(([variable]) => `\`${variable}\``))
  for (const [variable, setting] of settings) {
    const { meaning, ...row } = rows.get(`\`${variable}\``) ?? {}
    t.strictSame(row, { option: `\`${setting.option}\``, values: typeCell(setting), standard: defaultCell(setting) }, variable)
    t.ok(meaning, `${variable} is explained`)
  }
  const section = readme.slice(readme.indexOf('Options without a variable'), readme.indexOf('## Several replicas'))
  for (const { option } of [...callbackFurtherOptions, ...streamsFurtherOptions]) t.ok(section.includes(`\`${option}\``), `${option} is explained`)
})

t.test('.env.example has every variable with its default', async t => {
  const all: Array<[string, Setting]> = [...settings, ...Object.entries(serverSettings)]
  const expected = all.map(([variable, { schema }]) => [variable, String(schema['default'] ?? '')])
  t.strictSame(parseEnv(read('.env.example')), Object.fromEntries(expected))
})

t.test('the error codes are those of the code, with their statuses', async t => {
  const quiet: Logger = { debug () {}, info () {}, warn () {}, error () {}, child: () => quiet }
  const refuse = createRefusals(quiet, systemClock)
  const thrown = [new InputError(''), new BusyError(1), new ClosedError()]
  const rows = tableOf('Code').map(([code = '', where, status]) => ({ code: code.replaceAll('`', ''), where, status }))
  t.strictSame(rows.map(({ code }) => code).sort(), [...new Set(read('lib/util/errors.ts').match(/WECOM_ERR_\w+/g))].sort())
  for (const { code, where, status } of rows) {
    const expected = where === 'Callback'
      ? refuse(new RefusalError(code as RefusalCode, '')).statusCode
      : thrown.find(error => error.code === code)?.statusCode
    t.equal(status, String(expected ?? '–'), code)
  }
})

t.test('the classes of failure are those of the code, with their sentences and levels', async t => {
  const rows = tableOf('Class').map(([name, , sentence, level]) => [name, sentence, level])
  t.strictSame(rows, FAILURE_CLASSES.map(name => [`\`${name}\``, texts.failures[name], FAILURE_LEVELS[name]]))
})

t.test('every variable and code that is named exists', async t => {
  const known = new Set([...settings.map(([variable]) => variable), ...tableOf('Code').map(([code = '']) => code.replaceAll('`', ''))])
  for (const name of new Set(readme.match(/\b(?:WECOM|STREAM|OPENAI|MOCK)_[A-Z_]+\b/g))) t.ok(known.has(name), name)
})

t.test('the links lead somewhere, and the contents name every section', async t => {
  const prose = readme.replace(/^```[^]*?^```$/gm, '')
  const headings = [...prose.matchAll(/^##+ (.+)$/gm)].map(([, heading = '']) => heading)
  const anchors = headings.map(anchorOf)
  const targets = [...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target)
  for (const target of targets) {
    if (target.startsWith('#')) t.ok(anchors.includes(target), target)
    else t.ok(existsSync(new URL(target, ROOT)), target)
  }
  const contents = prose.slice(prose.indexOf('## Contents'), prose.indexOf('## Run it'))
  const sections = [...prose.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  t.strictSame([...contents.matchAll(/\[([^\]]+)\]/g)].map(([, name]) => name), sections.slice(1))
})
