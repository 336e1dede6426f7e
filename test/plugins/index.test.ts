import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parse } from 'node:querystring'
import type { FastifyInstance, FastifyServerOptions, InjectOptions } from 'fastify'
import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import wecomStream, * as named from '../../plugins/index.ts'
import type { WecomStreamOptions } from '../../plugins/index.ts'
import { buildApp, createApp, follow, keys, PATH, post, refreshMessage, textMessage, verify } from '../fixtures/app.ts'
import { createHandSource, yielding } from '../fixtures/sources.ts'
import { idle } from '../fixtures/waiting.ts'

/** What a host may have set up for itself. */
function furnish (app: FastifyInstance, seen: unknown[]): void {
  app.setErrorHandler(async (error: Error & { validation?: unknown, code?: string }, _request, reply) =>
    await reply.code(error.validation === undefined ? 500 : 400).send({ host: error.message, code: error.code }))
  app.setNotFoundHandler(async (request, reply) => await reply.code(404).send({ lost: request.url }))
  app.addContentTypeParser('application/x-host', { parseAs: 'string' }, (_request, body, done) => { done(null, { host: body }) })
  app.setValidatorCompiler(
    () => value => typeof value === 'object' && value !== null && 'bad' in value ? { error: new Error('bad by the host') } : { value }
  )
  app.setSerializerCompiler(() => data => `serialized ${JSON.stringify(data)}`)
  app.setReplySerializer(payload => `replied ${JSON.stringify(payload)}`)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-host', 'on-request')
    if (request.url.startsWith('/host')) seen.push(request.url)
  })
  app.addHook('preSerialization', async (_request, _reply, payload) => ({ wrapped: payload }))
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-sent', 'yes')
    return payload
  })
  app.get('/host/plain', async () => ({ plain: true }))
  app.get('/host/query', async request => request.query)
  app.get('/host/schema', { schema: { response: { 200: { type: 'object' } } } }, async () => ({ schema: true }))
  app.post('/host/body', async request => ({ body: request.body }))
  app.post('/host/checked', { schema: { body: { type: 'object' } } }, async request => ({ body: request.body }))
  app.get('/host/throws', async () => { throw new Error('on purpose') })
  app.get('/host/config', { config: { own: 1 } }, async request => ({
    config: (request.routeOptions.config as { wecom?: boolean }).wecom ?? 'none'
  }))
}

const REQUESTS: InjectOptions[] = [
  { url: '/host/plain' }, {
    method: 'HEAD', url: '/host/plain'
  }, { url: '/host/query?a=1&a=2&b[]=3' }, { url: '/host/schema' }, { url: '/host/throws' },
  { url: '/host/config' }, { url: '/nowhere' }, { method: 'POST', url: '/nowhere', payload: { a: 1 } },
  { method: 'POST', url: '/host/body', payload: { a: 1 } },
  { method: 'POST', url: '/host/body', payload: '{"broken', headers: { 'content-type': 'application/json' } },
  { method: 'POST', url: '/host/body', payload: '{"__proto__":1}', headers: { 'content-type': 'application/json' } },
  { method: 'POST', url: '/host/body', payload: 'text', headers: { 'content-type': 'text/plain' } },
  { method: 'POST', url: '/host/body', payload: 'own', headers: { 'content-type': 'application/x-host' } },
  { method: 'POST', url: '/host/body', payload: '<xml/>', headers: { 'content-type': 'text/xml' } },
  { method: 'POST', url: '/host/body', payload: 'x'.repeat(300_000), headers: { 'content-type': 'text/plain' } },
  { method: 'POST', url: '/host/body', payload: 'x'.repeat(1_100_000), headers: { 'content-type': 'text/plain' } },
  { method: 'POST', url: '/host/body' },
  { method: 'POST', url: '/host/checked', payload: { bad: 1 } }, { method: 'POST', url: '/host/checked', payload: { good: 1 } }
]

