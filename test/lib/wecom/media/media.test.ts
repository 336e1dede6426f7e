import type { LookupAddress } from 'node:dns'
import type { ServerResponse } from 'node:http'
import type { LookupFunction } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { isAllowedHost, isHostPattern } from '../../../../lib/outbound/hosts.ts'
import type { MediaFailure } from '../../../../lib/wecom/media/error.ts'
import {
  createMediaFetcher, DEFAULT_MEDIA_HOSTS, DEFAULT_MEDIA_MAX_BYTES, DEFAULT_MEDIA_TIMEOUT_MS
} from '../../../../lib/wecom/media/media.ts'
import type { MediaFetcherOptions } from '../../../../lib/wecom/media/media.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import type { ManualClock } from '../../../fixtures/clock.ts'
import { encryptMedia, endless, media, raw, startMediaServer, URL_SECRET } from '../../../fixtures/media-server.ts'
import type { MediaServer } from '../../../fixtures/media-server.ts'

const KEY = Buffer.from('fbefbefbefbef8ffffffff00112233445566778899aabbccddeeff0123456789', 'hex')
const KEY_TEXT = KEY.toString('base64').slice(0, 43)
const OTHER_KEY_TEXT = Buffer.alloc(32, 1).toString('base64').slice(0, 43)
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
const { signal } = new AbortController()

async function serve (t: Test): Promise<MediaServer> {
  const server = await startMediaServer()
  t.teardown(() => server.close())
  return server
}

const file = (size: number): Buffer =>
  Buffer.concat([PNG, Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i))]).subarray(0, size)

/** Holds that a fetch fails so, and that nothing of the URL, the keys or the content can be read off the error. */
async function fails (t: Test, fetched: Promise<unknown>, reason: MediaFailure, url: string, name = ''): Promise<void> {
  const error: unknown = await fetched.then(() => undefined, error => error)
  t.match(error, { name: 'MediaError', code: 'WECOM_ERR_MEDIA', reason }, name)
  if (!(error instanceof Error)) return
  const told = [
    inspect(error, { depth: Infinity, showHidden: true, getters: true }), String(error), error.message, error.stack, JSON.stringify(error)
  ].join('\n').replaceAll('media.test.ts', 'this file')
  const host = /\/\/([^/?#]{4,})/.exec(url)?.[1] ?? 'media.test'
  for (const secret of [URL_SECRET, '5ecre7', host, 'img/1', KEY_TEXT, OTHER_KEY_TEXT, KEY.toString('hex'), 'IHDR']) {
    t.notOk(told.includes(secret), `${name}: ${secret} is not told`)
  }
  t.strictSame(Reflect.ownKeys(error).sort(), ['code', 'message', 'name', 'reason', 'stack'])
}

t.test('a file comes back byte for byte, with every form of the key', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher(server.trust)
  for (const key of [KEY_TEXT, `${KEY_TEXT}=`, KEY.toString('base64url'), KEY.toString('hex'), KEY.toString('hex').toUpperCase()]) {
    for (const size of [16, 17, 31, 32, 33, 100_000]) {
      server.respondWith(media(encryptMedia(file(size), KEY), { 'content-disposition': "attachment; filename*=UTF-8''%E5%9B%BE.png" }))
      t.strictSame(await fetchMedia({ url: server.url, keys: [key] }, signal), { data: file(size), type: 'image/png', name: '图.png' })
    }
  }
})

t.test('a file without a name, without a known type, or without a byte', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher(server.trust)
  for (const text of ['hello', '']) {
    server.respondWith(media(encryptMedia(Buffer.from(text), KEY)))
    t.strictSame(
      await fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal), { data: Buffer.from(text), type: 'application/octet-stream' }
    )
  }
})

t.test('keys are tried in their order, and what is no key is passed over', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher(server.trust)
  server.respondWith(media(encryptMedia(file(100), KEY)))
  for (const keys of [[OTHER_KEY_TEXT, KEY_TEXT], [KEY_TEXT, OTHER_KEY_TEXT], ['', KEY_TEXT], ['no key', OTHER_KEY_TEXT, KEY_TEXT]]) {
    t.strictSame((await fetchMedia({ url: server.url, keys }, signal)).data, file(100))
  }
  t.equal(server.requests.length, 4, 'each was downloaded once')
})

