import type { StreamMetadata } from '../stores/store.ts'
import { attempt } from '../util/attempt.ts'
import { SourceError } from '../util/errors.ts'

/** How many turns of its history a source was given, and how many of them, the newest ones, it could use. */
export interface HistoryUse {
  given: number
  used: number
}

/** A host may have put anything in place of a history. */
export const turnsIn = ({ history }: { history?: unknown }): number => Array.isArray(history) ? history.length : 0

/** Undefined if all of it was used, as far as the source says. */
export const historyUseOf = (given: number, used = given): HistoryUse | undefined => used < given ? { given, used } : undefined

interface HistoryEnd {
  given: number
  use: HistoryUse | undefined
  error: unknown
  hasText: boolean
}

/** What the user is told of the history. With half of it an answer can be understood, and behind text a failure has another cause. */
export function historyNoteOf ({ given, use, error, hasText }: HistoryEnd): StreamMetadata['history'] {
  if (use !== undefined) return use.used === 0 ? 'left-out' : undefined
  if (given === 0 || hasText) return undefined
  return attempt(() => error instanceof SourceError && error.historyRefused === true) === true ? 'refused' : undefined
}
