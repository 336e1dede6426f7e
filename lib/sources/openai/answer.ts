import type { Clock } from '../../util/clock.ts'
import { abortable } from '../../util/waiting.ts'
import type { ReplyPart, Usage } from '../source.ts'
import { createAdditions } from './cumulative.ts'
import type { CumulativeDeltas } from './cumulative.ts'
import type { AttemptFacts } from './failure.ts'
import { readFailure } from './failure.ts'
import { createFinishWait } from './finish-wait.ts'
import { readChunk } from './wire/chunk.ts'
import { endingOf } from './wire/endings.ts'
import { UpstreamError } from './wire/upstream-error.ts'

/** How long text is held back that may be a cumulative delta. */
const SILENCE_MS = 1_000

export interface AnswerOptions {
  clock: Clock
  /** Ends the request; aborted here when the answer is complete and the stream stays open. */
  attempt: AbortController
  /** Aborted when nobody wants the answer any more. */
  stop: AbortSignal
  allowMissingFinish: boolean
  cumulativeDeltas: CumulativeDeltas
  /** How long a provider may be silent whose finish reason proves nothing. */
  idleMs: number
  /** Kept up to date while the answer is read. */
  facts: AttemptFacts
}

/** Turns the events of one response into parts of a reply. Ends with an `end` part, or throws. */
export async function * readAnswer (events: AsyncIterable<unknown>, options: AnswerOptions): AsyncGenerator<string | ReplyPart> {
  const { clock, attempt, stop, facts, cumulativeDeltas } = options
  const startedAt = clock.now()
  const iterator = events[Symbol.asyncIterator]()
  const text = createAdditions(cumulativeDeltas)
  const thoughts = createAdditions(cumulativeDeltas)
  const finishing = createFinishWait(options)
  let hasText = false
  let hasThoughts = false
  let hasToolCalls = false
  let usage: Usage | undefined

  function * say (reasoning: string, words: string): Generator<string | ReplyPart> {
    if (reasoning !== '' || words !== '') facts.timeToFirstTokenMs ??= Math.round(clock.now() - startedAt)
    hasThoughts ||= reasoning !== ''
    if (reasoning !== '') yield { type: 'reasoning', text: reasoning }
    if (words === '') return
    hasText ||= words.trim() !== ''
    yield words
  }

  function * sayRest (): Generator<string | ReplyPart> {
    yield * say(thoughts.release(), text.release())
    const verdict = text.verdict ?? thoughts.verdict
    if (verdict !== undefined) facts.deltas = verdict
  }

  try {
    let coming = iterator.next()
    while (true) {
      // An aborted stream of the SDK goes on with what it has buffered, and then ends as if it were complete.
      const next = await abortable(text.holds || thoughts.holds ? orSilence(coming, clock) : coming, attempt.signal)
      if (next === undefined) {
        yield * say(thoughts.release(), text.release())
        continue
      }
      if (next.done === true) break

      const chunk = readChunk(next.value)
      if (chunk.error !== undefined) throw new UpstreamError('UPSTREAM_ERROR', chunk.error)
      facts.chunks++
      if (chunk.unknownParts > 0) facts.unknownParts = (facts.unknownParts ?? 0) + chunk.unknownParts
      hasToolCalls ||= chunk.toolCalls
      usage = chunk.usage ?? usage
      finishing.see(chunk)
      if (finishing.reason !== undefined) facts.finishReason = finishing.reason

      const parts = [...say(thoughts.push(chunk.reasoning, chunk.whole), text.push(chunk.text, chunk.whole))]
      yield * parts
      // Within the answer even a chunk without text shows that the provider is alive.
      const isAlive = chunk.reasoning !== '' || (hasText && (finishing.reason === undefined || finishing.isUnproved))
      if (parts.length === 0 && isAlive) yield ''
      coming = iterator.next()
    }
  } catch (error) {
    // With the finish reason the answer is whole, whatever then happens to the connection.
    const isWhole = finishing.reason !== undefined && !finishing.isUnproved && readFailure(error, clock.now()).reason !== 'UPSTREAM_ERROR'
    if (stop.aborted || !isWhole) {
      if (!stop.aborted) yield * sayRest()
      throw error
    }
  } finally {
    finishing.stop()
    iterator.return?.().catch(() => {})
  }

  yield * sayRest()
  const finish = finishing.reason ?? (options.allowMissingFinish && (hasText || hasThoughts || hasToolCalls) ? 'stop' : undefined)
  if (finish === undefined) throw new UpstreamError('UPSTREAM_TRUNCATED')
  const ending = endingOf(finish)
  if (ending === 'filtered') throw new UpstreamError('CONTENT_FILTER')
  if (ending === 'broken' || ending === 'busy') {
    throw new UpstreamError(ending === 'busy' ? 'ENDED_BUSY' : 'ENDED_BROKEN', {}, { beforeText: !hasText })
  }
  if (!hasText && (hasToolCalls || ending === 'tool')) throw new UpstreamError('UNSUPPORTED_TOOL_CALL')
  yield { type: 'end', reason: ending === 'cut' ? 'length' : 'stop', ...(usage !== undefined && { usage }) }
}

/** Undefined if nothing comes for a while. */
async function orSilence<T> (coming: Promise<T>, clock: Clock): Promise<T | undefined> {
  let cancel!: () => void
  const silence = new Promise<undefined>(resolve => { cancel = clock.setTimeout(() => resolve(undefined), SILENCE_MS) })
  return await Promise.race([coming, silence]).finally(cancel)
}
