import { createDecipheriv, createHash } from 'node:crypto'
import type { Answer } from '../../simulator/transport.ts'
import { isObject } from '../../util/objects.ts'
import type { Credentials } from '../../wecom/envelope.ts'

/** What is wrong with a sealed reply, each by itself, in sentences (documents 101033 and 91144). */
export interface ReplyFaults {
  fields?: string
  signature?: string
  nonce?: string
  timestamp?: string
  padding?: string
  length?: string
  receiver?: string
}

/** A sealed reply, opened in spite of its faults: one of them must not hide the others. */
export interface Opened {
  /** The parsed plaintext; undefined if there is no way to read it. */
  reply: Record<string, unknown> | undefined
  text: string
  /** The 16 random bytes, as hex. */
  random: string
  faults: ReplyFaults
}

/** Far from every sensible clock: what is meant is another unit. */
const MAX_CLOCK_ERROR_S = 86_400

/** Undefined for what is no sealed reply at all, as the empty one. */
export function openReply (
  { body }: Answer, { token, encodingAESKey, receiveId }: Credentials, { nonce, now }: { nonce: string, now: number }
): Opened | undefined {
  const sealed = parseObject(body)
  const encrypt = sealed?.['encrypt']
  if (sealed === undefined || typeof encrypt !== 'string') return undefined
  const faults: ReplyFaults = {}

  const missing = ['msgsignature', 'timestamp', 'nonce'].filter(name => !(name in sealed))
  if (missing.length > 0) faults.fields = `there is no ${missing.join(', no ')} beside encrypt`
  // A name that is wrong is told above; its value may be right.
  const signature = sealed['msgsignature'] ?? sealed['msg_signature']
  const { timestamp, nonce: returned } = sealed
  const signed = createHash('sha1').update([token, String(timestamp), String(returned), encrypt].sort().join('')).digest('hex')
  if (signature !== undefined && signature !== signed) faults.signature = 'the signature is not that of token, timestamp, nonce and encrypt'
  if (returned !== undefined && returned !== nonce) faults.nonce = 'the nonce is not that of the request'
  if (timestamp !== undefined && !(Math.abs(Number(timestamp) - now / 1000) < MAX_CLOCK_ERROR_S)) {
    faults.timestamp = 'the timestamp is not the time in seconds'
  }

  const bytes = decrypt(encrypt, encodingAESKey)
  if (bytes === undefined || bytes.length < 32) {
    faults.padding = 'encrypt does not decrypt with the key'
    return { reply: undefined, text: '', random: '', faults }
  }
  const { padded, end } = unpad(bytes)
  if (!padded) faults.padding = 'the plaintext is not padded to a multiple of 32 with 1 to 32 bytes of their own number'
  const receiver = Buffer.from(receiveId)
  const textEnd = 20 + bytes.readUInt32BE(16)
  const stated = parseObject(bytes.toString('utf8', 20, Math.min(textEnd, end)))
  const ending = bytes.subarray(textEnd, end)
  if (stated !== undefined && textEnd <= end) {
    if (!ending.equals(receiver)) faults.receiver = `${describe(ending)} stands behind the text instead of ${describe(receiver)}`
    return { reply: stated, text: bytes.toString('utf8', 20, textEnd), random: bytes.toString('hex', 0, 16), faults }
  }
  const text = bytes.toString('utf8', 20, end - receiver.length)
  const reply = parseObject(text)
  if (reply !== undefined) faults.length = `the length says ${textEnd - 20}, and the text has ${Buffer.byteLength(text)} bytes`
  return { reply, text, random: bytes.toString('hex', 0, 16), faults }
}

const describe = (receiver: Buffer): string => receiver.length === 0 ? 'nothing' : `a receiver id of ${receiver.length} bytes`

function decrypt (encrypt: string, encodingAESKey: string): Buffer | undefined {
  const key = Buffer.from(`${encodingAESKey}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  try {
    return Buffer.concat([decipher.update(encrypt, 'base64'), decipher.final()])
  } catch {
    return undefined
  }
}

function unpad (bytes: Buffer): { padded: boolean, end: number } {
  const count = bytes.at(-1) as number
  const padded = count >= 1 && count <= 32 && bytes.length % 32 === 0 && bytes.subarray(-count).every(byte => byte === count)
  return { padded, end: bytes.length - Math.min(count, 32) }
}

export function parseObject (text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
