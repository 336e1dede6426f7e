import type { ConnectionError } from '../simulator/transport.ts'

export interface Explanation {
  cause: string
  cure: string
}

/** What became of a connection that failed, by the code of Node or OpenSSL, and what helps. */
export function explainConnection (error: ConnectionError, { hostname, port, protocol }: URL): Explanation {
  const { code = '', message } = (error.cause ?? {}) as NodeJS.ErrnoException
  const where = port === '' ? hostname : `${hostname}:${port}`
  const known = KNOWN.find(({ codes }) => codes.test(code))
  if (known !== undefined) return { cause: known.cause(where), cure: known.cure }
  if (/wrong version number|packet length too long/i.test(message)) {
    return { cause: `${where} does not speak TLS`, cure: 'use http:// in the URL, or the port that speaks https' }
  }
  return {
    cause: `the ${protocol.slice(0, -1)} connection to ${where} failed (${code || 'without a code'})`,
    cure: 'look at the proxies and firewalls on the way'
  }
}

const KNOWN: ReadonlyArray<{ codes: RegExp, cause: (where: string) => string, cure: string }> = [
  {
    codes: /^(ENOTFOUND|EAI_AGAIN|EAI_NODATA|EAI_NONAME)$/,
    cause: where => `the name ${where} does not resolve`,
    cure: 'add a DNS record for it, or correct the name in the URL'
  },
  {
    codes: /^(ECONNREFUSED)$/,
    cause: where => `nothing listens at ${where}`,
    cure: 'start the server, and let it listen on the address and port that the URL leads to (HOST, PORT; in a container 0.0.0.0)'
  },
  {
    codes: /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|ETIMEDOUT)$/,
    cause: where => `there is no route to ${where}`,
    cure: 'look at the address that the name resolves to, the firewall, and the security group of the cloud'
  },
  {
    codes: /^(ECONNRESET|EPIPE|HPE_\w+)$/,
    cause: where => `${where} closed the connection without an answer`,
    cure: 'look at the log of the server and of the proxy in front; a port that speaks TLS resets plain http'
  },
  {
    codes: /^CERT_HAS_EXPIRED$/,
    cause: where => `the certificate of ${where} has expired`,
    cure: 'renew it, and reload the server or proxy that holds it'
  },
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    cause: where => `the certificate of ${where} is for another name`,
    cure: 'get one for this name, or use the name of the certificate in the URL'
  },
  {
    codes: /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/,
    cause: where => `the certificate chain of ${where} is incomplete`,
    cure: 'serve the full chain (fullchain.pem), with the intermediate certificates behind your own'
  },
  {
    codes: /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|CERT_UNTRUSTED)$/,
    cause: where => `nobody whom WeCom believes has signed the certificate of ${where}`,
    cure: 'get one from a public authority; for a try of your own name its authority with --ca'
  },
  {
    codes: /^CERT_NOT_YET_VALID$/,
    cause: where => `the certificate of ${where} is not valid yet`,
    cure: 'set the clock of this machine, or wait until it begins'
  }
]
