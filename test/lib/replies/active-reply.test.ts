import type { LookupAddress } from 'node:dns'
import { EventEmitter, getEventListeners, once } from 'node:events'
import type { LookupFunction } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import {
  ActiveReplyError, createActiveReply, DEFAULT_ACTIVE_REPLY_HOSTS, DEFAULT_ACTIVE_REPLY_TIMEOUT_MS, MAX_ACTIVE_REPLY_BYTES
} from '../../../lib/replies/active-reply.ts'
import type { ActiveReplyOptions } from '../../../lib/replies/active-reply.ts'
import { textNotice } from '../../../lib/wecom/cards/build-card.ts'
import {
  endless, halting, ok, rejects, reset, RESPONSE_SECRET, says, silence, startActiveReplyServer, USED_UP
} from '../../fixtures/active-reply-server.ts'
import type { ActiveReplyScript, ActiveReplyServer } from '../../fixtures/active-reply-server.ts'
import { createManualClock } from '../../fixtures/clock.ts'

const CONTENT = 'my-answer 企业微信'
const MESSAGE = { content: CONTENT, feedbackId: 'my-feedback' }

async function serve (t: Test): Promise<ActiveReplyServer> {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  return server
}

interface Expected {
  reason: string
  uncertain: boolean
  errcode?: number
  message?: RegExp
}

