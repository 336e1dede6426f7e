import type { QueueStore } from '../stores/queues.ts'
import type { Clock } from '../util/clock.ts'
import { startHeartbeat } from '../util/waiting.ts'

export interface QueueWatchOptions {
  clock: Clock
  lines: Pick<QueueStore, 'read' | 'leave'>
  /** Whether a stream has ended, or is unknown. To be asked is what has it taken over where its process is gone. */
  isOver: (id: string) => Promise<boolean>
}

/** An answer that is over keeps its place for a moment, until it has been remembered. */
const LOOK_MS = 5000

/** Gives up the first place of a line for a process that is gone, until the returned function is called. */
export function watchQueue ({ clock, lines, isOver }: QueueWatchOptions, key: string): () => void {
  let wasOver: string | undefined

  async function look (): Promise<void> {
    const [first] = await lines.read(key)
    if (first === undefined || !await isOver(first)) return
    if (first === wasOver) await lines.leave(key, first)
    wasOver = first
  }

  // What is away now is looked for again.
  return startHeartbeat(clock, LOOK_MS, () => { look().catch(() => {}) })
}