t.test('a wrong key, broken padding and half a block are told as undecryptable', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher(server.trust)
  const encrypted = encryptMedia(file(100), KEY)
  const wrongPadding = encryptMedia(file(60), KEY, Uint8Array.of(4, 3, 4, 4))
  for (const [body, keys] of [
    [encrypted, [OTHER_KEY_TEXT]], [wrongPadding, [KEY_TEXT]], [encrypted.subarray(1), [KEY_TEXT]], [Buffer.alloc(0), [KEY_TEXT]], [
      file(96), [KEY_TEXT, OTHER_KEY_TEXT]
    ]
  ] as const) {
    server.respondWith(media(body))
    await fails(t, fetchMedia({ url: server.url, keys }, signal), 'UNDECRYPTABLE', server.url)
  }
})

t.test('without a readable key nothing is downloaded', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher(server.trust)
  for (const keys of [[], [''], ['no key', KEY_TEXT.slice(1)]]) {
    await fails(t, fetchMedia({ url: server.url, keys }, signal), 'UNDECRYPTABLE', server.url)
  }
  t.equal(server.connections, 0)
})

t.test('the limit is that of the file; its padding may come on top', async t => {
  const server = await serve(t)
  for (const maxBytes of [1, 31, 32, 33, 1000, 65_536]) {
    const fetchMedia = createMediaFetcher({ ...server.trust, maxBytes })
    server.respondWith(media(encryptMedia(file(maxBytes), KEY)))
    t.strictSame((await fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal)).data, file(maxBytes))
    for (const size of [maxBytes + 1, maxBytes + 32, maxBytes + 33, maxBytes * 2 + 64]) {
      const body = encryptMedia(file(size), KEY)
      for (const script of [media(body), raw(['HTTP/1.1 200 OK\r\n\r\n', body])]) {
        server.respondWith(script)
        await fails(t, fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal), 'TOO_LARGE', server.url, `${size} of ${maxBytes}`)
      }
    }
  }
})

t.test('by default a file may have 20 MiB and take 60 s', async t => {
  t.equal(DEFAULT_MEDIA_MAX_BYTES, 20 * 1024 * 1024)
  t.equal(DEFAULT_MEDIA_TIMEOUT_MS, 60_000)
  const server = await serve(t)
  const clock = createManualClock()
  const fetchMedia = createMediaFetcher({ ...server.trust, clock })
  server.respondWith(raw([`HTTP/1.1 200 OK\r\nContent-Length: ${DEFAULT_MEDIA_MAX_BYTES + 33}\r\n\r\n`], true))
  await fails(t, fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal), 'TOO_LARGE', server.url)

  server.respondWith(() => {})
  const silent = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal)
  silent.catch(() => {})
  await server.request(1)
  await clock.advance(59_999)
  t.equal(server.requests.length, 2, 'it is given its time')
  await clock.advance(1)
  await driven(clock, silent)
  await fails(t, silent, 'TIMEOUT', server.url)
  t.equal(server.requests.length, 4, 'and asked three times in all')
})

t.test('an abort is passed on as its reason, before anything is done or in its midst', async t => {
  const server = await serve(t)
  const asked: string[] = []
  const lookup: LookupFunction = (hostname, options, callback) => {
    asked.push(hostname)
    server.trust.lookup(hostname, options, callback)
  }
  const fetchMedia = createMediaFetcher({ ...server.trust, lookup })
  const reason = new Error('the turn was stopped')
  t.equal(await fetchMedia({ url: 'no URL', keys: [] }, AbortSignal.abort(reason)).catch(error => error), reason)
  t.equal(await fetchMedia({ url: server.url, keys: [KEY_TEXT] }, AbortSignal.abort(reason)).catch(error => error), reason)
  t.strictSame(asked, [])

  server.respondWith(() => {})
  const abort = new AbortController()
  const silent = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, abort.signal)
  silent.catch(() => {})
  await server.request(0)
  abort.abort(reason)
  t.equal(await silent.catch(error => error), reason)
  await server.idle()
})

t.test('a host that is allowed with its port, by wildcard, or as an address can be reached', async t => {
  const server = await serve(t)
  server.respondWith(media(encryptMedia(file(10), KEY)))
  for (const [host, pattern] of [
    ['media.test', 'media.test'], ['MEDIA.test.', 'Media.Test'], ['a.media.test', '*.media.test'], ['a.media.test.', '*.media.test'],
    ['127.0.0.1', '127.0.0.1'], ['2130706433', '127.0.0.1']
  ] as const) {
    const fetchMedia = createMediaFetcher({ ...server.trust, allowedHosts: ['unrelated.test', `${pattern}:${server.port}`] })
    t.strictSame((await fetchMedia({ url: `https://${host}:${server.port}/`, keys: [KEY_TEXT] }, signal)).data, file(10), host)
  }
})

