import { Buffer } from 'node:buffer'
import type { Conversation, ConversationHead, Entry, ExchangeDetail, ExchangeHead, FeedEvent } from './model.ts'

export interface ArchiveOptions {
  maxConversations: number
  maxBytes: number
  publish: (event: FeedEvent) => void
  now: () => number
  /** Called with a conversation that has gone, whyever. */
  onGone: (id: string) => void
}

export interface Archive {
  add (head: ConversationHead): void
  get (id: string): Conversation | undefined
  list (): Conversation[]
  remove (id: string): void
  /** Adds the entry, or says that it has changed. What belongs to a conversation that has gone is dropped. */
  put (conversation: string, entry: Entry): void
  /** Numbers the exchange, and keeps it. */
  record (conversation: string, head: Omit<ExchangeHead, 'n'>, detail: ExchangeDetail): void
  detail (n: number): ExchangeDetail | undefined
}

interface Kept {
  conversation: Conversation
  /** Of each entry, and of the heads of the exchanges under `''`. */
  bytes: Map<string, number>
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

/** Keeps conversations within bounds: what went over the wire goes first, the oldest first; then whole conversations that rest longest. */
export function createArchive ({ maxConversations, maxBytes, publish, now, onGone }: ArchiveOptions): Archive {
  const kept = new Map<string, Kept>()
  const details = new Map<number, { conversation: string, detail: ExchangeDetail, bytes: number }>()
  let total = 0
  let n = 0

  function dropDetail (number: number, bytes: number): void {
    details.delete(number)
    total -= bytes
  }

  function remove (id: string): void {
    const found = kept.get(id)
    if (found === undefined) return
    kept.delete(id)
    for (const bytes of found.bytes.values()) total -= bytes
    for (const [number, { conversation, bytes }] of details) if (conversation === id) dropDetail(number, bytes)
    publish({ type: 'removed', id })
    onGone(id)
  }

  const removeLongestAtRest = (except: string): boolean => {
    const [oldest] = [...kept.values()].map(({ conversation }) => conversation)
      .filter(({ id }) => id !== except).sort((a, b) => a.updatedAt - b.updatedAt)
    if (oldest !== undefined) remove(oldest.id)
    return oldest !== undefined
  }

  function keepWithin (current: string): void {
    while (total > maxBytes) {
      const [first] = details
      if (first !== undefined) dropDetail(first[0], first[1].bytes)
      else if (!removeLongestAtRest(current)) return
    }
  }

  const count = (found: Kept, name: string, bytes: number): void => {
    total += bytes - (found.bytes.get(name) ?? 0)
    found.bytes.set(name, bytes)
  }

  return {
    remove,
    get: id => kept.get(id)?.conversation,
    list: () => [...kept.values()].map(({ conversation }) => conversation),
    detail: number => details.get(number)?.detail,

    add (head) {
      kept.set(head.id, { conversation: { ...head, entries: [], exchanges: [] }, bytes: new Map() })
      publish({ type: 'conversation', head })
      while (kept.size > maxConversations) removeLongestAtRest(head.id)
    },

    put (id, entry) {
      const found = kept.get(id)
      if (found === undefined) return
      const { entries } = found.conversation
      if (!entries.includes(entry)) entries.push(entry)
      found.conversation.updatedAt = now()
      count(found, entry.id, sizeOf(entry))
      publish({ type: 'entry', conversation: id, entry })
      keepWithin(id)
    },

    record (id, head, detail) {
      const found = kept.get(id)
      if (found === undefined) return
      const exchange = { n: ++n, ...head }
      found.conversation.exchanges.push(exchange)
      count(found, '', (found.bytes.get('') ?? 0) + sizeOf(exchange))
      const bytes = sizeOf(detail)
      details.set(exchange.n, { conversation: id, detail, bytes })
      total += bytes
      publish({ type: 'exchange', conversation: id, exchange })
      keepWithin(id)
    }
  }
}
