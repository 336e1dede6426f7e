import { getEventListeners } from 'node:events'
import type { LookupFunction } from 'node:net'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import type { OutboundFailure } from '../../../lib/outbound/error.ts'
import { exchange } from '../../../lib/outbound/exchange.ts'
import type { ExchangeOptions, OutboundAnswer, OutboundRequest } from '../../../lib/outbound/exchange.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import type { ManualClock } from '../../fixtures/clock.ts'
import { endless, media, raw, startMediaServer, URL_SECRET } from '../../fixtures/media-server.ts'
import type { MediaServer } from '../../fixtures/media-server.ts'

const LIMIT = 1000
const GET: OutboundRequest = { name: 'download', method: 'GET', headers: { accept: '*/*' }, limit: LIMIT }
const TIMEOUT_MS = 60_000

interface Case {
  server: MediaServer
  clock: ManualClock
  abort: AbortController
  start (options?: Partial<ExchangeOptions & OutboundRequest>, hostname?: string): Promise<OutboundAnswer>
  /** Holds that it fails so, tells nothing, and leaves nothing behind. */
  fails (answer: Promise<OutboundAnswer>, reason: OutboundFailure, message?: RegExp, sent?: boolean): Promise<void>
}

async function prepare (t: Test): Promise<Case> {
  const server = await startMediaServer()
  t.teardown(() => server.close())
  const clock = createManualClock()
  const abort = new AbortController()

  const nothingIsLeft = async (): Promise<void> => {
    t.equal(clock.pending, 0, 'no timer is left')
    t.equal(getEventListeners(abort.signal, 'abort').length, 0, 'no listener is left')
    await server.idle()
  }

  return {
    server,
    clock,
    abort,
    async start (options = {}, hostname = 'media.test') {
      const { ca, lookup } = server.trust
      const target = { hostname, port: server.port, path: `/img/1?${URL_SECRET}` }
      try {
        return await exchange(target, { ...GET, ...options }, { timeoutMs: TIMEOUT_MS, clock, ca, lookup, ...options }, abort.signal)
      } finally {
        await nothingIsLeft()
      }
    },
    async fails (answer, reason, message = /./, sent = true) {
      const error = await answer.then(() => undefined, error => error)
      t.match(error, { name: 'OutboundError', reason, message, sent })
      const told = inspect(error, { depth: Infinity, showHidden: true }) + error?.message + error?.stack + JSON.stringify(error)
      for (const secret of [URL_SECRET, '5ecre7', '/img/1', server.host, `:${server.port}`, '127.0.0.1']) t.notMatch(told, secret)
      t.notOk('cause' in error, 'no cause')
    }
  }
}

/** A prime number of them comes again and again, so that no block equals another. */
const bytes = (size: number): Buffer => Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i))

t.test('a body and the headers are given, and nothing is told that need not be', async t => {
  const { server, start } = await prepare(t)
  server.respondWith(media(bytes(LIMIT), { 'content-disposition': 'attachment; filename=a.png', 'set-cookie': 'a=b' }))
  for (let i = 0; i < 2; i++) {
    t.hasStrict(await start(), { body: bytes(LIMIT), headers: { 'content-disposition': 'attachment; filename=a.png' } })
  }
  t.equal(server.connections, 2, 'no connection is used twice')
  for (const request of server.requests) {
    t.hasStrict(request, { method: 'GET', path: `/img/1?${URL_SECRET}`, serverName: 'media.test' })
    t.strictSame(request.headers, { accept: '*/*', 'accept-encoding': 'identity', host: server.host, connection: 'close' })
  }
})

t.test('a body is posted whole, once, with the headers that were given', async t => {
  const { server, start } = await prepare(t)
  let received: Promise<string> | undefined
  server.respondWith(response => {
    received = text(response.req)
    received.then(() => response.end('taken'), () => {})
  })
  const body = '企'.repeat(100_000)
  const headers = { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }
  t.equal((await start({ method: 'POST', headers, body: Buffer.from(body) })).body.toString(), 'taken')
  t.equal(await received, body)
  t.strictSame(server.requests.map(({ method, headers }) => ({ method, headers })), [{
    method: 'POST',
    headers: {
      'content-type': 'text/plain', 'content-length': '300000', 'accept-encoding': 'identity', host: server.host, connection: 'close'
    }
  }])
})

t.test('no proxy and no lax TLS of the environment is heeded', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(media(bytes(3)))
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'HTTP_PROXY']) process.env[name] = 'http://127.0.0.1:1'
  process.env['NODE_USE_ENV_PROXY'] = '1'
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.strictSame((await start()).body, bytes(3))
  await fails(start({ ca: undefined }), 'BROKEN', /\((?:DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)/, false)
})

