import { networkInterfaces } from 'node:os'
import Fastify from 'fastify'
import t from 'tap'
import type { BotEntry } from '../../lib/playground/model.ts'
import wecomStream from '../../plugins/index.ts'
import { openFeed } from '../../plugins/playground/feed.ts'
import { readPage } from '../../plugins/playground/page-files.ts'
import playground from '../../plugins/playground.ts'
import { CREDENTIALS, isOver, play, servePlayground, splitEvents } from '../fixtures/playground.ts'

const text = (content: string) => ({ msgtype: 'text', text: { content } })
const single = { kind: 'single', name: 'Zhang San', members: ['zhangsan'] }

t.test('a message goes through the sealed callback of the app, and its answer grows', async t => {
  const { call, until, printed, address } = await servePlayground(t)
  t.strictSame(printed, [`Playground: ${address}`])
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+\/playground\/#[\w-]{32}$/)
  const { id } = await call('create', single)
  await call('switches', { refreshMs: 50 })
  await call('send', { conversation: id, user: 'zhangsan', message: text('hi'), files: [] })
  const [conversation] = await until(([one]) => one !== undefined && isOver(one.entries))
  t.hasStrict(conversation?.entries, [
    { kind: 'user', state: 'delivered' },
    { kind: 'bot', via: 'stream', content: 'Q: hi\nHello world! This is a stream.', running: false, problems: [], warnings: [] }
  ])
  const { n } = conversation?.exchanges[0] ?? {}
  const detail = await call('exchange', { n })
  t.match(JSON.parse(detail.requestText), { msgtype: 'text', text: { content: 'hi' }, response_url: /^https:\/\/wecom\.invalid\// })
  t.match(detail, { query: { msg_signature: /^[\da-f]{40}$/ }, requestBody: /^{"encrypt":/, replyBody: /"msgsignature":/ })
})

t.test('everything but the page of this machine is refused with 403', async t => {
  const { ask, origin, token } = await servePlayground(t)
  const { host } = new URL(origin)
  const own = { host, origin, 'x-playground-token': token, 'content-type': 'application/json' }
  const post = (headers: Record<string, string>) =>
    ask('/playground/api/create', { method: 'POST', headers: { ...own, ...headers }, body: JSON.stringify(single) })
  t.equal((await post({})).status, 200)
  for (const [why, headers] of Object.entries({
    rebinding: { host: 'evil.example', origin: 'http://evil.example' },
    'rebinding to the port': { host: `evil.example:${new URL(origin).port}`, origin: 'http://evil.example' },
    'another site': { origin: 'https://evil.example' },
    'a sandboxed page': { origin: 'null' },
    'another token': { 'x-playground-token': 'A'.repeat(32) },
    'no token': { 'x-playground-token': '' },
    'a proxy': { 'x-forwarded-for': '127.0.0.1' },
    'a proxy by the standard': { forwarded: 'for=127.0.0.1' }
  })) {
    const { status, body } = await post(headers)
    t.equal(status, 403, why)
    t.match(JSON.parse(body), { error: /^the / }, why)
  }
  for (const headers of [{ host: 'evil.example' }, { host, via: '1.1 proxy' }]) {
    t.equal((await ask('/playground/', { headers })).status, 403, 'for files, too')
  }
  const { origin: _, ...withoutOrigin } = own
  t.equal((await ask('/playground/api/create', { method: 'POST', headers: withoutOrigin, body: '{}' })).status, 403)
})

t.test('a playground that listens on all addresses answers this machine only, unless it is told otherwise', async t => {
  const [outside] = Object.values(networkInterfaces()).flat().filter(one => one?.family === 'IPv4' && !one.internal)
  const { ask, origin } = await servePlayground(t, { listen: '0.0.0.0' })
  t.match(origin, /^http:\/\/127\.0\.0\.1:/, 'what is printed is the loopback address')
  t.not((await ask('/playground/', { headers: { host: new URL(origin).host } })).status, 403)
  const open = await servePlayground(t, { listen: '0.0.0.0', allowRemote: true })
  if (outside === undefined) return t.comment('this machine has no other address')
  const host = outside.address
  t.equal((await ask('/playground/', { host })).status, 403)
  t.equal((await ask('/playground/', { host, headers: { host: new URL(origin).host } })).status, 403)
  t.not((await open.ask('/playground/', { host })).status, 403)
  const headers = { origin: `http://${host}:${new URL(open.origin).port}`, 'content-type': 'application/json' }
  t.equal((await open.ask('/playground/api/create', { host, method: 'POST', headers, body: JSON.stringify(single) })).status, 403)
})

t.test('what it answers is neither kept nor framed, and runs no code but its own', async t => {
  const { ask } = await servePlayground(t)
  for (const path of ['/playground', '/playground/', '/playground/app.js', '/playground/app.css']) {
    const { headers } = await ask(path)
    t.match(headers, { 'cache-control': /^no-store/, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }, path)
    const policy = String(headers['content-security-policy'])
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]) {
      t.ok(policy.includes(rule), rule)
    }
    t.notMatch(policy, /unsafe|\*|https?:/)
  }
  t.hasStrict(await ask('/playground'), { status: 302, headers: { location: '/playground/' } })
  t.match(await ask('/playground/', { headers: { host: 'evil.example' } }), { headers: { 'cache-control': /^no-store/ } }, 'refusals, too')
})

t.test('no answer holds token or key of the bot', async t => {
  const { call, until, ask, origin, token } = await servePlayground(t, { loopback: true })
  const { id } = await call('create', single)
  await call('switches', { refreshMs: 50 })
  await call('send', { conversation: id, user: 'zhangsan', message: text('hi'), files: [] })
  const conversations = await until(([one]) => one !== undefined && isOver(one.entries))
  const details = await Promise.all(conversations[0]?.exchanges.map(({ n }) => call('exchange', { n })) ?? [])
  const said = JSON.stringify([
    conversations, details, await call('record', { conversation: id }), await call('test', { conversation: id }),
    await call('exchange', { n: 999 }), await call('nothing'), (await ask('/playground/', { headers: { origin } })).body
  ])
  for (const secret of [CREDENTIALS.token, CREDENTIALS.encodingAESKey, token]) t.notOk(said.includes(secret))
})

t.test('the feed tells what happens, and does not hold up close()', async t => {
  const { app, call, origin, token } = await servePlayground(t)
  const response = await fetch(`${origin}/playground/api/feed`, { method: 'POST', headers: { origin, 'x-playground-token': token } })
  t.match(response.headers.get('content-type'), /^text\/event-stream/)
  const events = splitEvents(response.body as unknown as AsyncIterable<Uint8Array>)
  const empty = { conversations: [], switches: { refreshMs: 1000 }, facts: { noAddress: true } }
  t.hasStrict((await events.next()).value, { type: 'snapshot', snapshot: empty })
  const { id } = await call('create', single)
  t.hasStrict((await events.next()).value, { type: 'conversation', head: { id, kind: 'single', members: ['zhangsan'] } })
  await call('switches', { stopped: true })
  t.hasStrict((await events.next()).value, { type: 'switches', switches: { stopped: true } })
  await call('remove', { conversation: id })
  t.hasStrict((await events.next()).value, { type: 'removed', id })
  await app.close()
  await t.rejects(events.next(), 'it breaks off')
})

t.test('a page that does not keep up is cut off, and comes back for everything anew', async t => {
  const { until: _, ...p } = play(t, () => 403)
  const feed = openFeed(p, 10_000)
  t.ok(feed.read(), 'what was there')
  while (!feed.destroyed) p.set({ repeat: true })
  t.equal(feed.readableLength > 10_000, true)
  await new Promise(resolve => feed.once('close', resolve))
  t.doesNotThrow(() => p.set({ repeat: false }))
})

t.test('the URL of the callback is verified', async t => {
  const { call } = await servePlayground(t)
  const { id } = await call('create', single)
  t.hasStrict(await call('verify', { conversation: id }), { ok: true, problems: [] })
})

t.test('what cannot be done is said, with 400', async t => {
  const { call } = await servePlayground(t)
  const { id } = await call('create', single)
  for (const [action, body] of [
    ['create', { kind: 'three', name: 'x', members: ['a'] }],
    ['create', { ...single, members: [] }],
    ['send', { conversation: 'x', user: 'zhangsan', message: text('hi'), files: [] }],
    ['send', { conversation: id, user: 'lisi', message: text('hi'), files: [] }],
    ['send', { conversation: id, user: 'zhangsan', message: {}, files: [] }],
    ['send', { conversation: id, user: 'zhangsan', message: text('hi'), files: ['x'] }],
    ['event', { conversation: id, user: 'zhangsan', event: {} }],
    ['switches', { refreshMs: 1 }],
    ['exchange', { n: 999 }],
    ['load', { recording: {} }],
    ['file', { id: 'x' }]
  ] as const) {
    t.match(await call(action, body), { status: 400, error: /./ }, `${action} ${JSON.stringify(body)}`)
  }
})

t.test('a file is sent sealed, as WeCom keeps it, and reaches the source through the transport of our own app', async t => {
  const seen: unknown[] = []
  const { call, ask, until, origin, token } = await servePlayground(t, {
    loopback: true,
    wecom: {
      async * source ({ attachments }) {
        seen.push(...attachments ?? [])
        yield 'seen'
      }
    }
  })
  const { id } = await call('create', single)
  await call('switches', { refreshMs: 50 })
  const png = Buffer.from('89504e470d0a1a0a0000000d', 'hex')
  const uploaded = JSON.parse((await ask('/playground/api/upload?name=cat%20%E7%8C%AB.png', {
    method: 'POST', headers: { origin, 'x-playground-token': token, 'content-type': 'image/png' }, body: png
  })).body)
  t.match(uploaded, { name: 'cat 猫.png', type: 'image/png', bytes: 12, url: new RegExp(`^${origin}/playground/bot/media/\\w{32}$`) })
  await call('send', {
    conversation: id, user: 'zhangsan', message: { msgtype: 'image', image: { url: uploaded.url } }, files: [uploaded.id]
  })
  const [conversation] = await until(([one]) => one !== undefined && isOver(one.entries))
  t.hasStrict(conversation?.entries[0], { files: [uploaded] })
  t.hasStrict(seen, [{ type: 'image/png', name: 'cat 猫.png', data: png.toString('base64') }])
  const own = { origin, 'x-playground-token': token, 'content-type': 'application/json' }
  const { body } = await ask('/playground/api/file', { method: 'POST', headers: own, body: JSON.stringify({ id: uploaded.id }) })
  t.equal(body, png.toString())
  t.equal((await ask(new URL(uploaded.url).pathname)).status, 404, 'no socket leads to it')
  const missing = { msgtype: 'image', image: { url: uploaded.url.replace(/\w{32}$/, '0'.repeat(32)) } }
  await call('send', { conversation: id, user: 'zhangsan', message: missing, files: [] })
  await until(([one]) => one !== undefined && one.entries.length === 4 && isOver(one.entries))
})

t.test('an active reply comes as a message of its own', async t => {
  const { call, until } = await servePlayground(t, {
    loopback: true,
    wecom: {
      deadlineMs: 2000,
      async * source () {
        yield '长'.repeat(9000)
      }
    }
  })
  const { id } = await call('create', single)
  await call('switches', { refreshMs: 50 })
  await call('send', { conversation: id, user: 'zhangsan', message: text('hi'), files: [] })
  const [conversation] = await until(([one]) => one !== undefined && one.entries.length === 3 && isOver(one.entries))
  t.match(conversation?.entries.find(entry => entry.kind === 'bot' && entry.via === 'active'), { content: /长+/, warnings: [] })
  t.hasStrict(conversation?.exchanges.find(({ kind }) => kind === 'active'), { from: 'bot', status: 200, problems: [] })
  const answers = conversation?.entries.filter((entry): entry is BotEntry => entry.kind === 'bot') ?? []
  t.strictSame(answers.map(({ via }) => via), ['stream', 'active'], 'the rest stands behind what it is the rest of')
  t.equal(answers.map(({ content }) => content.match(/长/g)?.length ?? 0).reduce((a, b) => a + b), 9000, 'nothing is lost between the two')
})

t.test('the transport of our own app is for it alone: without it, a bot has no address to reach', async t => {
  const { call, ask, origin, token } = await servePlayground(t)
  const { status, body } = await ask('/playground/api/upload?name=x', {
    method: 'POST', headers: { origin, 'x-playground-token': token, 'content-type': 'text/plain' }, body: 'x'
  })
  t.equal(status, 400)
  t.match(JSON.parse(body), { error: /give --public-url$/ })
  t.match(await call('event', {
    conversation: (await call('create', single)).id, user: 'zhangsan', event: { eventtype: 'enter_chat' }
  }), { id: /./ })
})

t.test('a bot elsewhere fetches files and replies by itself, if it is told where', async t => {
  const far = Fastify()
  await far.register(wecomStream, { ...CREDENTIALS, env: {}, mock: { chunkDelayMs: 1 } })
  t.teardown(() => far.close())
  const target = await far.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  const { call, ask, until, origin, token } = await servePlayground(t, { target, publicUrl: 'https://play.example/' })
  const { id } = await call('create', single)
  await call('switches', { refreshMs: 50 })
  const uploaded = JSON.parse((await ask('/playground/api/upload?name=a.txt', {
    method: 'POST', headers: { origin, 'x-playground-token': token }, body: 'hello'
  })).body)
  t.match(uploaded.url, /^https:\/\/play\.example\/playground\/bot\/media\/\w{32}$/)
  const proxied = { host: 'play.example', 'x-forwarded-for': '10.0.0.1' }
  const fetched = await ask(new URL(uploaded.url).pathname, { headers: proxied })
  t.hasStrict(fetched, { status: 200, headers: { 'content-disposition': "attachment; filename*=UTF-8''a.txt" } })
  t.equal(fetched.headers['content-length'], '32', 'padded to 32')
  await call('send', { conversation: id, user: 'zhangsan', message: text('hi'), files: [] })
  const [conversation] = await until(([one]) => one !== undefined && isOver(one.entries))
  const { requestText } = await call('exchange', { n: conversation?.exchanges[0]?.n })
  const url = new URL(JSON.parse(requestText).response_url)
  t.equal(url.origin, 'https://play.example')
  const reply = async (body: string) => JSON.parse((await ask(url.pathname + url.search, {
    method: 'POST', headers: { ...proxied, 'content-type': 'application/json' }, body
  })).body)
  t.hasStrict(await reply(JSON.stringify({ msgtype: 'markdown', markdown: { content: 'by itself' } })), { errcode: 0 })
  t.hasStrict(await reply(JSON.stringify({ msgtype: 'markdown', markdown: { content: 'again' } })), { errcode: 60140 })
  for (const path of ['/playground/bot/media/x', '/playground/bot/other', '/playground/bot/response']) {
    t.equal((await ask(path, { headers: proxied })).status, 404, path)
  }
  t.match(await ask(url.pathname, { method: 'POST', headers: proxied }), { status: 200, body: /60140/ })
  t.equal((await ask('/playground/bot/media/x', { method: 'POST' })).status, 404)
  t.equal((await ask('/playground/', { headers: proxied })).status, 403, 'the page stays where it is')
})

t.test('what would be dangerous or cannot be is refused at boot', async t => {
  const register = async (options: object) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(playground, { ...CREDENTIALS, env: {}, print () {}, ...options })
  }
  const target = 'http://127.0.0.1:1/'
  for (const [options, name] of [
    [{ target, env: { NODE_ENV: 'production' } }, /option allowProduction: .* NODE_ENV is production/],
    [{}, /option target: is not set, and the app has no callback/],
    [{ target, token: undefined }, /WECOM_TOKEN|option token/],
    [{ target, encodingAESKey: 'short' }, /option encodingAESKey/],
    [{ target: 'localhost' }, /option target: .* expected an http or https URL/],
    [{ target, publicUrl: 'https://qyapi.weixin.qq.com' }, /option publicUrl: is an address of WeCom/],
    [{ target, publicUrl: 'nothing' }, /option publicUrl/],
    [{ publicUrl: 'https://play.example' }, /option publicUrl: is for a bot elsewhere/],
    [{ target, allowRemtoe: true }, /option allowRemtoe: is unknown, expected option allowRemote/],
    [{ target, callbackPath: 1 }, /option callbackPath/],
    [{ target, bot: 1 }, /option bot/]
  ] as const) {
    await t.rejects(register(options), { code: 'WECOM_ERR_CONFIG', message: name })
  }
  await t.resolves(register({ target, env: { NODE_ENV: 'production' }, allowProduction: true }))
})

