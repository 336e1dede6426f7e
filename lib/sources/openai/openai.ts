import type OpenAI from 'openai'
import { createLimiter } from '../../util/limiter.ts'
import type { Logger } from '../../util/logger.ts'
import { redact } from '../../util/redact.ts'
import { abortable, sleep } from '../../util/waiting.ts'
import { attemptFailed } from '../attempts.ts'
import { nameSource } from '../names.ts'
import { prepareBy } from '../prepare.ts'
import type { AnyLogSource, ReplyPart } from '../source.ts'
import { splitThinking } from '../split-thinking.ts'
import { readAnswer } from './answer.ts'
import { createClient, loadOpenAI } from './client.ts'
import type { AttemptFacts } from './failure.ts'
import { logFields, readFailure, toSourceError } from './failure.ts'
import { createIdentifierFilter } from './identifier.ts'
import type { IdentifierFilter } from './identifier.ts'
import { messagesOf } from './messages.ts'
import { withoutEmptySuccess } from './only-thinking.ts'
import type { OpenAIOptions, OpenAISettings } from './options.ts'
import { readOpenAIOptions } from './options.ts'
import { createReductions } from './reductions.ts'
import type { Reductions } from './reductions.ts'
import { retryDelay } from './retry.ts'
import { endingOf } from './wire/endings.ts'
import { guardFetch } from './wire/sse-guard.ts'

export type { OpenAIOptions } from './options.ts'

/** For one question, whatever is retried or left out. */
const MAX_REQUESTS = 4

/**
 * A source that asks OpenAI, or any server with its chat completions API. Imports the package `openai` when an app boots
 * that is given this source, or at its first question.
 */
export function createOpenAISource (options: OpenAIOptions): AnyLogSource {
  const settings = readOpenAIOptions(options)
  const { clock, random, maxRetries } = settings
  const limiter = createLimiter({ clock, max: settings.maxConcurrency })
  const identifier = createIdentifierFilter(settings.apiKey)

  const source: AnyLogSource = async function * openai (turn, context) {
    const { signal, log } = context
    const asked = createReductions(turn)
    // Once for all attempts that ask the same: reading a large file takes its time.
    let body = requestBody(settings, asked)
    let retries = 0
    for (let requests = 1; !signal.aborted; requests++) {
      const facts: AttemptFacts = { model: settings.model, attempt: requests, chunks: 0, bytes: 0 }
      const place = limiter.enter(signal)
      let hasAnswered = false
      let hasParts = false
      try {
        await context.untimed(place.entered)
        for await (const part of ask(settings, body, signal, facts)) {
          hasParts ||= part !== ''
          if (typeof part === 'string' || part.type !== 'end') yield part
          else yield asked.historyUsed === undefined ? part : { ...part, historyUsed: asked.historyUsed }
        }
        hasAnswered = true
        return
      } catch (error) {
        if (signal.aborted) return
        const now = clock.now()
        const failure = readFailure(error, now)
        const fields = { class: failure.class, ...logFields(failure, facts, identifier) }
        const mayAsk = requests < MAX_REQUESTS
        // Behind the first part of an answer another one would not fit.
        const leftOut = mayAsk && !hasParts && failure.refusal !== undefined ? asked.reduce(failure.refusal) : undefined
        if (leftOut !== undefined) {
          attemptFailed(context, failure.class)
          log.warn({ ...fields, without: leftOut }, 'the provider refused the request, asking again with less')
          body = requestBody(settings, asked)
          continue
        }
        const delay = retryDelay({ retries, retryAfterMs: failure.retryAfterMs, now, deadline: turn.deadline, random })
        const isRateLimit = failure.status === 429 && failure.retryable
        if (isRateLimit && delay !== undefined) limiter.pause(delay)
        const mayRetry = mayAsk && failure.retryable && (facts.chunks === 0 || failure.beforeText)
        if (!mayRetry || retries >= maxRetries || delay === undefined) {
          throw toSourceError(failure, facts, { identifier, hasParts })
        }
        retries++
        attemptFailed(context, failure.class)
        log.warn(fields, 'the provider failed before its answer began, trying again')
        place.leave()
        // The limiter's pause is the wait of a rate limit.
        if (!isRateLimit) await sleep(clock, delay, signal).catch(() => {})
      } finally {
        place.leave()
        if (hasAnswered || facts.finishReason !== undefined) logEnd(log, facts, identifier)
      }
    }
  }
  return nameSource(prepareBy(source, loadOpenAI), { name: 'openai', model: settings.model })
}

/** How a provider ended its answer; louder if it was not as it should be. */
function logEnd (
  log: Logger, { model, attempt, contentType, skipped, unknownParts, deltas, finishReason }: AttemptFacts, identifier: IdentifierFilter
): void {
  // Without a reason only if that is allowed.
  const ending = finishReason === undefined ? 'missing' : endingOf(finishReason)
  const isOdd = contentType !== undefined || unknownParts !== undefined || deltas !== undefined || ending === 'unknown'
  const word = identifier(finishReason ?? 'none') ?? 'not printable'
  const fields = { model, attempt, finishReason: word, ending, contentType, skipped, unknownParts, deltas }
  log[isOdd ? 'warn' : 'debug'](
    fields, isOdd ? 'the provider ended its answer, which is not as it should be' : 'the provider ended its answer'
  )
}

/** One request and its answer. Whichever way it is left, its connection is closed. */
async function * ask (settings: OpenAISettings, body: Request, stop: AbortSignal, facts: AttemptFacts): AsyncGenerator<string | ReplyPart> {
  stop.throwIfAborted()
  const { clock, allowMissingFinish, cumulativeDeltas, reasoningAsAnswer } = settings
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
    const answer = readAnswer(events, { clock, attempt, stop, allowMissingFinish, cumulativeDeltas, idleMs: settings.idleTimeoutMs, facts })
    yield * withoutEmptySuccess(splitThinking(answer, { opened: settings.thinkingFirst }), { reasoningAsAnswer })
  } finally {
    stop.removeEventListener('abort', onStop)
    attempt.abort()
    const { contentType, address } = guard.seen
    Object.assign(facts, guard.seen, {
      durationMs: Math.round(clock.now() - startedAt),
      // Either may hold the key.
      ...(contentType !== undefined && { contentType: redact(contentType, [settings.apiKey]) }),
      ...(address !== undefined && { address: redact(address, [settings.apiKey]) })
    })
  }
}

type Request = OpenAI.ChatCompletionCreateParamsStreaming

function requestBody (settings: OpenAISettings, { turn, pictures }: Reductions): Request {
  const { model, maxTokens, maxTokensField, temperature, includeUsage, extraBody } = settings
  return {
    model,
    ...(maxTokens !== undefined && { [maxTokensField]: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(includeUsage && { stream_options: { include_usage: true } }),
    ...extraBody,
    stream: true,
    messages: messagesOf(turn, { ...settings, pictures })
  }
}