const SERVER: FastifyServerOptions = {
  routerOptions: { querystringParser: text => ({ parsed: 'by the host', ...parse(text) }) }, exposeHeadRoutes: true
}

async function behaviourOf (app: FastifyInstance, seen: unknown[]): Promise<unknown> {
  const answers = []
  for (const request of REQUESTS) {
    const { statusCode, headers, body } = await app.inject(request)
    answers.push({ request, statusCode, headers: { ...headers, date: undefined }, body })
  }
  return {
    answers,
    seen: [...seen],
    initial: app.initialConfig,
    parsers: [
      'application/json', 'text/plain', 'application/x-host', '*', 'text/xml'
    ].map(type => app.hasContentTypeParser(type))
  }
}

async function hostWith (plugin: 'none' | 'first' | 'last'): Promise<{ app: FastifyInstance, seen: unknown[] }> {
  const { app } = createApp(t, { ...SERVER, logger: false })
  const seen: unknown[] = []
  const options = { ...keys, env: {}, firstReplyGraceMs: 0, shutdownGraceMs: 0, source: yielding('hello') }
  if (plugin === 'first') await app.register(wecomStream, options)
  furnish(app, seen)
  if (plugin === 'last') await app.register(wecomStream, options)
  await app.ready()
  return { app, seen }
}

t.test('all that the host has set up behaves as without the plugin', async t => {
  const bare = await hostWith('none')
  const expected = await behaviourOf(bare.app, bare.seen)
  for (const plugin of ['first', 'last'] as const) {
    const { app, seen } = await hostWith(plugin)
    t.same(await behaviourOf(app, seen), expected, `registered ${plugin}`)
    t.equal((await verify(app, '123')).body, '123', 'and the bot works')
    const { stream } = await post(app, textMessage('hi'))
    t.hasStrict((await follow(app, stream.id as string)).at(-1), { finish: true, content: 'hello' })
    t.same(JSON.parse((await post(app, 'x')).body), { error: 'The opened text is no message' }, 'with refusals of its own')
    seen.length = 0
    t.same(await behaviourOf(app, seen), expected, 'and the host is as before')
  }
})

t.test('the plugin adds one path, in GET and POST, without HEAD', async t => {
  const { app } = createApp(t)
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url, config }) => { routes.push(`${String(method)} ${url} ${(config as { wecom?: boolean }).wecom}`) })
  await app.register(wecomStream, { ...keys, env: {} })
  await app.ready()
  t.same(routes, [`GET ${PATH} true`, `POST ${PATH} true`])
})

t.test('hooks of the host see that the route is that of WeCom, and may pass it over', async t => {
  const { app } = createApp(t)
  app.addHook('onRequest', async (request, reply) => {
    if ((request.routeOptions.config as { wecom?: boolean }).wecom === true) return
    return await reply.code(401).send('who are you')
  })
  app.get('/host', async () => 'hello')
  await app.register(wecomStream, { ...keys, env: {}, shutdownGraceMs: 0 })
  t.equal((await app.inject('/host')).statusCode, 401)
  t.equal((await verify(app, '123')).statusCode, 200)
  t.equal((await post(app, textMessage('hi'))).statusCode, 200)
})

t.test('with nothing but its credentials, the bot answers with the mock', async t => {
  const { app } = createApp(t)
  await app.register(wecomStream, { ...keys, env: {}, shutdownGraceMs: 0, mock: { chunkDelayMs: 1 } })
  const { stream } = await post(app, textMessage('hi'))
  t.hasStrict((await follow(app, stream.id as string)).at(-1), { finish: true, content: 'Q: hi\nHello world! This is a stream.' })
})

