import { OutboundError } from './error.ts'
import { limitFor } from './exchange.ts'
import type { OutboundAnswer } from './exchange.ts'
import type { Outbound } from './outbound.ts'
import type { Target } from './target.ts'

export interface LoopbackRequest {
  method: 'GET' | 'POST'
  /** With its query. */
  path: string
  body: Buffer | undefined
}

/**
 * One origin in this process that URLs may lead to besides those that the guard lets through. What is asked of it is asked by a call, so
 * that no address is connected to. No setting and no option leads here: it is made by an app of ours and handed down.
 */
export interface Loopback {
  /** Undefined until somebody serves it. */
  origin: string | undefined
  answer: (request: LoopbackRequest) => Promise<OutboundAnswer | undefined>
}

export const createLoopback = (): Loopback => ({ origin: undefined, answer: async () => undefined })

/** Leaves every URL of another origin to the guard. */
export function withLoopback (outbound: Outbound, loopback: Loopback | undefined): Outbound {
  if (loopback === undefined) return outbound
  const own = new WeakSet<Target>()

  return {
    target (text) {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (url === undefined || url.origin !== loopback.origin || url.username + url.password !== '') return outbound.target(text)
      const target = { hostname: url.hostname, port: Number(url.port), path: url.pathname + url.search }
      own.add(target)
      return target
    },
    async exchange (target, request, signal) {
      if (!own.has(target)) return await outbound.exchange(target, request, signal)
      signal.throwIfAborted()
      const answer = await loopback.answer({ method: request.method, path: target.path, body: request.body })
      if (answer === undefined) throw new OutboundError('BROKEN', 'its host answered with status 404')
      limitFor(answer.body.length, request)
      return answer
    }
  }
}