/** Holds that a call fails so, and that nothing of the URL, the content or the answer can be read off the error. */
async function fails (t: Test, sent: Promise<void>, { message = /./, ...expected }: Expected, url: string, name = ''): Promise<void> {
  const error: unknown = await sent.then(() => undefined, error => error)
  t.type(error, ActiveReplyError, name)
  if (!(error instanceof ActiveReplyError)) return
  t.match(error, { name: 'ActiveReplyError', code: 'WECOM_ERR_ACTIVE_REPLY', message }, name)
  const { reason, uncertain, errcode } = error
  t.strictSame({ reason, uncertain, errcode }, { errcode: undefined, ...expected }, name)
  const told = [
    inspect(error, { depth: Infinity, showHidden: true, getters: true }), error.message, error.stack, JSON.stringify(error)
  ].join('\n')
  const host = /\/\/([^/?#]{4,})/.exec(url)?.[1] ?? 'media.test'
  for (const secret of [
    RESPONSE_SECRET, '5ecre7', host, 'qyapi', 'cgi-bin', '127.0.0.1', 'my-answer', '企业', 'my-feedback', 'refused:', 'errmsg'
  ]) {
    t.notOk(told.includes(secret), `${name}: ${secret} is not told`)
  }
  t.strictSame(Reflect.ownKeys(error).sort(), ['code', 'errcode', 'message', 'name', 'reason', 'stack', 'uncertain'])
}

t.test('one POST of plain JSON', async t => {
  const server = await serve(t)
  const reply = createActiveReply(server.trust)
  const urls = [server.url(), server.url()] as const
  t.not(urls[0], urls[1])
  t.equal(await reply.send(urls[0], { content: CONTENT }), undefined)
  await reply.send(urls[1], MESSAGE)
  t.strictSame(server.calls.map(({ body }) => body), [
    { msgtype: 'markdown', markdown: { content: CONTENT } },
    { msgtype: 'markdown', markdown: { content: CONTENT, feedback: { id: 'my-feedback' } } }
  ])
  for (const [index, { url, method, headers, serverName, text }] of server.calls.entries()) {
    t.equal(url, urls[index])
    t.equal(method, 'POST')
    t.equal(serverName, 'qyapi.media.test')
    t.strictSame(headers, {
      accept: 'application/json',
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
      'accept-encoding': 'identity',
      host: server.host,
      connection: 'close'
    })
  }
  t.equal(server.connections, 2)
  await server.idle()
})

t.test('a card goes out alone', async t => {
  const server = await serve(t)
  const card = textNotice({ main_title: { title: 'Done' }, card_action: { type: 1, url: 'https://example.com/' } })
  await createActiveReply(server.trust).send(server.url(), { card })
  t.strictSame(server.calls.map(({ body }) => body), [{ msgtype: 'template_card', template_card: card }])
  await server.idle()
})

t.test('the fixture takes each of its URLs once, as WeCom does', async t => {
  const server = await serve(t)
  const reply = createActiveReply(server.trust)
  const url = server.url()
  await reply.send(url, MESSAGE)
  await fails(t, reply.send(url, MESSAGE), { reason: 'USED', uncertain: false, errcode: USED_UP, message: /has been called before/ }, url)
  const unknown = `https://${server.host}/cgi-bin/aibot/response?${RESPONSE_SECRET}`
  await fails(t, reply.send(unknown, MESSAGE), { reason: 'USED', uncertain: false, errcode: USED_UP }, unknown)
})

t.test('content is sent as it is, up to the limit of WeCom', async t => {
  const server = await serve(t)
  const reply = createActiveReply(server.trust)
  t.equal(MAX_ACTIVE_REPLY_BYTES, 20480)
  for (const content of ['', '"\\\n\u2028<script>&', '# a\n```\nb', '🙂'.repeat(5120)]) {
    await reply.send(server.url(), { content, feedbackId: '企'.repeat(85) })
    t.equal(server.calls.at(-1)?.body.markdown.content, content)
    t.equal(server.calls.at(-1)?.body.markdown.feedback.id, '企'.repeat(85))
  }
  const before = server.connections
  for (const message of [{ content: '🙂'.repeat(5120) + 'a' }, { content: 'a'.repeat(20481) }]) {
    await t.rejects(
      reply.send(server.url(), message), { code: 'WECOM_ERR_INPUT', message: 'the content of an active reply has at most 20480 bytes' }
    )
  }
  for (const feedbackId of ['企'.repeat(85) + 'aa', 'a'.repeat(257)]) {
    await t.rejects(
      reply.send(server.url(), { content: 'a', feedbackId }), { code: 'WECOM_ERR_INPUT', message: 'feedbackId has at most 256 bytes' }
    )
  }
  t.equal(server.connections, before)
})

const uncertain = (message: RegExp): Expected => ({ reason: 'BROKEN', uncertain: true, message })
const NO_ERRCODE = /cannot be used: it is no JSON object with an errcode$/

const ANSWERS: Array<[name: string, script: ActiveReplyScript, expected: Expected, when?: 'early']> = [
  ...[-1, 1, 40_008, 45_009, 1e15].map((errcode): [string, ActiveReplyScript, Expected] => [
    `errcode ${errcode}`, rejects(errcode), {
      reason: 'REJECTED', uncertain: false, errcode, message: new RegExp(`rejected the active reply with errcode ${errcode}$`)
    }
  ]),
  ...[201, 204, 400, 403, 404, 429, 500, 502, 503].map((status): [string, ActiveReplyScript, Expected] => [
    `status ${status}`, says(
      status === 204 ? '' : { errcode: 0, errmsg: 'ok' }, status
    ), uncertain(new RegExp(`answered with status ${status}$`))
  ]),
  ...[301, 302, 303, 307, 308].flatMap(status => [
    'https://qyapi.media.test/', 'https://127.0.0.1/', 'http://169.254.169.254/latest/', '/cgi-bin/other'
  ].map((location): [string, ActiveReplyScript, Expected] => [
    `status ${status} to ${location}`, says({ errcode: 0 }, status, { location }), uncertain(/its host leads elsewhere$/)
  ])),
  ...[
    '', 'success', '{', 'null', '0', '"ok"', '[]', '[{"errcode":0}]', '{}', '{"errmsg":"ok"}', '{"errcode":"0"}', '{"errcode":null}',
    '{"errcode":false}', '{"errcode":[0]}', '<html>ok</html>', 'errcode=0'
  ].map((body): [string, ActiveReplyScript, Expected] => [
    `the body ${body}`, says(body), uncertain(NO_ERRCODE)
  ]),
  ['a compressed body', says({ errcode: 0 }, 200, { 'content-encoding': 'gzip' }), uncertain(/it is compressed$/)],
  ['a body over 64 KiB', says({ errcode: 0, errmsg: '.'.repeat(64 * 1024) }), uncertain(/it is larger than the limit$/)],
  ['an endless body', endless, uncertain(/it is larger than the limit$/)],
  ['a body that breaks off', response => {
    response.writeHead(200, { 'content-length': 100 }); response.write(
      '{"errcode":0}', () => response.socket?.destroy()
    )
  }, uncertain(/the call failed \(ECONNRESET\)$/)],
  ['a change of protocol', response => {
    response.socket?.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    )
  }, uncertain(/closed the connection$/)],
  ['what is no HTTP', response => { response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n') }, uncertain(/the call failed \(HPE_\w+\)$/)],
  ['a reset after the body', reset, uncertain(/the call failed \(E\w+\)$/)],
  ['a reset before the body', reset, uncertain(/the call failed \(E\w+\)$/), 'early'],
  ['a no before the body', says({ errcode: 40_008 }), { reason: 'REJECTED', uncertain: false, errcode: 40_008 }, 'early']
]

t.test('what WeCom or whoever stands in its place says is told by its reason, and nothing is ever sent twice', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  const reply = createActiveReply({ ...server.trust, clock })
  for (const [name, script, expected, when] of ANSWERS) {
    const { connections, requests } = server
    server.answer(script, when)
    const url = server.url()
    await fails(t, reply.send(url, MESSAGE), expected, url, name)
    await server.idle()
    t.strictSame([server.connections, server.requests], [connections + 1, requests + 1], `${name} is asked once`)
    t.equal(clock.pending, 0, 'no timer is left')
  }
})

t.test('whatever else WeCom says with errcode 0 is a yes', async t => {
  const server = await serve(t)
  const reply = createActiveReply(server.trust)
  for (const script of [ok, says('{"errcode":0}'), says(
    '\n {"errmsg":"ok","errcode":0,"more":[1]}'
  ), says({ errcode: 0, errmsg: '企'.repeat(20_000) }), says({ errcode: 0 }, 200, { 'content-type': 'text/plain' })]) {
    server.answer(script)
    await reply.send(server.url(), MESSAGE)
  }
  t.equal(server.calls.length, 5)
})

t.test('the time limit counts for the whole call, and 10 s are the default', async t => {
  t.equal(DEFAULT_ACTIVE_REPLY_TIMEOUT_MS, 10_000)
  const server = await serve(t)
  const lookups = new EventEmitter()
  const MOMENTS: Array<[name: string, script: ActiveReplyScript, options: ActiveReplyOptions, uncertain: boolean]> = [
    ['the name', silence, { lookup: () => { lookups.emit('asked') } }, false],
    ['an answer', silence, {}, true],
    ['the rest of an answer', halting, {}, true]
  ]
  for (const [options, timeoutMs] of [[{}, 10_000], [{ timeoutMs: 70 }, 70]] as const) {
    for (const [name, script, more, uncertain] of MOMENTS) {
      const clock = createManualClock()
      server.answer(script)
      const reached = uncertain ? server.call(server.calls.length) : once(lookups, 'asked')
      const url = server.url()
      let settled = false
      const pending = createActiveReply({ ...server.trust, ...options, ...more, clock }).send(url, MESSAGE)
      pending.catch(() => {}).finally(() => { settled = true })
      await reached
      await clock.advance(timeoutMs - 1)
      t.notOk(settled, name)
      await clock.advance(1)
      await fails(t, pending, { reason: 'TIMEOUT', uncertain, message: /it took too long$/ }, url, name)
      await server.idle()
    }
  }
})

t.test('a body that drips is ended by the time limit', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  let drip = (): void => {}
  server.answer(response => {
    response.writeHead(200)
    drip = () => { response.write(' ') }
    drip()
  })
  const url = server.url()
  const pending = createActiveReply({ ...server.trust, clock }).send(url, MESSAGE)
  pending.catch(() => {})
  await server.call(0)
  for (let elapsed = 0; elapsed < 10_000; elapsed += 1000) {
    drip()
    await clock.advance(1000)
  }
  await fails(t, pending, { reason: 'TIMEOUT', uncertain: true }, url)
})

t.test('an abort is passed on as its reason, before anything is done or in its midst', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  const reply = createActiveReply({ ...server.trust, clock })
  const reason = new Error('the app is closing')
  t.equal(await reply.send('no URL', MESSAGE, AbortSignal.abort(reason)).catch(error => error), reason)
  t.equal(await reply.send(server.url(), MESSAGE, AbortSignal.abort(reason)).catch(error => error), reason)
  t.equal(server.connections, 0)

  server.answer(silence)
  const abort = new AbortController()
  const pending = reply.send(server.url(), MESSAGE, abort.signal)
  pending.catch(() => {})
  await server.call(0)
  abort.abort(reason)
  t.equal(await pending.catch(error => error), reason)
  await server.idle()
  t.equal(clock.pending, 0)
  t.equal(getEventListeners(abort.signal, 'abort').length, 0)
})

