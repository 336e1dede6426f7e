import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import callback from '../../plugins/callback.ts'
import streams from '../../plugins/streams.ts'
import { buildApp, createApp, follow, keys, nowSeconds, PATH, post, refreshMessage, textMessage, verify } from '../fixtures/app.ts'
import type { Answer, AppLine, Sending } from '../fixtures/app.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createHandSource, yielding } from '../fixtures/sources.ts'
import { idle } from '../fixtures/waiting.ts'
import { decrypt, encryptBytes, encryptLayout, pad, seal, sign, signed } from '../fixtures/wecom-crypto.ts'

const texts = loadTexts()
const OTHER_KEY = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq'

const warnings = (lines: AppLine[]): AppLine[] => lines.filter(line => line.level === 40)

/** Posts an envelope around a ciphertext that was made by hand, properly signed. */
async function postCipher (app: FastifyInstance, encrypt: string): Promise<Answer> {
  const { signature, timestamp, nonce } = signed(keys.token, encrypt, nowSeconds(), 'nonce')
  const url = `${PATH}?${new URLSearchParams({ msg_signature: signature, timestamp, nonce })}`
  const { statusCode, headers, body } = await app.inject({ method: 'POST', url, payload: JSON.stringify({ encrypt }) })
  return { statusCode, headers, body, reply: undefined, stream: {} }
}

t.test('a verification is answered with the bare text', async t => {
  const { app } = await buildApp(t)
  for (const echo of ['1616140317555161061', '0', '"quoted"', ' with spaces\n', '你好', '']) {
    const { statusCode, headers, body } = await verify(app, echo)
    t.equal(statusCode, 200)
    t.equal(body, echo)
    t.match(headers, { 'content-type': /^text\/plain/, 'content-length': String(Buffer.byteLength(echo)) })
  }
})

t.test('a verification whose pluses a gateway has turned into blanks is answered, too', async t => {
  const { app } = await buildApp(t)
  let sealed = seal(keys, '123', nowSeconds(), 'nonce')
  while (!sealed.encrypt.includes('+')) sealed = seal(keys, '123', nowSeconds(), 'nonce')
  const { signature, timestamp, nonce, encrypt } = sealed
  for (const blank of ['+', '%20']) {
    const echostr = encodeURIComponent(encrypt).replaceAll('%2B', blank)
    const url = `${PATH}?msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}&echostr=${echostr}`
    t.hasStrict(await app.inject(url), { statusCode: 200, body: '123' }, blank)
  }
})

t.test('a corrected system time is followed at once', async t => {
  const { app } = await buildApp(t)
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 600_000
  t.hasStrict(await verify(app, '123'), { statusCode: 200, body: '123' })
})

t.test('a verification opens no message and no reply that went by before', async t => {
  const { app, lines } = await buildApp(t)
  for (const text of [JSON.stringify(textMessage('private words')), ' {}', '{"msgtype":"stream"']) {
    t.hasStrict(await verify(app, text), { statusCode: 422, body: '{"error":"The opened text is no message"}' }, text)
  }
  t.notMatch(JSON.stringify(lines), 'private words')
})

t.test('a verification takes neither a wrong signature, nor an old time, nor another key', async t => {
  const { app, lines } = await buildApp(t)
  const wrong: Sending[] = [{ query: { msg_signature: '0'.repeat(40) } }, { timestamp: Number(nowSeconds()) - 310 }, {
    keys: { ...keys, encodingAESKey: OTHER_KEY }
  }, { keys: { ...keys, receiveId: 'corp' } }]
  for (const sending of wrong) t.hasStrict(await verify(app, '123', sending), { statusCode: 403, body: '{"error":"Forbidden"}' })
  for (const name of ['msg_signature', 'timestamp', 'nonce', 'echostr']) {
    t.hasStrict(await verify(app, '123', { query: { [name]: undefined } }), { statusCode: 400 }, name)
  }
  t.equal(warnings(lines).length, 5)
})

t.test('a reply is sealed for WeCom', async t => {
  const clock = createManualClock()
  const { app } = await buildApp(t, { clock, source: yielding('hello'), firstReplyGraceMs: 200 })
  const sent = { timestamp: 1_700_000_000, nonce: '0017/+=&你' }
  const answers = [await post(app, textMessage('hi'), sent), await post(app, textMessage('hi'), sent)]
  const randoms = answers.map(answer => {
    t.equal(answer.statusCode, 200)
    t.hasStrict(answer.headers, { 'content-type': 'application/json; charset=utf-8' })
    const envelope = JSON.parse(answer.body)
    t.same(Object.keys(envelope), ['encrypt', 'msgsignature', 'timestamp', 'nonce'])
    t.equal(envelope.timestamp, 1_700_000_000)
    t.equal(envelope.nonce, sent.nonce)
    t.equal(envelope.msgsignature, sign(keys.token, '1700000000', sent.nonce, envelope.encrypt))
    const opened = decrypt(keys.encodingAESKey, envelope.encrypt)
    t.equal(opened?.receiveId, '')
    t.hasStrict(JSON.parse(opened?.text as string), { msgtype: 'stream', stream: { finish: true, content: 'hello' } })
    t.equal(Buffer.from(envelope.encrypt, 'base64').length % 32, 0)
    return opened?.random.toString('hex')
  })
  t.not(randoms[0], randoms[1], 'with fresh random bytes')
})

