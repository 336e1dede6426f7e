import { Buffer } from 'node:buffer'
import type { Exchange } from '../simulator/post.ts'
import { isObject } from '../util/objects.ts'
import type { ExchangeDetail, ExchangeHead } from './model.ts'

type Recorded = [head: Omit<ExchangeHead, 'n'>, detail: ExchangeDetail]

/** Makes lines of the inspector of what one message or event brings about. */
export function createExchangeReader (entry?: string): (exchange: Exchange) => Recorded {
  let shown = 0

  return ({ at, tookMs, tries, text, request, answer, reply, problems }) => {
    const requestBody = String(request.body ?? '')
    const replyBody = answer?.body ?? ''
    const head: Omit<ExchangeHead, 'n'> = {
      at,
      tookMs,
      kind: kindOf(request.method, text),
      from: 'wecom',
      ...(entry !== undefined && { entry }),
      tries,
      status: answer?.statusCode ?? 0,
      requestBytes: Buffer.byteLength(requestBody),
      replyBytes: Buffer.byteLength(replyBody),
      problems
    }
    const stream: unknown = reply?.['stream']
    if (isObject(stream)) {
      head.contentBytes = Buffer.byteLength(String(stream['content'] ?? ''))
      head.grewBytes = head.contentBytes - shown
      head.finish = stream['finish'] === true
      shown = head.contentBytes
    }
    return [head, {
      query: Object.fromEntries(request.query),
      requestBody,
      requestText: text,
      replyBody,
      replyText: reply === undefined ? '' : JSON.stringify(reply)
    }]
  }
}

function kindOf (method: string, text: string): ExchangeHead['kind'] {
  if (method === 'GET') return 'verify'
  const { msgtype } = JSON.parse(text) as { msgtype?: unknown }
  if (msgtype === 'event') return 'event'
  return msgtype === 'stream' ? 'refresh' : 'message'
}
