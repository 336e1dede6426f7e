import type { KeyValueStore } from '../stores/key-values.ts'
import type { QueueStore } from '../stores/queues.ts'
import { hashOf } from '../util/ids.ts'
import { callOnce } from '../util/insist.ts'
import type { Insist } from '../util/insist.ts'
import type { Message } from '../wecom/message.ts'

const WINDOW_MS = 60_000

export interface UserLimitsOptions {
  facts: KeyValueStore
  lines: QueueStore
  /** Keeps the users of this bot apart from those of another in the same app. */
  scope: string
  /** 0 is no limit, as with the other. */
  messagesPerMinute: number
  /** How many questions of a user may be open at once, the waiting ones included. */
  maxRunning: number
  /** Calls again what failed because the stores were away. */
  insist?: Insist
}

export type LimitName = 'rate' | 'running'

export interface UserLimits {
  /** Counts a question, and returns the limit that it exceeds. It is open until it leaves, or until its deadline. */
  exceededBy (id: string, message: Message, deadline: number, signal?: AbortSignal): Promise<LimitName | undefined>
  /** To be called when a question is over, also if it was refused. Goes on until the place is given up at the deadline. */
  leave (id: string, message: Message, deadline?: number): Promise<void>
}

/** How much each user may ask of each bot. Messages that name no user share one limit. */
export function createUserLimits (
  { facts, lines, scope, messagesPerMinute, maxRunning, insist = callOnce }: UserLimitsOptions
): UserLimits {
  const keyOf = (limit: LimitName, { bot = '', sender = '' }: Message): string => hashOf(limit, scope, bot, sender)

  return {
    async exceededBy (id, message, deadline, signal) {
      const asked = <T>(call: () => Promise<T>): Promise<T> => insist(call, deadline, signal)
      const count = async (): Promise<number> => await facts.increment(keyOf('rate', message), WINDOW_MS, id)
      if (messagesPerMinute > 0 && await asked(count) > messagesPerMinute) return 'rate'
      if (maxRunning === 0) return undefined
      const key = keyOf('running', message)
      await asked(() => lines.join(key, id, deadline))
      if ((await asked(() => lines.read(key))).indexOf(id) < maxRunning) return undefined
      await asked(() => lines.leave(key, id))
      return 'running'
    },
    async leave (id, message, deadline = 0) {
      if (maxRunning > 0) await insist(() => lines.leave(keyOf('running', message), id), deadline)
    }
  }
}
