import t from 'tap'
import type { Test } from 'tap'
import { isPublicAddress } from '../../../lib/outbound/address.ts'

// The first and the last address of each network, with their outer neighbours where those are public.
const V4: Array<[from: string, to: string, below?: string | undefined, above?: string]> = [
  ['0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
  ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0', '239.255.255.255', '223.255.255.255'],
  ['240.0.0.0', '255.255.255.255'],
  ['168.63.129.16', '168.63.129.16', '168.63.129.15', '168.63.129.17']
]

const hexTail = (v4: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = v4.split('.').map(Number)
  return `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`
}

const judge = (t: Test, v4: string, expected: boolean): void => {
  t.equal(isPublicAddress(v4), expected, v4)
  for (const carrier of ['::ffff:', '0:0:0:0:0:FFFF:', '0000::ffff:', '64:ff9b::', '64:FF9B:0:0:0:0:']) {
    t.equal(isPublicAddress(carrier + v4), expected, `${carrier}${v4}`)
    t.equal(isPublicAddress(carrier + hexTail(v4)), expected, `${carrier}${hexTail(v4)} is ${v4}`)
  }
  for (const carrier of ['::', '::ffff:0:', '64:ff9b:1::', '2001::']) t.notOk(isPublicAddress(carrier + v4), `${carrier}${v4}`)
  t.notOk(isPublicAddress(`2002:${hexTail(v4)}::1`), `6to4 of ${v4}`)
}

t.test('IPv4 networks are judged at both of their ends, alone and within IPv6', async t => {
  for (const [from, to, below, above] of V4) {
    judge(t, from, false)
    judge(t, to, false)
    if (below !== undefined) judge(t, below, true)
    if (above !== undefined) judge(t, above, true)
  }
})

t.test('IPv6 is public only where IANA gave it away', async t => {
  for (const address of [
    '::', '::1', '0:0:0:0:0:0:0:1', '100::1', '1fff:ffff::', '4000::', '5f00::1', 'fc00::1', 'fd00:ec2::254', 'fdff:ffff::', 'fe80::1',
    'febf::1',
    'fec0::1', 'ff02::1', '2001::', '2001:1ff:ffff::', '2001:db8::1', '2001:db8:ffff::', '2002::1', '2002:ffff::', '3fff::1',
    '3fff:fff:ffff::',
    '64:ff9a::808:808', '64:ff9b:0:0:0:1:808:808', '::fffe:8.8.8.8', '::1:ffff:8.8.8.8'
  ]) t.notOk(isPublicAddress(address), address)
  for (const address of [
    '2000::', '2001:200::', '2001:db7:ffff::', '2001:db9::', '2003::', '2400:3200::1', '2402:4e00::', '2606:4700:4700::1111', '3ffe:ffff::',
    '3fff:1000::'
  ]) t.ok(isPublicAddress(address), address)
})

t.test('a zone, another spelling, and what is no address are refused', async t => {
  for (const address of [
    'fe80::1%eth0', '2606:4700::1%1', '2606:4700::1%', '', ' 8.8.8.8', '8.8.8.8 ', '8.8.8', '134744072', '0x8080808', '010.8.8.8',
    '8.8.8.8:80', '[2606:4700::1]',
    'localhost', 'media.test', '8.8.8.8\n', '2606:4700::1\0'
  ]) t.notOk(isPublicAddress(address), JSON.stringify(address))
})