t.test('the bot is set up by the environment, and by options before it', async t => {
  const env = {
    WECOM_TOKEN: keys.token,
    WECOM_ENCODING_AES_KEY: keys.encodingAESKey,
    WECOM_CALLBACK_PATH: '/env',
    WECOM_BOT_NAME: 'Robot',
    MOCK_CHUNK_DELAY_MS: '0',
    STREAM_FIRST_REPLY_GRACE_MS: '2000'
  }
  const { app } = createApp(t)
  await app.register(wecomStream, { env })
  const group = textMessage('@Robot hi', { chattype: 'group', chatid: 'g' })
  t.hasStrict((await post(app, group, { path: '/env' })).stream, { finish: true, content: 'Q: hi\nHello world! This is a stream.' })

  const { app: other } = createApp(t)
  await other.register(wecomStream, { env, path: '/option', botName: 'Other', mock: { echo: false, chunks: ['mine'] } })
  t.hasStrict((await post(other, group, { path: '/option' })).stream, { finish: true, content: 'mine' })
})

t.test('without an environment of its own, the plugin reads process.env and .env', async t => {
  const dir = t.testdir({})
  const before = process.cwd()
  t.teardown(() => {
    process.chdir(before)
    delete process.env['WECOM_CALLBACK_PATH']
  })
  process.chdir(dir)
  writeFileSync('.env', `WECOM_TOKEN=${keys.token}\nWECOM_ENCODING_AES_KEY=${keys.encodingAESKey}\nWECOM_CALLBACK_PATH=/file\n`)
  process.env['WECOM_CALLBACK_PATH'] = '/process'
  const environment = { ...process.env }
  const { app } = createApp(t)
  await app.register(wecomStream)
  t.equal((await verify(app, '123', { path: '/process' })).body, '123')
  t.same({ ...process.env }, environment)
})

t.test('all faults of both halves come in one error, each once', async t => {
  const { app } = createApp(t)
  const options = { encodingAESKey: 'short', path: 'x', maxRunning: 0, texts: { expired: '' }, clock: 5, nonsense: 1, mock: { chunk: 1 } }
  const env = { STREAM_SOURCE: 'openai', STREAM_DEADLINE_MS: 'Infinity' }
  await t.rejects(async () => { await app.register(wecomStream, { ...options, env } as unknown as WecomStreamOptions) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      { name: 'WECOM_TOKEN' }, {
        name: 'option encodingAESKey'
      }, { name: 'option path' }, { name: 'STREAM_DEADLINE_MS' }, { name: 'option maxRunning' },
      { name: 'option nonsense' }, { name: 'option mock.chunk' }, { name: 'option clock' }, { name: 'OPENAI_API_KEY' }, {
        name: 'option texts.expired'
      }
    ]
  })
  t.notOk(app.hasDecorator('startStream'), 'and nothing is set up')
  const error = await createApp(t).app.register(wecomStream, { env: {} }).then(() => undefined, (error: Error) => error)
  t.equal((error as named.ConfigError).faults.length, 2)
  t.ok(error instanceof named.ConfigError)
})

t.test('options of active replies belong to the callback', async t => {
  const { app } = createApp(t)
  await t.rejects(async () => {
    await app.register(
      wecomStream, { ...keys, env: {}, activeReply: { timeoutMs: 0, hosts: [] } } as WecomStreamOptions
    )
  }, {
    message: /option activeReply\.hosts: is unknown[^]*option activeReply\.timeoutMs: is of type number, expected a whole number of milliseconds/
  })
  const { app: other } = createApp(t)
  await t.resolves(
    async () => { await other.register(wecomStream, { ...keys, env: {}, activeReply: { timeoutMs: 1000, allowPrivateAddresses: true } }) }
  )
})

t.test('texts, path prefix and thinking reach the callback', async t => {
  const source = yielding({ type: 'reasoning', text: 'hm' }, 'so')
  const { app } = await buildApp(
    t, { source, prefix: '/bots', reasoning: 'show', firstReplyGraceMs: 2000, texts: { expired: 'gone', unsupported: 'no' } }
  )
  const sending = { path: `/bots${PATH}` }
  t.equal((await post(app, textMessage('hi'), sending)).stream.content, '<think>hm</think>\n\nso')
  t.equal((await post(app, { msgtype: 'image' }, sending)).stream.content, 'no')
  t.equal((await post(app, { msgtype: 'stream', stream: { id: 'x' } }, sending)).stream.content, 'gone')
})

