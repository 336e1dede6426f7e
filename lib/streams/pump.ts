import { setImmediate as nextTurnOfTheLoop } from 'node:timers/promises'
import type { ReplyPart } from '../sources/source.ts'

/** How many pieces are read in a row before timers and sockets get their turn. */
const PIECES_IN_A_ROW = 64

export interface PumpEnd {
  error?: unknown
}

/**
 * Reads a source until it ends, fails or `accept` says that it is enough (false), then calls `ended` once. The
 * returned function leaves the source: neither callback is called from then on, even if the source goes on.
 */
export function pump (
  open: () => AsyncIterable<string | ReplyPart> | Promise<AsyncIterable<string | ReplyPart>>,
  accept: (piece: string | ReplyPart) => boolean,
  ended: (end: PumpEnd) => void
): () => void {
  const left = { yet: false }
  // Set as long as there is something to close.
  let iterator: AsyncIterator<string | ReplyPart> | undefined

  const close = (): void => {
    const closing = iterator
    iterator = undefined
    // A busy source closes when it can, and how that went concerns nobody: its stream has ended.
    const closed = (async () => closing?.return?.())()
    closed.catch(() => {})
  }

  const read = async (): Promise<void> => {
    // An async function that is no generator gives a promise, and its failure must not go unseen.
    const source = iterate(await open())
    iterator = source
    if (left.yet) return close()
    for (let pieces = 1; !left.yet; pieces++) {
      let next: IteratorResult<string | ReplyPart> | undefined
      try {
        next = await source.next()
      } finally {
        // A source that has ended or thrown has closed itself.
        if (next === undefined || next.done === true) iterator = undefined
      }
      if (left.yet || next.done === true) return
      if (!accept(next.value)) return close()
      // A source that never waits would starve the very timers that end it.
      if (pieces % PIECES_IN_A_ROW === 0) await nextTurnOfTheLoop()
    }
  }

  void read().then(() => ({}), (error: unknown) => ({ error })).then(end => { if (!left.yet) ended(end) })

  return () => {
    left.yet = true
    close()
  }
}

function iterate (source: AsyncIterable<string | ReplyPart>): AsyncIterator<string | ReplyPart> {
  const open: unknown = source?.[Symbol.asyncIterator]
  if (typeof open !== 'function') throw new TypeError('a source must return an async iterable, as an async generator does')
  return source[Symbol.asyncIterator]()
}
