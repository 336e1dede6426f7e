import * as http from 'node:http'
import * as https from 'node:https'
import { buffer } from 'node:stream/consumers'
import type { SecureContext } from 'node:tls'
import { InputError } from '../util/errors.ts'

export type Headers = Record<string, string | string[] | number | undefined>

/** What `inject()` of a Fastify instance is asked and gives: the part that is used here. */
export interface InjectApp {
  inject (request: {
    method: 'GET' | 'POST'
    url: string
    headers: Record<string, string>
    payload?: string | Buffer
    signal: AbortSignal
  }): PromiseLike<{ statusCode: number, headers: Headers, body: string }>
}

/** The address of a callback route, an app that is called without a socket, or a function that carries each request to it. */
export type SimulatorTarget = string | URL | { app: InjectApp, path: string } | Deliver

export interface Outgoing {
  method: 'GET' | 'POST'
  query: ReadonlyArray<readonly [name: string, value: string]>
  headers: Record<string, string>
  body?: string | Buffer
}

export interface Answer {
  statusCode: number
  headers: Headers
  body: string
}

/** The other side could not be reached, or went away before its answer was complete. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

/** Rejects with the signal's reason as soon as it is aborted, and leaves no socket behind then. One signal serves one request. */
export type Deliver = (request: Outgoing, signal: AbortSignal) => Promise<Answer>

export function createTransport (target: SimulatorTarget): Deliver {
  const exchange = exchangeWith(target)

  return async (request, signal) => {
    signal.throwIfAborted()
    // An injected app may know nothing of signals, or take its time.
    const left = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    return Promise.race([left, exchange(request, signal)])
  }
}

function exchangeWith (target: SimulatorTarget): Deliver {
  if (typeof target === 'function') return target
  return typeof target === 'string' || target instanceof URL ? overHttp(parseAddress(target)) : overInject(target)
}

function parseAddress (target: string | URL): URL {
  const address = URL.canParse(String(target)) ? new URL(target) : undefined
  if (address === undefined || !/^https?:$/.test(address.protocol)) {
    throw new InputError('target must be an http or https URL, or an app and the path of its callback')
  }
  return address
}

/** Over sockets. The context holds the authorities to believe, if they are not the usual ones. */
export const overHttp = (address: URL, secureContext?: SecureContext): Deliver => (request, signal) => new Promise((resolve, reject) => {
  const fail = (cause: NodeJS.ErrnoException): void => reject(new ConnectionError(`the connection failed (${cause.code})`, { cause }))
  const { request: open } = address.protocol === 'https:' ? https : http
  // `agent: false` means a connection of its own: one that is kept alive would hold up the server's close().
  const { method, headers } = request
  const options = { method, headers, agent: false as const, signal, ...(secureContext && { secureContext }) }
  const outgoing = open(withQuery(address, request.query), options, incoming => {
    const { statusCode, headers } = incoming
    buffer(incoming).then(body => resolve({ statusCode: statusCode as number, headers, body: body.toString() }), fail)
  })
  outgoing.on('error', fail)
  outgoing.end(request.body)
})

const overInject = ({ app, path }: { app: InjectApp, path: string }): Deliver => async ({ method, query, headers, body }, signal) => {
  const { pathname, search } = withQuery(new URL(path, 'http://localhost'), query)
  const answer = await app.inject({ method, url: pathname + search, headers, signal, ...(body === undefined ? {} : { payload: body }) })
  return { statusCode: answer.statusCode, headers: answer.headers, body: answer.body }
}

function withQuery (address: URL, query: Outgoing['query']): URL {
  const url = new URL(address)
  for (const [name, value] of query) url.searchParams.append(name, value)
  return url
}