t.test('where no good connection comes about, nothing was sent', async t => {
  const server = await serve(t)
  const failed: LookupFunction = (_hostname, _options, callback) =>
    callback(Object.assign(new Error(`no ${RESPONSE_SECRET}`), { code: 'ENOTFOUND' }), [])
  for (const [name, options, host, message] of [
    ['a name that nobody knows', { lookup: failed }, 'qyapi.media.test', /^the active reply was not sent: the call failed \(ENOTFOUND\)$/],
    ['a certificate of nobody known', {
      ca: []
    }, 'qyapi.media.test', /\((?:DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)$/],
    ['a certificate for another name', {}, 'other.test', /\(ERR_TLS_CERT_ALTNAME_INVALID\)$/]
  ] as const) {
    const url = `https://${host}:${server.port}/cgi-bin/aibot/response?${RESPONSE_SECRET}`
    const reply = createActiveReply({ ...server.trust, allowedHosts: [`${host}:${server.port}`], ...options as ActiveReplyOptions })
    t.ok(reply.accepts(url))
    await fails(t, reply.send(url, MESSAGE), { reason: 'BROKEN', uncertain: false, message }, url, name)
  }
  t.equal(server.requests, 0)
  const url = server.url()
  await server.close()
  await fails(
    t, createActiveReply(server.trust).send(url, MESSAGE), { reason: 'BROKEN', uncertain: false, message: /\(ECONNREFUSED\)$/ }, url
  )
})

t.test('no proxy and no lax TLS of the environment is heeded', async t => {
  const server = await serve(t)
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'HTTP_PROXY']) process.env[name] = 'http://127.0.0.1:1'
  process.env['NODE_USE_ENV_PROXY'] = '1'
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  await createActiveReply(server.trust).send(server.url(), MESSAGE)
  const { ca: _, ...trust } = server.trust
  const url = server.url()
  await fails(t, createActiveReply(trust).send(url, MESSAGE), { reason: 'BROKEN', uncertain: false }, url)
  t.equal(server.calls.length, 1)
})