t.test('it stands behind a prefix, on IPv6, and prints by itself', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(wecomStream, { ...CREDENTIALS, env: {} })
  const printed: unknown[] = []
  const log = console.log
  console.log = line => printed.push(line)
  t.teardown(() => { console.log = log })
  await app.register(playground, { ...CREDENTIALS, env: {}, prefix: '/dev', callbackPath: '/wecom/callback' })
  t.equal(app.playgroundAddress?.(), undefined)
  await app.listen({ host: '::1', port: 0 })
  t.match(printed, [/^Playground: http:\/\/\[::1\]:\d+\/dev\/playground\/#/])
  const own = Fastify()
  t.teardown(() => own.close())
  await t.rejects(async () => await own.register(playground), { message: /WECOM_TOKEN/ }, 'it reads the environment')
  t.equal((await fetch(String(app.playgroundAddress?.()).replace(/\/#.*/, ''), { redirect: 'manual' })).headers.get('location'), '/dev/playground/')
})

t.test('what nobody foresaw goes to the error handler of the host', async t => {
  const { call } = await servePlayground(t, {
    host (app) {
      app.setErrorHandler(async (_error, _request, reply) => await reply.code(500).send({ error: 'the host says' }))
      app.addHook('preHandler', async request => { if (request.url.endsWith('/api/remove')) throw new Error('boom') })
    }
  })
  t.hasStrict(await call('remove', { conversation: 'x' }), { status: 500, error: 'the host says' })
})

t.test('a page that has not been built says how to build it', async t => {
  await t.rejects(readPage('nowhere.js'), { code: 'WECOM_ERR_INPUT', message: 'the page has not been built: run npm run build' })
})
