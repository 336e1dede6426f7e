import { isIP } from 'node:net'

const PATTERN = /^(?:\[[\da-f:.]+\]|(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?)(?::\d{1,5})?$/i

/**
 * Whether a text can stand among the allowed hosts: `name`, `*.suffix`, an IP address (IPv6 in brackets), each with an optional `:port`.
 */
export const isHostPattern = (text: string): boolean => PATTERN.test(text)

/**
 * Whether a host, as the `host` of a URL has it (with the port unless it is 443), is one of the patterns. `*.suffix` stands for
 * all names below the suffix, not for the suffix itself and never for an IP address. A pattern without a port means 443.
 */
export function isAllowedHost (host: string, patterns: readonly string[]): boolean {
  const asked = split(host)
  return patterns.map(split).some(({ name, port }) => port === asked.port && (
    name.startsWith('*.') ? isIP(asked.name) === 0 && isBelow(asked.name, name.slice(1)) : name === asked.name
  ))
}

const isBelow = (name: string, suffix: string): boolean => name.length > suffix.length && name.endsWith(suffix)

function split (host: string): { name: string, port: string } {
  const [suffix = '', port = '443'] = /:(\d+)$/.exec(host) ?? []
  // One final dot says only that the name is complete.
  return { name: host.slice(0, host.length - suffix.length).toLowerCase().replace(/\.$/, ''), port }
}
