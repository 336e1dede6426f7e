import type { KeyValueStore } from '../stores/key-values.ts'
import type { StreamRecord } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import { levelOf } from '../util/errors.ts'
import { createId } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import { inTime, startHeartbeat } from '../util/waiting.ts'

export interface EndsOptions {
  facts: KeyValueStore
  /** Whether other processes answer refreshes, too. */
  shared: boolean
  clock: Clock
  log: Logger
}

/** Knows whether the user has been shown how an answer ended. */
export interface Ends {
  /** An answer is under way in this process, until `over` is called. */
  begin (id: string): void
  over (id: string): void
  /** A reply with the last frame of a bubble has been written to an open connection. */
  fetched (record: StreamRecord): void
  /**
   * Whether somebody has come for the end of an answer: as soon as that is known, five seconds from now at the latest. If it
   * gives false, that is claimed: who comes later changes nothing, and no other process gets false. With `soon`, something
   * waits for a yes. Rejects if the claim fails.
   */
  wasFetched (id: string, soon: boolean): Promise<boolean>
  /** Waits for nobody any more; resolves when what is under way is over. */
  close (): Promise<void>
}

/** WeCom asks about once a second. */
const UNFETCHED_MS = 5000

/** Between two looks at whether another process has shown the end. */
const LOOK_MS = 500

/** A bubble may be over an hour before its answer is. */
const KEPT_MS = 60 * 60_000

/** The call of a `response_url`, and a store that is slow. */
const CLOSE_MS = 15_000

interface Answer {
  fetched: boolean
  /** Called when that is known. */
  tell: () => void
}

const NOBODY = (): void => {}
const FETCHED = 'fetched'

const keyOf = (id: string): string => `end:${id}`

export function createEnds ({ facts, shared, clock, log }: EndsOptions): Ends {
  const answers = new Map<string, Answer>()
  const marked = new WeakSet<StreamRecord>()
  let closing = false
  let allOver = NOBODY

  function found (id: string): void {
    const answer = answers.get(id)
    if (answer === undefined) return
    answer.fetched = true
    answer.tell()
  }

  async function untilFetched (id: string): Promise<boolean> {
    const answer = answers.get(id) as Answer
    if (!answer.fetched && !closing) {
      await new Promise<void>(resolve => {
        const cancel = clock.setTimeout(resolve, UNFETCHED_MS, { background: true })
        answer.tell = () => {
          cancel()
          resolve()
        }
      })
    }
    return answer.fetched
  }

  /** Until the returned function is called. A look that fails is followed by another. */
  function look (id: string): () => void {
    const once = (): void => {
      facts.get(keyOf(id)).then(value => { if (value !== undefined) found(id) }, () => {})
    }
    once()
    return startHeartbeat(clock, LOOK_MS, once)
  }

  return {
    begin (id) { answers.set(id, { fetched: false, tell: NOBODY }) },
    over (id) {
      answers.delete(id)
      if (answers.size === 0) allOver()
    },
    fetched (record) {
      found(record.id)
      if (!shared || marked.has(record)) return
      marked.add(record)
      facts.putIfAbsent(keyOf(record.id), FETCHED, KEPT_MS).catch((error: unknown) => {
        log[levelOf(error)]({ streamId: record.id, cause: describeError(error) }, 'that the end of an answer was fetched could not be kept')
      })
    },
    async wasFetched (id, soon) {
      const leave = soon && shared ? look(id) : NOBODY
      const here = await untilFetched(id).finally(leave)
      if (here) return true
      const own = createId()
      return await facts.putIfAbsent(keyOf(id), own, KEPT_MS) !== own
    },
    async close () {
      closing = true
      for (const { tell } of answers.values()) tell()
      if (answers.size > 0) await inTime(clock, CLOSE_MS, new Promise<void>(resolve => { allOver = resolve }))
    }
  }
}
