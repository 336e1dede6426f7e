import t from 'tap'
import type { Test } from 'tap'
import { createOutbound } from '../../../lib/outbound/outbound.ts'
import type { OutboundOptions } from '../../../lib/outbound/outbound.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { media, startMediaServer } from '../../fixtures/media-server.ts'
import type { MediaServer } from '../../fixtures/media-server.ts'

const DEFAULTS = { allowedHosts: ['media.test'], timeoutMs: 1000 }
const GET = { name: 'download', method: 'GET', headers: {}, limit: 100 } as const
const { signal } = new AbortController()

async function serve (t: Test): Promise<MediaServer> {
  const server = await startMediaServer()
  t.teardown(() => server.close())
  server.respondWith(media(Buffer.from('taken')))
  return server
}

t.test('without options, the defaults of the client hold, and public addresses alone', async t => {
  const outbound = createOutbound({}, DEFAULTS)
  t.strictSame(outbound.target('https://media.test/a'), { hostname: 'media.test', port: 443, path: '/a' })
  t.throws(() => outbound.target('https://other.test/'), { name: 'OutboundError', reason: 'REFUSED' })
  const local = createOutbound({ allowedHosts: ['localhost', '127.0.0.1'] }, DEFAULTS)
  t.throws(() => local.target('https://media.test/'), { name: 'OutboundError', reason: 'REFUSED' })
  t.throws(() => local.target('https://127.0.0.1/'), { reason: 'REFUSED', message: /not public/ })
  await t.rejects(
    local.exchange(local.target('https://localhost/'), GET, signal), { reason: 'REFUSED', message: /not public/, sent: false }
  )
})

t.test('a target is exchanged with under the options', async t => {
  const server = await serve(t)
  const outbound = createOutbound(server.trust, DEFAULTS)
  t.equal((await outbound.exchange(outbound.target(server.url), GET, signal)).body.toString(), 'taken')
  for (const options of [{ ca: 'none' }, { lookup: server.trust.lookup, allowPrivateAddresses: false }] as OutboundOptions[]) {
    const wrong = createOutbound({ ...server.trust, ...options }, DEFAULTS)
    await t.rejects(wrong.exchange(wrong.target(server.url), GET, signal), { name: 'OutboundError', sent: false })
  }
  t.equal(server.requests.length, 1)
})

t.test('the time is that of the options, else that of the client', async t => {
  const server = await serve(t)
  server.respondWith(() => {})
  for (const [options, timeoutMs] of [[{}, 1000], [{ timeoutMs: 50 }, 50]] as const) {
    const clock = createManualClock()
    const outbound = createOutbound({ ...server.trust, ...options, clock }, DEFAULTS)
    const pending = outbound.exchange(outbound.target(server.url), GET, signal)
    pending.catch(() => {})
    await clock.advance(timeoutMs - 1)
    t.equal(clock.pending, 1)
    await clock.advance(1)
    await t.rejects(pending, { name: 'OutboundError', reason: 'TIMEOUT' })
  }
})

t.test('options that cannot be meant are refused', async t => {
  for (const pattern of ['https://media.test', '*']) {
    t.throws(() => createOutbound({ allowedHosts: ['media.test', pattern] }, DEFAULTS), {
      code: 'WECOM_ERR_INPUT',
      message: `allowedHosts: '${pattern}' must be a host name, '*.' and a suffix, or an IP address, with an optional port`
    })
  }
  for (const timeoutMs of [0, -1, 1.5, NaN, Infinity]) {
    t.throws(
      () => createOutbound({ timeoutMs }, DEFAULTS), { code: 'WECOM_ERR_INPUT', message: 'timeoutMs must be a whole number above 0' }
    )
  }
})
