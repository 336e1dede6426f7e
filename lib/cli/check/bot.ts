import { randomInt } from 'node:crypto'
import { commonFields, freshMsgid } from '../../simulator/message.ts'
import type { SimulatedSender } from '../../simulator/message.ts'
import { ConnectionError, createTransport } from '../../simulator/transport.ts'
import type { Answer, Deliver, Outgoing } from '../../simulator/transport.ts'
import type { Clock } from '../../util/clock.ts'
import { isObject } from '../../util/objects.ts'
import { createEnvelope } from '../../wecom/envelope.ts'
import type { Credentials } from '../../wecom/envelope.ts'
import { openReply } from './opened.ts'
import type { Opened } from './opened.ts'

/** WeCom hangs up then (document 90930). */
const REQUEST_TIMEOUT_MS = 5000
export const LATE = new ConnectionError('there was no answer within 5 s')
const BLOCK_BYTES = 32
/** Every library opens what has no more padding than a block of AES; that it opens the rest is a check of its own. */
const EASY_PADDING = 16

/** One request and its answer, as they went over the wire. */
export interface Wire {
  request: Outgoing
  /** What was sealed. */
  text: string
  answer: Answer | undefined
  /** Why there is no answer. */
  failure: ConnectionError | undefined
  tookMs: number
  opened: Opened | undefined
}

export interface Asking {
  query?: Record<string, string | undefined>
  /** How many bytes of padding the sealed text is to have. */
  padding?: number
  /** Whether the letters of the sealed text will do; default: no plus, which is a blank to who decodes a query twice. */
  isWanted?: (sealed: string) => boolean
}

export interface Sending {
  /** In place of the right ones. */
  credentials?: Partial<Credentials>
  query?: Record<string, string | undefined>
  body?: string
  contentType?: string | undefined
  /** How many bytes of padding the sealed text is to have. */
  padding?: number
}

/** The callback of a bot, asked one request at a time. Nothing is tried again, and nothing that comes is refused. */
export interface Bot {
  /** Asks for the verification of the URL. Digits are added to those of the text for the sake of its padding. */
  get (digits: string, asking?: Asking): Promise<Wire>
  /** The fields that every message has are added. */
  post (message: Record<string, unknown>, sender: SimulatedSender, sending?: Sending): Promise<Wire>
}

export interface BotOptions {
  deliver: Deliver
  credentials: Credentials
  clock: Clock
  signal: AbortSignal
}

export function createBot ({ deliver, credentials, clock, signal }: BotOptions): Bot {
  const send = createTransport(deliver)

  async function exchange (text: string, request: Outgoing, nonce: string): Promise<Wire> {
    const startedAt = clock.now()
    const cut = new AbortController()
    const cancel = clock.setTimeout(() => cut.abort(LATE), REQUEST_TIMEOUT_MS)
    const answer = await send(request, AbortSignal.any([cut.signal, signal])).catch((error: unknown) => {
      if (error instanceof ConnectionError) return error
      throw error
    }).finally(cancel)
    const now = clock.now()
    const exchanged = { request, text, tookMs: now - startedAt }
    return answer instanceof ConnectionError
      ? { ...exchanged, answer: undefined, failure: answer, opened: undefined }
      : { ...exchanged, answer, failure: undefined, opened: openReply(answer, credentials, { nonce, now }) }
  }

  const seal = (text: string, own: Partial<Credentials> = {}) =>
    createEnvelope({ ...credentials, ...own }).seal(text, String(Math.floor(clock.now() / 1000)), String(randomInt(1e9, 1e10)))

  return {
    async get (digits, { query = {}, padding, isWanted = isPlain } = {}) {
      const text = digits + '1'.repeat(missing(digits, credentials.receiveId, padding))
      let sealed = seal(text)
      while (!isWanted(sealed.encrypt)) sealed = seal(text)
      const { signature, timestamp, nonce, encrypt } = sealed
      const fields = { msg_signature: signature, timestamp, nonce, echostr: encrypt, ...query }
      return await exchange(text, { method: 'GET', query: queryOf(fields), headers: {} }, nonce)
    },

    async post (message, sender, { credentials: own = {}, query = {}, body, padding, contentType = 'application/json' } = {}) {
      const { msgid = freshMsgid(), ...more } = message
      const whole = { msgid, ...commonFields('simulated-bot', sender), ...more }
      const letters = missing(JSON.stringify(whole), { ...credentials, ...own }.receiveId, padding)
      const text = JSON.stringify({ ...whole, msgid: String(msgid) + 'A'.repeat(letters) })
      const { signature, timestamp, nonce, encrypt } = seal(text, own)
      const sealed = body ?? JSON.stringify({ encrypt })
      const type = contentType === '' ? {} : { 'content-type': contentType }
      const fields = { msg_signature: signature, timestamp, nonce, ...query }
      return await exchange(text, {
        method: 'POST', query: queryOf(fields), headers: { ...type, 'content-length': String(Buffer.byteLength(sealed)) }, body: sealed
      }, nonce)
    }
  }
}

const queryOf = (fields: Record<string, string | undefined>): Outgoing['query'] =>
  Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined)

const isPlain = (sealed: string): boolean => !sealed.includes('+')

/** How many letters a text needs more so that its padding is the wanted one, or an easy one. */
function missing (text: string, receiveId: string, wanted: number | undefined): number {
  const padding = BLOCK_BYTES - (20 + Buffer.byteLength(text) + Buffer.byteLength(receiveId)) % BLOCK_BYTES
  return wanted === undefined ? Math.max(0, padding - EASY_PADDING) : (padding - wanted + BLOCK_BYTES) % BLOCK_BYTES
}

/** The `stream` of a reply. */
export function streamOf ({ opened }: Wire): Record<string, unknown> | undefined {
  const stream = opened?.reply?.['stream']
  return isObject(stream) ? stream : undefined
}

export const contentOf = (wire: Wire): string => {
  const content = streamOf(wire)?.['content']
  return typeof content === 'string' ? content : ''
}

export const isFinal = (wire: Wire): boolean => streamOf(wire)?.['finish'] === true

/** Whether the decrypted text came back, perhaps as a number. */
export const isEchoed = ({ answer, text }: Wire): boolean => answer !== undefined &&
  (answer.body.includes(text) || Number(answer.body) === Number(text))

export const isTaken = ({ statusCode }: Answer): boolean => statusCode >= 200 && statusCode < 300

/** "Reply with an empty package", say the documents, and give no bytes: these three are in use. */
export const isEmptyReply = ({ answer, opened }: Wire): boolean => answer !== undefined && isTaken(answer) &&
  (['', 'success'].includes(answer.body.trim()) || (opened?.reply !== undefined && Object.keys(opened.reply).length === 0))
