/** WeCom refuses larger replies, and then asks for them for ever. */
export const MAX_SEALED_BYTES = 1024 * 1024

/** Random bytes, length and padding. */
const SEAL_BYTES = 16 + 4 + 32

/** Names of the fields, signature, timestamp, nonce, and what a receiver id can have. */
const ENVELOPE_BYTES = 1024

/** How long the reply at most is that has so many bytes of plaintext: base64 makes it a third larger. */
export const sealedBytes = (plainBytes: number): number => Math.ceil((plainBytes + SEAL_BYTES) / 3) * 4 + ENVELOPE_BYTES