const answering = (...addresses: string[]): LookupFunction => (_hostname, _options, callback) =>
  callback(null, addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })))

/** URLs and names that must not be followed: the server listens on the loopback address, and must never hear of them. */
const FORBIDDEN: Array<{ name: string, url: string, options?: MediaFetcherOptions }> = [
  ...['http', 'ftp', 'wss', 'file'].map(scheme => ({ name: `scheme ${scheme}`, url: `${scheme}://media.test:PORT/img/1?${URL_SECRET}` })),
  { name: 'no URL', url: `media.test/img/1?${URL_SECRET}` },
  { name: 'a user name', url: `https://user:5ecre7@media.test:PORT/img/1?${URL_SECRET}` },
  { name: 'another host', url: `https://other.test:PORT/img/1?${URL_SECRET}` },
  { name: 'a host within another', url: `https://media.test.other.test:PORT/img/1?${URL_SECRET}` },
  { name: 'another port', url: `https://media.test:1/img/1?${URL_SECRET}` },
  { name: 'the default port', url: `https://media.test/img/1?${URL_SECRET}` },
  ...[
    '127.0.0.1', '127.1', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]',
    '[::127.0.0.1]', '[64:ff9b::7f00:1]', '0'
  ].flatMap(host => [
    { name: `address ${host}`, url: `https://${host}:PORT/img/1?${URL_SECRET}` },
    {
      name: `allowed address ${host}`,
      url: `https://${host}:PORT/img/1?${URL_SECRET}`,
      options: {
        allowedHosts: [`${host}:PORT`, '127.0.0.1:PORT', '[::1]:PORT', '[::ffff:7f00:1]:PORT', '0.0.0.0:PORT', '[::7f00:1]:PORT']
      }
    }
  ]),
  ...[
    ['127.0.0.1'], ['10.0.0.1'], ['172.16.0.1'], ['192.168.1.1'], ['169.254.169.254'], ['100.100.100.200'], ['0.0.0.0'], ['::1'], ['::'], [
      '::ffff:127.0.0.1'
    ], ['::ffff:7f00:1'],
    ['64:ff9b::7f00:1'], ['2002:7f00:1::'], ['fd00::1'], ['fe80::1%lo'], ['localhost'], ['2130706433'],
    ['127.0.0.1', '1.1.1.1'], ['1.1.1.1', '127.0.0.1'], ['2606:4700::1111', '::1'], ['1.1.1.1', '10.0.0.1', '1.0.0.1']
  ].map(addresses => ({
    name: `a name that means ${addresses.join(' and ')}`,
    url: `https://media.test:PORT/img/1?${URL_SECRET}`,
    options: {
      lookup: answering(...addresses)
    }
  }))
]

for (const { name, url, options } of FORBIDDEN) {
  t.test(`${name} is refused`, async t => {
    const server = await serve(t)
    const here = (text: string): string => text.replace('PORT', `${server.port}`)
    const fetchMedia = createMediaFetcher(
      { ...server.trust, ...options, allowedHosts: (options?.allowedHosts ?? ['media.test:PORT']).map(here), allowPrivateAddresses: false }
    )
    await fails(t, fetchMedia({ url: here(url), keys: [KEY_TEXT] }, signal), 'REFUSED', here(url), name)
    t.equal(server.connections, 0)
  })
}

t.test('a name is asked for once, by the connection itself, each time anew', async t => {
  const server = await serve(t)
  server.respondWith(media(encryptMedia(file(10), KEY)))
  // The second answer leads to where nobody listens; were it asked for between judgement and connection, the first fetch would fail.
  const answers = ['127.0.0.1', '127.0.0.2', '10.0.0.1']
  let asked = 0
  const lookup: LookupFunction = (hostname, options, callback) => answering(answers[asked++] as string)(hostname, options, callback)
  const rebound = createMediaFetcher({ ...server.trust, lookup })
  t.strictSame((await rebound({ url: server.url, keys: [KEY_TEXT] }, signal)).data, file(10))
  t.equal(asked, 1)
  await fails(t, rebound({ url: server.url, keys: [KEY_TEXT] }, signal), 'BROKEN', server.url)
  t.equal(asked, 2)
  const strict = createMediaFetcher({ ...server.trust, lookup, allowPrivateAddresses: false })
  await fails(t, strict({ url: server.url, keys: [KEY_TEXT] }, signal), 'REFUSED', server.url)
  t.equal(asked, 3)
  t.equal(server.connections, 1)
})

t.test('private addresses, where they are allowed, still have to be addresses', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher({ ...server.trust, lookup: answering('localhost') })
  await fails(t, fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal), 'REFUSED', server.url)
})

