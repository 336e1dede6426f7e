import { Buffer } from 'node:buffer'

const ENCRYPT = Buffer.from('encrypt')

/** An envelope has one member; a gateway may have added some. */
const MAX_MEMBERS = 8

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE] = [0x22, 0x5c, 0x2c, 0x3a, 0x7b, 0x7d]
/** What a value that is no string may be made of, and how long the longest sensible one is. */
const SCALAR = /^(?:true|false|null|-?\d+(?:\.\d+)?(?:[Ee][+-]?\d+)?)$/
const MAX_SCALAR_BYTES = 32

/**
 * The string `encrypt` of a body; undefined if the body is no flat JSON object that has one. Anybody can send a body, and to
 * parse a deep one, or one full of foreign characters, costs many times what an honest one costs. So this is one pass over the
 * bytes that leaves at the first that an envelope cannot have, and only the text of `encrypt` itself is decoded.
 */
export function readEncryptOf (body: Buffer): string | undefined {
  let at = 0
  let encrypt: string | undefined

  const next = (): number | undefined => {
    while (isBlank(body[at])) at++
    return body[at]
  }
  const take = (byte: number): boolean => {
    if (next() !== byte) return false
    at++
    return true
  }
  /** The bytes between two quotes, escapes and all; undefined if there is no such string. */
  const takeString = (): Buffer | undefined => {
    if (!take(QUOTE)) return undefined
    const start = at
    for (let byte = body[at]; byte !== QUOTE; byte = body[at]) {
      if (byte === undefined || byte < 0x20) return undefined
      at += byte === BACKSLASH ? 2 : 1
    }
    return body.subarray(start, at++)
  }
  const takeScalar = (): boolean => {
    const start = at
    while (at - start < MAX_SCALAR_BYTES && at < body.length && body[at] !== COMMA && body[at] !== CLOSE && !isBlank(body[at])) at++
    return SCALAR.test(body.toString('latin1', start, at))
  }

  if (!take(OPEN)) return undefined
  for (let members = 1; ; members++) {
    const name = takeString()
    if (name === undefined || !take(COLON)) return undefined
    const isString = next() === QUOTE
    const value = isString ? takeString() : undefined
    if (isString ? value === undefined : !takeScalar()) return undefined
    // Of two members with one name the later counts, as with any JSON parser.
    if (name.equals(ENCRYPT)) encrypt = value && unescaped(value)
    if (take(CLOSE)) break
    if (members === MAX_MEMBERS || !take(COMMA)) return undefined
  }
  return next() === undefined ? encrypt : undefined
}

/** Base64 needs no escape, but some encoders write `\/`. */
function unescaped (text: Buffer): string | undefined {
  if (!text.includes(BACKSLASH)) return text.toString('latin1')
  try {
    return JSON.parse(`"${text.toString('latin1')}"`) as string
  } catch {
    return undefined
  }
}