t.test('a receiver id is sealed into the reply, and expected in the message', async t => {
  const { app } = await buildApp(t, { receiveId: '企业' })
  const own = { ...keys, receiveId: '企业' }
  t.hasStrict(await post(app, textMessage('hi'), { keys: own }), { statusCode: 200, stream: { finish: false } })
  for (const receiveId of ['', '企', '企业业', 'other']) {
    t.equal((await post(app, textMessage('hi'), { keys: { ...keys, receiveId } })).statusCode, 403, receiveId)
  }
})

t.test('a conversation grows from the message to its end', async t => {
  const { app } = await buildApp(t)
  const first = await post(app, textMessage('hi'))
  t.match(first.stream, { id: /^[0-9a-f]{32}$/, finish: false })
  const frames = await follow(app, first.stream.id as string)
  t.hasStrict(frames.at(-1), { id: first.stream.id, finish: true, content: 'Q: hi\nHello world! This is a stream.' })
})

t.test('what needs no answer gets an empty one', async t => {
  const { app } = await buildApp(t)
  for (const event of [{ eventtype: 'enter_chat' }, { eventtype: 'of the future' }, undefined]) {
    const answer = await post(app, { msgid: 'e', msgtype: 'event', event })
    t.equal(answer.statusCode, 200)
    t.equal(answer.body, '')
    t.equal(answer.headers['content-length'], '0')
  }
})

t.test('a kind of message that nobody knows is answered', async t => {
  const { app } = await buildApp(t)
  for (const msgtype of ['image', 'of the future', 'constructor']) {
    t.hasStrict(await post(app, { msgid: msgtype, msgtype }), { statusCode: 200, stream: { finish: true, content: texts.unsupported } })
  }
})

t.test('everything from the signature to the receiver id is refused alike', async t => {
  const { app, lines } = await buildApp(t)
  const text = JSON.stringify(textMessage('hi'))
  const sealed = encryptLayout(keys.encodingAESKey, { text })
  const spoiled = Buffer.from(sealed, 'base64')
  spoiled[spoiled.length - 1] = (spoiled.at(-1) as number) ^ 1
  const refused: Record<string, Answer> = {
    'another token': await post(app, text, { keys: { ...keys, token: 'other' } }),
    'another signature': await post(app, text, { query: { msg_signature: '0'.repeat(40) } }),
    'a signature in capitals': await post(
      app, text, { query: { msg_signature: sign(keys.token, nowSeconds(), 'n', sealed).toUpperCase() }, nonce: 'n' }
    ),
    'a short signature': await post(app, text, { query: { msg_signature: 'a' } }),
    'a long signature': await post(app, text, { query: { msg_signature: 'ä'.repeat(1000) } }),
    'another nonce': await post(app, text, { query: { nonce: 'other' } }),
    'another time': await post(app, text, { query: { timestamp: '1' } }),
    'an old time': await post(app, text, { timestamp: Number(nowSeconds()) - 302 }),
    'an early time': await post(app, text, { timestamp: Number(nowSeconds()) + 302 }),
    'a time that is none': await post(app, text, { timestamp: 'now' }),
    'a time with a fraction': await post(app, text, { timestamp: `${nowSeconds()}.5` }),
    'a negative time': await post(app, text, { timestamp: '-1' }),
    'another ciphertext': await post(app, text, { body: JSON.stringify({ encrypt: 'AAAA' }) }),
    'another key': await post(app, text, { keys: { ...keys, encodingAESKey: OTHER_KEY } }),
    'another receiver': await post(app, text, { keys: { ...keys, receiveId: 'corp' } }),
    'no base64': await postCipher(app, '&&&&'),
    'base64 of the other alphabet': await postCipher(app, sealed.replaceAll('+', '-').replaceAll('/', '_') + '_'),
    'base64 with a line break': await postCipher(app, `${sealed}\n`),
    'no whole block': await postCipher(app, sealed.slice(0, 8)),
    'a flipped bit': await postCipher(app, spoiled.toString('base64')),
    'a wrong padding': await postCipher(app, encryptLayout(keys.encodingAESKey, { text: 'x'.repeat(43), padding: Buffer.alloc(1, 0) })),
    'a wrong length': await postCipher(app, encryptLayout(keys.encodingAESKey, { text, length: 2 ** 31 })),
    'a text that is too short': await postCipher(app, encryptBytes(keys.encodingAESKey, pad(Buffer.alloc(0)))),
    'no message under another receiver': await post(app, 'hello', { keys: { ...keys, receiveId: 'corp' } })
  }
  const { date, ...headers } = refused['another token']?.headers as Record<string, unknown>
  t.ok(date)
  for (const [name, answer] of Object.entries(refused)) {
    t.equal(answer.statusCode, 403, name)
    t.equal(answer.body, '{"error":"Forbidden"}', name)
    t.same({ ...answer.headers, date: undefined }, { ...headers, date: undefined }, name)
  }
  t.same(headers, { 'content-type': 'application/json; charset=utf-8', 'content-length': '21', connection: 'keep-alive' })
  t.same(warnings(lines).map(({ code }) => code).sort(), [
    'WECOM_ERR_DECRYPT', 'WECOM_ERR_RECEIVER', 'WECOM_ERR_SIGNATURE', 'WECOM_ERR_TIMESTAMP'
  ])
  t.match(warnings(lines).find(({ code }) => code === 'WECOM_ERR_RECEIVER')?.msg, /WECOM_RECEIVE_ID is "" but "corp" was sent/)
})

