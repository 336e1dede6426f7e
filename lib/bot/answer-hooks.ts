import type { StreamState } from '../replies/state-view.ts'
import type { Turn } from '../sources/source.ts'
import type { StreamInput } from '../streams/contract.ts'
import type { Measures } from '../streams/running-stream.ts'
import { abortable } from '../util/abortable.ts'
import type { Clock } from '../util/clock.ts'
import { inTime } from '../util/in-time.ts'
import type { Logger } from '../util/logger.ts'
import { isObject } from '../util/objects.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import type { FollowUp } from './follow-up.ts'

/** What `onMessage` is told besides the turn. */
export interface MessageContext {
  /** Aborted when the stream has ended meanwhile. */
  signal: AbortSignal
  /** Bound to the stream. Whatever a hook logs is logged: keep what users write out of it. */
  log: Logger
}

/**
 * Undefined lets a question pass; an input takes the place of the turn that was given, and may name another source; a
 * string is the answer; false refuses.
 */
export type MessageDecision = StreamInput | string | false | undefined

/** What was asked, as WeCom sent it. */
export type Question = Pick<Turn, 'prompt' | 'sender' | 'chat' | 'bot' | 'message'>

/** How an answer came to its end. */
export interface FinishEvent extends Partial<Measures> {
  streamId: string
  state: StreamState
  question: Question
  /** What became of text that its bubble could not hold; undefined where there was none. */
  late?: FollowUp
}

export interface AnswerHooks {
  /** Sees each question, with its files and its history, before its source does. */
  onMessage?: (turn: Turn, context: MessageContext) => MessageDecision | void | Promise<MessageDecision | void>
  /** Is told of each question that was taken in when it has ended and what was left of the answer has been delivered. */
  onFinish?: (finish: FinishEvent) => unknown
}

/** Milliseconds that `onMessage` may take. Its user is waiting. */
const MAX_HOOK_MS = 10_000

export interface AnswerHooksRunner {
  /** What `onMessage` gives; undefined where it fails or takes too long, which costs a line in the log. Never rejects. */
  onMessage (id: string, turn: Turn, signal: AbortSignal): Promise<MessageDecision>
  /** Never rejects. */
  onFinish (finish: FinishEvent): Promise<void>
}

export function createAnswerHooks ({ onMessage, onFinish }: AnswerHooks, { clock, log }: { clock: Clock, log: Logger }): AnswerHooksRunner {
  const failed = (streamId: string, hook: string, error: unknown, told: Turn | FinishEvent): void =>
    log.error({ streamId, hook, cause: describeError(error, privateTextsIn(told)) }, 'a hook failed')

  return {
    async onMessage (id, turn, signal) {
      if (onMessage === undefined) return undefined
      try {
        const deciding = (async () => checked(await onMessage(turn, { signal, log: log.child({ streamId: id }) })))()
        const given = await inTime(clock, MAX_HOOK_MS, abortable(deciding, signal))
        if (given === undefined) log.warn({ streamId: id, hook: 'onMessage', waitedMs: MAX_HOOK_MS }, 'a hook takes too long')
        return given?.value
      } catch (error) {
        // The stream has ended, and the next question of the conversation is waiting.
        if (!signal.aborted) failed(id, 'onMessage', error, turn)
        return undefined
      }
    },
    async onFinish (finish) {
      try {
        await onFinish?.(finish)
      } catch (error) {
        failed(finish.streamId, 'onFinish', error, finish)
      }
    }
  }
}

function checked (given: unknown): MessageDecision {
  if (given === undefined || given === false || typeof given === 'string') return given
  if (isObject(given) && typeof given['prompt'] === 'string') return given as unknown as StreamInput
  throw new TypeError('onMessage gives nothing, a turn with a prompt, a string, or false')
}
