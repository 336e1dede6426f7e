import t from 'tap'
import { isAllowedHost, isHostPattern } from '../../../lib/outbound/hosts.ts'

const CASES: Array<[host: string, pattern: string, allowed: boolean]> = [
  ['media.test', 'media.test', true],
  ['MEDIA.Test', 'media.tesT', true],
  ['media.test.', 'media.test', true],
  ['media.test', 'media.test.', true],
  ['media.test..', 'media.test', false],
  ['xmedia.test', 'media.test', false],
  ['media.test.evil', 'media.test', false],
  ['a.media.test', 'media.test', false],
  ['a.media.test', '*.media.test', true],
  ['A.b.Media.test', '*.mediA.test', true],
  ['a.media.test.', '*.media.test', true],
  ['a.media.test', '*.media.test.', true],
  ['media.test', '*.media.test', false],
  ['.media.test', '*.media.test', false],
  ['xmedia.test', '*.media.test', false],
  ['a.media.test.evil', '*.media.test', false],
  ['a-media-test', '*.media.test', false],
  ['media.test:8443', 'media.test', false],
  ['media.test:8443', 'media.test:8443', true],
  ['media.test', 'media.test:8443', false],
  ['media.test:844', 'media.test:8443', false],
  ['media.test', 'media.test:443', true],
  ['a.media.test:8443', '*.media.test:8443', true],
  ['a.media.test:8443', '*.media.test', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1:8443', '10.0.0.1:8443', true],
  ['10.0.0.1', '*.0.0.1', false],
  ['[fd00::1]', '[fd00::1]', true],
  ['[fd00::1]:8443', '[FD00::1]:8443', true],
  ['[fd00::1]', '[fd00::2]', false],
  ['', 'media.test', false],
  ['*.media.test', 'media.test', false]
]

t.test('names, suffixes, ports and addresses', async t => {
  for (const [host, pattern, allowed] of CASES) t.equal(isAllowedHost(host, [pattern]), allowed, `${host} by ${pattern}`)
})

t.test('one pattern of several is enough, and none lets nothing in', async t => {
  t.ok(isAllowedHost('b.test', ['a.test', 'b.test']))
  t.notOk(isAllowedHost('c.test', ['a.test', 'b.test']))
  t.notOk(isAllowedHost('c.test', []))
})

t.test('what can stand among the allowed hosts', async t => {
  for (const [,pattern] of CASES) t.ok(isHostPattern(pattern), pattern)
  for (const text of [
    '', '*', '*.', '*.*.test', '*media.test', 'a.*.test', 'https://media.test', 'media.test/', 'media..test', '.media.test', 'media.test:', 'media.test:x',
    'media.test:123456', 'user@media.test', 'fd00::1', 'media test', '*.[fd00::1]', '媒体.test'
  ]) t.notOk(isHostPattern(text), text)
})