t.test('what is said and remembered is set by the environment, and by options before it', async t => {
  const hand = createHandSource()
  const env = {
    WECOM_LANGUAGE: 'en',
    STREAM_REASONING: 'placeholder',
    STREAM_HISTORY_TURNS: '1',
    WECOM_CONVERSATION_SCOPE: 'chat',
    WECOM_PARALLEL_TURNS: 'true'
  }
  const { app } = await buildApp(t, { env, source: hand.source })
  const inGroup = (userid: string) => ({ chattype: 'group', chatid: 'g', from: { userid } })
  const ask = async (text: string, userid: string): Promise<string> => {
    const { stream } = await post(app, textMessage(text, inGroup(userid)))
    await idle()
    return stream.id as string
  }
  const contentOf = async (id: string): Promise<string | undefined> => (await post(app, refreshMessage(id, inGroup('u')))).stream.content
  const first = await ask('one', 'u')
  await hand.call().push({ type: 'reasoning', text: 'hm' })
  t.equal(await contentOf(first), loadTexts({}, 'en').thinking)
  const second = await ask('two', 'v')
  t.equal(hand.calls.length, 2, 'side by side')
  for (const [index, id] of [first, second].entries()) {
    await hand.call(index).push(`answer ${index}`)
    await hand.call(index).end()
    t.equal(await contentOf(id), `answer ${index}`)
  }
  await ask('three', 'w')
  t.strictSame(hand.call().turn.history, [{ prompt: 'two', reply: 'answer 1' }])

  const { app: other } = await buildApp(
    t, { env, source: yielding({ type: 'reasoning', text: 'hm' }, ''), firstReplyGraceMs: 2000, language: 'zh-CN', reasoning: 'show' }
  )
  t.equal((await post(other, textMessage('hi'))).stream.content, `<think>hm</think>\n\n${loadTexts().empty}`)
})

t.test('events go to the hooks of the host', async t => {
  const rated: unknown[] = []
  const { app } = await buildApp(t, {
    env: { WECOM_WELCOME_TEXT: 'welcome' },
    onEnterChat: ({ sender }) => sender === 'known' ? `hello ${sender}` : undefined,
    onCardEvent: ({ taskId }) => named.cards.done({ taskId, title: 'Done', choice: 'yes' }),
    onFeedback: ({ streamId }) => { rated.push(streamId) }
  })
  const send = async (event: object, more: object = {}) => (await post(app, textMessage('', { msgtype: 'event', event, ...more }))).reply
  t.same(await send({ eventtype: 'enter_chat' }), { msgtype: 'text', text: { content: 'welcome' } })
  t.same(await send({ eventtype: 'enter_chat' }, { from: { userid: 'known' } }), { msgtype: 'text', text: { content: 'hello known' } })
  t.hasStrict(await send(
    { eventtype: 'template_card_event', template_card_event: { task_id: 't' } }
  ), { response_type: 'update_template_card', template_card: { task_id: 't' } })
  const { stream: { id } } = await post(app, textMessage('hi'))
  t.equal(await send({ eventtype: 'feedback_event', feedback_event: { id, type: 1 } }), undefined)
  t.same(rated, [id])
})

t.test('two bots tell their events apart', async t => {
  const { app } = await buildApp(t, { onEnterChat: () => 'first' })
  await app.register(named.callback, { ...keys, path: '/second', welcomeText: 'second', onEnterChat: () => undefined })
  const entered = textMessage('', { msgtype: 'event', event: { eventtype: 'enter_chat' } })
  t.hasStrict((await post(app, entered)).reply, { text: { content: 'first' } })
  t.hasStrict((await post(app, entered, { path: '/second' })).reply, { text: { content: 'second' } })
})

