import type { Clock } from '../../util/clock.ts'
import { ClosedError } from '../../util/errors.ts'
import { createId } from '../../util/ids.ts'
import { isTerminal } from '../status.ts'
import type { SharedTiming, StreamReading, StreamStore } from '../store.ts'
import type { RedisConnection } from './connection.ts'
import { claimKey, DEFAULT_PREFIX, fieldsOf, jsonOf, knownOf, seenStream, streamKeys, withAllText } from './format.ts'
import type { StreamKeys } from './format.ts'
import { PolledWatchers } from './polled-watchers.ts'
import { RecentStreams } from './recent-streams.ts'
import type { SeenStream } from './recent-streams.ts'
import { runScript, ttlArg } from './script.ts'
import type { RedisScript } from './script.ts'
import { ADOPT, APPEND, CLAIM, CREATE, END, NOTE, READ, RELEASE, RENEW, RESTORE, START, STOP } from './stream-scripts.ts'

export interface RedisStreamsOptions {
  connection: RedisConnection
  clock: Clock
  /** How long an ended stream stays readable. */
  retentionMs: number
  /** How long a stream is kept that nobody ends; default 75 minutes. */
  runningTtlMs?: number
  /** Of all keys; default `wecom:`. */
  prefix?: string
  /** How many streams this process remembers as it last read them, and how many bytes of them. */
  maxRecent?: number
  maxRecentBytes?: number
}

/** How soon a watcher learns of what another replica did. */
const POLL_MS = 250
const WORK_MS = 5 * 60_000
const NO_TEXT = { content: 0, reasoning: 0 }
/** As long as owners may take to find out that a server has lost their streams, and to write them anew. */
const SETTLING_MS = 5000

// A lease lasts several times the heartbeat: an event loop that stands still for some seconds costs none. An owner whose source
// is silent hears of a stop with its next heartbeat, which has to be within a second.
const TIMING: SharedTiming = { heartbeatMs: 750, coalesceMs: 75, coalesceChars: 1024, retryMs: 200, patienceMs: 60_000 }