t.test('what a host can do to a download is told by its reason', async t => {
  const server = await serve(t)
  const fetchMedia = createMediaFetcher({ ...server.trust, maxBytes: 100_000 })
  for (const [name, script, reason] of [
    ['a redirect to itself', media(Buffer.alloc(0), { location: server.url }, 302), 'REFUSED'],
    ['a redirect elsewhere', media(Buffer.alloc(0), { location: 'https://other.test/' }, 301), 'REFUSED'],
    ['a redirect to the loopback address', media(Buffer.alloc(0), { location: `https://127.0.0.1:${server.port}/` }, 307), 'REFUSED'],
    ['a compressed body', media(encryptMedia(file(10), KEY), { 'content-encoding': 'gzip' }), 'REFUSED'],
    ['an expired URL', media(Buffer.from(`<Error>${URL_SECRET}</Error>`), {}, 403), 'BROKEN'],
    ['an endless body', endless, 'TOO_LARGE'],
    ['a length that is too small', raw(['HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n', encryptMedia(file(100), KEY)]), 'UNDECRYPTABLE']
  ] as const) {
    const before = server.connections
    server.respondWith(script)
    await fails(t, fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal), reason, server.url, name)
    t.equal(server.connections, before + 1, `${name} is asked once`)
    await server.idle()
  }
})

/** Turns the hands until a fetch has settled; a file host on this machine takes its turns of the loop. */
async function driven (clock: ManualClock, fetched: Promise<unknown>): Promise<void> {
  const over = { yet: false }
  fetched.catch(() => {}).finally(() => { over.yet = true })
  while (!over.yet) {
    await clock.advance(100)
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.test('a host that is busy, or a connection that breaks, is asked again', async t => {
  const cut = raw(['HTTP/1.1 200 OK\r\nContent-Length: 96\r\n\r\n', encryptMedia(file(10), KEY)])
  for (const [name, script] of [
    ['503', media(Buffer.alloc(0), {}, 503)], ['500', media(Buffer.alloc(0), {}, 500)], ['429', media(Buffer.alloc(0), {}, 429)],
    ['a reset', (response: ServerResponse) => { response.socket?.destroy() }], ['a body that is cut', cut]
  ] as const) {
    const server = await serve(t)
    const clock = createManualClock()
    const fetchMedia = createMediaFetcher({ ...server.trust, clock })
    const good = media(encryptMedia(file(10), KEY))
    for (const failures of [1, 2]) {
      const before = server.requests.length
      server.respondWith(response => (server.requests.length - before <= failures ? script : good)(response))
      const fetched = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal)
      await driven(clock, fetched)
      t.strictSame((await fetched).data, file(10), `${name}, ${failures} times`)
      t.equal(server.requests.length - before, failures + 1)
    }
    const before = server.requests.length
    server.respondWith(script)
    const lost = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal)
    await driven(clock, lost)
    await fails(t, lost, 'BROKEN', server.url, name)
    t.equal(server.requests.length - before, 3, `${name} is asked three times`)
  }
})

t.test('nothing is asked again four minutes after the message, nor once it is stopped', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  const fetchMedia = createMediaFetcher({ ...server.trust, clock, timeoutMs: 239_500 })
  server.respondWith(() => {})
  const late = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, signal)
  await server.request(0)
  await driven(clock, late)
  await fails(t, late, 'TIMEOUT', server.url)
  t.equal(server.requests.length, 1)

  server.respondWith(media(Buffer.alloc(0), {}, 503))
  for (const [ageMs, tries] of [[0, 3], [239_500, 1], [1_000_000, 1]] as const) {
    const before = server.requests.length
    const old = fetchMedia({ url: server.url, keys: [KEY_TEXT], since: clock.now() - ageMs }, signal)
    await driven(clock, old)
    await fails(t, old, 'BROKEN', server.url)
    t.equal(server.requests.length - before, tries, `${ageMs} ms after the message`)
  }

  server.respondWith(media(Buffer.alloc(0), {}, 503))
  const stop = new AbortController()
  const stopped = fetchMedia({ url: server.url, keys: [KEY_TEXT] }, stop.signal)
  const rejection = t.rejects(stopped, new Error('stop'))
  const before = server.requests.length
  await server.request(before)
  await server.idle()
  stop.abort(new Error('stop'))
  await rejection
  t.equal(server.requests.length, before + 1)
})

