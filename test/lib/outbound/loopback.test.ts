import t from 'tap'
import { createLoopback, withLoopback } from '../../../lib/outbound/loopback.ts'
import type { LoopbackRequest } from '../../../lib/outbound/loopback.ts'
import { createOutbound } from '../../../lib/outbound/outbound.ts'

const guarded = createOutbound({}, { allowedHosts: ['media.example'], timeoutMs: 1000 })
const request = { name: 'download', method: 'GET', headers: {}, limit: 5 } as const
const { signal } = new AbortController()
const refused = { message: /not https|is none|not among/ }

t.test('an app without one has the guard alone', async t => {
  t.equal(withLoopback(guarded, undefined), guarded)
  t.throws(() => withLoopback(guarded, createLoopback()).target('http://127.0.0.1:3000/x'), refused, 'nobody serves it yet')
  t.equal(await createLoopback().answer({ method: 'GET', path: '/', body: undefined }), undefined)
})

t.test('one origin is asked by a call, every other one is left to the guard', async t => {
  const asked: LoopbackRequest[] = []
  const loopback = createLoopback()
  Object.assign(loopback, {
    origin: 'http://127.0.0.1:3000',
    answer: async (asking: LoopbackRequest) => {
      asked.push(asking)
      return asking.path === '/none' ? undefined : { headers: {}, body: Buffer.from(asking.path === '/large' ? '123456' : '12345') }
    }
  })
  const outbound = withLoopback(guarded, loopback)
  const get = async (url: string, given = signal) => await outbound.exchange(outbound.target(url), request, given)
  t.match(await get('http://127.0.0.1:3000/x?y=1'), { body: Buffer.from('12345') })
  t.strictSame(asked, [{ method: 'GET', path: '/x?y=1', body: undefined }])
  for (const url of [
    'http://127.0.0.1:3001/x', 'https://127.0.0.1:3000/x', 'http://localhost:3000/x', 'http://u:p@127.0.0.1:3000/x', 'http://u@127.0.0.1:3000/x',
    'http://:p@127.0.0.1:3000/x', 'http://[::1]:3000/x', 'http://169.254.169.254/', 'x', ''
  ]) {
    t.throws(() => outbound.target(url), refused, url)
  }
  await t.rejects(get('http://127.0.0.1:3000/none'), { message: /404/ })
  await t.rejects(get('http://127.0.0.1:3000/large'), { message: /larger than the limit/ })
  await t.rejects(get('http://127.0.0.1:3000/x', AbortSignal.abort(new Error('left'))), new Error('left'))
  t.equal(outbound.target('https://media.example/x').hostname, 'media.example')
  const target = { hostname: '127.0.0.1', port: 3000, path: '/x' }
  await t.rejects(outbound.exchange(target, request, signal), { message: /./ }, 'a target that looks the same goes through the guard')
  t.equal(asked.length, 3)
})
