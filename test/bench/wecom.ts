import { randomBytes } from 'node:crypto'
import { open, seal } from '../fixtures/wecom-crypto.ts'
import type { Reply } from './connection.ts'
import { credentials, path } from './settings.ts'
import type { Order } from './source.ts'

const chat = { aibotid: 'bench-bot', chattype: 'single', from: { userid: 'bench-user' } }

type Query = Record<'signature' | 'timestamp' | 'nonce', string>

/** An HTTP request to the callback, ready to be written to a socket. */
export const callbackRequest = ({ signature, timestamp, nonce }: Query, body: string): Buffer =>
  Buffer.from([
    `POST ${path}?msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body
  ].join('\r\n'))

/** As WeCom sends a message now. */
function sealedRequest (message: object): Buffer {
  const { signature, timestamp, nonce, encrypt } =
    seal(credentials, JSON.stringify(message), String(Math.floor(Date.now() / 1000)), randomBytes(8).toString('hex'))
  return callbackRequest({ signature, timestamp, nonce }, JSON.stringify({ encrypt }))
}

const createMsgid = (): string => randomBytes(16).toString('hex')

/** A message with an id of its own; its text tells the source of the bench what to do. */
export const messageRequest = (order: Order, userid = 'bench-user'): Buffer =>
  sealedRequest({
    msgid: createMsgid(),
    ...chat,
    from: { userid },
    // Valid in form. What fits into a bubble calls nobody, and what might not fit has none.
    ...(order.then === 'end' && { response_url: `https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=${createMsgid()}` }),
    msgtype: 'text',
    text: { content: JSON.stringify(order) }
  })

export const refreshRequest = (id: string): Buffer =>
  sealedRequest({ msgid: createMsgid(), ...chat, msgtype: 'stream', stream: { id } })

export interface Frame { id: string, finish: boolean, content: string }

/** The frame in a reply. Throws where it is none that WeCom would take. */
export function frameOf ({ status, body }: Reply): Frame {
  if (status !== 200) throw new Error(`the server answered ${status}: ${body.toString()}`)
  const { encrypt, msgsignature, timestamp, nonce } = JSON.parse(body.toString())
  const text = open(credentials, { encrypt, nonce, timestamp: String(timestamp), signature: msgsignature })
  if (text === undefined) throw new Error('a reply was not sealed for the bot')
  return JSON.parse(text).stream
}
