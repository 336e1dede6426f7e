import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { IPv6 } from 'ipaddr.js'

// All that IANA has given to the global internet; outside it are local, multicast and translated addresses, and the unknown.
const GLOBAL_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** Public by its number, yet the host agent of every virtual machine in Azure answers on it. */
const AZURE_HOST_AGENT = '168.63.129.16'

/** Behind DNS64, the whole IPv4 internet looks like this. The other prefix that is translated, 64:ff9b:1::/48, is local. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * Whether an IP address is one of the public internet. IPv6 that stands for IPv4 is judged as that (mapped, NAT64) or refused
 * (compatible, 6to4, Teredo, NAT64 of a local prefix), and so are zones and whatever is no address.
 */
export function isPublicAddress (address: string): boolean {
  // ipaddr.js takes forms of IPv4 that nobody writes. A zone names an interface of this machine.
  const version = isIP(address)
  if (version === 0 || address.includes('%')) return false
  const parsed = ipaddr.process(version === 6 ? withoutDots(address) : address)
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast' && parsed.toString() !== AZURE_HOST_AGENT
  const v6 = parsed as IPv6
  if (v6.match(NAT64)) return isPublicAddress(v6.toByteArray().slice(-4).join('.'))
  return v6.match(GLOBAL_V6) && v6.range() === 'unicast'
}

/** IPv6 in its canonical spelling. ipaddr.js takes `::1.2.3.4` for the mapped `::ffff:1.2.3.4`. */
const withoutDots = (v6: string): string => new URL(`https://[${v6}]`).hostname.slice(1, -1)
