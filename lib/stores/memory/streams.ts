import { Buffer } from 'node:buffer'
import type { Clock } from '../../util/clock.ts'
import { ClosedError } from '../../util/errors.ts'
import { canMove, isTerminal } from '../status.ts'
import type { StoredStatus } from '../status.ts'
import type { NewStream, StreamMetadata, Outcome, StreamRecord, StreamStore, Channel } from '../store.ts'

export interface MemoryStoreOptions {
  clock: Clock
  /** How long an ended stream stays readable. */
  retentionMs: number
  /** How many ended streams are kept at most, and how many bytes of text they hold together. */
  maxFinished: number
  maxFinishedBytes: number
}

interface Entry extends Record<Channel, string> {
  readonly id: string
  readonly chat: NewStream['chat']
  readonly claim: string | undefined
  status: StoredStatus
  outcome: Outcome | undefined
  metadata: StreamMetadata
  /** The owner's; negative once the owner has given the stream up. */
  epoch: number
  /** Of the owner that wrote the text that stands. */
  textEpoch: number
  /** Of the last owner that has called its source. */
  started: number
  snapshot: StreamRecord | undefined
  watchers: Set<() => void> | undefined
}

interface Ended { entry: Entry, bytes: number, expires: number }

const FIRST_EPOCH = 1
const NO_METADATA: StreamMetadata = Object.freeze({})

const endedSo = (entry: Entry | undefined, epoch: number, outcome: Outcome): boolean =>
  entry?.outcome !== undefined && epoch === Math.abs(entry.epoch) && JSON.stringify(entry.outcome) === JSON.stringify(outcome)

