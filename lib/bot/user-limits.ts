import type { KeyValueStore } from '../stores/key-values.ts'
import type { QueueStore } from '../stores/queues.ts'
import { hashOf } from '../util/ids.ts'
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
}

export type LimitName = 'rate' | 'running'

export interface UserLimits {
  /** Counts a question, and returns the limit that it exceeds. It is open until it leaves, or until its deadline. */
  exceededBy (id: string, message: Message, deadline: number): Promise<LimitName | undefined>
  /** To be called when a question is over, also if it was refused. */
  leave (id: string, message: Message): Promise<void>
}

/** How much each user may ask of each bot. Messages that name no user share one limit. */
export function createUserLimits ({ facts, lines, scope, messagesPerMinute, maxRunning }: UserLimitsOptions): UserLimits {
  const keyOf = (limit: LimitName, { bot = '', sender = '' }: Message): string => hashOf(limit, scope, bot, sender)

  return {
    async exceededBy (id, message, deadline) {
      if (messagesPerMinute > 0 && await facts.increment(keyOf('rate', message), WINDOW_MS) > messagesPerMinute) return 'rate'
      if (maxRunning === 0) return undefined
      const key = keyOf('running', message)
      await lines.join(key, id, deadline)
      if ((await lines.read(key)).indexOf(id) < maxRunning) return undefined
      await lines.leave(key, id)
      return 'running'
    },
    async leave (id, message) {
      if (maxRunning > 0) await lines.leave(keyOf('running', message), id)
    }
  }
}
