import { getEventListeners, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { ConnectionError } from '../../../lib/simulator/transport.ts'
import { createSimulator, checkFrames } from '../../../plugins/testing.ts'
import type { Deliver, Exchange, SimulatorOptions, TranscriptFrame } from '../../../plugins/testing.ts'
import { createManualClock, type ManualClock } from '../../fixtures/clock.ts'
import { idle, until } from '../../fixtures/waiting.ts'
import { decrypt, encryptLayout, open, seal, sign } from '../../fixtures/wecom-crypto.ts'

const keys = { token: 'the-token', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR', receiveId: '' }
const path = '/wecom/callback'

type Message = Record<string, any>
type Query = Record<string, string>

interface BotOptions {
  /** The plaintext of the n-th answer; undefined is the empty reply. */
  answer?: (message: Message, n: number, query: Query) => unknown
  /** Spoils the sealed reply. */
  spoil?: (sealed: Record<string, any>, n: number) => unknown
  status?: number
  contentType?: string
  receiveId?: string
  echo?: (plain: string) => unknown
  /** Whether the n-th request is never answered. */
  silent?: (n: number) => boolean
  clock?: ManualClock
}

interface Bot {
  app: FastifyInstance
  /** What came, opened. */
  messages: Message[]
  queries: Query[]
}

const stream = (content: string, finish = false, id = 's1'): object => ({ msgtype: 'stream', stream: { id, finish, content } })

/** A bot of the test's own, on the independent crypto; it misbehaves where it is told to. */
function createBot (t: Test, options: BotOptions = {}): Bot {
  const {
    answer = (_message, n) => stream(
      'abc'.slice(0, n), n >= 3
    ), spoil = sealed => sealed, status = 200, contentType = 'application/json', silent = () => false
  } = options
  const receiveId = options.receiveId ?? keys.receiveId
  const app = Fastify()
  const messages: Message[] = []
  const queries: Query[] = []
  let n = 0
  app.get(path, async (request, reply) => {
    const { echostr = '' } = request.query as Query
    const plain = decrypt(keys.encodingAESKey, echostr)?.text ?? ''
    reply.code(status).type('text/plain').send(options.echo?.(plain) ?? plain)
    return reply
  })
  app.post(path, async (request, reply) => {
    const query = request.query as Query
    const { timestamp = '', nonce = '', msg_signature: signature = '' } = query
    const { encrypt } = request.body as { encrypt: string }
    const message = JSON.parse(open(keys, { encrypt, timestamp, nonce, signature }) ?? 'null') as Message
    messages.push(message)
    queries.push(query)
    const turn = ++n
    if (silent(turn)) {
      reply.hijack()
      return
    }
    const plain = await answer(message, turn, query)
    if (plain === undefined) return reply.code(status).send()
    const seconds = Number(timestamp)
    const text = typeof plain === 'string' ? plain : JSON.stringify(plain)
    const sealed = seal({ ...keys, receiveId }, text, String(seconds), nonce)
    const body = spoil({ encrypt: sealed.encrypt, msgsignature: sealed.signature, timestamp: seconds, nonce }, turn)
    return reply.code(status).type(contentType).serializer(String).send(typeof body === 'string' ? body : JSON.stringify(body))
  })
  t.teardown(() => app.close())
  return { app, messages, queries }
}

/** Not kept alive, and no wait longer than a millisecond. */
const quick: Partial<SimulatorOptions> = { refreshMs: 1 }
const simulate = (bot: Bot, options: Partial<SimulatorOptions> = {}) =>
  createSimulator({ target: { app: bot.app, path }, ...keys, ...quick, ...options })

async function listen (t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections() })
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
}

/** With numbers in place of what is counted. */
const counted = <T extends { problems: unknown[], frames?: unknown[] }>({ problems, frames, ...told }: T) =>
  ({ ...told, problems: problems.length, frames: frames?.length })

