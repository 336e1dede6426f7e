import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIPv4 } from 'node:net'

/** What a request is judged by: the socket's own facts, and nothing that a proxy or a host's setting could have changed. */
export interface Incoming {
  headers: IncomingHttpHeaders
  peer: string | undefined
  localPort: number | undefined
  encrypted: boolean
}

export type GuardRefusal = 'peer' | 'forwarded' | 'host' | 'origin' | 'token'

export interface GuardOptions {
  /** Of this start. */
  token: string
  /** Lifts the rules of addresses, never those of origin and token. */
  allowRemote: boolean
}

/** The page's own header: another site cannot send it without being asked first. */
export const TOKEN_HEADER = 'x-playground-token'

const FORWARDING = /^(?:forwarded|via|x-forwarded(?:-.*)?|x-original-(?:host|forwarded-for)|(?:x-(?:real|client|cluster-client)|true-client)-ip|(?:cf-connecting|fastly-client)-ip|x-envoy-external-address)$/
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i

/**
 * Who answers in the bot's name must sit at this machine. A page of another site reaches a server on loopback too, by its address or by a
 * name that it lets point there, so the address of the peer is not enough.
 */
export function createGuard ({ token, allowRemote }: GuardOptions): (incoming: Incoming, isFile: boolean) => GuardRefusal | undefined {
  const expected = digest(token)

  return ({ headers, peer, localPort, encrypted }, isFile) => {
    if (!allowRemote) {
      if (!isLoopback(peer)) return 'peer'
      if (Object.keys(headers).some(name => FORWARDING.test(name))) return 'forwarded'
      if (!isOwnHost(headers.host, localPort ?? NaN, encrypted)) return 'host'
    }
    if (isFile) return undefined
    const schemes = allowRemote ? ['http', 'https'] : [encrypted ? 'https' : 'http']
    if (headers.host === undefined || !schemes.some(scheme => headers.origin === `${scheme}://${headers.host}`)) return 'origin'
    return timingSafeEqual(digest(String(headers[TOKEN_HEADER])), expected) ? undefined : 'token'
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export function isLoopback (address: string | undefined): boolean {
  const plain = address?.replace(/^::ffff:/i, '') ?? ''
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

function isOwnHost (host: string | undefined, localPort: number, encrypted: boolean): boolean {
  const [found, port = encrypted ? '443' : '80'] = LOOPBACK_HOST.exec(host ?? '') ?? []
  return found !== undefined && Number(port) === localPort
}
