import { Agent, request as ask } from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../clock.ts'
import { abortable } from '../sources/abortable.ts'
import { MediaError } from './error.ts'
import { readBytes, tooLarge } from './read-bytes.ts'
import type { Target } from './target.ts'

export interface DownloadOptions {
  /** Bytes of the body. */
  limit: number
  /** For the whole of it: name, connection, head and body. */
  timeoutMs: number
  clock: Clock
  /** See `guardLookup`. */
  lookup: LookupFunction
  ca?: string | Buffer | Array<string | Buffer> | undefined
}

export interface Download {
  data: Buffer
  /** The `Content-Disposition` header. */
  disposition: string | undefined
}

/**
 * One GET without redirects, cookies, compression, proxies or a kept connection. Rejects with a `MediaError`, or with the signal's reason
 * when it is aborted; either way the socket is closed by then.
 */
export function download (target: Target, options: DownloadOptions, signal: AbortSignal): Promise<Download> {
  const { clock, timeoutMs } = options
  const end = new AbortController()
  const leave = (): void => end.abort(signal.reason)
  const cancel = clock.setTimeout(() => end.abort(new MediaError('TIMEOUT', 'it took too long')), timeoutMs)
  signal.addEventListener('abort', leave, { once: true })
  // An agent of our own heeds no proxy of the environment, and closing it closes the socket in whatever state. Without a session to
  // resume, the name in the certificate is checked each time.
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0 })
  return abortable(receive(target, agent, options), end.signal)
    .catch((error: unknown) => { throw end.signal.aborted ? end.signal.reason : asMediaError(error) })
    .finally(() => {
      cancel()
      signal.removeEventListener('abort', leave)
      agent.destroy()
    })
}

async function receive (target: Target, agent: Agent, { limit, lookup, ca }: DownloadOptions): Promise<Download> {
  const response = await answerTo(ask({
    ...target,
    agent,
    lookup,
    ca,
    // Said outright, so that no variable of the environment can say otherwise.
    rejectUnauthorized: true,
    headers: { accept: '*/*', 'accept-encoding': 'identity' }
  }))
  checkHead(response, limit)
  return { data: await readBytes(response, limit), disposition: response.headers['content-disposition'] }
}

function answerTo (request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
    // The only sign of a host that answers with a change of protocol.
    request.on('close', () => reject(new MediaError('BROKEN', 'its host closed the connection')))
    request.end()
  })
}

function checkHead ({ statusCode = 0, headers }: IncomingMessage, limit: number): void {
  if (statusCode >= 300 && statusCode < 400) throw new MediaError('REFUSED', 'its host leads elsewhere')
  if (statusCode !== 200) throw new MediaError('BROKEN', `its host answered with status ${statusCode}`)
  // A few bytes could become gigabytes.
  if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) throw new MediaError('REFUSED', 'it is compressed')
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge()
}

/** Errors of the network name the host, its certificate or its address; the code is enough. */
function asMediaError (error: unknown): MediaError {
  if (error instanceof MediaError) return error
  const { code } = error as NodeJS.ErrnoException
  return new MediaError('BROKEN', `the download failed (${code ?? 'no code'})`)
}