const answering = (...addresses: string[]): LookupFunction => (_hostname, _options, callback) =>
  callback(null, addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })))

const RESPONSE = `cgi-bin/aibot/response?${RESPONSE_SECRET}`

/** URLs that must not be called: the server listens on the loopback address, and must never hear of them. */
const FORBIDDEN: Array<{ name: string, url: string, options?: ActiveReplyOptions }> = [
  ...['http', 'ftp', 'wss', 'file'].map(scheme => ({ name: `scheme ${scheme}`, url: `${scheme}://qyapi.media.test:PORT/${RESPONSE}` })),
  { name: 'nothing', url: '' },
  { name: 'no URL', url: `qyapi.media.test/${RESPONSE}` },
  { name: 'a user name', url: `https://user:5ecre7@qyapi.media.test:PORT/${RESPONSE}` },
  { name: 'a password alone', url: `https://:5ecre7@qyapi.media.test:PORT/${RESPONSE}` },
  { name: 'a fragment', url: `https://qyapi.media.test:PORT/${RESPONSE}#5ecre7` },
  { name: 'an empty fragment', url: `https://qyapi.media.test:PORT/${RESPONSE}#` },
  { name: 'another host', url: `https://other.test:PORT/${RESPONSE}` },
  { name: 'a host below', url: `https://a.qyapi.media.test:PORT/${RESPONSE}` },
  { name: 'a host within another', url: `https://qyapi.media.test.other.test:PORT/${RESPONSE}` },
  { name: 'another host behind a backslash', url: `https://other.test\\@qyapi.media.test:PORT/${RESPONSE}` },
  { name: 'another port', url: `https://qyapi.media.test:1/${RESPONSE}` },
  { name: 'the default port', url: `https://qyapi.media.test/${RESPONSE}` },
  ...[
    '127.0.0.1', '127.1', '2130706433', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '0', '169.254.169.254',
    'localhost'
  ].map(host => (
    { name: `the address ${host}`, url: `https://${host}:PORT/${RESPONSE}` }
  )),
  ...[
    '127.0.0.1', '127.1', '2130706433', '0x7f000001', '[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '0', '169.254.169.254'
  ].map(host => ({
    name: `the allowed address ${host}`,
    url: `https://${host}:PORT/${RESPONSE}`,
    options: {
      allowedHosts: ['127.0.0.1', '[::1]', '[::ffff:7f00:1]', '[64:ff9b::7f00:1]', '0.0.0.0', '169.254.169.254'].map(
        address => `${address}:PORT`
      )
    }
  }))
]

