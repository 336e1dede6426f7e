import { RefusalError } from '../util/errors.ts'
import type { Envelope } from '../wecom/envelope.ts'
import { MAX_SEALED_BYTES } from '../wecom/sealed-size.ts'
import type { Answer } from './transport.ts'

/** How far the timestamp of a reply may be from the simulator's clock. */
export const REPLY_WINDOW_MS = 60_000

const FIELDS = ['encrypt', 'msgsignature', 'nonce', 'timestamp']

export interface Reply {
  /** The opened and parsed plaintext; undefined for the empty reply, and for one that does not open. */
  reply: Record<string, unknown> | undefined
  problems: string[]
}

/** Judges answers by document 101033 and opens them. It remembers the answer before, whose random bytes must not come again. */
export function createReplyReader (envelope: Envelope): (answer: Answer, expected: { nonce: string, now: number }) => Reply {
  let lastRandom = ''

  return ({ statusCode, headers, body }, { nonce, now }) => {
    const problems: string[] = []
    const unread = (problem: string): Reply => ({ reply: undefined, problems: [...problems, problem] })

    if (statusCode !== 200) return unread(`status ${statusCode} instead of 200`)
    if (body === '') return { reply: undefined, problems }

    const type = String(headers['content-type'] ?? 'none')
    if (!/^application\/json *(;|$)/i.test(type)) problems.push(`content type ${clip(type)} instead of application/json`)

    if (body.length > MAX_SEALED_BYTES) problems.push(`the sealed reply has ${body.length} bytes, more than ${MAX_SEALED_BYTES}`)
    const sealed = parseObject(body)
    if (sealed === undefined) return unread('the body is neither empty nor a JSON object')
    const fields = Object.keys(sealed).sort()
    if (fields.join() !== FIELDS.join()) problems.push(`the fields are ${clip(fields.join(', '))} instead of ${FIELDS.join(', ')}`)

    const { encrypt, msgsignature: signature, nonce: returned, timestamp } = sealed as Record<string, unknown>
    if (!Number.isSafeInteger(timestamp)) problems.push('the timestamp is not a whole JSON number of seconds')
    if (!(Math.abs(now - Number(timestamp) * 1000) <= REPLY_WINDOW_MS)) {
      problems.push(`the timestamp is more than ${REPLY_WINDOW_MS / 1000} s away from now`)
    }
    if (returned !== nonce) problems.push('the nonce is not the one of the request')
    if (typeof encrypt !== 'string' || typeof signature !== 'string') return unread('encrypt and msgsignature are not both strings')

    // A fixed IV makes the first cipher block tell the random bytes apart; 21 characters lie wholly within it.
    const random = encrypt.slice(0, 21)
    if (random === lastRandom) problems.push('the 16 random bytes are those of the answer before')
    lastRandom = random

    let text: string
    try {
      text = envelope.open({ signature, timestamp: String(timestamp), nonce: String(returned), encrypt })
    } catch (error) {
      return unread(`the reply does not open: ${(error as RefusalError).message}`)
    }
    const reply = parseObject(text)
    if (reply === undefined) return unread('the opened reply is not a JSON object')
    return { reply, problems }
  }
}

function parseObject (text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    return undefined
  }
}

const clip = (text: string): string => JSON.stringify(text.slice(0, 60))