t.test('verification', async t => {
  t.test('a bot that gives the plaintext back is verified, over a socket and without', async t => {
    const bot = createBot(t)
    const address = await bot.app.listen({ port: 0, host: '127.0.0.1' })
    for (const target of [{ app: bot.app, path }, address + path, new URL(address + path)]) {
      const result = await simulate(bot, { target }).verify()
      t.match(result, { ok: true, statusCode: 200, body: /^[1-9]\d{18}$/, problems: { length: 0 } })
      t.ok(result.tookMs > 0 && result.tookMs < 10_000)
    }
  })

  t.test('it is asked for as documented, with a fresh number each time', async t => {
    const echoes = new Set<string>()
    const app = Fastify()
    app.get(path, async request => {
      const { msg_signature: signature, timestamp = '', nonce = '', echostr = '', ...rest } = request.query as Query
      t.equal(signature, sign(keys.token, timestamp, nonce, echostr))
      t.same(rest, {})
      t.ok(Math.abs(Date.now() / 1000 - Number(timestamp)) < 30, 'seconds, now')
      const plain = decrypt(keys.encodingAESKey, echostr)
      t.equal(plain?.receiveId, 'corp')
      echoes.add(plain?.text ?? '')
      return plain?.text
    })
    const simulator = createSimulator({ target: { app, path }, ...keys, receiveId: 'corp' })
    for (let n = 0; n < 3; n++) t.ok((await simulator.verify()).ok)
    t.equal(echoes.size, 3)
  })

  for (const [name, echo, problem] of [
    ['quotes', plain => JSON.stringify(plain), 'the body is not the plaintext of echostr: it stands in quotes'],
    ['a byte order mark', plain => '\ufeff' + plain, 'the body is not the plaintext of echostr: it begins with a byte order mark'],
    ['a newline', plain => plain + '\n', 'the body is not the plaintext of echostr: there is white space around it'],
    ['a number\'s form', plain => Number(
      plain
    ).toExponential(), 'the body is not the plaintext of echostr: it went through a JavaScript number'],
    ['something else', () => 'success', 'the body is not the plaintext of echostr']
  ] as Array<[string, (plain: string) => string, string]>) {
    t.test(`${name} in the answer is told`, async t => {
      const result = await simulate(createBot(t, { echo })).verify()
      t.equal(result.ok, false)
      t.same(result.problems, [problem])
    })
  }

  t.test('another status is told, and the body then is not', async t => {
    t.hasStrict(await simulate(createBot(t, { status: 401, echo: () => 'no' })).verify(), {
      ok: false, statusCode: 401, body: 'no', problems: ['status 401 instead of 200']
    })
  })

  t.test('an answer after more than a second is told', async t => {
    for (const [ms, problems] of [[1000, []], [1001, ['answered after 1001 ms, later than 1000 ms']]] as const) {
      const clock = createManualClock()
      const app = Fastify()
      app.get(path, async request => {
        await clock.advance(ms)
        return decrypt(keys.encodingAESKey, (request.query as Query)['echostr'] ?? '')?.text
      })
      const result = await createSimulator({ target: { app, path }, ...keys, clock }).verify()
      t.hasStrict(result, { ok: ms === 1000, statusCode: 200, tookMs: ms })
      t.same(result.problems, problems)
      t.equal(clock.pending, 0)
    }
  })

  t.test('it is asked once, and nobody answering is told', async t => {
    const clock = createManualClock()
    const app = Fastify()
    let asked = 0
    app.get(path, (_request, reply) => { asked++; reply.hijack() })
    const result = createSimulator({ target: { app, path }, ...keys, clock }).verify()
    await until(() => asked === 1)
    await clock.advance(4999)
    t.equal(clock.pending, 1)
    await clock.advance(1)
    t.same(await result, { ok: false, statusCode: 0, body: '', tookMs: 5000, problems: ['no answer within 5000 ms'] })
    t.equal(asked, 1)
  })
})

