import { BlockList, isIPv4, isIPv6 } from 'node:net'

// IANA's special-purpose registry (RFC 6890 and its updates), multicast and the reserved rest.
const localV4 = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12],
  ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24],
  ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
  // Public by its number, yet the host agent of every virtual machine in Azure answers on it.
  ['168.63.129.16', 32]
] as const) localV4.addSubnet(network, prefix, 'ipv4')

// All that IANA has given to the global internet; outside it are local, multicast and translated addresses, and the unknown.
const globalV6 = new BlockList()
globalV6.addSubnet('2000::', 3, 'ipv6')

const specialV6 = new BlockList()
for (const [network, prefix] of [
  // Among the protocol assignments is Teredo, and both it and 6to4 hide an IPv4 address that nothing of today needs.
  ['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]
] as const) specialV6.addSubnet(network, prefix, 'ipv6')

/**
 * Whether an IP address is one of the public internet. IPv6 that stands for IPv4 is judged as that (mapped, NAT64) or refused
 * (compatible, 6to4, Teredo, NAT64 of a local prefix), and so are zones and whatever is no address.
 */
export function isPublicAddress (address: string): boolean {
  if (isIPv4(address)) return !localV4.check(address, 'ipv4')
  // A zone names an interface of this machine.
  if (!isIPv6(address) || address.includes('%')) return false
  const carried = carriedV4(address)
  if (carried !== undefined) return isPublicAddress(carried)
  return globalV6.check(address, 'ipv6') && !specialV6.check(address, 'ipv6')
}

// Behind DNS64, the whole IPv4 internet looks like the second.
const CARRIERS = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0']

function carriedV4 (address: string): string | undefined {
  const groups = groupsOf(address)
  if (!CARRIERS.includes(groups.slice(0, 6).map(group => group.toString(16)).join(':'))) return undefined
  return groups.slice(6).flatMap(group => [group >> 8, group & 0xff]).join('.')
}

/** The eight groups, whichever of its many spellings the address has. */
function groupsOf (address: string): number[] {
  // A URL has the one canonical spelling, in which no dotted tail is left.
  const canonical = new URL(`https://[${address}]`).hostname.slice(1, -1)
  const [head = [], tail = []] = canonical.split('::').map(part => part.split(':').filter(Boolean).map(group => parseInt(group, 16)))
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}
