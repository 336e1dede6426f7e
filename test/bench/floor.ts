import { decrypt, encrypt, getSignature } from '@wecom/crypto'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { credentials, path, textOf } from './settings.ts'

export interface Shown {
  /** How long the text in each frame is. */
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

/** The least that any answer to WeCom costs: AES, SHA-1, JSON and Fastify, without a stream behind it. */
export function buildFloor (): { app: FastifyInstance, show: (shown: Shown) => void } {
  const app = Fastify({ logger: false })
  let content = ''
  let stem: string | undefined
  let frames = 0

  app.post<Callback>(path, async (request, reply) => {
    const { msg_signature: signature, timestamp, nonce } = request.query
    const { encrypt: sealed } = request.body
    if (getSignature(token, timestamp, nonce, sealed) !== signature) return await reply.code(401).send()
    const message = JSON.parse(decrypt(encodingAESKey, sealed).message)
    const text = stem === undefined ? content : stem + String(frames++).padStart(COUNTER_DIGITS, '0')
    const frame = JSON.stringify({ msgtype: 'stream', stream: { id: message.stream?.id ?? message.msgid, finish: false, content: text } })
    const encrypted = encrypt(encodingAESKey, frame, receiveId)
    const now = Math.floor(Date.now() / 1000)
    const msgsignature = getSignature(token, String(now), nonce, encrypted)
    return await reply.type('application/json').send(JSON.stringify({ encrypt: encrypted, msgsignature, timestamp: now, nonce }))
  })

  return {
    app,
    show ({ bytes, changing }) {
      content = textOf(bytes)
      stem = changing ? textOf(bytes - COUNTER_DIGITS) : undefined
    }
  }
}