/** Streams in this process's memory. */
export function createMemoryStore (options: MemoryStoreOptions): StreamStore {
  const { clock, retentionMs, maxFinished, maxFinishedBytes } = options
  const entries = new Map<string, Entry>()
  const claims = new Map<string, string>()
  // In the order of ending, so that the oldest is the first to expire and the first to be evicted.
  const ended = new Map<string, Ended>()
  let endedBytes = 0
  let cancelSweep: (() => void) | undefined
  let closed = false

  function changed (entry: Entry): void {
    entry.snapshot = undefined
    for (const ring of entry.watchers ?? []) ring()
  }

  function finish (entry: Entry, outcome: Outcome): void {
    entry.status = outcome.status
    entry.outcome = outcome
    const images = (entry.metadata.images ?? []).reduce((sum, { image }) => sum + image.base64.length, 0)
    const bytes = Buffer.byteLength(entry.content) + Buffer.byteLength(entry.reasoning) + images
    ended.set(entry.id, { entry, bytes, expires: clock.now() + retentionMs })
    endedBytes += bytes
    for (const oldest of ended.values()) {
      // The one that has just ended has still to be fetched.
      if (oldest.entry === entry || (ended.size <= maxFinished && endedBytes <= maxFinishedBytes)) break
      forget(oldest)
    }
    scheduleSweep()
  }

  function forget ({ entry, bytes }: Ended): void {
    ended.delete(entry.id)
    endedBytes -= bytes
    entries.delete(entry.id)
    if (entry.claim !== undefined) claims.delete(entry.claim)
    changed(entry)
  }

  function scheduleSweep (): void {
    const [oldest] = ended.values()
    if (oldest === undefined || cancelSweep !== undefined) return
    cancelSweep = clock.setTimeout(sweep, Math.max(0, oldest.expires - clock.now()), { background: true })
  }

  function sweep (): void {
    cancelSweep = undefined
    for (const oldest of ended.values()) {
      if (oldest.expires > clock.now()) break
      forget(oldest)
    }
    scheduleSweep()
  }

  function owned (id: string, epoch: number): Entry | undefined {
    const entry = entries.get(id)
    return entry === undefined || isTerminal(entry.status) || epoch !== Math.abs(entry.epoch) ? undefined : entry
  }

  const snapshot = (entry: Entry): StreamRecord => (entry.snapshot ??= Object.freeze({
    id: entry.id,
    status: entry.status,
    content: entry.content,
    reasoning: entry.reasoning,
    chat: entry.chat,
    failure: entry.outcome?.failure,
    notice: entry.outcome?.notice,
    metadata: entry.metadata
  }))

  return {
    async create ({ id, claim, chat, content = '', metadata = NO_METADATA, outcome }) {
      if (closed) throw new ClosedError()
      const holder = claim === undefined ? undefined : claims.get(claim)
      if (holder !== undefined) return holder
      const entry: Entry = {
        id,
        chat,
        claim,
        status: 'running',
        content,
        reasoning: '',
        outcome: undefined,
        metadata,
        epoch: FIRST_EPOCH,
        textEpoch: FIRST_EPOCH,
        started: 0,
        snapshot: undefined,
        watchers: undefined
      }
      entries.set(id, entry)
      if (claim !== undefined) claims.set(claim, id)
      if (outcome !== undefined) finish(entry, outcome)
      return id
    },

    append (id, epoch, track, offset, text) {
      const entry = owned(id, epoch)
      if (entry === undefined) return false
      if (entry.textEpoch !== epoch) {
        if (offset > 0) return false
        if (text === '') return true
        entry.content = entry.reasoning = ''
        entry.textEpoch = epoch
      }
      if (offset > entry[track].length) return false
      const standing = entry[track].slice(offset, offset + text.length)
      if (!text.startsWith(standing)) return false
      if (standing.length < text.length) {
        entry[track] += text.slice(standing.length)
        changed(entry)
      }
      return true
    },

    async setMetadata (id, epoch, metadata) {
      const entry = owned(id, epoch)
      if (entry === undefined) return false
      entry.metadata = Object.freeze({ ...entry.metadata, ...metadata })
      changed(entry)
      return true
    },

    async end (id, epoch, outcome) {
      const entry = owned(id, epoch)
      if (entry === undefined) return endedSo(entries.get(id), epoch, outcome)
      finish(entry, outcome)
      changed(entry)
      return true
    },

    async read (id) {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      return { record: snapshot(entry), isOrphan: entry.epoch < 0 && !isTerminal(entry.status) }
    },

    heldBytes: () => endedBytes,

    async requestStop (id) {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      if (canMove(entry.status, 'stopping')) {
        entry.status = 'stopping'
        changed(entry)
      }
      return snapshot(entry)
    },

    async markStarted (id, epoch) {
      const entry = owned(id, epoch)
      if (entry === undefined) return false
      entry.started = epoch
      return true
    },

    async renew (id, epoch) {
      const entry = owned(id, epoch)
      if (entry === undefined) return 'lost'
      entry.epoch = epoch
      return entry.status === 'stopping' ? 'stopping' : 'owned'
    },

    async adopt (id) {
      const entry = entries.get(id)
      // An owner in this process's memory lives as long as the stream does.
      if (entry === undefined || isTerminal(entry.status) || entry.epoch > 0) return undefined
      const { waiting, thinking, card, ...metadata } = entry.metadata
      entry.metadata = Object.freeze(metadata)
      entry.epoch = 1 - entry.epoch
      changed(entry)
      // When a stream began is not kept: nobody but its one process adopts it.
      return { epoch: entry.epoch, adoptions: entry.epoch - FIRST_EPOCH, started: entry.started, work: undefined, ageMs: 0 }
    },

    // Nothing is lost here.
    async restore () { return false },

    async release (id, epoch) {
      const entry = owned(id, epoch)
      if (entry !== undefined) entry.epoch = -epoch
    },

    watch (id, listener) {
      const entry = entries.get(id)
      if (entry === undefined) return () => {}
      entry.watchers ??= new Set()
      entry.watchers.add(listener)
      return () => { entry.watchers?.delete(listener) }
    },

    async close () {
      closed = true
      cancelSweep?.()
      const known = [...entries.values()]
      entries.clear()
      claims.clear()
      ended.clear()
      endedBytes = 0
      for (const entry of known) changed(entry)
    }
  }
}
