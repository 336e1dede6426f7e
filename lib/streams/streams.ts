import type { Source } from '../sources/source.ts'
import { FIRST_EPOCH } from '../stores/store.ts'
import type { NewStream, StreamMetadata, Outcome, StreamRecord } from '../stores/store.ts'
import { BusyError, ClosedError, InputError } from '../util/errors.ts'
import { describeError } from '../util/redact.ts'
import { inTime, startHeartbeat } from '../util/waiting.ts'
import { createAdoptions, storedWork, workOf } from './adoption.ts'
import type { OnOwnerLost, AdoptMessage } from './adoption.ts'
import type { OpenStream, Opened, Opening, ReasoningMode, StreamInput } from './contract.ts'
import { followRecord } from './follow.ts'
import { LastFrames } from './last-frames.ts'
import { Places } from './places.ts'
import { StreamReader } from './reader.ts'
import type { BotNames, SettledDelivery, StreamReport } from './report/stream-report.ts'
import { StreamReports } from './report/stream-reports.ts'
import { RunningStream } from './running-stream.ts'
import type { RunningStreamDependencies, RunningStreamLimits } from './running-stream.ts'

export interface StreamsLimits extends RunningStreamLimits {
  /** Milliseconds from the opening of a stream to its forced end. */
  deadlineMs: number
  /** Milliseconds from the opening of a deliverable stream to its forced end, if that is later. */
  lateDeadlineMs: number
  /** How many sources work at once, and how many streams may wait for one to end. */
  maxRunning: number
  maxQueued: number
  /** How long `drain` waits for running streams, in milliseconds. */
  shutdownGraceMs: number
}

export interface StreamsOptions extends Omit<RunningStreamDependencies, 'limits'> {
  limits: StreamsLimits
  source: Source
  sources: ReadonlyMap<string, Source>
  /** What becomes of a stream of a shared store whose owner has gone; default `restart`. */
  onOwnerLost?: OnOwnerLost
  /** Names this registration in what is told of its streams. */
  instance?: string
}

export type Streams = ReturnType<typeof createStreams>

