import t from 'tap'
import { createGuard, isLoopback, TOKEN_HEADER } from '../../../lib/playground/guard.ts'

const TOKEN = 'the-token-of-this-start'
const guard = createGuard({ token: TOKEN, allowRemote: false })
const local = { peer: '127.0.0.1', localPort: 3000, encrypted: false }
const headers = { host: 'localhost:3000', origin: 'http://localhost:3000', [TOKEN_HEADER]: TOKEN }

t.test('the page of this machine is let in', async t => {
  t.equal(guard({ ...local, headers }, false), undefined)
  t.equal(guard({ ...local, headers: { host: 'localhost:3000' } }, true), undefined, 'a file needs neither origin nor token')
  for (const host of ['127.0.0.1:3000', '127.1.2.3:3000', '[::1]:3000', 'LOCALHOST:3000']) {
    t.equal(guard({ ...local, headers: { ...headers, host, origin: `http://${host}` } }, false), undefined, host)
  }
  for (const [encrypted, localPort, scheme] of [[false, 80, 'http'], [true, 443, 'https']] as const) {
    const given = { ...headers, host: 'localhost', origin: `${scheme}://localhost` }
    t.equal(guard({ peer: '::1', localPort, encrypted, headers: given }, false), undefined, `${scheme} on its own port has none in Host`)
  }
})

t.test('another machine is refused, whatever it says of itself', async t => {
  for (const peer of ['192.168.1.2', '10.0.0.1', '::ffff:192.168.1.2', 'fe80::1', '128.0.0.1', '', undefined]) {
    t.equal(guard({ ...local, peer, headers }, false), 'peer', String(peer))
    t.equal(guard({ ...local, peer, headers }, true), 'peer', `${peer}, a file`)
  }
  for (const peer of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) t.ok(isLoopback(peer), peer)
})

t.test('what came through a proxy is refused', async t => {
  for (const name of [
    'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded', 'x-forwarded-by-us', 'x-real-ip',
    'x-client-ip', 'x-cluster-client-ip', 'true-client-ip', 'cf-connecting-ip', 'fastly-client-ip', 'x-original-host',
    'x-original-forwarded-for', 'x-envoy-external-address'
  ]) {
    const proxied = { ...headers, [name]: '127.0.0.1' }
    for (const isFile of [true, false]) t.equal(guard({ ...local, headers: proxied }, isFile), 'forwarded', name)
  }
})

t.test('a name that somebody lets point to this machine is refused, and so is another port', async t => {
  for (const host of [
    'evil.example', 'evil.example:3000', 'localhost.evil.example:3000', 'localhost:3001', 'localhost', '127.0.0.1.evil.example:3000',
    '192.168.1.2:3000', 'localhost:3000@evil.example', '', '[::2]:3000', '2130706433:3000', '127.1:3000', undefined
  ]) {
    const given = { ...headers, host, origin: `http://${host}` }
    for (const isFile of [true, false]) t.equal(guard({ ...local, headers: given }, isFile), 'host', String(host))
  }
  t.equal(guard({ ...local, localPort: undefined, headers }, true), 'host')
})

t.test('what is no file needs the origin of the page', async t => {
  for (const origin of [
    undefined, 'null', 'https://evil.example', 'http://localhost:3001', 'https://localhost:3000', 'http://127.0.0.1:3000', 'http://localhost:3000/'
  ]) {
    t.equal(guard({ ...local, headers: { ...headers, origin } }, false), 'origin', String(origin))
  }
})

t.test('and the token of this start', async t => {
  for (const token of [undefined, '', TOKEN.slice(1), `${TOKEN}x`, 'undefined', TOKEN.toUpperCase()]) {
    t.equal(guard({ ...local, headers: { ...headers, [TOKEN_HEADER]: token } }, false), 'token', String(token))
  }
})

t.test('allowRemote lifts the rules of addresses, not those of origin and token', async t => {
  const open = createGuard({ token: TOKEN, allowRemote: true })
  const remote = { peer: '192.168.1.2', localPort: 3000, encrypted: false }
  const proxied = { 'x-forwarded-for': '10.0.0.1', host: 'play.example', [TOKEN_HEADER]: TOKEN }
  t.equal(open({ ...remote, headers: proxied }, true), undefined)
  for (const origin of ['http://play.example', 'https://play.example']) {
    t.equal(open({ ...remote, headers: { ...proxied, origin } }, false), undefined, 'TLS may end before it')
    t.equal(open({ ...remote, headers: { ...proxied, origin, [TOKEN_HEADER]: 'x' } }, false), 'token')
  }
  t.equal(open({ ...remote, headers: { ...proxied, origin: 'https://evil.example' } }, false), 'origin')
  t.equal(open({ ...remote, headers: { origin: 'http://undefined', [TOKEN_HEADER]: TOKEN } }, false), 'origin')
})
