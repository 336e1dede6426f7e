import { randomInt } from 'node:crypto'
import { encrypt, getSignature } from '@wecom/crypto'
import { type Clock, wallClock } from '../util/clock.ts'
import { InputError } from '../util/errors.ts'
import { sleep } from '../util/waiting.ts'
import { createEnvelope } from '../wecom/envelope.ts'
import type { Sealed } from '../wecom/envelope.ts'
import { converse, type SendOptions, type SimulatedMessage, type Transcript } from './conversation.ts'
import { tell } from './event.ts'
import type { EventOptions, SimulatedEvent } from './event.ts'
import type { Placeholders } from './frame-check.ts'
import type { Exchange, PostOverrides, PostResult } from './post.ts'
import { createReplyReader } from './reply.ts'
import { ConnectionError, createTransport, type Answer, type Outgoing, type SimulatorTarget } from './transport.ts'

/** Connection failures and time-outs are tried again, other answers are not (document 90930). */
const MAX_TRIES = 3
/** URL verification has to be answered within a second (document 101033). */
const VERIFY_LIMIT_MS = 1000

export interface SimulatorOptions {
  /** The address of the callback route, a Fastify instance and the path of its callback, or a function that carries each request to it. */
  target: SimulatorTarget
  token: string
  encodingAESKey: string
  /** Default `''`, as for a bot that the company made itself (document 101033). */
  receiveId?: string
  /** The `aibotid` of every message; default `simulated-bot`. */
  bot?: string
  /** Drives every wait, time-out and timestamp; default the system's. */
  clock?: Clock
  /** From an answer to the next refresh, and from a broken connection to the next try; default 1000. */
  refreshMs?: number
  /** What is unanswered by then is dropped and tried again at once, 3 tries in all; default 5000. */
  timeoutMs?: number
  /** From the user's message to the moment when it is refreshed no more; default 360,000 (document 100719). */
  giveUpMs?: number
  /** The bot's own placeholders, if the host has replaced them. */
  texts?: Placeholders
  /** Called with each request and its answer, the tries that fail among them. */
  onExchange?: (exchange: Exchange) => void
}

export interface VerifyResult {
  ok: boolean
  /** 0 if nobody answered. */
  statusCode: number
  body: string
  tookMs: number
  problems: string[]
}

/** WeCom as a bot sees it. Nothing of it is left running once a method has settled. */
export interface Simulator {
  /** Asks once for the URL verification that precedes the saving of the callback settings (document 101033). */
  verify (): Promise<VerifyResult>
  /**
   * Seals and posts one message; a string is sealed as it stands. Each try is sealed anew. Rejects when the signal is
   * aborted or an app that is called without a socket fails to boot, and never because of what the bot answers.
   */
  post (message: object | string, overrides?: PostOverrides): Promise<PostResult>
  /**
   * Holds a conversation as WeCom would (documents 100719 and 101031): posts the message and refreshes it until an
   * answer has `finish: true`, the time is over, or the signal is aborted; none of these rejects. A string is a text.
   */
  send (content: string | SimulatedMessage, options?: SendOptions): Promise<Transcript>
  /** Posts an event as WeCom would (document 101027), and judges what is replied to it; `reply` is undefined for the empty one. */
  event (event: SimulatedEvent, options?: EventOptions): Promise<PostResult>
}