t.test('a fetch asks how much it may read as soon as it knows the size, each time', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  const fetchMedia = createMediaFetcher({ ...server.trust, maxBytes: 1000, clock })
  const body = encryptMedia(file(100), KEY)
  const chunked = raw(['HTTP/1.1 200 OK\r\n\r\n', body])
  const asked: Array<number | undefined> = []
  const fetching = (granted: number | undefined) => {
    asked.splice(0)
    return fetchMedia({ url: server.url, keys: [KEY_TEXT], admit: size => { asked.push(size); return granted } }, signal)
  }
  server.respondWith(media(body))
  t.equal((await fetching(100)).data.length, 100)
  t.strictSame(asked, [body.length - 32])
  server.respondWith(chunked)
  t.equal((await fetching(100)).data.length, 100)
  t.strictSame(asked, [undefined])
  t.equal((await fetching(5000)).data.length, 100)
  await fails(t, fetching(99), 'TOO_LARGE', server.url)
  await fails(t, fetching(50), 'TOO_LARGE', server.url)
  await fails(t, fetching(0), 'TOO_LARGE', server.url)
  for (const script of [media(body), chunked]) {
    server.respondWith(script)
    await fails(t, fetching(undefined), 'TOO_LARGE', server.url, 'there is no room')
    t.equal(asked.length, 1, 'a file without room is not asked for again by the fetch')
  }
  server.respondWith(media(encryptMedia(file(1001), KEY)))
  await fails(t, fetching(5000), 'TOO_LARGE', server.url)
  server.respondWith(media(Buffer.alloc(0)))
  await fails(t, fetching(5000), 'UNDECRYPTABLE', server.url)
  t.strictSame(asked, [0])
  let served = 0
  server.respondWith(response => (served++ === 0 ? raw(['HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n', body]) : media(body))(response))
  const twice = fetching(500)
  await driven(clock, twice)
  t.equal((await twice).data.length, 100)
  t.strictSame(asked, [468, body.length - 32])
})

t.test('a body is held to the length that was said of it', async t => {
  const server = await serve(t)
  const clock = createManualClock()
  const fetchMedia = createMediaFetcher({ ...server.trust, clock })
  const body = encryptMedia(file(100), KEY)
  const said = (length: number) => raw([`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`, body])
  server.respondWith(said(body.length - 16))
  const short = fetchMedia({ url: server.url, keys: [KEY_TEXT], admit: size => size }, signal)
  await driven(clock, short.catch(() => {}))
  await t.rejects(short, { name: 'MediaError' }, 'it said less')
  const asked = server.requests.length
  server.respondWith(said(body.length + 1000))
  const long = fetchMedia({ url: server.url, keys: [KEY_TEXT], admit: size => size }, signal)
  await driven(clock, long)
  await fails(t, long, 'BROKEN', server.url, 'it said more')
  t.equal(server.requests.length - asked, 3)
})

t.test('the defaults are WeCom’s storage and the name server of the system', async t => {
  const fetchMedia = createMediaFetcher()
  for (const url of ['https://media.test/', 'https://qyapi.weixin.qq.com/', 'https://a.myqcloud.com:8443/']) {
    await fails(t, fetchMedia({ url, keys: [KEY_TEXT] }, signal), 'REFUSED', url)
  }
  const local = createMediaFetcher({ allowedHosts: ['localhost'] })
  await t.rejects(local({ url: 'https://localhost/', keys: [KEY_TEXT] }, signal), { reason: 'REFUSED', message: /not public/ })
})

t.test('by default WeCom’s storage is allowed, at 443', async t => {
  t.ok(isAllowedHost('ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com', DEFAULT_MEDIA_HOSTS))
  t.notOk(isAllowedHost('ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com:8443', DEFAULT_MEDIA_HOSTS))
  for (const host of ['myqcloud.com', 'evilmyqcloud.com', 'a.myqcloud.com.evil.com', 'localhost']) {
    t.notOk(isAllowedHost(host, DEFAULT_MEDIA_HOSTS), host)
  }
  t.ok(DEFAULT_MEDIA_HOSTS.every(isHostPattern))
})

t.test('options that cannot be meant are refused when the fetcher is made', async t => {
  for (const allowedHosts of [['https://media.test'], ['media.test', '*']]) {
    t.throws(() => createMediaFetcher({ allowedHosts }), { code: 'WECOM_ERR_INPUT', message: /allowedHosts/ })
  }
  for (const value of [0, -1, 1.5, NaN, Infinity]) {
    t.throws(() => createMediaFetcher({ maxBytes: value }), { code: 'WECOM_ERR_INPUT', message: /maxBytes/ })
    t.throws(() => createMediaFetcher({ timeoutMs: value }), { code: 'WECOM_ERR_INPUT', message: /timeoutMs/ })
  }
})
