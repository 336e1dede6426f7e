import { getEventListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { guardFetch } from '../../../../../lib/sources/openai/wire/sse-guard.ts'
import type { GuardOptions } from '../../../../../lib/sources/openai/wire/sse-guard.ts'
import { createManualClock } from '../../../../fixtures/clock.ts'
import { createProvider, cut, silent, sse, stalled, status } from '../../../../fixtures/provider.ts'
import type { Script } from '../../../../fixtures/provider.ts'

const provider = await createProvider()
t.teardown(() => provider.close())

function build (options: Partial<GuardOptions> = {}) {
  const clock = createManualClock()
  const attempt = new AbortController()
  const guard = guardFetch({ fetch, clock, attempt, headersTimeoutMs: 1_000, maxBytes: 100, ...options })
  const post = (headers?: Record<string, string>): Promise<Response> =>
    guard.fetch(`${provider.url}/chat/completions`, { method: 'POST', body: '{}', ...(headers && { headers }) })
  return { clock, attempt, guard, post }
}

t.test('an event stream passes, closed by a blank line, and is counted', async t => {
  const { clock, guard, post } = build()
  provider.respondWith((response, request) => {
    response.setHeader('content-type', 'Text/Event-Stream; charset=utf-8')
    response.setHeader('x-request-id', 'req_1')
    response.end('data: {}')
    return request.closed
  })
  const response = await post()
  t.equal(response.status, 200)
  t.equal(response.headers.get('x-request-id'), 'req_1')
  t.equal(await response.text(), 'data: {}\n\n')
  t.strictSame(guard.seen, { bytes: 8, requestId: 'req_1' })
  t.equal(clock.pending, 0)
})

t.test('only the headers of an ordinary request are sent', async t => {
  const { post } = build()
  provider.respondWith(sse())
  const before = provider.requests.length
  await (await post(
    { authorization: 'Bearer k', 'user-agent': 'u', 'x-stainless-os': 'Linux', 'x-from-the-environment': '1', cookie: 'c' }
  )).text()
  const { headers } = await provider.request(before)
  t.hasStrict(headers, { authorization: 'Bearer k', 'user-agent': 'u' })
  t.notOk(Object.keys(headers).find(name => name.startsWith('x-') || name === 'cookie'))
})

t.test('the cap of bytes holds on its boundary', async t => {
  provider.respondWith(sse(`data: {${'x'.repeat(93)}`))
  t.equal((await (await build().post()).text()).length, 102)

  const { attempt, post } = build()
  provider.respondWith(stalled('x'.repeat(101)))
  const index = provider.requests.length
  t.hasStrict(await failureOf((await post()).text()), { reason: 'TOO_MANY_BYTES' })
  t.hasStrict(attempt.signal.reason, { reason: 'TOO_MANY_BYTES' })
  await (await provider.request(index)).closed
})

t.test('a server without headers is left when the time is over', async t => {
  const { clock, attempt, post } = build()
  provider.respondWith(silent)
  const index = provider.requests.length
  const asking = post()
  const request = await provider.request(index)
  await clock.advance(999)
  t.equal(attempt.signal.aborted, false)
  const refusal = failureOf(asking)
  await clock.advance(1)
  t.hasStrict(await refusal, { reason: 'HEADERS_TIMEOUT' })
  t.hasStrict(attempt.signal.reason, { reason: 'HEADERS_TIMEOUT' })
  await request.closed
  t.equal(clock.pending, 0)
})

t.test('a request that cannot be sent leaves its reason with the attempt', async t => {
  const failure = new TypeError('fetch failed')
  const { clock, attempt, post } = build({ fetch: async () => { throw failure } })
  await t.rejects(post(), failure)
  t.equal(attempt.signal.reason, failure)
  t.equal(clock.pending, 0)
})

/** No content type at all. */
const untyped: Script = response => { response.end('prose') }

t.test('a success that is no answer is refused, and its fault kept', async t => {
  for (const [script, fault] of [
    [status(200, { error: { code: 'no_model' } }), { code: 'no_model' }],
    [status(200, { results: [] }), {}],
    [status(200, '<html>', { 'content-type': 'text/html' }), {}],
    [status(200, '', { 'content-type': 'text/event-streams' }), {}],
    [untyped, {}],
    [status(204), {}]
  ] as const) {
    const { clock, attempt, guard, post } = build()
    provider.respondWith(script)
    t.hasStrict(await failureOf(post().then(response => response.text())), { reason: 'NOT_SSE', fault })
    t.match(guard.seen.address, /^http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions$/)
    t.hasStrict(attempt.signal.reason, { reason: 'NOT_SSE' })
    t.equal(clock.pending, 0)
  }
})

t.test('the body of an error comes as the SDK expects it', async t => {
  for (const [body, expected] of [
    [{ error: { code: 'a' } }, { error: { code: 'a' } }],
    [{ code: 'a', message: 'b' }, { error: { code: 'a', message: 'b' } }]
  ]) {
    provider.respondWith(status(400, body, { 'retry-after': '1' }))
    const response = await build().post()
    t.equal(response.status, 400)
    t.equal(response.headers.get('retry-after'), '1')
    t.strictSame(await response.json(), expected)
  }
  provider.respondWith(status(502, '<html>'))
  t.equal(await (await build().post()).text(), '', 'prose is dropped')
  provider.respondWith(status(304))
  t.equal((await build().post()).status, 304, 'a status that has no body')
})

t.test('the body of an error is cut in time', async t => {
  const { promise: arrived, resolve: arrive } = withResolvers<void>()
  const { clock, post } = build({
    fetch: async (...request) => {
      const response = await fetch(...request)
      arrive()
      return response
    }
  })
  provider.respondWith(response => {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.write('{"error":')
  })
  const index = provider.requests.length
  let response: Response | undefined
  const asking = post().then(result => { response = result })
  await arrived
  await delay(5)
  t.equal(clock.pending, 1)
  await clock.advance(4_999)
  t.equal(response, undefined)
  await clock.advance(1)
  await asking
  t.equal(response?.status, 400)
  await (await provider.request(index)).closed
  t.equal(clock.pending, 0)
})

t.test('the body of an error is cut in size, and its break is no new error', async t => {
  provider.respondWith(response => {
    response.writeHead(400)
    const flood = (): void => {
      while (!response.destroyed && response.write('x'.repeat(16_384)));
      if (!response.destroyed) response.once('drain', flood)
    }
    flood()
  })
  const { guard, post } = build()
  const index = provider.requests.length
  t.equal((await post()).status, 400)
  t.ok(guard.seen.bytes < 1_000_000)
  await (await provider.request(index)).closed

  provider.respondWith(response => {
    response.writeHead(500)
    response.write('half', () => response.destroy())
  })
  t.equal((await build().post()).status, 500)
})

t.test('an abort ends the reading of any body', async t => {
  const stalledError: Script = response => { response.writeHead(400).flushHeaders() }
  for (const script of [stalled(), stalledError]) {
    const { clock, attempt, post } = build()
    provider.respondWith(script)
    const index = provider.requests.length
    const asking = post().then(response => response.text())
    const request = await provider.request(index)
    await delay(5)
    attempt.abort(new Error('stop'))
    await asking.catch(error => t.match(error, { message: 'stop' }))
    await request.closed
    t.equal(clock.pending, 0)
  }
})

t.test('a broken body is an error of the stream', async t => {
  provider.respondWith(cut('data: 1\n\n'))
  await t.rejects((await build().post()).text(), { message: 'terminated' })
})

t.test('a fetch that does not obey the signal cannot hold us, and what it brings too late is closed', async t => {
  let arrive = (_: Response): void => {}
  const { attempt, post } = build({ fetch: () => new Promise(resolve => { arrive = resolve }) })
  const asking = post()
  attempt.abort(new Error('stop'))
  await t.rejects(asking, { message: 'stop' })
  const cancelled = new Promise<void>(resolve => {
    arrive(new Response(new ReadableStream({
      cancel () {
        resolve()
        throw new Error('swallowed')
      }
    })))
  })
  await cancelled
  t.equal(getEventListeners(attempt.signal, 'abort').length, 0)

  const bare = build({ fetch: () => new Promise(resolve => { arrive = resolve }) })
  const again = bare.post()
  bare.attempt.abort(new Error('stop'))
  arrive(new Response(null))
  await t.rejects(again, { message: 'stop' })
})

function withResolvers<T> (): { promise: Promise<T>, resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>(_resolve => { resolve = _resolve })
  return { promise, resolve }
}

function failureOf (work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, error => error)
}