/** Throws an `InputError` if the target is none, or token or key are missing, as they are when their variable is not set. */
export function createSimulator (options: SimulatorOptions): Simulator {
  checkCredentials(options)
  const { target, token, encodingAESKey, receiveId = '', bot = 'simulated-bot', clock = wallClock } = options
  const { refreshMs = 1000, timeoutMs = 5000, giveUpMs = 360_000, texts, onExchange } = options
  const envelope = createEnvelope({ token, encodingAESKey, receiveId })
  const deliver = createTransport(target)
  const readReply = createReplyReader(envelope)
  const late = `no answer within ${timeoutMs} ms`

  // What WeCom sends is sealed by its own package, and opened by this one: neither can hide a fault of the other.
  function seal (text: string, nonce = String(randomInt(1e9, 1e10)), time: string | number = Math.floor(clock.now() / 1000)): Sealed {
    const encrypted = encrypt(encodingAESKey, text, receiveId)
    return { encrypt: encrypted, timestamp: String(time), nonce, signature: getSignature(token, String(time), nonce, encrypted) }
  }

  /** Returns the answer, or the sentence that says why there was none. */
  function attempt (request: Outgoing, signal?: AbortSignal): Promise<Answer | string> {
    const cut = new AbortController()
    const cancel = clock.setTimeout(() => cut.abort(late), timeoutMs)
    const leave = (): void => cut.abort(signal?.reason)
    if (signal?.aborted === true) leave()
    signal?.addEventListener('abort', leave, { once: true })
    return deliver(request, cut.signal).catch((error: unknown) => {
      if (error === late) return late
      if (error instanceof ConnectionError) return error.message
      throw error
    }).finally(() => {
      cancel()
      signal?.removeEventListener('abort', leave)
    })
  }

  async function verify (): Promise<VerifyResult> {
    const echo = String(randomInt(1e9, 1e10)) + String(randomInt(1e8, 1e9))
    const { signature, timestamp, nonce, encrypt } = seal(echo)
    const query = [['msg_signature', signature], ['timestamp', timestamp], ['nonce', nonce], ['echostr', encrypt]] as const
    const startedAt = clock.now()
    const request: Outgoing = { method: 'GET', query, headers: {} }
    const answer = await attempt(request)
    const tookMs = clock.now() - startedAt
    const exchange = { at: startedAt, tookMs, tries: 1, text: echo, request, reply: undefined }
    if (typeof answer === 'string') {
      onExchange?.({ ...exchange, answer: undefined, problems: [answer] })
      return { ok: false, statusCode: 0, body: '', tookMs, problems: [answer] }
    }

    const { statusCode, body } = answer
    const problems: string[] = []
    if (statusCode !== 200) problems.push(`status ${statusCode} instead of 200`)
    else if (body !== echo) problems.push(`the body is not the plaintext of echostr${difference(body, echo)}`)
    if (tookMs > VERIFY_LIMIT_MS) problems.push(`answered after ${Math.round(tookMs)} ms, later than ${VERIFY_LIMIT_MS} ms`)
    onExchange?.({ ...exchange, answer, problems })
    return { ok: problems.length === 0, statusCode, body, tookMs, problems }
  }

  async function post (message: object | string, overrides: PostOverrides = {}): Promise<PostResult> {
    const { signal, lose } = overrides
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    const problems: string[] = []
    const firstAt = clock.now()
    let pauseMs = 0
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      if (pauseMs > 0) await sleep(clock, pauseMs, signal)
      const sealed = seal(text, overrides.nonce, overrides.timestamp)
      const startedAt = clock.now()
      const request = envelopeRequest(sealed, overrides)
      const answer = await attempt(request, signal)
      const now = clock.now()
      const exchange = { at: startedAt, tookMs: now - startedAt, tries, text, request }
      if (typeof answer === 'string') {
        problems.push(`try ${tries} of ${MAX_TRIES}: ${answer}`)
        onExchange?.({ ...exchange, answer: undefined, reply: undefined, problems: [answer] })
      } else {
        const { reply, problems: faults } = readReply(answer, { nonce: sealed.nonce, now })
        onExchange?.({ ...exchange, answer, reply, problems: faults })
        const result = { ...answer, reply, tookMs: now - startedAt, tries, problems: [...problems, ...faults] }
        if (lose?.(result) !== true) return result
        problems.push(...faults)
      }
      pauseMs = answer === late ? 0 : refreshMs
    }
    return { statusCode: 0, headers: {}, body: '', reply: undefined, tookMs: clock.now() - firstAt, tries: MAX_TRIES, problems }
  }

  return {
    verify,
    post,
    send: (content, sendOptions = {}) => {
      const message = typeof content === 'string' ? { msgtype: 'text', text: { content } } : content
      return converse({ post, clock, bot, giveUpMs, texts }, message, { refreshMs, ...sendOptions })
    },
    event: (event, eventOptions = {}) => tell({ post, clock, bot }, event, eventOptions)
  }
}

function envelopeRequest (
  { signature, timestamp, nonce, encrypt }: { signature: string, timestamp: string, nonce: string, encrypt: string },
  { query = {}, body = JSON.stringify({ encrypt }), contentType = 'application/json' }: PostOverrides
): Outgoing {
  const fields = Object.entries({ msg_signature: signature, timestamp, nonce, ...query })
  return {
    method: 'POST',
    query: fields.flatMap(([name, value = []]) => [value].flat().map(each => [name, each] as const)),
    headers: { ...(contentType === false ? {} : { 'content-type': contentType }), 'content-length': String(Buffer.byteLength(body)) },
    body
  }
}

/** Names the usual ways to spoil the answer: a serialiser's quotes, a BOM, a newline. */
function difference (body: string, echo: string): string {
  if (body.replace(/^\uFEFF/, '') === echo) return ': it begins with a byte order mark'
  if (body.trim() === echo) return ': there is white space around it'
  if (body.trim() === JSON.stringify(echo)) return ': it stands in quotes'
  return Number(body) === Number(echo) ? ': it went through a JavaScript number' : ''
}

function checkCredentials (options: SimulatorOptions): void {
  for (const name of ['token', 'encodingAESKey'] as const) {
    const value: unknown = options[name]
    if (typeof value === 'string' && value !== '') continue
    const variable = { token: 'WECOM_TOKEN', encodingAESKey: 'WECOM_ENCODING_AES_KEY' }[name]
    throw new InputError(`${name} is ${value === '' ? 'empty' : `of type ${typeof value}`}, expected that of the bot: is ${variable} set?`)
  }
}
