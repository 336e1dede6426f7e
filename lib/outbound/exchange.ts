import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent, request as ask } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../util/clock.ts'
import { abortable } from '../util/waiting.ts'
import { OutboundError } from './error.ts'
import { readBytes, tooLarge } from './read-bytes.ts'
import type { Target } from './target.ts'

export interface OutboundRequest {
  /** What it is called if it fails. */
  name: string
  method: 'GET' | 'POST'
  headers: Record<string, string | number>
  body?: Buffer
  /** Bytes of the answer's body. */
  limit: number
  /** Asked before the body is read, with its length if the host says so: how many bytes of it may be. Undefined is none. */
  admit?: (length: number | undefined) => number | undefined
}

export interface ExchangeOptions {
  /** For the whole of it: name, connection, request and answer. */
  timeoutMs: number
  clock: Clock
  /** See `guardLookup`. */
  lookup: LookupFunction
  ca?: string | Buffer | Array<string | Buffer> | undefined
}

export interface OutboundAnswer {
  headers: IncomingHttpHeaders
  body: Buffer
}

/**
 * One request, and never a second, without redirects, cookies, compression, proxies or a kept connection. Rejects with an `OutboundError`,
 * or with the signal's reason when it is aborted; either way the socket is closed by then.
 */
export function exchange (
  target: Target, request: OutboundRequest, options: ExchangeOptions, signal: AbortSignal
): Promise<OutboundAnswer> {
  const { clock, timeoutMs } = options
  const end = new AbortController()
  let sent = false
  const onSent = (): void => { sent = true }
  const leave = (): void => end.abort(signal.reason)
  const cancel = clock.setTimeout(() => end.abort(new OutboundError('TIMEOUT', 'it took too long', { sent, transient: true })), timeoutMs)
  signal.addEventListener('abort', leave, { once: true })
  // An agent of our own heeds no proxy of the environment, and closing it closes the socket in whatever state. Without a session to
  // resume, the name in the certificate is checked each time.
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0 })
  return abortable(receive(target, request, agent, options, onSent), end.signal)
    .catch((error: unknown) => { throw end.signal.aborted ? end.signal.reason : asOutboundError(error, request, sent) })
    .finally(() => {
      cancel()
      signal.removeEventListener('abort', leave)
      agent.destroy()
    })
}

async function receive (
  target: Target, request: OutboundRequest, agent: Agent, { lookup, ca }: ExchangeOptions, onSent: () => void
): Promise<OutboundAnswer> {
  const { method, headers, body } = request
  const asked = ask({
    ...target,
    method,
    agent,
    lookup,
    ca,
    // Said outright, so that no variable of the environment can say otherwise.
    rejectUnauthorized: true,
    headers: { ...headers, 'accept-encoding': 'identity' }
  })
  // Before the certificate has been found good, nothing leaves.
  asked.on('socket', socket => socket.on('secureConnect', onSent))
  const response = await answerTo(asked, body)
  return { headers: response.headers, body: await readBytes(response, limitOf(response, request)) }
}

function answerTo (request: ClientRequest, body: Buffer | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
    // The only sign of a host that answers with a change of protocol.
    request.on('close', () => reject(new OutboundError('BROKEN', 'its host closed the connection', { transient: true })))
    request.end(body)
  })
}

/** How many bytes of the body may be read. Throws if none are wanted. */
function limitOf ({ statusCode = 0, headers }: IncomingMessage, request: OutboundRequest): number {
  if (statusCode >= 300 && statusCode < 400) throw new OutboundError('REFUSED', 'its host leads elsewhere')
  if (statusCode !== 200) {
    throw new OutboundError('BROKEN', `its host answered with status ${statusCode}`, { transient: statusCode === 429 || statusCode >= 500 })
  }
  // A few bytes could become gigabytes.
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) throw new OutboundError('REFUSED', 'it is compressed')
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
  return limitFor(length, request)
}

export function limitFor (length: number | undefined, { limit, admit = () => limit }: OutboundRequest): number {
  if (length !== undefined && length > limit) throw tooLarge()
  const granted = admit(length)
  if (granted === undefined) throw new OutboundError('TOO_LARGE', 'there is no room for it')
  return Math.min(limit, granted)
}

/** A certificate that is not the host's, or bytes that are no HTTP, are no better the next time; nor is a host that refuses. */
const BROKEN_CONNECTIONS = new Set<unknown>(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN'])

/** Errors of the network name the host, its certificate or its address; the code is enough. */
function asOutboundError (error: unknown, { name }: OutboundRequest, sent: boolean): OutboundError {
  if (error instanceof OutboundError) return new OutboundError(error.reason, error.message, { sent, transient: error.transient })
  const { code } = error as NodeJS.ErrnoException
  return new OutboundError('BROKEN', `the ${name} failed (${code ?? 'no code'})`, { sent, transient: BROKEN_CONNECTIONS.has(code) })
}