/** Streams in Redis, where any replica can read them, and take them over. */
export function createRedisStreams (options: RedisStreamsOptions): StreamStore {
  const { connection, clock, retentionMs, runningTtlMs = 75 * 60_000, prefix = DEFAULT_PREFIX } = options
  const recent = new RecentStreams(options.maxRecent ?? 5000, options.maxRecentBytes ?? 64 * 1024 * 1024)
  const watchers = new PolledWatchers({ clock, everyMs: POLL_MS, read })
  let failedAt = -Infinity
  let closed = false

  const keysOf = (id: string): StreamKeys => streamKeys(prefix, id)

  const run = (script: RedisScript, id: string, ...args: string[]): Promise<unknown> => runWith(script, keysOf(id), args)

  async function runWith (script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await runScript(connection, script, keys, args)
    } catch (error) {
      failedAt = clock.now()
      throw error
    }
  }

  /** Of all streams with a claim, the first; the stream is there before its claim, so a claim without one is left over. */
  async function claimFor (id: string, claim: string, ttlMs: number, gone = ''): Promise<string> {
    const holder = String(await runScript(connection, CLAIM, [claimKey(prefix, claim)], [id, ttlArg(ttlMs), gone]))
    if (holder === id) return id
    const [key] = keysOf(holder)
    if (Number(await connection.command(['EXISTS', key], key)) === 1) return holder
    return await claimFor(id, claim, ttlMs, holder)
  }

  /** In one round trip, with only what has changed since this process last read it. */
  async function readWith (script: RedisScript, id: string): Promise<StreamReading | undefined> {
    const base = recent.get(id)
    const [state, ...changes] = await run(script, id, ...knownOf(base)) as [unknown[] | undefined, ...unknown[]]
    if (closed) return undefined
    if (state === undefined) {
      if (base !== undefined) vanished(id, base)
      watchers.gone(id)
      await connection.checkServer?.(keysOf(id)[0])
      return undefined
    }
    const [orphanInMs, ageMs, ...missing] = state.map(Number) as [number, number, number, number]
    const latest = recent.get(id)
    const seen = changes.length === 0 ? base as SeenStream : seenStream(id, changes, base)
    // Replies may come out of order. Whoever asked when the latest was known is told of a server that has lost it.
    const isOutdated = latest !== undefined && latest !== base && latest.birth === seen.birth && latest.version >= seen.version
    const newest = isOutdated ? latest : withAllText(seen, latest)
    newest.createdAt = clock.now() - ageMs
    newest.readAt = clock.now()
    recent.set(id, newest)
    const isRunning = !isTerminal(newest.record.status)
    if (isRunning && (newest.isAhead === true || missing.some(bytes => bytes > 0))) failedAt = clock.now()
    const isIncomplete = isRunning && (newest.contentBytes < missing[0] || newest.reasoningBytes < missing[1])
    return {
      record: newest.record,
      isOrphan: orphanInMs === 0,
      ageMs,
      ...(orphanInMs > 0 && { orphanInMs }),
      ...(isIncomplete && { isIncomplete })
    }
  }

  /** A stream that had not ended lives longer than this: the server has lost it, and its owner may not know yet. */
  function vanished (id: string, seen: SeenStream): void {
    if (recent.get(id) !== seen || seen.missed === true || isTerminal(seen.record.status) || ageOf(seen) >= retentionMs) return
    failedAt = clock.now()
    // Said once: if it has no owner any more, nobody writes it anew.
    recent.set(id, { ...seen, missed: true })
  }

  const ageOf = ({ createdAt }: SeenStream): number => clock.now() - createdAt

  async function read (id: string): Promise<StreamReading | undefined> {
    const reading = await readWith(READ, id)
    if (reading !== undefined) watchers.see(id, reading.record)
    return reading
  }

  return {
    shared: TIMING,

    async create ({ id, claim, chat, content = '', metadata = {}, outcome, work = '' }) {
      if (closed) throw new ClosedError()
      const ttlMs = outcome === undefined ? runningTtlMs : retentionMs
      await run(CREATE, id,
        ttlArg(ttlMs), outcome?.status ?? 'running', jsonOf(chat), jsonOf(outcome), claim === undefined ? '' : claimKey(prefix, claim),
        content, String(content.length), outcome === undefined ? work : '', ttlArg(Math.min(WORK_MS, ttlMs)), ...fieldsOf(metadata))
      if (claim === undefined) return id
      const kept = await claimFor(id, claim, ttlMs)
      const keys = keysOf(id)
      if (kept !== id) await connection.command(['DEL', ...keys], keys[0])
      return kept
    },

    async append (id, epoch, track, offset, text) {
      const [stream, content, reasoning] = keysOf(id)
      const [field, keys] = track === 'content'
        ? ['c', [stream, content, reasoning]] as const
        : ['r', [stream, reasoning, content]] as const
      const written = Number(await runWith(APPEND, keys, [String(epoch), field, String(offset), String(text.length), text]))
      if (written === 2) watchers.ring(id)
      return written > 0
    },

    async setMetadata (id, epoch, metadata) {
      if (Number(await run(NOTE, id, String(epoch), ...fieldsOf(metadata))) === 0) return false
      watchers.ring(id)
      return true
    },

    async end (id, epoch, outcome, { content, reasoning } = NO_TEXT) {
      const reply = await run(
        END, id, String(epoch), outcome.status, JSON.stringify(outcome), ttlArg(retentionMs), String(content), String(reasoning)
      )
      if (!Array.isArray(reply)) return false
      const [claim] = reply.map(String) as [string]
      // Where it goes wrong the claim is kept for longer than the stream, which does no harm.
      if (claim !== '') connection.command(['PEXPIRE', claim, ttlArg(retentionMs)], claim).catch(() => {})
      watchers.ring(id)
      return true
    },

    read,

    lastRead (id) {
      const seen = recent.get(id)
      return seen && { record: seen.record, ageMs: ageOf(seen), sinceMs: clock.now() - seen.readAt }
    },

    isRecovering: () => clock.now() - Math.max(failedAt, connection.lastDisruptionAt?.() ?? -Infinity) < SETTLING_MS,

    async requestStop (id) {
      const before = recent.get(id)?.record
      const record = (await readWith(STOP, id))?.record
      if (record !== undefined && record !== before) watchers.ring(id)
      return record
    },

    markStarted: async (id, epoch) => Number(await run(START, id, String(epoch))) === 1,

    async renew (id, epoch) {
      const status = String(await run(RENEW, id, String(epoch)))
      return status === 'running' ? 'owned' : status === 'stopping' ? 'stopping' : 'lost'
    },

    async adopt (id, attempt = createId()) {
      const [epoch, work, ageMs, started] = await run(ADOPT, id, attempt) as unknown[]
      if (epoch === undefined) return undefined
      watchers.ring(id)
      return {
        epoch: Number(epoch),
        adoptions: Number(epoch) - 1,
        started: Number(started),
        work: String(work) === '' ? undefined : String(work),
        ageMs: Number(ageMs)
      }
    },

    async restore ({ id, claim, chat, metadata = {} }, epoch, { content, reasoning }, ageMs = 0) {
      const restored = Number(await run(RESTORE, id, String(epoch), ttlArg(runningTtlMs), jsonOf(chat),
        claim === undefined ? '' : claimKey(prefix, claim), content, String(content.length), reasoning, String(reasoning.length),
        String(Math.max(0, Math.round(ageMs))), ...fieldsOf(metadata)))
      if (restored === 0) return false
      // Who comes second finds it again; who cannot be told is answered by a stream of its own.
      if (claim !== undefined) claimFor(id, claim, runningTtlMs).catch(() => {})
      watchers.ring(id)
      return true
    },

    async release (id, epoch) { await run(RELEASE, id, String(epoch)) },

    watch: (id, listener) => closed ? () => {} : watchers.watch(id, listener),

    async close () {
      closed = true
      recent.clear()
      watchers.close()
    }
  }
}