t.test('what may not be called is not accepted, and never called', async t => {
  const server = await serve(t)
  const here = (text: string): string => text.replace('PORT', `${server.port}`)
  for (const { name, url, options } of FORBIDDEN) {
    const reply = createActiveReply({
      ...server.trust,
      ...options,
      allowedHosts: (options?.allowedHosts ?? ['qyapi.media.test:PORT']).map(
        here
      ),
      allowPrivateAddresses: false
    })
    t.equal(reply.accepts(here(url)), false, name)
    await fails(t, reply.send(here(url), MESSAGE), {
      reason: 'REFUSED', uncertain: false, message: /^the active reply was not sent: its /
    }, here(url), name)
  }
  t.equal(server.connections, 0)
})

t.test('a name with an address inside is not called', async t => {
  const server = await serve(t)
  for (const addresses of [
    ['127.0.0.1'], ['10.0.0.1'], ['169.254.169.254'], ['0.0.0.0'], ['::1'], ['::ffff:127.0.0.1'], ['fd00::1'], ['localhost'], [
      '127.0.0.1', '1.1.1.1'
    ], ['1.1.1.1', '127.0.0.1']
  ]) {
    const reply = createActiveReply({ ...server.trust, allowPrivateAddresses: false, lookup: answering(...addresses) })
    const url = server.url()
    t.equal(reply.accepts(url), true, 'a name is not judged without asking')
    await fails(t, reply.send(url, MESSAGE), { reason: 'REFUSED', uncertain: false, message: /not public/ }, url, addresses.join(' and '))
  }
  t.equal(server.connections, 0)
})

t.test('nobody is asked whether a URL is accepted', async t => {
  const asked: string[] = []
  const lookup: LookupFunction = hostname => { asked.push(hostname) }
  const reply = createActiveReply({ lookup })
  t.strictSame(DEFAULT_ACTIVE_REPLY_HOSTS, ['qyapi.weixin.qq.com'])
  t.equal(reply.accepts('https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=a'), true)
  for (const url of [
    'https://weixin.qq.com/', 'https://a.qyapi.weixin.qq.com/', 'https://qyapi.weixin.qq.com:8443/', 'http://qyapi.weixin.qq.com/',
    'https://wecom.invalid/'
  ]) t.equal(reply.accepts(url), false, url)
  t.strictSame(asked, [])
})

t.test('an address of a private deployment can be called', async t => {
  const server = await serve(t)
  server.answer(ok)
  const reply = createActiveReply({ ...server.trust, allowedHosts: [`127.0.0.1:${server.port}`, `*.media.test:${server.port}`] })
  for (const host of ['127.0.0.1', 'wecom.media.test', 'WECOM.media.test.']) {
    await reply.send(`https://${host}:${server.port}/${RESPONSE}`, MESSAGE)
  }
  t.equal(server.calls.length, 3)
})

t.test('options that cannot be meant are refused when the client is made', async t => {
  t.throws(() => createActiveReply({ allowedHosts: ['https://qyapi.weixin.qq.com'] }), { code: 'WECOM_ERR_INPUT', message: /allowedHosts/ })
  for (const timeoutMs of [0, -1, 1.5, NaN]) {
    t.throws(() => createActiveReply({ timeoutMs }), { code: 'WECOM_ERR_INPUT', message: /timeoutMs/ })
  }
})
