import type OpenAI from 'openai'
import { abortable } from '../../util/abortable.ts'
import { createLimiter } from '../../util/limiter.ts'
import { sleep } from '../../util/sleep.ts'
import { prepareBy } from '../prepare.ts'
import type { ReplyPart, Source, Turn } from '../source.ts'
import { splitThinking } from '../split-thinking.ts'
import { readAnswer } from './answer.ts'
import { createClient, loadOpenAI } from './client.ts'
import type { AttemptFacts } from './failure.ts'
import { logFields, readFailure, toSourceError } from './failure.ts'
import { createIdentifierFilter } from './identifier.ts'
import { messagesOf } from './messages.ts'
import type { OpenAIOptions, OpenAISettings } from './options.ts'
import { readOpenAIOptions } from './options.ts'
import { retryDelay } from './retry.ts'
import { guardFetch } from './sse-guard.ts'

export type { OpenAIOptions } from './options.ts'

/**
 * A source that asks OpenAI, or any server with its chat completions API. Imports the package `openai` when an app boots
 * that is given this source, or at its first question.
 */
export function createOpenAISource (options: OpenAIOptions): Source {
  const settings = readOpenAIOptions(options)
  const { clock, random, maxRetries } = settings
  const limiter = createLimiter({ clock, max: settings.maxConcurrency })
  const identifier = createIdentifierFilter(settings.apiKey)

  return prepareBy(async function * openai (turn, context) {
    const { signal, log } = context
    // Once for all attempts: reading a large file takes its time.
    const body = requestBody(settings, turn)
    for (let retries = 0; !signal.aborted; retries++) {
      const facts: AttemptFacts = { model: settings.model, attempt: retries + 1, chunks: 0, bytes: 0 }
      const place = limiter.enter(signal)
      try {
        await context.untimed(place.entered)
        yield * ask(settings, body, signal, facts)
        return
      } catch (error) {
        if (signal.aborted) return
        const now = clock.now()
        const failure = readFailure(error, now)
        const delay = retryDelay({ retries, retryAfterMs: failure.retryAfterMs, now, deadline: turn.deadline, random })
        const isRateLimit = failure.status === 429 && failure.retryable
        if (isRateLimit && delay !== undefined) limiter.pause(delay)
        // After the first chunk the user has seen a part of this answer: another one would not fit on to it.
        if (!failure.retryable || facts.chunks > 0 || retries >= maxRetries || delay === undefined) {
          throw toSourceError(failure, facts, identifier)
        }
        log.warn({ class: failure.class, ...logFields(failure, facts, identifier) }, 'the provider failed before its first chunk, trying again')
        place.leave()
        // The limiter's pause is the wait of a rate limit.
        if (!isRateLimit) await sleep(clock, delay, signal).catch(() => {})
      } finally {
        place.leave()
      }
    }
  }, loadOpenAI)
}

/** One request and its answer. Whichever way it is left, its connection is closed. */
async function * ask (settings: OpenAISettings, body: Request, stop: AbortSignal, facts: AttemptFacts): AsyncGenerator<string | ReplyPart> {
  stop.throwIfAborted()
  const { clock, allowMissingFinish } = settings
  const startedAt = clock.now()
  const attempt = new AbortController()
  const onStop = (): void => attempt.abort(stop.reason)
  stop.addEventListener('abort', onStop)
  const guard = guardFetch({
    fetch: settings.fetch,
    clock,
    attempt,
    headersTimeoutMs: settings.requestTimeoutMs,
    maxBytes: settings.maxResponseBytes
  })
  try {
    const client = await createClient(settings, guard.fetch)
    const request = client.chat.completions.create(body, {
      signal: attempt.signal,
      // The SDK takes headers from the environment too: ours come last.
      headers: { authorization: `Bearer ${settings.apiKey}` }
    })
    // Rejects with the reason of whoever aborted; what the SDK makes of an abort differs from place to place.
    const events = await abortable(request, attempt.signal)
    yield * splitThinking(readAnswer(events, { clock, attempt, stop, allowMissingFinish, facts }), { opened: settings.thinkingFirst })
  } finally {
    stop.removeEventListener('abort', onStop)
    attempt.abort()
    Object.assign(facts, guard.seen, { durationMs: Math.round(clock.now() - startedAt) })
  }
}

type Request = OpenAI.ChatCompletionCreateParamsStreaming

function requestBody (settings: OpenAISettings, turn: Turn): Request {
  const { model, maxTokens, maxTokensField, temperature, includeUsage, extraBody } = settings
  return {
    model,
    ...(maxTokens !== undefined && { [maxTokensField]: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(includeUsage && { stream_options: { include_usage: true } }),
    ...extraBody,
    stream: true,
    messages: messagesOf(turn, settings)
  }
}
