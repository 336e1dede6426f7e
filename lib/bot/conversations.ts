import type { HistoryTurn } from '../sources/source.ts'
import type { History, HistoryStore } from '../stores/history.ts'
import type { QueueStore } from '../stores/queues.ts'
import { hashOf } from '../util/ids.ts'
import { callOnce } from '../util/insist.ts'
import type { Insist } from '../util/insist.ts'
import type { Chat } from '../wecom/message.ts'

/** Whose conversation a message of a group belongs to: its sender's, that of all, or none. */
export type ConversationScope = 'member' | 'chat' | 'none'

export interface ConversationsOptions {
  history: HistoryStore
  lines: QueueStore
  scope: ConversationScope
  /** Lets the turns of a conversation run side by side. */
  parallel: boolean
  /** Called while somebody waits in a line whose first place may be that of a process that is gone; returns what ends it. */
  watchLine?: (key: string) => () => void
  /** Calls again what failed because the store was away, until it is over. */
  insist?: Insist
}

export interface Conversation {
  /** Lines a stream up; its place is given up at its deadline at the latest, in milliseconds since the Unix epoch. */
  join (id: string, deadline: number, signal?: AbortSignal): Promise<void>
  /** Resolves when it is this stream's turn; calls back if it is not at once. Rejects with the signal's reason. */
  waitForPlace (id: string, signal: AbortSignal, onWait: () => void): Promise<void>
  /** Goes on until it is done, or the place is given up at the deadline. */
  leave (id: string, deadline?: number): Promise<void>
  /** The streams under way, the first one first. */
  streams (): Promise<string[]>
  history (): Promise<History>
  /** The turn of the stream of that id. As with what follows, it is tried until the deadline. */
  remember (generation: number, turn: HistoryTurn, id?: string, deadline?: number): Promise<void>
  /** Takes turns out of the history for good. */
  forget (ids: readonly string[], deadline?: number): Promise<void>
  clear (): Promise<void>
}

/** Conversations: what was said in them, and whose turn it is. */
export function createConversations (
  { history, lines, scope, parallel, watchLine = () => () => {}, insist = callOnce }: ConversationsOptions
): (chat: Chat, sender: string | undefined) => Conversation {
  const holding = { lines, history, parallel, watchLine, insist }
  return (chat, sender) => {
    const owner = ownerOf(chat, sender, scope)
    // Without an owner there is no conversation, only something that can be stopped.
    const lasting = owner !== undefined
    const key = hashOf(chat.scope, chat.bot ?? '', chat.group ?? '', chat.user ?? '', owner ?? sender ?? '')

    return new Held(holding, key, lasting)
  }
}

/** What was said is forgotten, or cannot be had. */
export const NO_HISTORY: History = { turns: [], ids: [], generation: 0 }

interface Holding {
  lines: QueueStore
  history: HistoryStore
  parallel: boolean
  watchLine: (key: string) => () => void
  insist: Insist
}

// A class: each stream that waits for its source keeps its conversation, and a closure for each method would cost it half a kilobyte.
class Held implements Conversation {
  readonly #holding: Holding
  readonly #key: string
  readonly #lasting: boolean

  constructor (holding: Holding, key: string, lasting: boolean) {
    this.#holding = holding
    this.#key = key
    this.#lasting = lasting
  }

  async join (id: string, deadline: number, signal?: AbortSignal): Promise<void> {
    const { lines, insist } = this.#holding
    await insist(() => lines.join(this.#key, id, deadline), Infinity, signal)
  }

  async waitForPlace (id: string, signal: AbortSignal, onWait: () => void): Promise<void> {
    const { lines, parallel, watchLine, insist } = this.#holding
    const isFirst = async (): Promise<boolean> => await insist(async () => {
      const [first] = await lines.read(this.#key)
      // Who is not in the line any more has nobody to wait for.
      return first === id || first === undefined
    }, Infinity, signal)
    if (parallel || !this.#lasting || await isFirst()) return
    onWait()
    const unwatch = watchLine(this.#key)
    await untilFirst(isFirst, ring => lines.watch(this.#key, ring), signal).finally(unwatch)
  }

  async leave (id: string, deadline = 0): Promise<void> {
    const { lines, insist } = this.#holding
    await insist(() => lines.leave(this.#key, id), deadline)
  }

  async streams (): Promise<string[]> {
    return await this.#holding.lines.read(this.#key)
  }

  async history (): Promise<History> {
    return this.#lasting ? await this.#holding.history.read(this.#key) : NO_HISTORY
  }

  async remember (generation: number, turn: HistoryTurn, id?: string, deadline = 0): Promise<void> {
    const { history, insist } = this.#holding
    if (this.#lasting) await insist(() => history.add(this.#key, generation, turn, id), deadline)
  }

  async forget (ids: readonly string[], deadline = 0): Promise<void> {
    const { history, insist } = this.#holding
    await insist(() => history.drop(this.#key, ids), deadline)
  }

  async clear (): Promise<void> {
    await this.#holding.history.clear(this.#key)
  }
}

/** Undefined if nobody can be told to be the same as before: without its id a group, without its sender a message. */
function ownerOf (chat: Chat, sender: string | undefined, scope: ConversationScope): string | undefined {
  if (chat.group === undefined) return chat.user
  return { member: sender, chat: '', none: undefined }[scope]
}

async function untilFirst (isFirst: () => Promise<boolean>, watch: (ring: () => void) => () => void, signal: AbortSignal): Promise<void> {
  let wake: (() => void) | undefined
  const ring = (): void => wake?.()
  const unwatch = watch(ring)
  signal.addEventListener('abort', ring)
  try {
    for (;;) {
      const woken = new Promise<void>(resolve => { wake = resolve })
      signal.throwIfAborted()
      if (await isFirst()) return
      await woken
    }
  } finally {
    unwatch()
    signal.removeEventListener('abort', ring)
  }
}
