import { lookup as systemLookup } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'
import { InputError } from '../util/errors.ts'
import { isPublicAddress } from './address.ts'
import { exchange } from './exchange.ts'
import type { OutboundAnswer, OutboundRequest } from './exchange.ts'
import { isHostPattern } from './hosts.ts'
import { guardLookup } from './lookup.ts'
import { readTarget } from './target.ts'
import type { Target } from './target.ts'

/** Whom a URL of a message may lead to. */
export interface OutboundOptions {
  /** `name`, `*.suffix` or an IP address, each with `:port` unless it is 443. Default: where WeCom has it. */
  allowedHosts?: readonly string[]
  /** For the whole of it. */
  timeoutMs?: number
  /**
   * Lets allowed hosts have addresses that are not public, for private deployments of WeCom and for servers inside Tencent Cloud, where
   * WeCom itself has such. The certificate still has to be the host's. Default false.
   */
  allowPrivateAddresses?: boolean
  clock?: Clock
  /** In the manner of `dns.lookup`, which is the default. */
  lookup?: LookupFunction
  /** Certificates to trust in place of Node's own, for private deployments. */
  ca?: string | Buffer | Array<string | Buffer>
}

/** Follows URLs of messages, as far as they may be followed. */
export interface Outbound {
  /** Where a URL leads. Throws an `OutboundError` if it may not be followed; asks nobody. */
  target (url: string): Target
  /** See `exchange`. */
  exchange (target: Target, request: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer>
}

export function createOutbound (options: OutboundOptions, defaults: { allowedHosts: readonly string[], timeoutMs: number }): Outbound {
  const { allowedHosts = defaults.allowedHosts, timeoutMs = defaults.timeoutMs, allowPrivateAddresses = false } = options
  const { clock = systemClock, lookup = systemLookup as LookupFunction, ca } = options
  for (const pattern of allowedHosts) {
    if (!isHostPattern(pattern)) {
      throw new InputError(`allowedHosts: '${pattern}' must be a host name, '*.' and a suffix, or an IP address, with an optional port`)
    }
  }
  checkCount('timeoutMs', timeoutMs)
  const isAllowedAddress = allowPrivateAddresses ? (address: string) => isIP(address) !== 0 : isPublicAddress
  const rules = { allowedHosts, isAllowedAddress }
  const transfer = { timeoutMs, clock, lookup: guardLookup(lookup, isAllowedAddress), ca }

  return {
    target: url => readTarget(url, rules),
    exchange: async (target, request, signal) => await exchange(target, request, transfer, signal)
  }
}

export function checkCount (option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw new InputError(`${option} must be a whole number above 0`)
}