t.test('feedback is asked for only where a hook wants it', async t => {
  const { app } = await buildApp(t)
  t.notOk('feedback' in (await post(app, textMessage('hi'))).stream)
})

t.test('images of a source come with the last frame', async t => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
  const { app } = await buildApp(t, { source: yielding({ type: 'image', data: png }, 'look'), firstReplyGraceMs: 2000 })
  t.hasStrict(
    (await post(app, textMessage('hi'))).stream, { finish: true, content: 'look', msg_item: [{ msgtype: 'image', image: { base64: png } }] }
  )
})

t.test('the log level of the route is an option', async t => {
  const { app, lines } = await buildApp(t, { logLevel: 'error' })
  await verify(app, '123')
  t.equal(lines.filter(({ msg }) => msg === 'incoming request').length, 0)
  const { app: loud, lines: many } = await buildApp(t)
  await verify(loud, '123')
  t.equal(many.filter(({ msg }) => msg === 'incoming request').length, 1)
})

t.test('the plugin can be registered again after its app was closed', async t => {
  for (let n = 0; n < 2; n++) {
    const { app } = await buildApp(t)
    t.equal((await verify(app, '123')).statusCode, 200)
    await app.close()
  }
})

t.test('registered twice in one app, it says how a further bot is registered', async t => {
  const { app } = await buildApp(t)
  await t.rejects(async () => { await app.register(wecomStream, { ...keys, env: {} }) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [{ name: 'register', problem: 'has been called with this plugin before: register its `callback` for a further bot' }]
  })
})

t.test('an option that nobody knows is told with the nearest one, whichever half takes it', async t => {
  const { app } = createApp(t)
  await t.rejects(Promise.resolve(app.register(wecomStream, {
    ...keys, env: {}, botname: 'x', medai: {}, deadlineMS: 5, opneai: {}, zzzzzzzz: 1
  } as object)), {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      { name: 'option botname', problem: 'is unknown, expected option botName' },
      { name: 'option medai', problem: 'is unknown, expected option media' },
      { name: 'option deadlineMS', problem: 'is unknown, expected option deadlineMs' },
      { name: 'option opneai', problem: 'is unknown, expected option openai' },
      { name: 'option zzzzzzzz', problem: 'is unknown, expected one of those in lib/config/README.md' }
    ]
  })
})

t.test('faults of commands are among all the others', async t => {
  const { app } = createApp(t)
  const options = { env: {}, commands: { stop: '/stop' }, deadlineMs: 0 } as unknown as WecomStreamOptions
  await t.rejects(async () => { await app.register(wecomStream, options) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [{ name: 'WECOM_TOKEN' }, { name: 'WECOM_ENCODING_AES_KEY' }, { name: 'option commands.stop' }, { name: 'option deadlineMs' }]
  })
})

t.test('a deadline beyond the window of WeCom is among the faults, once, wherever the two come from', async t => {
  const faultsOf = async (options: object, env: object = {}): Promise<Array<[string, string]>> => {
    const error = await createApp(t).app.register(wecomStream, { ...keys, ...options, env: { ...env } }).then(
      () => undefined, (error: Error) => error
    )
    return ((error as named.ConfigError | undefined)?.faults ?? []).map(({ name, problem }) => [name, problem.slice(0, 10)])
  }
  const beyond = ['STREAM_DEADLINE_MS', 'is 360001 ']
  t.strictSame(await faultsOf({ deadlineMs: 360_001 }), [beyond])
  t.strictSame(await faultsOf({ deadlineMs: 360_000, lateDeadlineMs: 3_000_000 }), [])
  t.strictSame(await faultsOf({}, { STREAM_DEADLINE_MS: '360001' }), [beyond])
  t.strictSame(await faultsOf({ deadlineMs: 360_001 }, { WECOM_WINDOW_MS: '360001' }), [])
  t.strictSame(await faultsOf({ windowMs: 1000 }), [['STREAM_DEADLINE_MS', 'is 330000 ']], 'the default is one, too')
  t.strictSame(await faultsOf({ deadlineMs: 360_001, maxRunning: 0 }), [beyond, ['option maxRunning', 'is "0", ex']])
  t.strictSame((await faultsOf({ deadlineMs: 360_001, windowMs: 0 })).map(([name]) => name), ['option windowMs', 'STREAM_DEADLINE_MS'])
  t.strictSame((await faultsOf({ deadlineMs: 1e300, windowMs: 'x' })).map(([name]) => name), ['option windowMs', 'option deadlineMs'])
})

