import { decrypt, encrypt, getSignature } from '@wecom/crypto'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { credentials, LOGGER, path, textOf } from './settings.ts'

export interface Shown {
  /** How long the text in each frame is; 0 shows the id alone. */
  bytes: number
  /** Whether each frame has another text. */
  changing: boolean
}

const { token, encodingAESKey, receiveId } = credentials
const COUNTER_DIGITS = 8

interface Callback {
  Querystring: { msg_signature: string, timestamp: string, nonce: string }
  Body: { encrypt: string }
}

/**
 * The least that any answer to WeCom costs: AES, SHA-1, JSON and Fastify with a logger, without a stream behind it. What it
 * does is frozen, as all ratios are to it: each later change of it stands in test/README.md, with the ratios before and after.
 */
export function buildFloor (): { app: FastifyInstance, show: (shown: Shown) => void } {
  const app = Fastify({ logger: LOGGER })
  let text = ''
  let stem: string | undefined
  let frames = 0

  // JSON is built once for each content.
  const textNow = (): string =>
    stem === undefined ? text : contentOf(stem + String(frames++).padStart(COUNTER_DIGITS, '0'))

  app.post<Callback>(path, async (request, reply) => {
    const { msg_signature: signature, timestamp, nonce } = request.query
    const { encrypt: sealed } = request.body
    if (getSignature(token, timestamp, nonce, sealed) !== signature) return await reply.code(401).send()
    const message = JSON.parse(decrypt(encodingAESKey, sealed).message)
    const frame = `{"msgtype":"stream","stream":{"id":${JSON.stringify(message.stream?.id ?? message.msgid)}${textNow()}}}`
    const encrypted = encrypt(encodingAESKey, frame, receiveId)
    const now = Math.floor(Date.now() / 1000)
    const msgsignature = getSignature(token, String(now), nonce, encrypted)
    return await reply.type('application/json').send(JSON.stringify({ encrypt: encrypted, msgsignature, timestamp: now, nonce }))
  })

  return {
    app,
    show ({ bytes, changing }) {
      text = bytes === 0 ? '' : contentOf(textOf(bytes))
      stem = changing ? textOf(bytes - COUNTER_DIGITS) : undefined
    }
  }
}

const contentOf = (text: string): string => `,"finish":false,"content":${JSON.stringify(text)}`
