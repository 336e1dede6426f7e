import { PassThrough } from 'node:stream'
import type { Playground } from '../../lib/playground/playground.ts'

/** What a page that does not keep up may have waiting beyond its first look; it gets everything anew when it comes back. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024

/** Everything that is there, and then what happens, as server-sent events. */
export function openFeed (playground: Playground, maxWaitingBytes = MAX_WAITING_BYTES): PassThrough {
  const feed = new PassThrough()
  const write = (event: unknown): void => { feed.write(`data: ${JSON.stringify(event)}\n\n`) }
  write({ type: 'snapshot', snapshot: playground.snapshot() })
  const limit = feed.writableLength + maxWaitingBytes
  const leave = playground.subscribe(event => {
    if (feed.writableLength > limit) feed.destroy()
    else write(event)
  })
  feed.on('close', leave)
  return feed
}
