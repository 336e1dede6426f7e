import { isTerminal } from '../stores/status.ts'
import type { StreamRecord, StreamStore } from '../stores/store.ts'

/** How a stream is looked at, and its changes are heard of. */
export interface Followable extends Pick<StreamStore, 'watch'> {
  read (id: string): Promise<StreamRecord | undefined>
}

/**
 * Yields a stream's record now and after each change, a slow reader being given the newest only, and ends behind the
 * terminal one; a stream that is not there yields `undefined` once. Ends without an error when the signal is aborted.
 */
export function followRecord (store: Followable, id: string, signal?: AbortSignal): AsyncGenerator<StreamRecord | undefined, void> {
  const bell = createBell()
  const left = { yet: signal?.aborted === true }
  const leave = (): void => {
    left.yet = true
    bell.ring()
  }

  async function * snapshots (): AsyncGenerator<StreamRecord | undefined, void> {
    const unwatch = store.watch(id, bell.ring)
    signal?.addEventListener('abort', leave)
    try {
      let shown: StreamRecord | undefined
      while (!left.yet) {
        const rung = bell.next()
        const record = await store.read(id)
        if (left.yet) return
        if (record === undefined && shown !== undefined) return
        if (record === undefined || record !== shown) yield record
        if (record === undefined || isTerminal(record.status)) return
        shown = record
        await rung
      }
    } finally {
      unwatch()
      signal?.removeEventListener('abort', leave)
    }
  }

  const generator = snapshots()
  const close = generator.return
  // A generator that waits cannot be closed before it is woken.
  generator.return = value => {
    leave()
    return close.call(generator, value)
  }
  return generator
}

interface Bell {
  ring (): void
  /** Resolves with the first ring from now on. */
  next (): Promise<void>
}

function createBell (): Bell {
  let wake = (): void => {}
  return {
    ring: () => wake(),
    next: () => new Promise(resolve => { wake = resolve })
  }
}
