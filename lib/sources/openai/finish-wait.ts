import type { Clock } from '../../util/clock.ts'
import type { ChunkFacts } from './wire/chunk.ts'
import { endingOf } from './wire/endings.ts'
import { UpstreamError } from './wire/upstream-error.ts'

/** After the finish reason only the usage and `[DONE]` are left to wait for; some servers never close. */
export const TAIL_MS = 1_000
/** Ours comes before the idle clock of the streams, which would call it a time-out. */
const LEAD_MS = 100
/** Some servers say `stop` in their very first chunk, without text, and begin to answer some seconds later. */
const EARLY_TAIL_MS = 5_000

export interface FinishWait {
  /** Takes note of a chunk. */
  see (chunk: Pick<ChunkFacts, 'text' | 'reasoning' | 'finish'>): void
  /** The finish reason, in the provider's word. */
  readonly reason: string | undefined
  /** Text came with or after it: on this answer it proves nothing, and only `[DONE]` or the end of the body do. */
  readonly isUnproved: boolean
  stop (): void
}

/** How long to wait for the rest once there is a finish reason. Ends the attempt, with an error if the answer may be cut. */
export function createFinishWait ({ clock, attempt, idleMs }: { clock: Clock, attempt: AbortController, idleMs: number }): FinishWait {
  let reason: string | undefined
  let isUnproved = false
  let chunks = 0
  /** The reason came in the first chunk, and no text with it. */
  let isEarly = false
  let cancel: (() => void) | undefined

  function wait (): void {
    cancel?.()
    cancel = isUnproved
      ? clock.setTimeout(() => attempt.abort(new UpstreamError('FINISH_UNPROVED')), idleMs - Math.min(LEAD_MS, idleMs / 2))
      : clock.setTimeout(() => attempt.abort(), isEarly ? EARLY_TAIL_MS : TAIL_MS)
  }

  return {
    see ({ text, reasoning, finish }) {
      const isFirst = reason === undefined && finish !== undefined
      reason = finish ?? reason
      if (++chunks === 1) isEarly = isFirst && text === '' && endingOf(finish) === 'whole'
      if (reason === undefined) return
      isUnproved ||= text !== ''
      if (isFirst || isUnproved || reasoning !== '') wait()
    },
    get reason () { return reason },
    get isUnproved () { return isUnproved },
    stop: () => cancel?.()
  }
}
