import { hashOf } from './ids.ts'
import type { HistoryTurn } from './sources/source.ts'
import type { Chat } from './stores/store.ts'
import type { History, HistoryStore } from './stores/history.ts'
import type { LineStore } from './stores/lines.ts'

/** Whose conversation a message of a group belongs to: its sender's, that of all, or none. */
export type ConversationScope = 'member' | 'chat' | 'none'

export interface ConversationsOptions {
  history: HistoryStore
  lines: LineStore
  scope: ConversationScope
  /** Lets the turns of a conversation run side by side. */
  parallel: boolean
}

export interface Conversation {
  /** Lines a stream up; its place is given up at its deadline at the latest, in milliseconds since the Unix epoch. */
  join (id: string, deadline: number): Promise<void>
  /** Resolves when it is this stream's turn; calls back where it is not at once. Rejects with the signal's reason. */
  turn (id: string, signal: AbortSignal, onWait: () => void): Promise<void>
  leave (id: string): Promise<void>
  /** The streams under way, the first one first. */
  streams (): Promise<string[]>
  history (): Promise<History>
  remember (generation: number, turn: HistoryTurn): Promise<void>
  clear (): Promise<void>
}

/** Conversations: what was said in them, and whose turn it is. */
export function createConversations ({ history, lines, scope, parallel }: ConversationsOptions): (chat: Chat, sender: string | undefined) => Conversation {
  return (chat, sender) => {
    const owner = ownerOf(chat, sender, scope)
    // Without an owner there is no conversation, only something that can be stopped.
    const lasting = owner !== undefined
    const key = hashOf(chat.scope, chat.bot ?? '', chat.group ?? '', chat.user ?? '', owner ?? sender ?? '')

    return {
      join: (id, deadline) => lines.join(key, id, deadline),
      async turn (id, signal, onWait) {
        if (parallel || !lasting || await isFirst(lines, key, id)) return
        onWait()
        await untilFirst(lines, key, id, signal)
      },
      leave: id => lines.leave(key, id),
      streams: () => lines.read(key),
      history: async () => lasting ? await history.read(key) : { turns: [], generation: 0 },
      remember: async (generation, turn) => { if (lasting) await history.add(key, generation, turn) },
      clear: () => history.clear(key)
    }
  }
}

/** Undefined where nobody can be told to be the same as before: without its id a group, without its sender a message. */
function ownerOf (chat: Chat, sender: string | undefined, scope: ConversationScope): string | undefined {
  if (chat.group === undefined) return chat.user
  return { member: sender, chat: '', none: undefined }[scope]
}

const isFirst = async (lines: LineStore, key: string, id: string): Promise<boolean> => {
  const [first] = await lines.read(key)
  // Who is not in the line any more has nobody to wait for.
  return first === id || first === undefined
}

async function untilFirst (lines: LineStore, key: string, id: string, signal: AbortSignal): Promise<void> {
  let wake: (() => void) | undefined
  const ring = (): void => wake?.()
  const unwatch = lines.watch(key, ring)
  signal.addEventListener('abort', ring)
  try {
    for (;;) {
      const woken = new Promise<void>(resolve => { wake = resolve })
      signal.throwIfAborted()
      if (await isFirst(lines, key, id)) return
      await woken
    }
  } finally {
    unwatch()
    signal.removeEventListener('abort', ring)
  }
}
