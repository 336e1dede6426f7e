import type { StreamStatus } from '../stores/status.ts'
import type { StreamRecord } from '../stores/store.ts'
import type { Texts } from '../texts/texts.ts'
import { InputError } from '../util/errors.ts'
import type { FailureClass } from '../util/errors.ts'

/** What the user may see of a failure; never the provider's message. */
export interface StreamFailure {
  code: FailureClass
  /** The sentence of the class, in the configured language. */
  text: string
  /** Stands in the log line that holds the cause. */
  reference: string
}

export interface StreamState {
  status: StreamStatus
  /** The source's text so far: no notice, closer or placeholder of ours. Kept in every state. */
  content: string
  /** Where `content` ends: hand it back as `from` to get only what came since. Opaque; in UTF-16 units. */
  cursor: number
  /** The text since `from`; only if `from` was given. */
  delta?: string
  error?: StreamFailure
}

/** A record as the host sees it. `from` is the cursor of an earlier view; `InputError` if it can be none. */
export function viewOf (record: StreamRecord | undefined, texts: Texts, from?: number): StreamState {
  if (from !== undefined && (!Number.isSafeInteger(from) || from < 0)) {
    throw new InputError('from must be the cursor of an earlier state: a whole number, 0 or more')
  }
  const content = record?.content ?? ''
  return {
    status: record?.status ?? 'missing',
    content,
    cursor: content.length,
    ...(from !== undefined && { delta: content.slice(from) }),
    ...(record?.failure && { error: { ...record.failure, text: texts.failures[record.failure.code] } })
  }
}

/** Records as they come, as the host sees them. To leave it is to leave the records, also while it waits for one. */
export function viewsOf (records: AsyncGenerator<StreamRecord | undefined, void>, texts: Texts): AsyncIterableIterator<StreamState> {
  return {
    async next () {
      const { done, value } = await records.next()
      return done === true ? { done, value: undefined } : { done: false, value: viewOf(value, texts) }
    },
    async return () {
      await records.return()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator] () { return this }
  }
}
