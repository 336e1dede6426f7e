import { isIP } from 'node:net'
import { attempt } from '../util/attempt.ts'
import { OutboundError } from './error.ts'
import { isAllowedHost } from './hosts.ts'
import { refusedAddress } from './lookup.ts'

/** What is asked of whom. */
export interface Target {
  /** IPv6 without brackets. */
  hostname: string
  port: number
  path: string
}

export interface TargetRules {
  allowedHosts: readonly string[]
  isAllowedAddress: (address: string) => boolean
}

/** Where a URL leads, if it may be followed. What a name means is judged later, by `guardLookup`. */
export function readTarget (text: string, { allowedHosts, isAllowedAddress }: TargetRules): Target {
  // The error of the constructor would carry the text.
  const url = attempt(() => new URL(text))
  if (url === undefined) throw refused('its URL is none')
  if (url.protocol !== 'https:') throw refused('its URL is not https')
  if (url.username !== '' || url.password !== '') throw refused('its URL has a user name')
  if (!isAllowedHost(url.host, allowedHosts)) throw refused('its host is not among the allowed ones')

  const hostname = url.hostname.replace(/^\[|\]$|\.$/g, '')
  // Nobody looks up an address, in whichever spelling; a URL has made one of decimal, octal and hexadecimal forms.
  if (isIP(hostname) !== 0 && !isAllowedAddress(hostname)) throw refusedAddress()
  return { hostname, port: url.port === '' ? 443 : Number(url.port), path: url.pathname + url.search }
}

const refused = (detail: string): OutboundError => new OutboundError('REFUSED', detail)