t.test('without a Content-Length, a body ends with its last chunk or with the connection', async t => {
  const { server, start } = await prepare(t)
  server.respondWith(response => {
    response.write(bytes(10))
    response.end(bytes(20))
  })
  t.strictSame((await start()).body, Buffer.concat([bytes(10), bytes(20)]))
  server.respondWith(raw(['HTTP/1.1 200 OK\r\n\r\n', bytes(10), bytes(20)]))
  t.strictSame((await start()).body, Buffer.concat([bytes(10), bytes(20)]))
})

t.test('a connection that its host keeps open is closed', async t => {
  const { server, start } = await prepare(t)
  server.respondWith(raw(['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc'], true))
  t.equal((await start()).body.toString(), 'abc')
})

t.test('every redirect is refused, wherever it leads', async t => {
  const { server, start, fails } = await prepare(t)
  for (const status of [300, 301, 302, 303, 304, 305, 307, 308, 399]) {
    for (const location of [
      server.url, '/img/2', 'https://other.test/', 'https://127.0.0.1/', 'http://169.254.169.254/latest/meta-data/', undefined
    ]) {
      const before = server.connections
      server.respondWith(media(status === 304 ? bytes(0) : bytes(10), location === undefined ? {} : { location }, status))
      await fails(start(), 'REFUSED', /leads elsewhere/)
      t.equal(server.connections, before + 1, `${status} to ${location} is not followed`)
    }
  }
})

t.test('every other status but 200 is a failure', async t => {
  const { server, start, fails } = await prepare(t)
  for (const status of [201, 204, 206, 400, 403, 404, 500, 503]) {
    server.respondWith(media(status === 204 ? bytes(0) : bytes(10), {}, status))
    await fails(start(), 'BROKEN', new RegExp(`status ${status}$`))
  }
})

t.test('a change of protocol is a failure', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(raw(['HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'], true))
  await fails(start(), 'BROKEN', /closed/)
})

t.test('a compressed body is refused, an empty or plain coding is not', async t => {
  const { server, start, fails } = await prepare(t)
  for (const coding of ['gzip', 'GZIP', 'br', 'deflate', 'zstd', 'identity, gzip', 'x-unknown']) {
    server.respondWith(media(bytes(10), { 'content-encoding': coding }))
    await fails(start(), 'REFUSED', /compressed/)
  }
  for (const coding of ['identity', 'Identity', '']) {
    server.respondWith(media(bytes(10), { 'content-encoding': coding }))
    t.strictSame((await start()).body, bytes(10))
  }
})

t.test('the limit holds at its byte, with and without a Content-Length', async t => {
  const { server, start, fails } = await prepare(t)
  const unannounced = (size: number) => raw(['HTTP/1.1 200 OK\r\n\r\n', bytes(size)])
  for (const answer of [(size: number) => media(bytes(size)), unannounced]) {
    server.respondWith(answer(LIMIT))
    t.strictSame((await start()).body, bytes(LIMIT))
    server.respondWith(answer(LIMIT + 1))
    await fails(start(), 'TOO_LARGE')
  }
})

t.test('a Content-Length beyond the limit is refused before any body', async t => {
  const { server, start, fails } = await prepare(t)
  for (const length of [LIMIT + 1, 1e15]) {
    server.respondWith(raw([`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`], true))
    await fails(start(), 'TOO_LARGE')
  }
})

