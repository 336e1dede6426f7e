import { abortable } from '../../util/abortable.ts'
import type { Clock } from '../../util/clock.ts'
import type { ReplyPart, Usage } from '../source.ts'
import { readChunk } from './chunk.ts'
import type { AttemptFacts } from './failure.ts'
import { readFailure } from './failure.ts'
import { UpstreamError } from './upstream-error.ts'

/** After the finish reason only the usage and `[DONE]` are left to wait for; some servers never close. */
const TAIL_MS = 1_000
const FAILED_FINISHES = ['error', 'insufficient_system_resource', 'abort']
const TOOL_FINISHES = ['tool_calls', 'function_call']

export interface AnswerOptions {
  clock: Clock
  /** Ends the request; aborted here when the answer is complete and the stream stays open. */
  attempt: AbortController
  /** Aborted when nobody wants the answer any more. */
  stop: AbortSignal
  allowMissingFinish: boolean
  /** Kept up to date while the answer is read. */
  facts: AttemptFacts
}

/** Turns the events of one response into parts of a reply. Ends with an `end` part, or throws. */
export async function * readAnswer (events: AsyncIterable<unknown>, options: AnswerOptions): AsyncGenerator<string | ReplyPart> {
  const { clock, attempt, stop, facts } = options
  const startedAt = clock.now()
  const iterator = events[Symbol.asyncIterator]()
  let hasText = false
  let hasToolCalls = false
  let usage: Usage | undefined
  let cancelTail: (() => void) | undefined

  try {
    while (true) {
      // An aborted stream of the SDK goes on with what it has buffered, and then ends as if it were complete.
      const next = await abortable(iterator.next(), attempt.signal)
      if (next.done === true) break

      const chunk = readChunk(next.value)
      if (chunk.error !== undefined) throw new UpstreamError('UPSTREAM_ERROR', chunk.error)
      facts.chunks++
      hasToolCalls ||= chunk.toolCalls
      usage = chunk.usage ?? usage
      if (chunk.finish !== undefined) {
        facts.finishReason = chunk.finish
        cancelTail ??= clock.setTimeout(() => attempt.abort(), TAIL_MS)
      }
      if (chunk.reasoning !== '' || chunk.text !== '') facts.timeToFirstTokenMs ??= Math.round(clock.now() - startedAt)
      if (chunk.reasoning !== '') yield { type: 'reasoning', text: chunk.reasoning }
      if (chunk.text !== '') {
        hasText ||= chunk.text.trim() !== ''
        yield chunk.text
      }
      // Within the answer even a chunk without text shows that the provider is alive.
      if (chunk.text === '' && chunk.reasoning === '' && hasText && facts.finishReason === undefined) yield ''
    }
  } catch (error) {
    // With the finish reason the answer is whole, whatever then happens to the connection.
    const isWhole = facts.finishReason !== undefined && readFailure(error, clock.now()).reason !== 'UPSTREAM_ERROR'
    if (stop.aborted || !isWhole) throw error
  } finally {
    cancelTail?.()
    iterator.return?.().catch(() => {})
  }

  const finish = facts.finishReason ?? (options.allowMissingFinish && (hasText || hasToolCalls) ? 'stop' : undefined)
  if (finish === undefined) throw new UpstreamError('UPSTREAM_TRUNCATED')
  if (finish === 'content_filter') throw new UpstreamError('CONTENT_FILTER')
  if (FAILED_FINISHES.includes(finish)) throw new UpstreamError('UPSTREAM_ERROR')
  if (!hasText && (hasToolCalls || TOOL_FINISHES.includes(finish))) throw new UpstreamError('UNSUPPORTED_TOOL_CALL')
  yield { type: 'end', reason: finish === 'length' ? 'length' : 'stop', ...(usage !== undefined && { usage }) }
}
