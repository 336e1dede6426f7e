import crypto from 'node:crypto'

/** What signs a sealed text: SHA-1 of the four in the order of their characters, in lower-case hex (document 91144). */
export const signatureOf = (token: string, timestamp: string, nonce: string, encrypt: string): string =>
  crypto.hash('sha1', [token, timestamp, nonce, encrypt].sort().join(''))
