import type { OutboundAnswer } from '../../lib/outbound/exchange.ts'
import type { LoopbackRequest } from '../../lib/outbound/loopback.ts'
import type { Playground } from '../../lib/playground/playground.ts'

/** What the bot asks of WeCom by itself: a file, or that an active reply be shown. Undefined for anything else. */
export function botRequest (playground: Playground, base: string, { method, path, body }: LoopbackRequest): OutboundAnswer | undefined {
  const { pathname, searchParams } = new URL(path, 'http://localhost')
  if (method === 'GET') {
    const folder = `${base}/media/`
    const media = pathname.startsWith(folder) ? playground.sealedMedia(pathname.slice(folder.length)) : undefined
    return media && { headers: { ...media.headers, 'content-length': String(media.headers['content-length']) }, body: media.body }
  }
  if (pathname !== `${base}/response`) return undefined
  const answer = playground.activeReply(searchParams.get('code') ?? '', String(body ?? ''))
  return { headers: { 'content-type': 'application/json; charset=utf-8' }, body: Buffer.from(JSON.stringify(answer)) }
}
