import t from 'tap'
import { isPublicAddress } from '../../../lib/outbound/address.ts'
import { readTarget } from '../../../lib/outbound/target.ts'

const anyAddress = (): boolean => true

t.test('where a URL leads', async t => {
  for (const [url, pattern, target] of [
    ['https://media.test/a/b?c=d%26e&f', 'media.test', { hostname: 'media.test', port: 443, path: '/a/b?c=d%26e&f' }],
    ['https://MEDIA.test:443#part', 'media.test', { hostname: 'media.test', port: 443, path: '/' }],
    ['https://media.test./', 'media.test', { hostname: 'media.test', port: 443, path: '/' }],
    ['https://a.media.test:8443/', '*.media.test:8443', { hostname: 'a.media.test', port: 8443, path: '/' }],
    ['https://8.8.8.8/', '8.8.8.8', { hostname: '8.8.8.8', port: 443, path: '/' }],
    ['https://[2606:4700::1111]/', '[2606:4700::1111]', { hostname: '2606:4700::1111', port: 443, path: '/' }],
    ['https://media.test/图 片', 'media.test', { hostname: 'media.test', port: 443, path: '/%E5%9B%BE%20%E7%89%87' }]
  ] as const) t.strictSame(readTarget(url, { allowedHosts: [pattern], isAllowedAddress: isPublicAddress }), target, url)
})

t.test('what is no https URL of an allowed host is refused', async t => {
  for (const url of [
    '', 'media.test', '//media.test/', '/a', 'https://', 'https://media.test:99999/', 'https://[::1/', 'https://me dia.test/',
    'http://media.test/', 'HTTP://media.test/', 'ftp://media.test/', 'file:///etc/passwd', 'data:text/plain,hi', 'javascript:0', 'blob:https://media.test/1',
    'wss://media.test/', 'https+unix://media.test/', 'gopher://media.test/',
    'https://user@media.test/', 'https://user:pass@media.test/', 'https://:pass@media.test/', 'https://media.test@evil.test/', 'https://evil.test\\@media.test/',
    'https://evil.test/', 'https://evil.test/media.test', 'https://evil.test?media.test', 'https://evil.test#media.test', 'https://media.test.evil.test/',
    'https://media.test%2eevil.test/', 'https://evil。test/', 'https://media.test:8443/', 'https://media.test:80/', 'https://localhost/', 'https://metadata.google.internal/'
  ]) {
    t.throws(
      () => readTarget(url, { allowedHosts: ['media.test'], isAllowedAddress: anyAddress }), { name: 'OutboundError', reason: 'REFUSED' },
      url
    )
  }
})

const LOOPBACK = [
  '127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1', '127.0.0.1.', '１２７.0.0.1', '%31%32%37.0.0.1'
]
const LOOPBACK_V6 = ['[::1]', '[0:0:0:0:0:0:0:1]', '[0000::0001]']

t.test('an address that is not public is refused in every spelling, even when it is among the allowed hosts', async t => {
  for (const [allowed, ...spellings] of [
    ['127.0.0.1', ...LOOPBACK],
    ['[::1]', ...LOOPBACK_V6],
    ['[::ffff:7f00:1]', '[::ffff:127.0.0.1]', '[::FFFF:7F00:1]', '[0:0:0:0:0:ffff:127.0.0.1]'],
    ['10.0.0.1', '10.0.0.1', '10.1', '167772161', '0xa.0.0.1', '012.0.0.1'],
    ['169.254.169.254', '169.254.169.254', '2852039166', '0xa9fea9fe'],
    ['[fd00::1]', '[fd00::1]'],
    ['[fe80::1]', '[fe80::1]'],
    ['0.0.0.0', '0.0.0.0', '0']
  ]) {
    for (const spelling of spellings) {
      const url = `https://${spelling}/`
      const rules = { allowedHosts: [allowed as string], isAllowedAddress: anyAddress }
      t.equal(readTarget(url, rules).path, '/', `${spelling} would be let in`)
      t.throws(
        () => readTarget(url, { ...rules, isAllowedAddress: isPublicAddress }), { reason: 'REFUSED', message: /not public/ }, spelling
      )
    }
  }
})

t.test('an address is let in by no name and no wildcard', async t => {
  for (const host of [...LOOPBACK, ...LOOPBACK_V6, '8.8.8.8']) {
    for (const pattern of ['media.test', '*.test', '*.0.0.1', '*.8.8.8', '*.1']) {
      t.throws(() => readTarget(
        `https://${host}/`, { allowedHosts: [pattern], isAllowedAddress: anyAddress }
      ), { reason: 'REFUSED', message: /allowed/ }, `${host} by ${pattern}`)
    }
  }
})
