import type { HistoryTurn } from '../sources/source.ts'

export interface History {
  /** Oldest first. */
  turns: HistoryTurn[]
  /** What each of them is called, in the same order. No two turns of a conversation ever share one. */
  ids: string[]
  /** Tells turns that were asked before a clearing of the conversation from those after it. */
  generation: number
}

/** What was said in conversations, within bounds of turns, bytes and idle time. */
export interface HistoryStore {
  /** Returns a copy, which is the caller's to change. */
  read (key: string): Promise<History>
  /**
   * Adds a turn, the oldest going if a bound is reached. Nothing is added if the conversation was cleared since;
   * if it was forgotten, because the answer took so long, it begins anew with this turn. Whoever adds it again because a reply was
   * lost gives it the same id, which no other turn has.
   */
  add (key: string, generation: number, turn: HistoryTurn, id?: string): Promise<void>
  /**
   * Takes turns out for good. One that is gone, was never there, or is another conversation's changes nothing. It counts as something that
   * was said.
   */
  drop (key: string, ids: readonly string[]): Promise<void>
  clear (key: string): Promise<void>
  close (): Promise<void>
}

export interface HistoryLimits {
  /** 0 keeps no history. */
  turns: number
  /** Of all prompts and replies of one conversation, in UTF-8. */
  bytes: number
  /** After so many milliseconds without a turn a conversation is forgotten. */
  idleMs: number
}