t.test('a fault of a variable that both halves read is told once', async t => {
  const { app } = createApp(t)
  const error = await app.register(wecomStream, { ...keys, env: { WECOM_LANGUAGE: 'fr' } }).then(() => undefined, (error: unknown) => error)
  t.strictSame((error as named.ConfigError).faults, [{ name: 'WECOM_LANGUAGE', problem: 'is "fr", expected zh-CN or en' }])
})

t.test('a variable that seems to be meant for a setting is told once, also if the app does not boot', async t => {
  const suspects = (lines: Array<Record<string, unknown>>): unknown[] =>
    lines.filter(({ level, variable }) => level === 40 && variable !== undefined).map(({ msg }) => msg)
  const said = ['REDIS_URI is no setting: did you mean REDIS_URL?']
  t.strictSame(suspects((await buildApp(t, { env: { REDIS_URI: 'redis://host' } })).lines), said)
  const { app, lines } = createApp(t)
  await t.rejects(async () => { await app.register(wecomStream, { env: { REDIS_URI: 'redis://host' } }) }, { code: 'WECOM_ERR_CONFIG' })
  t.strictSame(suspects(lines), said)
})

t.test('the plugin function carries the named exports, which is what require() gives', async t => {
  const { default: plugin, 'module.exports': forRequire, ...others } = named
  t.equal(plugin, forRequire)
  t.same(Object.keys(others).sort(), [
    'BusyError', 'ClosedError', 'ConfigError', 'InputError', 'SourceError', 'StreamStatus', 'UnavailableError', 'callback', 'cards',
    'channels',
    'createMockSource', 'createOpenAISource', 'streams'
  ])
  for (const [name, value] of Object.entries(others)) t.equal((plugin as unknown as Record<string, unknown>)[name], value, name)
})

t.test('the plugin has a name, and asks for Fastify 5', async t => {
  const meta = (plugin: unknown): unknown => (plugin as Record<symbol, unknown>)[Symbol.for('plugin-meta')]
  t.hasStrict(meta(wecomStream), { name: 'fastify-wecom-stream', fastify: '5.x' })
  t.hasStrict(meta(named.streams), { name: 'wecom-streams', fastify: '5.x' })
  t.hasStrict(meta(named.callback), { name: 'wecom-callback', fastify: '5.x', dependencies: ['wecom-streams'] })
  t.hasStrict(createRequire(import.meta.url)('../../package.json'), { peerDependencies: { fastify: '^5.0.0' } })
})

t.test('a stream that is under way is ended when the app closes', async t => {
  const { app } = await buildApp(t, { mock: { chunkDelayMs: 60_000 } })
  const id = await app.startStream('hi')
  await idle()
  t.equal((await app.getStreamState(id)).status, 'running')
  await app.close()
  await t.rejects(app.startStream('hi'), { code: 'WECOM_ERR_CLOSED' })
})

t.test('cards are built and checked', async t => {
  const { cards } = wecomStream
  const card = cards.textNotice({ main_title: { title: 'Lunch' }, card_action: { type: 1, url: 'https://example.com' } })
  t.hasStrict(card, { card_type: 'text_notice', main_title: { title: 'Lunch' } })
  t.same(cards.checkCard({ ...card }), card)
  t.throws(() => cards.checkCard({ card_type: 'text_notice' }), { code: 'WECOM_ERR_INPUT' })
})
