import type { Clock } from '../../../util/clock.ts'
import { abortable } from '../../../util/waiting.ts'
import { readEvents, typeOf } from './body-events.ts'
import { isPage, readErrorBody } from './error-body.ts'
import { UpstreamError } from './upstream-error.ts'

const ERROR_BODY_MAX_BYTES = 64 * 1024
const ERROR_BODY_TIMEOUT_MS = 5_000
/** The SDK adds headers out of the environment, which is not ours to read, and describes the machine. */
const SENT_HEADERS = ['accept', 'authorization', 'content-type', 'user-agent']

export interface GuardOptions {
  fetch: typeof fetch
  clock: Clock
  /** Of the one request that this guard is for. Aborted with the reason when the guard ends it. */
  attempt: AbortController
  headersTimeoutMs: number
  maxBytes: number
}

export interface GuardedFetch {
  fetch: typeof fetch
  /** What is known of the response so far. */
  seen: Seen
}

export interface Seen {
  bytes: number
  requestId?: string
  /** What the response said that it is, unless it said that it is an event stream. */
  contentType?: string
  /** Events that were none. */
  skipped?: number
  /** What was asked, without its query, if it may be the wrong address. */
  address?: string
}

/**
 * A `fetch` for exactly one streaming request, with the limits that the SDK lacks: time until the headers, and bytes of
 * the body. Its body holds events that the SDK can read, and no others. Bodies of errors come buffered, cut in size and time.
 */
export function guardFetch (options: GuardOptions): GuardedFetch {
  const { clock, attempt, headersTimeoutMs, maxBytes } = options
  const { signal } = attempt
  const seen: Seen = { bytes: 0 }

  async function guarded (...[url, init]: Parameters<typeof fetch>): Promise<Response> {
    const response = await head(options.fetch(url, { ...init, headers: onlySent(init?.headers), signal }))
    const requestId = response.headers.get('x-request-id')
    if (requestId !== null) seen.requestId = requestId

    if (!response.ok) {
      const text = await readStart(response)
      if (response.status === 404 || response.status === 405 || isPage(text)) seen.address = addressOf(url)
      return errorResponse(response, text)
    }
    const label = response.headers.get('content-type')
    if (typeOf(label) !== 'text/event-stream') seen.contentType = typeOf(label) ?? 'none'
    const fail = (error: UpstreamError): void => {
      if (error.reason === 'NOT_SSE') seen.address = addressOf(url)
      attempt.abort(error)
    }
    if (response.body !== null) {
      const events = readEvents({ label, fail, skipped: () => { seen.skipped = (seen.skipped ?? 0) + 1 } })
      return new Response(response.body.pipeThrough(counted()).pipeThrough(events, { signal }), response)
    }
    const reason = new UpstreamError('NOT_SSE')
    fail(reason)
    throw reason
  }

  async function head (work: Promise<Response>): Promise<Response> {
    const cancel = clock.setTimeout(() => attempt.abort(new UpstreamError('HEADERS_TIMEOUT')), headersTimeoutMs)
    // A fetch of the host's may not obey the signal: what it delivers too late is closed here.
    work.then(response => { if (signal.aborted) discard(response.body) }, () => {})
    return await abortable(work, signal).catch(error => {
      // The SDK keeps no cause of what it takes for a time-out.
      attempt.abort(error)
      throw error
    }).finally(cancel)
  }

  function counted (): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform (bytes, controller) {
        seen.bytes += bytes.byteLength
        if (seen.bytes <= maxBytes) return controller.enqueue(bytes)
        attempt.abort(new UpstreamError('TOO_MANY_BYTES'))
      }
    })
  }

  /** As much of a body as is needed to learn what went wrong; whatever stops the reading, the start is kept. */
  async function readStart (response: Response): Promise<string> {
    if (response.body === null) return ''
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    let text = ''
    const cancel = clock.setTimeout(() => { reader.cancel().catch(() => {}) }, ERROR_BODY_TIMEOUT_MS)
    try {
      while (text.length < ERROR_BODY_MAX_BYTES) {
        const { done, value } = await abortable(reader.read(), signal)
        if (done) break
        seen.bytes += value.byteLength
        text += decoder.decode(value, { stream: true })
      }
    } catch {
      // The status or the content type says enough.
    } finally {
      cancel()
      reader.cancel().catch(() => {})
    }
    return text.slice(0, ERROR_BODY_MAX_BYTES)
  }

  return { fetch: guarded, seen }
}

function onlySent (init: ConstructorParameters<typeof Headers>[0]): Headers {
  const all = new Headers(init)
  const sent = new Headers()
  for (const name of SENT_HEADERS) {
    const value = all.get(name)
    if (value !== null) sent.set(name, value)
  }
  return sent
}

function addressOf (url: Parameters<typeof fetch>[0]): string {
  const { origin, pathname } = new URL(String(url))
  return origin + pathname
}

/** The SDK looks for `{ error: … }` alone; others put code and message at the top. */
function errorResponse (response: Response, text: string): Response {
  const fault = readErrorBody(text)
  const body = fault === undefined ? '' : JSON.stringify({ error: fault })
  const { status, headers } = response
  return new Response(response.body === null ? null : body, { status, headers })
}

function discard (body: ReadableStream | null): void {
  body?.cancel().catch(() => {})
}