t.test('a Content-Length that lies is not believed', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(raw(['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n', bytes(99)]))
  await fails(start(), 'BROKEN', /ECONNRESET/)
  server.respondWith(raw(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', bytes(LIMIT * 100)], true))
  t.strictSame((await start()).body, bytes(10), 'what comes after it is none of the body')
  server.respondWith(raw(['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', bytes(10)], true))
  await fails(start(), 'BROKEN')
  server.respondWith(raw(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n', bytes(20)], true))
  await fails(start(), 'BROKEN')
  server.respondWith(
    raw(['HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n', bytes(0x5000), '\r\n0\r\n\r\n'], true)
  )
  await fails(start(), 'BROKEN')
})

t.test('an endless body ends at the limit', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(endless)
  await fails(start({ limit: 1024 * 1024 }), 'TOO_LARGE')
})

t.test('an endless head is a failure', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(raw(['HTTP/1.1 200 OK\r\n', `a: ${'b'.repeat(1000)}\r\n`.repeat(1000)], true))
  await fails(start(), 'BROKEN', /HPE_HEADER_OVERFLOW/)
})

t.test('what breaks in between, and what is no HTTP, are failures', async t => {
  const { server, start, fails } = await prepare(t)
  server.respondWith(response => response.socket?.destroy())
  await fails(start(), 'BROKEN', /ECONNRESET/)
  server.respondWith(response => {
    response.writeHead(200)
    response.write(bytes(10), () => response.socket?.destroy())
  })
  await fails(start(), 'BROKEN', /ECONNRESET/)
  server.respondWith(raw(['SSH-2.0-OpenSSH_9.6\r\n'], true))
  await fails(start(), 'BROKEN', /HPE_/)
  await server.close()
  await fails(start(), 'BROKEN', /ECONNREFUSED/, false)
})

t.test('a certificate for another name, or of nobody known, is a failure', async t => {
  const { server, start, fails } = await prepare(t)
  await fails(start({}, 'other.test'), 'BROKEN', /ERR_TLS_CERT_ALTNAME_INVALID/, false)
  await fails(start({}, 'a.b.media.test'), 'BROKEN', /ERR_TLS_CERT_ALTNAME_INVALID/, false)
  await fails(start({ ca: undefined }), 'BROKEN', /./, false)
  t.equal(server.requests.length, 0, 'nothing was asked')
  await start({}, 'a.media.test')
  await start({}, '127.0.0.1')
  t.strictSame(server.requests.map(({ serverName }) => serverName), ['a.media.test', false])
})

t.test('a name that nobody knows is a failure, and so is a look-up that throws', async t => {
  const { start, fails } = await prepare(t)
  const failed = (code?: string): Error => Object.assign(new Error(`no ${URL_SECRET}`), code === undefined ? {} : { code })
  await fails(start(
    { lookup: (_hostname, _options, callback) => callback(failed('ENOTFOUND'), []) }
  ), 'BROKEN', /^the download failed \(ENOTFOUND\)$/, false)
  await fails(start({ lookup: (_hostname, _options, callback) => callback(failed(), []) }), 'BROKEN', /\(no code\)$/, false)
  await fails(start({ lookup: () => { throw failed('EFAIL') } }), 'BROKEN', /\(EFAIL\)$/, false)
})

/** Each of the moments in which an exchange can hang. */
const MOMENTS: Array<{
  name: string,
  sent?: false,
  options?: Partial<ExchangeOptions>,
  script?: Parameters<MediaServer['respondWith']>[0],
  reached: (server: MediaServer, asked: Promise<void>) => Promise<unknown>
}> = [
  { name: 'the name', sent: false, options: {}, reached: (_server, asked) => asked },
  { name: 'the head', script: () => {}, reached: server => server.request(0) },
  { name: 'the body', script: response => { response.writeHead(200); response.flushHeaders() }, reached: server => server.request(0) },
  {
    name: 'the rest of the body',
    script: response => {
      response.writeHead(
        200, { 'content-length': 100 }
      ); response.write(bytes(10))
    },
    reached: server => server.request(0)
  }
]

for (const { name, options, script, reached, sent } of MOMENTS) {
  const hanging = async (t: Test): Promise<Case & { pending: Promise<OutboundAnswer>, settled: () => boolean }> => {
    const prepared = await prepare(t)
    if (script !== undefined) prepared.server.respondWith(script)
    let ask = (): void => {}
    const asked = new Promise<void>(resolve => { ask = resolve })
    const lookup: LookupFunction = () => ask()
    let settled = false
    const pending = prepared.start(options === undefined ? {} : { lookup })
    pending.catch(() => {}).finally(() => { settled = true })
    await reached(prepared.server, asked)
    return { ...prepared, pending, settled: () => settled }
  }

  t.test(`waiting for ${name} ends at the time limit, not before`, async t => {
    const { clock, pending, settled, fails } = await hanging(t)
    await clock.advance(TIMEOUT_MS - 1)
    t.notOk(settled())
    await clock.advance(1)
    await fails(pending, 'TIMEOUT', /took too long/, sent)
  })

  t.test(`waiting for ${name} ends at once when it is aborted`, async t => {
    const { abort, pending } = await hanging(t)
    const reason = new Error('the turn was stopped')
    abort.abort(reason)
    t.equal(await pending.catch(error => error), reason)
  })
}

t.test('a body that drips is ended by the time limit, however steadily it comes', async t => {
  const { server, clock, start, fails } = await prepare(t)
  let drip = (): void => {}
  server.respondWith(response => {
    response.writeHead(200)
    drip = () => { response.write('.') }
    drip()
  })
  const pending = start()
  pending.catch(() => {})
  await server.request(0)
  for (let elapsed = 0; elapsed < TIMEOUT_MS; elapsed += 1000) {
    t.equal(clock.pending, 1)
    drip()
    await clock.advance(1000)
  }
  await fails(pending, 'TIMEOUT')
})