/** Streams and the sources that fill them. Knows nothing of messages. */
export function createStreams (options: StreamsOptions) {
  const { store, clock, log, createId, limits, instance = '' } = options
  // Every stream that is open here: preparing, waiting in the queue, or with its source at work.
  const runs = new Map<string, RunningStream>()
  const places = new Places<RunningStream>(limits.maxRunning)
  const lastFrames = new LastFrames(clock)
  const reports = new StreamReports({ instance, clock, log })
  const closeListeners: Array<() => Promise<void>> = []
  let draining: Promise<void> | undefined
  let stopHeartbeat = (): void => {}

  // One for all of a kind: each stream that waits for its source has its metadata.
  const shared = new Map<string, StreamMetadata>()

  function metadataOf (deliverable: boolean, bubbleBytes: number | undefined): StreamMetadata {
    const key = `${deliverable} ${bubbleBytes}`
    const metadata = shared.get(key) ??
      Object.freeze({ ...(deliverable && { deliverable }), ...(bubbleBytes !== undefined && { bubbleBytes }) })
    shared.set(key, metadata)
    return metadata
  }

  const isFull = (): boolean => runs.size >= limits.maxRunning + limits.maxQueued

  function openRunningStream (
    stream: NewStream, report: StreamReport, created: Promise<string>, { epoch = FIRST_EPOCH, ageMs = 0 } = {}
  ): RunningStream {
    const askedAt = clock.now() - ageMs
    const bubble = askedAt + limits.deadlineMs
    const deadline = stream.metadata?.deliverable === true ? Math.max(bubble, askedAt + limits.lateDeadlineMs) : bubble
    const run = new RunningStream(options, { stream, report, epoch, askedAt, bubbleDeadline: bubble, deadline, created })
    runs.set(run.id, run)
    const isShown = stream.chat !== undefined
    void run.ended.then(exit => {
      runs.delete(run.id)
      reports.left(report, exit)
      places.release(run)
      // A bubble that was closed before ended long ago.
      if (isShown && exit.how === 'ended' && !run.bubbleClosed) lastFrames.await(run.id)
    })
    return run
  }

  function refusal (): Outcome | undefined {
    if (draining === undefined && !isFull()) return undefined
    const failure = { code: 'BUSY', reference: createId().slice(0, 8) } as const
    return { status: 'error', failure, ...(draining && { notice: 'CLOSING' }) }
  }

  function resolveSource (source: StreamInput['source']): Source {
    if (source === undefined) return options.source
    const found = typeof source === 'string' ? options.sources.get(source) : source
    if (typeof found === 'function') return found
    const names = [...options.sources.keys()].join(', ') || 'none'
    throw new InputError(`source must be a function, or the name of a registered source (${names})`)
  }

  const streams = {
    /**
     * Creates a stream for a message, or finds the one that an earlier delivery of it created. Where there is no room
     * for another, it is created as ended, with an excuse. The deadline of a runnable stream counts from now on.
     */
    async open (
      {
        always = false, deliverable = false, bubbleBytes, outcome = always ? undefined : refusal(), why, work, sender, callback,
        awaitsReply = false, ...opening
      }: Opening
    ): Promise<Opened> {
      const id = createId()
      const stream: NewStream = {
        id,
        ...opening,
        ...((deliverable || bubbleBytes !== undefined) && { metadata: metadataOf(deliverable, bubbleBytes) }),
        ...(outcome && { outcome })
      }
      const report = reports.open(stream, { sender, callback, awaitsReply })
      if (store.shared && work) stream.work = storedWork(work, report.turn?.traceparent)
      const created = store.create(stream)
      const run = outcome === undefined ? openRunningStream(stream, report, created) : undefined
      const discard = (): void => run === undefined ? reports.left(report, { how: 'discarded' }) : run.discard()
      const kept = await created.catch((error: unknown) => {
        discard()
        throw error
      })
      if (kept !== id) discard()
      else if (outcome !== undefined) reports.bornEnded(report, outcome)
      if (kept === id && outcome?.failure) {
        log.warn({ streamId: id, class: outcome.failure.code, reference: outcome.failure.reference, open: runs.size }, 'stream refused')
      }
      if (kept === id && why !== undefined) log.info({ streamId: id, why }, 'message refused')
      const open = runs.get(kept)
      return { id: kept, ...(open && { stream: open }), runnable: kept === id && run !== undefined }
    },

    /** Sets the source of an opened stream to work, or lines it up. Nothing happens if the stream has ended meanwhile. */
    run (opened: OpenStream, { source, ...turn }: StreamInput, reasoning: ReasoningMode = 'hide'): void {
      const run = runs.get(opened.id)
      if (run !== opened) return
      const call = { source: resolveSource(source), turn: { ...turn, deadline: run.deadline }, reasoning }
      places.take(run, () => run.start(call))
    },

    /** Creates a stream for the host and sets its source to work. Rejects with `BusyError`, `ClosedError` or `InputError`. */
    async start (input: string | StreamInput): Promise<string> {
      const given = typeof input === 'string' ? { prompt: input } : input
      if (typeof given?.prompt !== 'string') {
        throw new InputError('startStream takes a prompt, or an object with a prompt, that is a string')
      }
      const source = resolveSource(given.source)
      if (draining !== undefined) throw new ClosedError()
      if (isFull()) throw new BusyError(runs.size)
      const { id, stream } = await streams.open({ ...workOf(given) })
      if (stream !== undefined) streams.run(stream, { ...given, source })
      return id
    },

    /** Says who takes up the messages of a callback that were another process's. */
    adoptFor: (scope: string, adoptMessage: AdoptMessage): void => adoptions.adoptFor(scope, adoptMessage),

    /** The source itself, or the one of that name. Throws an `InputError` if there is none. */
    resolveSource,

    /** Says how a bot is called in what is told of its streams. */
    nameBot: (scope: string, names: BotNames): void => reports.nameBot(scope, names),

    /** To be told when a message was replied to, a refresh answered, and the end of an answer delivered. */
    replied: (id: string): void => reports.replied(id),
    refreshed: (id: string, hasFrame: boolean): void => reports.refreshed(id, hasFrame),
    settle: (id: string, delivery: SettledDelivery): void => reports.settle(id, delivery),

    /** Names this registration in what is told of its streams. */
    instance,

    read: (id: string) => reader.read(id),

    readOnly: (id: string) => reader.readOnly(id),

    lastRead: (id: string) => reader.lastRead(id),

    /** Whether the store was away just now, and may have come back without what it knew. */
    isRecovering: (): boolean => store.isRecovering?.() ?? false,

    /** Milliseconds from a message to the end of its bubble. */
    deadlineMs: limits.deadlineMs,

    /** Whether the store is elsewhere, and other processes have it, too. */
    shared: store.shared !== undefined,

    /** Asks a stream to stop; returns what it is now. Unknown and ended streams are left as they are. */
    async stop (id: string): Promise<StreamRecord | undefined> {
      const requested = store.requestStop(id)
      // A store that is slow or away keeps no source at work.
      runs.get(id)?.finish('STOP')
      return await requested
    },

    follow: (id: string, signal?: AbortSignal) =>
      followRecord({ read: streams.read, watch: (of, listener) => store.watch(of, listener) }, id, signal),

    /** Takes no new stream; resolves when the running ones have ended, those left after the grace by force. */
    drain (graceMs = limits.shutdownGraceMs): Promise<void> {
      draining ??= inTime(clock, graceMs, allEnded()).then(endAll)
      return draining
    },

    /** Ends what still runs and closes the store. */
    async close (): Promise<void> {
      draining ??= Promise.resolve()
      await endAll()
      await Promise.all(closeListeners.map(async listener => { await listener() }))
      reports.close()
      stopHeartbeat()
      reader.close()
      lastFrames.close()
      await store.close()
    },

    /** To be told when WeCom has been given the last frame of a stream. */
    lastFrameFetched: (id: string): void => lastFrames.fetched(id),

    /** Called back, and waited for, when everything has ended and the stores are about to close. */
    beforeClose (listener: () => Promise<void>): void { closeListeners.push(listener) },

    /** Resolves when WeCom has been given the last of every stream, or has had the time to take it. */
    allFetched: (): Promise<void> => lastFrames.allFetched(),

    /** What this process has to do just now. */
    load () {
      const now = clock.now()
      const open = [...runs.values()]
      return {
        draining: draining !== undefined,
        open: runs.size,
        running: places.taken,
        queued: places.waiting,
        oldestMs: Math.round(open.reduce((oldest, { askedAt }) => Math.max(oldest, now - askedAt), 0)),
        bytes: open.reduce((sum, run) => sum + run.bytes, store.heldBytes?.() ?? 0)
      }
    },

    /** When a source has last answered, and when and how one has last failed. */
    sourceHealth: () => reports.sourceHealth(),

    /** How many streams are open in this process, the waiting ones included. */
    get size (): number {
      return runs.size
    }
  }

  const reader = new StreamReader({
    store, clock, log, deadlineMs: limits.deadlineMs, runOf: id => runs.get(id), onOrphan: id => { void adoptions.adopt(id) }
  })

  const adoptions = createAdoptions({
    store,
    clock,
    log,
    sources: options.sources,
    onOwnerLost: options.onOwnerLost ?? 'restart',
    deadlineMs: limits.deadlineMs,
    isOpenHere: id => runs.has(id),
    isDraining: () => draining !== undefined,
    open (stream, { linkedTo, ...tenure }) {
      const report = reports.open(stream, { linkedTo, restarts: tenure.epoch - FIRST_EPOCH })
      return openRunningStream(stream, report, Promise.resolve(stream.id), tenure)
    },
    run: (stream, input) => streams.run(stream, input)
  })

  if (store.shared !== undefined) {
    stopHeartbeat = startHeartbeat(clock, store.shared.heartbeatMs, () => {
      for (const run of runs.values()) {
        run.renew().catch(
          (error: unknown) => log.debug({ streamId: run.id, cause: describeError(error) }, 'a sign of life could not be given')
        )
      }
    })
  }

  const allEnded = async (): Promise<void> => { await Promise.all([...runs.values()].map(run => run.ended)) }

  /** Those of a shared store go on elsewhere. */
  async function endAll (): Promise<void> {
    const left = [...runs.values()]
    for (const run of left) {
      if (store.shared === undefined) run.finish('SHUTDOWN')
      else {
        run.handOver().catch(
          (error: unknown) => log.error({ streamId: run.id, cause: describeError(error) }, 'a stream could not be handed over')
        )
      }
    }
    await allEnded()
  }

  return streams
}