t.test('what comes first is refused first', async t => {
  const { app } = await buildApp(t, { bodyLimitBytes: 1024 })
  const statusOf = async (message: string | object, sending: Sending): Promise<number> => (await post(app, message, sending)).statusCode
  const everything = { timestamp: '1', keys: { token: 'other', encodingAESKey: OTHER_KEY, receiveId: 'corp' } }
  const badBody = { body: '<xml>' }
  const badQuery = { query: { nonce: undefined } }
  t.equal(await statusOf('x', { ...everything, body: 'x'.repeat(1025), ...badQuery }), 413, 'the size')
  t.equal(await statusOf('x', { ...everything, ...badQuery, ...badBody }), 400, 'the shape of query and body')
  t.equal(await statusOf('x', { ...everything }), 403, 'the seal')
  t.equal(await statusOf('x', {}), 422, 'the message')
  const { lines, app: other } = await buildApp(t)
  await post(other, 'x', everything)
  await post(other, 'x', { ...everything, keys: { ...everything.keys, token: keys.token } })
  await post(other, 'x', { keys: { ...everything.keys, token: keys.token } })
  await post(other, 'x', { keys: { ...keys, receiveId: 'corp' } })
  t.same(warnings(lines).map(({ code }) => code), ['WECOM_ERR_SIGNATURE', 'WECOM_ERR_TIMESTAMP', 'WECOM_ERR_DECRYPT', 'WECOM_ERR_RECEIVER'])
})

t.test('the age of a callback may be as great as the window, on both sides', async t => {
  const clock = createManualClock(1_700_000_000_000)
  const { app } = await buildApp(t, { clock, timestampWindowMs: 60_000, source: yielding('x') })
  for (const [timestamp, statusCode] of [[1_699_999_940, 200], [1_699_999_939, 403], [1_700_000_060, 200], [1_700_000_061, 403]] as const) {
    t.equal((await post(app, textMessage('hi'), { timestamp })).statusCode, statusCode, String(timestamp))
    t.equal((await verify(app, '123', { timestamp })).statusCode, statusCode)
  }
})

t.test('a query that lacks or repeats a field has an answer of its own', async t => {
  const { app, lines } = await buildApp(t)
  for (const name of ['msg_signature', 'timestamp', 'nonce']) {
    for (const query of [{ [name]: undefined }, { [name]: '' }]) {
      const answer = await post(app, textMessage('hi'), { query })
      t.equal(answer.statusCode, 400)
      t.match(JSON.parse(answer.body), { error: /query/ })
    }
  }
  const url = `${PATH}?msg_signature=a&timestamp=1&nonce=1&nonce=1`
  t.equal((await app.inject({ method: 'POST', url, payload: '{"encrypt":"x"}' })).statusCode, 400)
  t.hasStrict(warnings(lines), [{ code: 'WECOM_ERR_QUERY' }])
})

t.test('a body that is no envelope has an answer of its own', async t => {
  const { app, lines } = await buildApp(t)
  const statuses = new Set<number>()
  for (const body of ['<xml></xml>', '{"encrypt":"abc', '', '5', '[]', '{"encrypt":5}', Buffer.from([0xff, 0xfe]), '['.repeat(100_000)]) {
    statuses.add((await post(app, textMessage('hi'), { body })).statusCode)
  }
  t.same([...statuses], [400])
  t.match(warnings(lines), [{ code: 'WECOM_ERR_BODY', msg: /XML/ }])
})