t.test('one post', async t => {
  t.test('the reply comes opened, with the answer as it was', async t => {
    const bot = createBot(t, { answer: () => stream('你好') })
    const result = await simulate(bot).post({ msgtype: 'text', text: { content: 'hi' } })
    t.same(bot.messages, [{ msgtype: 'text', text: { content: 'hi' } }])
    t.hasStrict(
      counted(result), { statusCode: 200, headers: { 'content-type': 'application/json' }, reply: stream('你好'), tries: 1, problems: 0 }
    )
    t.same(Object.keys(JSON.parse(result.body)).sort(), ['encrypt', 'msgsignature', 'nonce', 'timestamp'])
    t.ok(result.tookMs > 0)
  })

  t.test('it is posted as documented, with a nonce and random bytes of its own', async t => {
    const seen: Array<{ query: Query, body: Message, headers: Message }> = []
    const app = Fastify()
    app.post(
      path, async request => { seen.push({ query: request.query as Query, body: request.body as Message, headers: request.headers }) }
    )
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const simulator = createSimulator({ target: `${address}${path}?tenant=7`, ...keys })
    await simulator.post({ msgtype: 'event' })
    await simulator.post({ msgtype: 'event' })
    for (const { query, body, headers } of seen) {
      const { msg_signature: signature = '', timestamp = '', nonce = '', ...rest } = query
      t.same(rest, { tenant: '7' }, 'what the address had is kept')
      t.same(Object.keys(body), ['encrypt'])
      t.equal(open(keys, { signature, timestamp, nonce, encrypt: body['encrypt'] }), '{"msgtype":"event"}')
      t.match(nonce, /^\d{10}$/)
      t.match(headers, { 'content-type': 'application/json', 'content-length': /^\d+$/, connection: 'close' })
    }
    t.equal(new Set(seen.map(({ query }) => query['nonce'])).size, 2)
    t.equal(new Set(seen.map(({ body }) => body['encrypt'].slice(0, 21))).size, 2)
  })

  t.test('the empty reply is no problem', async t => {
    const result = await simulate(createBot(t, { answer: () => undefined })).post({ msgtype: 'event' })
    t.hasStrict(counted(result), { statusCode: 200, body: '', problems: 0 })
    t.equal(result.reply, undefined)
  })

  t.test('a string is sealed as it stands', async t => {
    const app = Fastify()
    let opened: string | undefined
    app.post(path, async request => { opened = decrypt(keys.encodingAESKey, (request.body as Message)['encrypt'])?.text })
    await createSimulator({ target: { app, path }, ...keys }).post('not JSON {')
    t.equal(opened, 'not JSON {')
  })

  const other = { ...keys, encodingAESKey: 'B'.repeat(43) }
  const resealed = (sealed: Message, encrypt: string): Message =>
    ({ ...sealed, encrypt, msgsignature: sign(keys.token, String(sealed['timestamp']), sealed['nonce'], encrypt) })
  const restamped = (sealed: Message, timestamp: unknown): Message =>
    ({ ...sealed, timestamp, msgsignature: sign(keys.token, String(timestamp), sealed['nonce'], sealed['encrypt']) })

  const faults: Record<string, [BotOptions, opens: boolean, ...problems: Array<string | RegExp>]> = {
    'status 500': [{ status: 500 }, false, 'status 500 instead of 200'],
    'status 201': [{ status: 201 }, false, 'status 201 instead of 200'],
    'another content type': [
      { contentType: 'text/plain; charset=utf-8' }, true, 'content type "text/plain; charset=utf-8" instead of application/json'
    ],
    'a content type that only begins alike': [
      { contentType: 'application/json5' }, true, 'content type "application/json5" instead of application/json'
    ],
    'no JSON': [{ spoil: () => 'success' }, false, 'the body is neither empty nor a JSON object'],
    'a list': [{ spoil: () => [] }, false, 'the body is neither empty nor a JSON object'],
    null: [{ spoil: () => 'null' }, false, 'the body is neither empty nor a JSON object'],
    'a plain reply': [{ spoil: () => stream('a') }, false,
      'the fields are "msgtype, stream" instead of encrypt, msgsignature, nonce, timestamp', /^the timestamp is not/, /^the timestamp is more/, /^the nonce/, 'encrypt and msgsignature are not both strings'],
    'one field more': [{
      spoil: sealed => ({ ...sealed, code: 0 })
    }, true, 'the fields are "code, encrypt, msgsignature, nonce, timestamp" instead of encrypt, msgsignature, nonce, timestamp'],
    'the name of the query field': [{
      spoil: ({ msgsignature, ...rest }) => ({ ...rest, msg_signature: msgsignature })
    }, false, /^the fields are/, 'encrypt and msgsignature are not both strings'],
    'a string as timestamp': [{
      spoil: sealed => ({ ...sealed, timestamp: String(sealed['timestamp']) })
    }, true, 'the timestamp is not a whole JSON number of seconds'],
    'milliseconds as timestamp': [
      { spoil: sealed => restamped(sealed, sealed['timestamp'] * 1000) }, true, 'the timestamp is more than 60 s away from now'
    ],
    'an old timestamp': [
      { spoil: sealed => restamped(sealed, sealed['timestamp'] - 62) }, true, 'the timestamp is more than 60 s away from now'
    ],
    'half a second': [
      { spoil: sealed => restamped(sealed, sealed['timestamp'] - 0.5) }, true, 'the timestamp is not a whole JSON number of seconds'
    ],
    'a nonce of its own': [{
      spoil: sealed => ({ ...sealed, nonce: '1', msgsignature: sign(keys.token, String(sealed['timestamp']), '1', sealed['encrypt']) })
    }, true, 'the nonce is not the one of the request'],
    'a number as nonce': [
      { spoil: sealed => ({ ...sealed, nonce: Number(sealed['nonce']) }) }, true, 'the nonce is not the one of the request'
    ],
    'a number as signature': [
      { spoil: sealed => ({ ...sealed, msgsignature: 1 }) }, false, 'encrypt and msgsignature are not both strings'
    ],
    'more than a megabyte': [
      { spoil: sealed => ({ ...sealed, encrypt: 'x'.repeat(1024 * 1024) }) }, false, /^the sealed reply has \d+ bytes, more than 1048576$/,
      /^the reply does not open/
    ],
    'a wrong signature': [
      { spoil: sealed => ({ ...sealed, msgsignature: '0'.repeat(40) }) }, false, /^the reply does not open: the signature/
    ],
    'the signature of another token': [{
      spoil: sealed => ({ ...sealed, msgsignature: sign('other', String(sealed['timestamp']), sealed['nonce'], sealed['encrypt']) })
    }, false, /^the reply does not open: the signature/],
    'another receiver id': [{ receiveId: 'corp' }, false, /^the reply does not open: the receiver id/],
    'padding to 16': [{
      spoil: sealed => resealed(sealed, encryptLayout(keys.encodingAESKey, { text: 'x'.repeat(12), padding: Buffer.alloc(16, 16) }))
    }, false, /^the reply does not open: the ciphertext is not whole blocks/],
    'wrong padding': [{
      spoil: sealed => resealed(
        sealed, encryptLayout(keys.encodingAESKey, { text: 'x'.repeat(12), padding: Buffer.alloc(32, 32).fill(1, 3, 4) })
      )
    }, false, /^the reply does not open: the padding/],
    'another key': [
      { spoil: sealed => resealed(sealed, seal(other, '{}', '1', '1', Buffer.alloc(16, 7)).encrypt) }, false, /^the reply does not open/
    ],
    'plaintext that is no JSON': [{ answer: () => 'hello' }, false, /^the opened reply is not a JSON object$/],
    'plaintext that is no object': [{ answer: () => [1] }, false, /^the opened reply is not a JSON object$/]
  }
  for (const [name, [options, opens, ...problems]] of Object.entries(faults)) {
    t.test(`a reply with ${name} is told`, async t => {
      const bot = createBot(t, options)
      const result = await simulate(bot, { clock: createManualClock() }).post({ msgtype: 'text' })
      t.equal(result.problems.length, problems.length, result.problems.join(' | '))
      problems.forEach((problem, index) => t.match(result.problems[index], problem))
      t.equal(result.reply !== undefined, opens)
      t.equal(bot.messages.length, 1, 'an answer is an answer: not tried again')
    })
  }

  t.test('a missing content type is told', async t => {
    const address = await listen(t, createServer((_request, response) => response.end('{}')))
    const { problems } = await createSimulator({ target: address, ...keys }).post({})
    t.equal(problems[0], 'content type "none" instead of application/json')
  })

  t.test('a timestamp up to a minute away is taken', async t => {
    for (const [seconds, problems] of [[-60, []], [60, []], [61, ['the timestamp is more than 60 s away from now']]] as const) {
      const bot = createBot(t, { spoil: sealed => restamped(sealed, sealed['timestamp'] + seconds) })
      t.same((await simulate(bot, { clock: createManualClock() }).post({})).problems, problems, `${seconds} s`)
    }
  })

  t.test('random bytes that come again are told', async t => {
    const bot = createBot(
      t, { spoil: sealed => resealed(sealed, encryptLayout(keys.encodingAESKey, { text: '{}', random: Buffer.alloc(16, 1) })) }
    )
    const simulator = simulate(bot)
    t.same((await simulator.post({})).problems, [])
    t.same((await simulator.post({})).problems, ['the 16 random bytes are those of the answer before'])
  })

  t.test('everything can be sent otherwise', async t => {
    const seen: Array<{ query: unknown, body: string, type: string | undefined }> = []
    const app = Fastify()
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    app.post(path, async (request, reply) => {
      seen.push({ query: request.query, body: String(request.body), type: request.headers['content-type'] })
      return reply.code(400).send({ error: 'no' })
    })
    const simulator = createSimulator({ target: { app, path }, ...keys })
    const result = await simulator.post(
      {}, { query: { nonce: undefined, timestamp: ['1', '2'], msg_signature: 'x', more: '' }, body: '{', contentType: 'text/xml' }
    )
    t.hasStrict(result, { statusCode: 400, body: '{"error":"no"}', problems: ['status 400 instead of 200'] })
    t.equal(result.reply, undefined)
    t.same({ ...seen[0] }, { query: { timestamp: ['1', '2'], msg_signature: 'x', more: '' }, body: '{', type: 'text/xml' })

    await simulator.post({}, { body: Buffer.from('字'), contentType: false, timestamp: 17, nonce: 'n' })
    t.match(seen[1], { query: { timestamp: '17', nonce: 'n', msg_signature: /^[0-9a-f]{40}$/ }, body: '字' })
    t.notMatch(seen[1], { type: 'application/json' })

    await simulator.post({ msgtype: 'text' }, { timestamp: 17, nonce: 'n' })
    const { query, body } = seen[2] as { query: Query, body: string }
    const { encrypt } = JSON.parse(body)
    t.equal(query['msg_signature'], sign(keys.token, '17', 'n', encrypt), 'time and nonce are signed')
  })

  t.test('what goes unanswered for 5 s is tried three times in all, sealed anew', async t => {
    const clock = createManualClock()
    const bot = createBot(t, { silent: () => true })
    const result = simulate(bot, { clock }).post({ msgid: 'm' })
    for (let tries = 1; tries <= 3; tries++) {
      await until(() => bot.messages.length === tries && clock.pending === 1)
      await clock.advance(4999)
      t.equal(bot.messages.length, tries)
      await clock.advance(1)
    }
    t.hasStrict(await result, {
      statusCode: 0,
      body: '',
      tries: 3,
      tookMs: 15000,
      problems: ['try 1 of 3: no answer within 5000 ms', 'try 2 of 3: no answer within 5000 ms', 'try 3 of 3: no answer within 5000 ms']
    })
    t.same(bot.messages, [{ msgid: 'm' }, { msgid: 'm' }, { msgid: 'm' }])
    t.equal(new Set(bot.queries.map(query => query['nonce'])).size, 3)
    t.equal(clock.pending, 0)
  })

  t.test('an answer to the second try counts, and the first is told', async t => {
    const clock = createManualClock()
    const bot = createBot(t, { silent: n => n === 1 })
    const result = simulate(bot, { clock, timeoutMs: 70 }).post({})
    await until(() => bot.messages.length === 1)
    await clock.advance(70)
    t.hasStrict(await result, { statusCode: 200, tries: 2, tookMs: 0, problems: ['try 1 of 3: no answer within 70 ms'] })
  })

  t.test('a failed connection is tried again after a while', async t => {
    const clock = createManualClock()
    const server = createServer()
    const target = await listen(t, server)
    await new Promise(resolve => server.close(resolve))
    const result = createSimulator({ target, ...keys, clock, refreshMs: 300 }).post({})
    let waits = 0
    for (const done = result.then(() => true); await Promise.race([done, idle().then(() => false)]) === false;) {
      // The time-out of a try is 5 s away: this only ever ends the wait between two.
      waits += await clock.advance(1).then(() => 1)
    }
    t.ok(waits >= 600)
    const { problems, statusCode, tries } = await result
    t.hasStrict({ statusCode, tries }, { statusCode: 0, tries: 3 })
    t.same(problems, [1, 2, 3].map(n => `try ${n} of 3: the connection failed (ECONNREFUSED)`))
    t.equal(clock.pending, 0)
  })

  t.test('an answer that breaks off is a failed connection', async t => {
    let requests = 0
    const target = await listen(t, createServer((request, response) => {
      requests++
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"encrypt"', () => request.socket.destroy())
    }))
    const { problems } = await createSimulator({ target, ...keys, ...quick }).post({})
    t.equal(requests, 3)
    t.match(problems, ['try 1 of 3: the connection failed (ECONNRESET)', /^try 2/, /^try 3/])
  })

  t.test('https is spoken to an https address', async t => {
    let first: number | undefined
    const server = createServer()
    server.on('connection', socket => socket.prependOnceListener('data', data => { first ??= data[0] }))
    const target = (await listen(t, server)).replace('http:', 'https:')
    const { problems } = await createSimulator({ target, ...keys, ...quick }).post({})
    t.match(problems, [/^try 1 of 3: the connection failed/, /^try 2/, /^try 3/])
    t.equal(first, 0x16, 'a TLS handshake')
  })

  t.test('an aborted signal ends a post under way, a wait, and one that has not begun', async t => {
    const clock = createManualClock()
    const reason = new Error('enough')
    for (const target of ['inject', 'http']) {
      const bot = createBot(t, { silent: () => true })
      const address = await bot.app.listen({ port: 0, host: '127.0.0.1' })
      const abort = new AbortController()
      const result = simulate(bot, { clock, ...(target === 'http' ? { target: address + path } : {}) }).post({}, { signal: abort.signal })
      await until(() => bot.messages.length === 1)
      abort.abort(reason)
      await t.rejects(result, reason, target)
      await t.rejects(simulate(bot, { clock }).post({}, { signal: abort.signal }), reason)
      t.equal(bot.messages.length, 1, 'not posted')
      t.equal(clock.pending, 0)
    }
    const bot = createBot(t)
    const abort = new AbortController()
    const result = simulate(bot, { clock }).post({}, { signal: abort.signal, lose: () => true })
    await until(() => bot.messages.length === 1 && clock.pending === 1)
    await idle()
    abort.abort(reason)
    await t.rejects(result, reason)
    t.equal(clock.pending, 0)
    const late = new AbortController()
    await t.rejects(simulate(bot, { clock }).post({}, { signal: late.signal, lose: () => { late.abort(reason); return true } }), reason)
    t.equal(clock.pending, 0)
  })

  t.test('an app that fails to boot is not taken for a bad connection', async t => {
    const app = Fastify()
    app.register(async () => { throw new Error('no configuration') })
    await t.rejects(createSimulator({ target: { app, path }, ...keys }).post({}), { message: 'no configuration' })
  })

  t.test('each exchange can be watched: tries that fail, what was sealed, and what is wrong with the answer', async t => {
    const seen: Exchange[] = []
    const bot = createBot(t, { contentType: 'text/plain' })
    const { app } = bot
    let n = 0
    const target: Deliver = async ({ method, query, headers, body }, signal) => {
      if (++n === 1) throw new ConnectionError('the connection failed (ENETDOWN)')
      const url = `${path}?${new URLSearchParams(query.map(([name, value]): [string, string] => [name, value]))}`
      const answer = await app.inject({ method, url, headers, signal, ...(body === undefined ? {} : { payload: body }) })
      return { statusCode: answer.statusCode, headers: answer.headers, body: answer.body }
    }
    const wecom = createSimulator({ target, ...keys, refreshMs: 1, onExchange: exchange => seen.push(exchange) })
    const result = await wecom.post({ msgid: 'm' })
    t.match(seen, [
      { tries: 1, text: '{"msgid":"m"}', answer: undefined, reply: undefined, problems: ['the connection failed (ENETDOWN)'] },
      {
        tries: 2,
        text: '{"msgid":"m"}',
        request: { method: 'POST', body: /^{"encrypt":"/ },
        answer: { statusCode: 200, body: result.body },
        reply: result.reply as object,
        problems: ['content type "text/plain" instead of application/json']
      }
    ])
    t.ok(seen.every(({ at, tookMs }) => Math.abs(Date.now() - at) < 60_000 && tookMs >= 0))
    t.equal(seen[1]?.request.query[0]?.[1], bot.queries[0]?.['msg_signature'])

    seen.length = 0
    const { body } = await wecom.verify()
    t.hasStrict(
      seen, [{ tries: 1, text: body, request: { method: 'GET' }, answer: { statusCode: 200, body }, reply: undefined, problems: [] }]
    )
    n = 0
    await wecom.verify()
    t.hasStrict(seen[1], { answer: undefined, problems: ['the connection failed (ENETDOWN)'] })
  })

  t.test('a lost answer is tried again', async t => {
    const bot = createBot(t, { status: 200, contentType: 'text/plain' })
    let lost = 0
    const result = await simulate(bot).post({ msgid: 'm' }, { lose: ({ statusCode }) => statusCode === 200 && ++lost < 3 })
    t.hasStrict(result, { statusCode: 200, tries: 3, reply: stream('abc', true) })
    t.equal(bot.messages.length, 3)
    t.equal(result.problems.length, 3, 'what was wrong with the lost ones is told')
    t.hasStrict(await simulate(bot).post({}, { lose: () => true }), { statusCode: 0, tries: 3 })
  })

  t.test('a target has to be an address or an app', async t => {
    for (const target of ['', 'localhost', '/wecom/callback', 'ftp://host/', 'file:///x']) {
      t.throws(
        () => createSimulator({ target, ...keys }), { code: 'WECOM_ERR_INPUT', message: /^target must be an http or https URL/ }, target
      )
    }
    t.throws(() => createSimulator({ target: 'http://host/', ...keys, encodingAESKey: 'short' }), { code: 'WECOM_ERR_INPUT' })
  })
})

t.test('a conversation', async t => {
  t.test('it is refreshed until finish: true, and transcribed', async t => {
    const bot = createBot(t)
    const live: TranscriptFrame[] = []
    const transcript = await simulate(bot).send('你好', { onFrame: frame => live.push(frame) })
    t.hasStrict(counted(transcript), { id: 's1', finished: true, gaveUp: false, content: 'abc', problems: 0 })
    t.same(transcript.frames.map(({ content, finish, reply }) => ({ content, finish, reply })), [
      { content: 'a', finish: false, reply: stream('a') },
      { content: 'ab', finish: false, reply: stream('ab') },
      { content: 'abc', finish: true, reply: stream('abc', true) }
    ])
    t.same(live, transcript.frames)
    t.ok(transcript.frames.every(frame => frame.tookMs >= 0 && !('lost' in frame)))
    const times = transcript.frames.map(frame => frame.at)
    t.same(times, times.toSorted((a, b) => a - b))
  })

  t.test('its messages have the documented fields', async t => {
    const bot = createBot(t)
    await simulate(bot, { bot: 'b7' }).send('hi', { user: 'u1', responseUrl: 'https://example.com/r' })
    const [message, refresh, ...more] = bot.messages
    t.strictSame({ ...message, msgid: '' }, {
      msgid: '',
      aibotid: 'b7',
      chattype: 'single',
      from: { userid: 'u1' },
      response_url: 'https://example.com/r',
      msgtype: 'text',
      text: { content: 'hi' }
    })
    t.strictSame({ ...refresh, msgid: '' }, {
      msgid: '', aibotid: 'b7', chattype: 'single', from: { userid: 'u1' }, msgtype: 'stream', stream: { id: 's1' }
    })
    const ids = [message, refresh, ...more].map(message => message?.['msgid'])
    t.ok(ids.every(id => typeof id === 'string' && id.length === 32))
    t.equal(new Set(ids).size, 3)
  })

  t.test('the defaults reach nobody outside', async t => {
    const bot = createBot(t)
    await simulate(bot).send('hi')
    t.match(bot.messages[0], {
      aibotid: 'simulated-bot',
      from: {
        userid: 'simulated-user'
      },
      response_url: /^https:\/\/wecom\.invalid\/cgi-bin\/aibot\/response\?response_code=\w{32}$/
    })
  })

  t.test('in a group, refreshes name the chat too', async t => {
    const bot = createBot(t)
    await simulate(bot).send('@Bot hi', { chat: 'c1', msgid: 'm1' })
    t.hasStrict(bot.messages[0], { msgid: 'm1', chatid: 'c1', chattype: 'group' })
    t.hasStrict(bot.messages[1], { chatid: 'c1', chattype: 'group', msgtype: 'stream' })
    t.not(bot.messages[1]?.['msgid'], 'm1')
  })

  t.test('any kind of message can be sent', async t => {
    const bot = createBot(t)
    const message = {
      msgtype: 'voice', voice: { content: 'hello' }, quote: { msgtype: 'text', text: { content: 'x' } }, from: { userid: 'u', corpid: 'c' }
    }
    await simulate(bot).send(message)
    t.hasStrict(bot.messages[0], message)
    t.notOk('text' in (bot.messages[0] ?? {}))
  })

  t.test('a refresh follows a second after the answer before, by the clock', async t => {
    const clock = createManualClock()
    const bot = createBot(t)
    let seen = 0
    const transcript = createSimulator({ target: { app: bot.app, path }, ...keys, clock }).send('hi', { onFrame: () => { seen++ } })
    for (let n = 1; n < 3; n++) {
      await until(() => seen === n)
      await idle()
      await clock.advance(999)
      t.equal(bot.messages.length, n)
      await clock.advance(1)
      await until(() => bot.messages.length === n + 1)
    }
    t.same((await transcript).frames.map(({ at, tookMs }) => [at, tookMs]), [[0, 0], [1000, 0], [2000, 0]])
    t.equal(clock.pending, 0)
  })

  t.test('refreshMs can be set for one conversation', async t => {
    const clock = createManualClock()
    const bot = createBot(t)
    const transcript = simulate(bot, { clock }).send(
      'hi', { refreshMs: 250, onFrame: () => setImmediate(() => { void clock.advance(250) }) }
    )
    t.same((await transcript).frames.map(({ at }) => at), [0, 250, 500])
  })

  t.test('a message that is delivered several times at once gets one stream', async t => {
    const bot = createBot(t, { answer: (_message, n) => stream(['', 'abc', 'a', 'ab', 'abcd'][n] as string, n === 4) })
    const transcript = await simulate(bot).send('hi', { repeat: 3, msgid: 'm' })
    t.same(bot.messages.map(({ msgid }) => msgid === 'm'), [true, true, true, false])
    t.same(transcript.frames.map(({ content }) => content), ['a', 'ab', 'abc', 'abcd'], 'sorted by growth')
    t.same(transcript.problems, [])
    const waiting = createBot(t, { answer: (_message, n) => stream(['', 'a', '<think></think>', 'ab'][n] as string, n === 3) })
    t.hasStrict(counted(await simulate(waiting).send('hi', { repeat: 2 })), { content: 'ab', problems: 0 }, 'who still waits comes first')
    const finished = createBot(t, { answer: (_message, n) => n === 1 ? stream('x', true) : stream('xyz'.slice(0, 1)) })
    t.hasStrict(counted(await simulate(finished).send('hi', { repeat: 2 })), { finished: true, problems: 0, content: 'x' })
  })

  t.test('a second stream for the same message is told', async t => {
    const bot = createBot(t, { answer: (_message, n) => stream('a', true, `s${n}`) })
    t.same((await simulate(bot).send('hi', { repeat: 2 })).problems, ['frame 2: the stream id is not that of frame 1'])
  })

  t.test('lost answers are not seen, are judged all the same, and make WeCom try again', async t => {
    const bot = createBot(t, { answer: (_message, n) => stream('abcdef'.slice(0, n), n >= 5) })
    const transcript = await simulate(bot).send('hi', { msgid: 'm', drop: n => n === 1 || n === 4 })
    t.same(transcript.frames.map(({ content, lost }) => [content, lost]), [
      ['a', true], ['ab', undefined], ['abc', undefined], ['abcd', true], ['abcde', undefined]
    ])
    t.same(bot.messages.map(({ msgid }) => msgid === 'm'), [true, true, false, false, false])
    t.equal(bot.messages[3]?.['msgid'], bot.messages[4]?.['msgid'], 'the same refresh once more')
    t.hasStrict(counted(transcript), { finished: true, content: 'abcde', problems: 0 })
  })

  t.test('a lost end is asked for again, and has to stay', async t => {
    const good = createBot(t, { answer: () => stream('a', true) })
    t.hasStrict(counted(await simulate(good).send('hi', { drop: n => n === 1 })), { finished: true, frames: 2, problems: 0 })
    const shrunk = createBot(t, { answer: (_message, n) => stream(['', 'abc', 'ab', 'abc'][n] as string, n === 3) })
    t.match(
      (await simulate(shrunk).send('hi', { drop: n => n === 1 })).problems, [/^frame 2: the text does not start with that of frame 1/]
    )
    const bad = createBot(t, { answer: (_message, n) => n === 1 ? stream('a', true) : stream('expired', true) })
    t.match((await simulate(bad).send('hi', { drop: n => n === 1 })).problems, [/^frame 2: content is not the final one of frame 1/])
  })

  t.test('a message whose answers are all lost has no stream', async t => {
    const transcript = await simulate(createBot(t)).send('hi', { drop: () => true })
    t.hasStrict(counted(transcript), {
      id: '',
      finished: false,
      gaveUp: false,
      content: '',
      frames: 3
    })
    t.strictSame(transcript.problems, ['the message: it was not answered with a stream'])
  })

  t.test('late refreshes have to repeat the end', async t => {
    const good = createBot(t, { answer: (_message, n) => stream('abc'.slice(0, n), n >= 2) })
    const shrinking = createBot(t, { answer: (_message, n) => n < 3 ? stream('abc', true) : stream('', true) })
    const repeated = createBot(t, { answer: (_message, n) => stream('ab'.slice(0, n), n >= 2) })
    t.hasStrict(
      counted(await simulate(repeated).send('hi', { late: 2 })), { frames: 4, finished: true, content: 'ab', problems: 0 }
    )
    t.match((await simulate(good).send('hi', { late: 1 })).problems, [/^frame 3: content is not the final one of frame 2/])
    t.match((await simulate(shrinking).send('hi', { late: 3 })).problems, [
      /^frame 3: the final frame has no visible/, /^frame 3: content is not the final one/, /^frame 4/, /^frame 4/
    ])
  })

  t.test('a conversation without an end is given up after six minutes, late refreshes are not', async t => {
    const clock = createManualClock()
    const bot = createBot(t, { answer: () => stream('a') })
    let seen = 0
    const options = { refreshMs: 60_000, onFrame: () => { seen++ } }
    const simulator = createSimulator({ target: { app: bot.app, path }, ...keys, clock })
    const transcript = simulator.send('hi', options)
    for (let n = 1; n <= 5; n++) {
      await until(() => seen === n)
      await idle()
      await clock.advance(60_000)
    }
    await until(() => seen === 6)
    await idle()
    await clock.advance(59_999)
    t.equal(clock.pending, 2)
    await clock.advance(1)
    t.hasStrict(await transcript, {
      finished: false, gaveUp: true, content: 'a', problems: ['the conversation: no frame with finish: true within 360000 ms']
    })
    t.equal(clock.pending, 0)

    const done = createBot(t, { answer: () => stream('a', true) })
    const late = simulate(done, { clock, giveUpMs: 1000 }).send(
      'hi', { late: 3, refreshMs: 900, onFrame: () => setImmediate(() => { void clock.advance(900) }) }
    )
    t.hasStrict(counted(await late), { finished: true, gaveUp: false, frames: 4 })
  })

  t.test('it is given up in the midst of a post, too', async t => {
    const clock = createManualClock()
    const bot = createBot(t, { silent: n => n > 1 })
    const transcript = simulate(bot, { clock, giveUpMs: 100 }).send('hi', { repeat: 2 })
    await until(() => bot.messages.length === 2)
    await idle()
    await clock.advance(100)
    t.hasStrict(counted(await transcript), { id: 's1', finished: false, gaveUp: true, frames: 1 })
    t.equal(clock.pending, 0)

    const finished = createBot(t, { silent: n => n > 1, answer: () => stream('a', true) })
    let seen = false
    const ended = simulate(finished, { clock, giveUpMs: 100 }).send('hi', { repeat: 2, onFrame: () => { seen = true } })
    await until(() => finished.messages.length === 2 && seen)
    await idle()
    await clock.advance(100)
    t.hasStrict(counted(await ended), { finished: true, gaveUp: false, problems: 0 })
  })

  t.test('an aborted signal leaves it without a rejection', async t => {
    const clock = createManualClock()
    const bot = createBot(t)
    const abort = new AbortController()
    const transcript = simulate(bot, { clock }).send('hi', { signal: abort.signal, onFrame: () => setImmediate(() => { abort.abort() }) })
    t.hasStrict(counted(await transcript), { id: 's1', finished: false, gaveUp: false, content: 'a', frames: 1, problems: 0 })
    t.equal(clock.pending, 0)
    t.hasStrict(counted(await simulate(bot, { clock }).send('hi', { signal: abort.signal })), {
      id: '', frames: 0, finished: false, problems: 0
    })
    t.equal(bot.messages.length, 1)
    t.equal(clock.pending, 0)
  })

  t.test('a signal that outlives the conversation keeps nothing of it', async t => {
    const { signal } = new AbortController()
    await simulate(createBot(t)).send('hi', { signal })
    await simulate(createBot(t)).post({}, { signal, lose: ({ tries }) => tries === 1 })
    t.equal(getEventListeners(signal, 'abort').length, 0)
  })

  t.test('a pace of its own takes the place of refreshMs, and may post several at once', async t => {
    const bot = createBot(t, { answer: (_message, n) => stream('abcdef'.slice(0, n), n >= 6) })
    const asked: number[] = []
    const transcript = await simulate(bot, { clock: createManualClock() }).send('hi', {
      pace: async n => { asked.push(n); return n === 2 ? 3 : undefined }
    })
    t.same(asked, [1, 2, 3])
    t.same(transcript.frames.map(({ content }) => content), ['a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef'])
    t.same(transcript.problems, [])
    const left = new AbortController()
    const stopped = simulate(createBot(t)).send('hi', { signal: left.signal, pace: () => new Promise(() => { left.abort() }) })
    t.hasStrict(counted(await stopped), { finished: false, frames: 1 }, 'one that never ends is left with the conversation')
  })

  t.test('a refresh that fails takes those beside it along, and rejects', async t => {
    const bot = createBot(t)
    const boom = new Error('boom')
    await t.rejects(simulate(bot).send('hi', {
      pace: async () => 2, onFrame: ({ content }) => { if (content !== 'a') throw boom }
    }), boom)
  })

  t.test('a message can be sent otherwise, its refreshes are not', async t => {
    const bot = createBot(t)
    await simulate(bot).send('hi', { overrides: { query: { extra: '1' }, nonce: 'own' } })
    t.hasStrict(bot.queries.map(({ extra, nonce }) => [extra, nonce === 'own']), [['1', true], [undefined, false], [undefined, false]])
  })

  t.test('what onFrame throws ends it, with all its deliveries', async t => {
    const clock = createManualClock()
    const bot = createBot(t, { silent: n => n === 1 })
    const boom = new Error('boom')
    await t.rejects(simulate(bot, { clock }).send('hi', { repeat: 2, onFrame: () => { throw boom } }), boom)
    t.equal(clock.pending, 0)
  })

  const answers: Record<string, [answer: (n: number) => unknown, ...problems: Array<string | RegExp>]> = {
    'the empty reply': [() => undefined, 'the message: it was not answered with a stream'],
    'no reply that opens': [
      () => 'x', 'the message: the opened reply is not a JSON object', 'the message: it was not answered with a stream'
    ],
    'another kind of reply': [() => ({
      msgtype: 'template_card', template_card: {}
    }), 'the message: the reply has no stream', 'the message: it was not answered with a stream'],
    'a stream that is null': [
      () => ({ msgtype: 'stream', stream: null }), 'the message: the reply has no stream', 'the message: it was not answered with a stream'
    ],
    'a stream without an id': [() => ({
      msgtype: 'stream', stream: { finish: 1, content: 2 }
    }), 'the message: it was not answered with a stream', 'frame 1: stream.id is not a string, or an empty one']
  }
  for (const [name, [answer, ...problems]] of Object.entries(answers)) {
    t.test(`a message answered with ${name} ends there`, async t => {
      const bot = createBot(t, { answer: (_message, n) => answer(n) })
      const transcript = await simulate(bot).send('hi')
      t.same(transcript.problems, problems)
      t.hasStrict(transcript, { id: '', finished: false, content: '' })
      t.equal(bot.messages.length, 1)
    })
  }

  t.test('a refresh without news or with trouble is followed by the next, and told once', async t => {
    const empty = createBot(t, { answer: (_message, n) => n === 2 ? undefined : stream('a', n === 3) })
    t.hasStrict(counted(await simulate(empty).send('hi')), { finished: true, frames: 2, problems: 0 })
    const sick = createBot(t, { answer: (_message, n) => n > 1 && n < 5 ? '?' : stream('a', n === 5) })
    t.hasStrict(
      await simulate(sick).send('hi'), { finished: true, problems: ['refresh 1: the opened reply is not a JSON object (3 times)'] }
    )
  })

  t.test('frames are held against the contract', async t => {
    const bot = createBot(t, { answer: (_message, n) => stream(['', 'abc', 'ab', 'abc'][n] as string, n === 3) })
    const transcript = await simulate(bot).send('hi')
    t.same(transcript.problems, ['frame 2: the text does not start with that of frame 1: it ends at offset 2, before "c"'])
    t.same(transcript.problems, checkFrames(transcript.frames.map(({ reply }) => reply)))
  })

  t.test('the waiting text of the host can be named', async t => {
    const bot = createBot(t, { answer: (_message, n) => n === 1 ? stream('思考中…') : stream('好', true) })
    t.same((await simulate(bot, { texts: { waiting: '思考中…' } }).send('hi')).problems, [])
  })

  t.test('over HTTP it leaves no connection behind that would hold up close()', async t => {
    const app = createBot(t).app
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const simulator = createSimulator({ target: address + path, ...keys, ...quick })
    const transcript = await simulator.send('hi', { repeat: 2 })
    t.same(transcript.problems, [])
    const open = await new Promise((resolve, reject) => app.server.getConnections((error, count) => error ? reject(error) : resolve(count)))
    t.ok(Number(open) <= 1, 'at most the last one, on its way out')
    const closing = Date.now()
    await app.close()
    t.ok(Date.now() - closing < 1000)
    t.notOk(await new Promise(
      resolve => connect(Number(new URL(address).port), '127.0.0.1').on('connect', () => resolve(true)).on('error', () => resolve(false))
    ))
  })

  t.test('over HTTP an aborted post closes its connection', async t => {
    const clock = createManualClock()
    let closed = false
    let reached = false
    const target = await listen(t, createServer(request => {
      reached = true
      request.socket.on('close', () => { closed = true })
    }))
    const abort = new AbortController()
    const transcript = createSimulator({ target, ...keys, clock }).send('hi', { signal: abort.signal })
    await until(() => reached)
    abort.abort()
    t.hasStrict(counted(await transcript), { finished: false, frames: 0 })
    await until(() => closed)
    t.equal(clock.pending, 0)
  })
})

t.test('credentials that are missing are named, with the variable that may not be set', t => {
  for (const [given, message] of [
    [{ token: undefined }, 'token is of type undefined, expected that of the bot: is WECOM_TOKEN set?'],
    [{ token: '' }, 'token is empty, expected that of the bot: is WECOM_TOKEN set?'],
    [
      { encodingAESKey: undefined },
      'encodingAESKey is of type undefined, expected that of the bot: is WECOM_ENCODING_AES_KEY set?'
    ]
  ] as const) {
    t.throws(() => createSimulator({ target: 'http://127.0.0.1/', ...keys, ...given } as SimulatorOptions), { code: 'WECOM_ERR_INPUT', message })
  }
  t.end()
})
