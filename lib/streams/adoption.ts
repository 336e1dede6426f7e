import type { Source } from '../sources/source.ts'
import { FIRST_EPOCH } from '../stores/store.ts'
import type { Adoption, NewStream, StreamRecord, StreamStore } from '../stores/store.ts'
import type { Clock } from '../util/clock.ts'
import { createId } from '../util/ids.ts'
import { insist } from '../util/insist.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import type { OpenStream, StoredWork, StreamInput } from './contract.ts'
import type { RunningStream } from './running-stream.ts'

/** Takes up a message in a stream that is open already. */
export type AdoptMessage = (stream: OpenStream, message: Record<string, unknown>) => void

/** What becomes of a stream whose owner has gone. */
export type OnOwnerLost = 'restart' | 'finish'

export interface AdoptionsOptions {
  store: StreamStore
  clock: Clock
  log: Logger
  sources: ReadonlyMap<string, Source>
  onOwnerLost: OnOwnerLost
  /** Milliseconds that a bubble has. */
  deadlineMs: number
  isOpenHere (id: string): boolean
  isDraining (): boolean
  open (stream: NewStream, tenure: { epoch: number, ageMs: number, linkedTo: string | undefined }): RunningStream
  run (stream: OpenStream, input: StreamInput): void
}

export interface Adoptions {
  /** Adopts a stream if nobody else does. Never rejects. */
  adopt (id: string): Promise<void>
  /** Says who takes up the messages of a callback that were another process's. */
  adoptFor (scope: string, adoptMessage: AdoptMessage): void
}

/** What is left of a bubble's time has to be worth another attempt. */
const MIN_RESTART_MS = 20_000

/** So many owners may prepare a stream: a message that ends the process of each of them shall not end all processes. */
const MAX_TRIES = 3

/** The store takes a stream for another's to adopt by then. */
const LOST_REPLY_MS = 4000

/** A stream is run again once. That counts from the call of the source, so an owner that has not come so far has its turn repeated. */
function mayTry ({ epoch, started }: Adoption): boolean {
  return started <= FIRST_EPOCH && epoch - started <= MAX_TRIES
}

/** Goes on with streams of a shared store whose owners have gone: once from the beginning, or to an end with a notice. */
export function createAdoptions (options: AdoptionsOptions): Adoptions {
  const { store, clock, log, sources, onOwnerLost, deadlineMs } = options
  const adopters = new Map<string, AdoptMessage>()
  const underWay = new Set<string>()

  function resume ({ id, status, chat, metadata }: StreamRecord, adoption: Adoption): void {
    const { epoch, adoptions, ageMs } = adoption
    const work = adoption.work === undefined ? undefined : JSON.parse(adoption.work) as StoredWork
    const run = options.open({ id, metadata, ...(chat && { chat }) }, { epoch, ageMs, linkedTo: work?.traceparent })
    log.warn({ streamId: id, adoptions, ageMs }, 'a stream was taken over from an owner that has gone')
    const again = againOf(work)
    const mayRestart = onOwnerLost === 'restart' && mayTry(adoption) && deadlineMs - ageMs >= MIN_RESTART_MS
    if (status === 'stopping') run.finish('STOP')
    else if (again === undefined || !mayRestart) run.finish('OWNER_LOST')
    // Where it has ended, there is still to be done what comes with its end.
    again?.(run)
  }

  /** Undefined if this process cannot do it. */
  function againOf (work: StoredWork | undefined): ((stream: OpenStream) => void) | undefined {
    if (work === undefined) return undefined
    if ('input' in work) {
      const { input } = work
      const isHere = input.source === undefined || sources.has(input.source)
      return isHere ? stream => options.run(stream, input) : undefined
    }
    const adoptMessage = adopters.get(work.scope)
    return adoptMessage && (stream => adoptMessage(stream, work.message))
  }

  return {
    async adopt (id) {
      if (options.isDraining() || options.isOpenHere(id) || underWay.has(id)) return
      underWay.add(id)
      try {
        const [attempt, until] = [createId(), clock.now() + LOST_REPLY_MS]
        const adoption = await insist(clock, () => store.adopt(id, attempt), until)
        const reading = adoption && await insist(clock, () => store.read(id), until)
        if (adoption === undefined || reading === undefined) return
        if (options.isDraining()) await store.release(id, adoption.epoch)
        else resume(reading.record, adoption)
      } catch (error) {
        log.error({ streamId: id, cause: describeError(error) }, 'a stream could not be taken over')
      } finally {
        underWay.delete(id)
      }
    },
    adoptFor (scope, adoptMessage) { adopters.set(scope, adoptMessage) }
  }
}

/** What is kept of it, with the mark of a tracer. */
export const storedWork = (work: StoredWork, traceparent: string | undefined): string =>
  JSON.stringify(traceparent === undefined ? work : { ...work, traceparent })

/** A source that is a function is known to this process alone. */
export function workOf ({ source, ...input }: StreamInput): { work?: StoredWork } {
  if (typeof source === 'function') return {}
  return { work: { input: { ...input, ...(source !== undefined && { source }) } } }
}
