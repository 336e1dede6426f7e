import type { StreamState } from '../../replies/state-view.ts'
import type { Turn } from '../../sources/source.ts'
import type { Measures, StreamInput } from '../../streams/contract.ts'
import { isObject } from '../../util/objects.ts'
import type { HostContext, RunHostCode } from './host-code.ts'

/** What `onMessage` is told besides the turn. */
export type MessageContext = HostContext

/**
 * Undefined lets a question pass; an input takes the place of the turn that was asked, and may name another source; a
 * string is the answer; false refuses.
 */
export type MessageDecision = StreamInput | string | false | undefined

/** What was asked, as WeCom sent it. */
export type Question = Pick<Turn, 'prompt' | 'sender' | 'chat' | 'bot' | 'message'>

/**
 * `fetched`: WeCom has been given the end of the bubble, and that was all. `delivered`: something went out through the `response_url`, too.
 * `failed`: that went wrong, though it may have arrived all the same. `unfetched`: nobody came for the end, and there was no other way.
 */
export type Delivery = 'fetched' | 'delivered' | 'failed' | 'unfetched'

/** How an answer came to its end. */
export interface FinishEvent extends Partial<Measures> {
  streamId: string
  state: StreamState
  question: Question
  /** Whether all of it has been given to WeCom, and how. Undefined if the store could not tell how the stream ended. */
  delivery?: Delivery
}

export interface AnswerHooks {
  /** Sees each question, with its files and its history, before its source does. */
  onMessage?: (turn: Turn, context: MessageContext) => MessageDecision | void | Promise<MessageDecision | void>
  /**
   * Is told of each question that was taken in when it has ended and it is known whether WeCom has all of it: five seconds later if nobody
   * asks.
   */
  onFinish?: (finish: FinishEvent) => unknown
}

/** Milliseconds that `onMessage` may take. Its user is waiting. */
const MAX_HOOK_MS = 10_000

export interface AnswerHooksRunner {
  /** What `onMessage` returns; undefined if it fails or takes too long, which costs a line in the log. Never rejects. */
  onMessage (id: string, turn: Turn, signal: AbortSignal): Promise<MessageDecision>
  /** Never rejects. */
  onFinish (finish: FinishEvent): Promise<void>
}

export function createAnswerHooks ({ onMessage, onFinish }: AnswerHooks, run: RunHostCode): AnswerHooksRunner {
  return {
    async onMessage (streamId, turn, signal) {
      if (onMessage === undefined) return undefined
      const decision = await run({
        hook: 'onMessage', about: turn, streamId, maxMs: MAX_HOOK_MS, signal, call: async context => checked(await onMessage(turn, context))
      })
      return decision?.value
    },
    async onFinish (finish) {
      if (onFinish !== undefined) {
        await run({ hook: 'onFinish', about: finish, streamId: finish.streamId, call: async () => { await onFinish(finish) } })
      }
    }
  }
}

function checked (decision: unknown): MessageDecision {
  if (decision === undefined || decision === false || typeof decision === 'string') return decision
  if (isObject(decision) && typeof decision['prompt'] === 'string') return decision as unknown as StreamInput
  throw new TypeError('onMessage gives nothing, a turn with a prompt, a string, or false')
}
