import type { StoreHealth } from '../stores/health.ts'
import type { Streams } from '../streams/streams.ts'
import type { Clock } from '../util/clock.ts'

/** What is known of the bot's parts, without asking any of them. Times are in milliseconds since the Unix epoch. */
export interface WecomHealth {
  /** Names this registration on the channels and in logs. */
  instance: string
  /** True until `close()` has ended. */
  live: boolean
  /** Whether new messages may come: false before the first boot is done, and while this replica leaves its work to the others. */
  ready: boolean
  /** What is sick, which makes no replica unready: all of them have the same provider and the same store. */
  degraded: Array<'source' | 'store'>
  shuttingDown: boolean
  source: { lastSuccessAt?: number, lastFailure?: { class: string, at: number } }
  store: { kind: StoreHealth['kind'], roundTripMs?: number, lastDisruptionAt?: number, evictionPolicy?: string }
  /** Sources at work, and streams that wait for a place. */
  running: number
  queued: number
  /** How long ago the oldest open stream was asked for; 0 if there is none. */
  oldestMs: number
  /** Of text, reasoning and images that this process holds for its streams. */
  bytes: number
}

export interface HealthOptions {
  streams: Pick<Streams, 'instance' | 'load' | 'sourceHealth' | 'shared'>
  store: StoreHealth
  clock: Clock
}

export interface HealthWatch {
  read (): WecomHealth
  /** The app has booted; it has closed. */
  booted (): void
  closed (): void
}

/** A reader who asks more often is told what the last check has found. */
const CHECK_EVERY_MS = 10_000

/** What the question had: another one may be answered all the same. */
const OF_THE_QUESTION = new Set(['BAD_REQUEST', 'FILTERED'])

export function createHealth ({ streams, store, clock }: HealthOptions): HealthWatch {
  let hasBooted = false
  let isClosed = false
  let checkedAt = -Infinity
  let isAway = false
  let roundTripMs: number | undefined

  function check (): void {
    if (store.check === undefined || isClosed || clock.now() - checkedAt < CHECK_EVERY_MS) return
    const askedAt = checkedAt = clock.now()
    store.check().then(() => {
      roundTripMs = Math.round((clock.now() - askedAt) * 10) / 10
      isAway = false
    }, () => {
      roundTripMs = undefined
      isAway = true
    })
  }

  function isSourceSick ({ lastSuccessAt = -Infinity, lastFailure }: WecomHealth['source']): boolean {
    return lastFailure !== undefined && lastFailure.at >= lastSuccessAt && !OF_THE_QUESTION.has(lastFailure.class)
  }

  return {
    read () {
      check()
      const { draining, running, queued, oldestMs, bytes } = streams.load()
      const source = streams.sourceHealth()
      const lastDisruptionAt = store.lastDisruptionAt?.() ?? -Infinity
      return {
        instance: streams.instance,
        live: !isClosed,
        ready: hasBooted && !isClosed && !(draining && streams.shared),
        degraded: [...(isSourceSick(source) ? ['source' as const] : []), ...(isAway ? ['store' as const] : [])],
        shuttingDown: draining,
        source,
        store: {
          kind: store.kind,
          ...(roundTripMs !== undefined && { roundTripMs }),
          ...(lastDisruptionAt > -Infinity && { lastDisruptionAt: Math.round(lastDisruptionAt) }),
          ...(store.kind === 'redis' && { evictionPolicy: store.evictionPolicy?.() ?? 'unknown' })
        },
        running,
        queued,
        oldestMs,
        bytes
      }
    },
    booted () { hasBooted = true },
    closed () { isClosed = true }
  }
}