t.test('authentic text that is no message has an answer of its own', async t => {
  const { app, lines } = await buildApp(t)
  const nested = (depth: number): string => `{"msgtype":"text","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
  for (const text of [
    'hello', '[]', 'null', '{}', '{"msgtype":5}', '<xml></xml>', nested(
      65
    ), '{"msgtype":"text","__proto__":{}}', '{"msgtype":"text","text":{"a":[{"__proto__":1}]}}',
    Buffer.from([0x7b, 0xff, 0x7d]), Buffer.from(
      '7b226d736774797065223a22eda0bd227d', 'hex'
    ), '\ufeff{"msgtype":"text"}', '{"msgtype":"text"'
  ]) {
    const answer = await post(app, text)
    t.equal(answer.statusCode, 422, String(text).slice(0, 60))
    t.match(JSON.parse(answer.body), { error: /message/ })
  }
  t.equal((await post(app, nested(64))).statusCode, 200)
  t.hasStrict(warnings(lines), [{ code: 'WECOM_ERR_MESSAGE' }])
})

t.test('a body may be as large as the limit, and no larger', async t => {
  const { app, lines } = await buildApp(t, { bodyLimitBytes: 2000, source: yielding('x') })
  const sized = (size: number): string => {
    const { signature, timestamp, nonce, encrypt } = signed(
      keys.token, encryptLayout(keys.encodingAESKey, { text: JSON.stringify(textMessage('hi')) }), nowSeconds(), 'n'
    )
    query = { msg_signature: signature, timestamp, nonce }
    return JSON.stringify({ encrypt, padding: 'x'.repeat(size - JSON.stringify({ encrypt, padding: '' }).length) })
  }
  let query = {}
  for (const [size, statusCode] of [[2000, 200], [2001, 413], [500_000, 413]] as const) {
    const body = sized(size)
    const answer = await post(app, '', { body, query })
    t.equal(answer.statusCode, statusCode, String(size))
    if (statusCode === 413) t.equal(answer.body, '{"error":"The body is too large"}')
  }
  t.hasStrict(warnings(lines), [{ code: 'WECOM_ERR_BODY_TOO_LARGE' }])
  t.equal((await post((await buildApp(t)).app, '', { body: 'x'.repeat(256 * 1024 + 1) })).statusCode, 413, 'the default is 256 KiB')
  t.equal((await post((await buildApp(t)).app, '', { body: 'x'.repeat(256 * 1024) })).statusCode, 400)
})

t.test('any well-formed content type is taken, and none as well', async t => {
  const { app } = await buildApp(t)
  for (const type of [
    'application/json', 'application/json; charset=utf-8', 'text/plain', 'text/xml', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x', 'application/octet-stream', 'foo/bar', 'application/json;charset=gbk'
  ]) {
    t.equal((await post(app, textMessage('hi'), { headers: { 'content-type': type } })).statusCode, 200, type)
  }
  const bare = async (headers: http.OutgoingHttpHeaders): Promise<number> => {
    const { signature, timestamp, nonce, encrypt } = signed(
      keys.token, encryptLayout(keys.encodingAESKey, { text: JSON.stringify(textMessage('hi')) }), nowSeconds(), 'n'
    )
    return await postOverHttp(
      app, `${PATH}?${new URLSearchParams({ msg_signature: signature, timestamp, nonce })}`, JSON.stringify({ encrypt }), headers
    )
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.equal(await bare({}), 200, 'none')
  t.equal(await bare({ 'transfer-encoding': 'chunked' }), 200, 'none, in chunks')
  for (const type of ['', ' ', 'json', '/', 'application/', 'text/plain/x', 'a b/c', ';', 'application/json; charset']) {
    const status = await bare({ 'content-type': type })
    t.ok(status === 200 || status === 400, `${JSON.stringify(type)}: ${status}`)
  }
  t.equal(await bare({ 'content-type': 'json' }), 400)
})

async function postOverHttp (app: FastifyInstance, path: string, body: string, headers: http.OutgoingHttpHeaders): Promise<number> {
  const { port } = app.server.address() as AddressInfo
  const request = http.request({ port, host: '127.0.0.1', path, method: 'POST', headers, agent: false })
  request.end(body)
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response.statusCode as number
}

t.test('other methods and paths are those of the host', async t => {
  const { app } = await buildApp(t)
  for (const method of ['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const) {
    const { statusCode } = await app.inject({ method, url: PATH })
    t.equal(statusCode, 404, method)
  }
  t.equal((await app.inject(`${PATH}/more`)).statusCode, 404)
})

t.test('nothing that comes in makes a 5xx', async t => {
  const { app } = await buildApp(t)
  const urls = [
    PATH, `${PATH}?`, `${PATH}?%`, `${PATH}?msg_signature=%ff&timestamp=%00&nonce=%E0%A4%A`, `${PATH}?__proto__=1&constructor=2`,
    `${PATH}?${'a=1&'.repeat(3000)}`, `${PATH}?msg_signature[]=1`
  ]
  const bodies = ['', '{}', '\u0000', '{"encrypt":"' + 'A'.repeat(100_000) + '"}', '{"__proto__":{"encrypt":"x"}}']
  for (const url of urls) {
    for (const payload of bodies) {
      for (const method of ['GET', 'POST'] as const) {
        const { statusCode } = await app.inject({ method, url, ...(method === 'POST' && { payload }) })
        t.ok(statusCode >= 400 && statusCode < 500, `${method} ${url.slice(0, 60)}: ${statusCode}`)
      }
    }
  }
  for (const message of [
    { msgtype: 'text', text: null }, {
      msgtype: 'text', text: { content: {} }, from: 5, aibotid: [], chatid: {}, msgid: {}
    }, { msgtype: 'stream' },
    { msgtype: 'stream', stream: { id: {} } }, { msgtype: 'mixed', mixed: [] }, {
      msgtype: 'mixed', mixed: { msg_item: [null, 5, { text: 5 }] }
    }, { msgtype: 'event', event: null },
    { msgtype: 'text', msgid: 'x'.repeat(150_000), text: { content: '' } }, { msgtype: 'toString' }
  ]) t.equal((await post(app, message)).statusCode, 200, JSON.stringify(message).slice(0, 60))
})

t.test('a refused callback changes nothing, and says nothing secret', async t => {
  const hand = createHandSource()
  const { app, lines } = await buildApp(t, { source: hand.source })
  const { stream } = await post(app, textMessage('hi', { msgid: 'm1' }))
  await hand.call().push('my-reply')
  const wrong = { ...keys, token: 'wrong-token' }
  const bodies = [
    await post(app, textMessage('hi', { msgid: 'm2' }), { keys: wrong }),
    await post(app, refreshMessage(stream.id), { keys: wrong }),
    await post(app, 'my-prompt'),
    await post(app, '{"msgtype":"text","my-prompt":{"__proto__":1}}'),
    await post(app, textMessage('my-prompt'), { timestamp: 1 })
  ].map(({ body }) => body)
  t.equal(hand.calls.length, 1)
  t.hasStrict((await post(app, refreshMessage(stream.id))).stream, { finish: false, content: 'my-reply' })
  for (const text of [...bodies, JSON.stringify(lines)]) {
    for (const secret of [keys.token, keys.encodingAESKey, 'my-prompt', 'my-reply']) t.notOk(text.includes(secret), secret)
  }
})

t.test('a reason is logged once a minute, with how often it came', async t => {
  const clock = createManualClock()
  const { app, lines } = await buildApp(t, { clock })
  const wrong = { timestamp: 1_700_000_000, query: { msg_signature: 'x' } }
  for (let n = 0; n < 5; n++) await post(app, '', wrong)
  t.match(warnings(lines), [{ code: 'WECOM_ERR_SIGNATURE', count: 1, msg: /WECOM_TOKEN/ }])
  await clock.advance(60_000)
  await post(app, '', wrong)
  t.hasStrict(warnings(lines), [{ count: 1 }, { count: 6 }])
})

t.test('the line of a refusal carries the id of its request', async t => {
  const ids = ['first', 'second', 'third', 'fourth']
  const { app, lines } = await buildApp(t, {}, { genReqId: () => ids.shift() as string })
  await post(app, textMessage('hi'))
  await post(app, '', { query: { msg_signature: 'x' } })
  await verify(app, '123', { query: { nonce: undefined } })
  await post(app, '', { body: 'x'.repeat(256 * 1024 + 1) })
  t.hasStrict(warnings(lines), [
    { code: 'WECOM_ERR_SIGNATURE', reqId: 'second' }, { code: 'WECOM_ERR_QUERY', reqId: 'third' }, {
      code: 'WECOM_ERR_BODY_TOO_LARGE', reqId: 'fourth'
    }
  ])
})

t.test('a message that is sent again with another nonce and time is the same', async t => {
  const hand = createHandSource()
  const { app } = await buildApp(t, { source: hand.source })
  const message = textMessage('hi')
  const all = await Promise.all(['1', '2', '3'].map(nonce => post(app, message, { nonce })))
  const later = await post(app, message, { timestamp: Number(nowSeconds()) + 5 })
  t.equal(new Set([...all, later].map(({ stream }) => stream.id)).size, 1)
  t.equal(hand.calls.length, 1)
})

t.test('with a grace, the first answer has the whole text, or what has come by its end', async t => {
  const { app } = await buildApp(t, { source: yielding('all ', 'of it'), firstReplyGraceMs: 1000 })
  t.hasStrict((await post(app, textMessage('hi'))).stream, { finish: true, content: 'all of it' })

  const clock = createManualClock()
  const hand = createHandSource()
  const { app: slow } = await buildApp(t, { source: hand.source, firstReplyGraceMs: 300, clock })
  const answer = post(slow, textMessage('hi'), { timestamp: 1_700_000_000 })
  while (hand.calls.length === 0) await idle()
  await hand.call().push('Hel')
  await clock.advance(300)
  t.hasStrict((await answer).stream, { finish: false, content: 'Hel' })
  await hand.call().end()
})

t.test('with a stop, the next refresh has the text so far, and is the last', async t => {
  const hand = createHandSource()
  const { app } = await buildApp(t, { source: hand.source })
  const { stream } = await post(app, textMessage('hi'))
  await hand.call().push('half')
  await app.stopStream(stream.id as string)
  t.hasStrict((await post(app, refreshMessage(stream.id))).stream, { finish: true, content: 'half' })
})

t.test('a stream of the host is not shown', async t => {
  const { app } = await buildApp(t, { source: yielding('internal') })
  const id = await app.startStream('report')
  await idle()
  t.hasStrict(await app.getStreamState(id), { content: 'internal' })
  t.hasStrict((await post(app, refreshMessage(id))).stream, { id, finish: true, content: texts.expired })
})

t.test('two bots in one app do not mix', async t => {
  const { app } = createApp(t)
  const other = { token: 'other-token', encodingAESKey: OTHER_KEY, receiveId: 'corp' }
  const asked: string[] = []
  const source = (name: string) => async function * ({ prompt }: { prompt: string }) {
    asked.push(`${name}: ${prompt}`)
    yield `${name} says hi`
  }
  await app.register(streams, { sources: { second: source('second') }, source: source('first') })
  await app.register(callback, { ...keys, path: '/one', firstReplyGraceMs: 1000, botName: 'First' })
  await app.register(callback, { ...other, path: '/two', firstReplyGraceMs: 1000, source: 'second', texts: { expired: 'gone' } })
  await app.register(callback, { ...other, path: '/three', firstReplyGraceMs: 1000, source: source('third') })

  const message = textMessage('@First hi', { chattype: 'group', chatid: 'g' })
  const one = await post(app, message, { path: '/one' })
  const two = await post(app, message, { path: '/two', keys: other })
  const three = await post(app, message, { path: '/three', keys: other })
  t.same(asked, ['first: hi', 'second: @First hi', 'third: @First hi'], 'one message id means another message to each of them')
  t.equal(one.stream.content, 'first says hi')
  t.equal(two.stream.content, 'second says hi')
  t.equal(three.stream.content, 'third says hi')

  t.equal((await post(app, message, { path: '/two' })).statusCode, 403, 'the keys of the one do not open the other')
  t.equal((await post(app, message, { path: '/one', keys: other })).statusCode, 403)
  const refresh = refreshMessage(one.stream.id, { chattype: 'group', chatid: 'g' })
  t.equal((await post(app, refresh, { path: '/one' })).stream.content, 'first says hi')
  t.hasStrict((await post(
    app, refresh, { path: '/two', keys: other }
  )).stream, { finish: true, content: 'gone' }, 'the streams of the one are not those of the other')
  t.hasStrict((await post(
    app, refreshMessage(two.stream.id), { path: '/three', keys: other }
  )).stream, { finish: true, content: texts.expired }, 'not even with the same keys')
})

t.test('a prefix goes before the path', async t => {
  const { app } = createApp(t)
  await app.register(streams)
  await app.register(callback, { ...keys, prefix: '/bots' })
  await app.register(async scope => { await scope.register(callback, { ...keys, path: '/cb' }) }, { prefix: '/v1' })
  t.equal((await verify(app, '123', { path: `/bots${PATH}` })).body, '123')
  t.equal((await verify(app, '123', { path: '/v1/cb' })).body, '123')
  t.equal((await verify(app, '123')).statusCode, 404)
})

t.test('the wrong order of registration fails with an error of Fastify', async t => {
  const { app } = createApp(t)
  await t.rejects(async () => { await app.register(callback, { ...keys }) }, {
    code: 'FST_ERR_PLUGIN_DEPENDENCY_NOT_REGISTERED', message: /wecom-streams/
  })
})

t.test('bad options are refused at once, all together', async t => {
  const { app } = createApp(t)
  await app.register(streams)
  const options = { path: 'x', timestampWindowMs: NaN, texts: { expired: '' }, source: 5, nonsense: 1 } as object
  await t.rejects(async () => { await app.register(callback, { encodingAESKey: 'short', ...options }) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      { name: 'WECOM_TOKEN' }, { name: 'option encodingAESKey' }, { name: 'option path' }, {
        name: 'option timestampWindowMs'
      }, { name: 'option nonsense' },
      { name: 'option source' }, { name: 'option texts.expired' }
    ]
  })
})

t.test('streams alone may last for as long as they like, and with a callback as long as WeCom asks', async t => {
  const { app } = createApp(t)
  await app.register(streams, { deadlineMs: 400_000, source: yielding('x') })
  t.equal((await app.getStreamState(await app.startStream('x'))).status, 'running')
  await t.rejects(async () => { await app.register(callback, { ...keys }) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      { name: 'STREAM_DEADLINE_MS', problem: /^is 400000 .* WECOM_WINDOW_MS, which is 360000: .* lateDeadlineMs / }
    ]
  })
  const { app: longer } = createApp(t)
  await longer.register(streams, { deadlineMs: 400_000 })
  await longer.register(callback, { ...keys, windowMs: 400_000 })
  t.equal((await verify(longer, '123')).body, '123')
})

t.test('a source that nobody has registered is refused at once', async t => {
  const { app } = createApp(t)
  await app.register(streams)
  await t.rejects(async () => { await app.register(callback, { ...keys, source: 'gpt' }) }, {
    code: 'WECOM_ERR_CONFIG', faults: [{ name: 'option source', problem: /mock/ }]
  })
})

t.test('an environment is read where it is given', async t => {
  const { app } = createApp(t)
  await app.register(streams)
  await app.register(
    callback, { env: { WECOM_TOKEN: keys.token, WECOM_ENCODING_AES_KEY: keys.encodingAESKey, WECOM_CALLBACK_PATH: '/from-env' } }
  )
  t.equal((await verify(app, '123', { path: '/from-env' })).body, '123')
})

t.test('the host adds config, documentation, constraints and hooks to the routes', async t => {
  const { app } = createApp(t)
  const routes: Array<Record<string, unknown>> = []
  app.addHook('onRoute', ({ method, config, schema }) => { routes.push({ method, config, schema }) })
  const called: string[] = []
  await app.register(streams, { source: yielding('x'), shutdownGraceMs: 0 })
  await app.register(callback, {
    ...keys,
    routeOptions: {
      config: { rateLimit: false, wecom: false },
      schema: { tags: ['wecom'] } as object,
      onRequest: [async () => { called.push('first') }, async ({ routeOptions }) => { called.push(`second ${routeOptions.config.wecom}`) }],
      onSend: async (_request, reply, payload) => { reply.header('x-own', '1'); return payload },
      onResponse: async () => { called.push('response') },
      onTimeout: async () => {}
    }
  })
  const expected = { config: { rateLimit: false, wecom: true }, schema: { tags: ['wecom'] } }
  t.hasStrict(routes, [{ method: 'GET', ...expected }, { method: 'POST', ...expected }])
  t.hasStrict(await post(app, textMessage('hi')), { statusCode: 200, headers: { 'x-own': '1' } })
  t.hasStrict(await verify(app, '123'), { statusCode: 200, headers: { 'x-own': '1' } })
  t.hasStrict(await post(app, 'x'), { statusCode: 422, headers: { 'x-own': '1' } }, 'refusals, too')
  t.strictSame(called, Array.from({ length: 3 }, () => ['first', 'second true', 'response']).flat())
})

t.test('without a schema of the host, the routes are hidden from API documentation', async t => {
  const { app } = createApp(t)
  const schemas: unknown[] = []
  app.addHook('onRoute', ({ schema }) => { schemas.push(schema) })
  await app.register(streams)
  await app.register(callback, { ...keys, routeOptions: { schema: undefined, config: undefined, onRequest: undefined } } as object)
  t.hasStrict(schemas, [{ hide: true }, { hide: true }])
  t.equal((await verify(app, '123')).statusCode, 200)
})

t.test('two bots on one path are told apart by a constraint, and do not mix', async t => {
  const { app } = createApp(t)
  await app.register(streams, { shutdownGraceMs: 0 })
  const bots = { 'a.example': yielding('from a'), 'b.example': yielding('from b') }
  for (const [host, source] of Object.entries(bots)) {
    await app.register(
      callback, { ...keys, source, firstReplyGraceMs: 1000, routeOptions: { constraints: { host: new RegExp(`^${host}$`) } } }
    )
  }
  const message = textMessage('hi')
  const [a, b] = [
    await post(app, message, { headers: { host: 'a.example' } }), await post(app, message, { headers: { host: 'b.example' } })
  ]
  t.hasStrict([a.stream, b.stream], [{ content: 'from a' }, { content: 'from b' }])
  t.hasStrict((await post(app, refreshMessage(a.stream.id), { headers: { host: 'b.example' } })).stream, { content: texts.expired })
  t.equal((await post(app, message, { headers: { host: 'c.example' } })).statusCode, 404)
})

t.test('other options of the routes are refused by name', async t => {
  const { app } = createApp(t)
  await app.register(streams)
  const faultsOf = async (routeOptions: unknown): Promise<unknown> =>
    await app.register(callback, { ...keys, routeOptions } as object).then(() => [], ({
      faults
    }: { faults: Array<{ name: string, problem: string }> }) => faults.map(({ name, problem }) => `${name} ${problem}`))
  t.hasStrict(await faultsOf('x'), ['option routeOptions is of type string, expected an object'])
})

t.test('errors of hooks of the host reach the host', async t => {
  const { app } = createApp(t)
  app.setErrorHandler(async (error: Error, _request, reply) => await reply.code(418).send({ host: error.message }))
  app.addHook('onRequest', async request => {
    if (request.headers['x-fail'] === 'request') throw new Error('no access')
  })
  app.addHook('preHandler', async request => {
    if (request.headers['x-fail'] === 'handler') throw Object.assign(new Error('too much'), { statusCode: 429 })
  })
  app.addHook('onSend', async (request, reply) => {
    if (request.headers['x-fail'] === 'send' && reply.statusCode === 200) throw new Error('cannot send')
  })
  await app.register(streams, { shutdownGraceMs: 0 })
  await app.register(callback, { ...keys })
  for (const [stage, host] of [['request', 'no access'], ['handler', 'too much'], ['send', 'cannot send']] as const) {
    const answer = await post(app, textMessage('hi'), { headers: { 'x-fail': stage } })
    t.equal(answer.statusCode, 418)
    t.same(JSON.parse(answer.body), { host })
  }
  t.equal((await post(app, 'x', { headers: { 'x-fail': 'no' } })).statusCode, 422, 'refusals are ours')
})

t.test('without an error handler of the host, errors of its hooks are those of Fastify', async t => {
  const { app } = createApp(t)
  app.addHook('onRequest', async () => { throw Object.assign(new Error('no access'), { statusCode: 401 }) })
  await app.register(streams)
  await app.register(callback, { ...keys })
  const answer = await post(app, textMessage('hi'))
  t.equal(answer.statusCode, 401)
  t.hasStrict(JSON.parse(answer.body), { message: 'no access' })
})

t.test('while its credentials change, a bot answers each request with the pair that it came with, and counts them once a day', async t => {
  const clock = createManualClock()
  const old = { token: 'the-token-before', encodingAESKey: OTHER_KEY, receiveId: '' }
  const { app, lines } = await buildApp(t, { clock, tokenOld: old.token, encodingAESKeyOld: old.encodingAESKey })
  const sent = { timestamp: 1_700_000_000 }
  const first = await post(app, textMessage('hi'), { ...sent, keys: old })
  t.equal(first.stream.finish, false)
  t.equal((await post(app, refreshMessage(first.stream.id), { ...sent, keys: old })).stream.id, first.stream.id)
  t.equal((await post(app, refreshMessage(first.stream.id), sent)).stream.id, first.stream.id, 'WeCom changes over while an answer is open')
  t.hasStrict(await verify(app, '123', { ...sent, keys: old }), { statusCode: 200, body: '123' })
  t.equal((await post(app, textMessage('hi'), { ...sent, keys: { ...old, token: keys.token } })).statusCode, 403)

  const said = () => lines.filter(({ msg }) => msg.startsWith('requests of a day')).map(({ present, old, msg }) => ({ present, old, msg }))
  await clock.advance(24 * 3_600_000)
  t.strictSame(said(), [{ present: 1, old: 3, msg: 'requests of a day by pair of credentials: the old pair is in use, keep it' }])
  await app.close()
  await clock.advance(24 * 3_600_000)
  t.equal(said().length, 1)
})

t.test('old credentials that are the present ones keep an app from booting', async t => {
  const { app } = createApp(t)
  await app.register(streams, { source: yielding('hello') })
  await t.rejects(async () => await app.register(callback, { ...keys, tokenOld: keys.token }), {
    code: 'WECOM_ERR_CONFIG', faults: [{ name: 'WECOM_TOKEN_OLD' }]
  })
})
