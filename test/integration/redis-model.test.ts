import fc from 'fast-check'
import t from 'tap'
import type { HistoryStore } from '../../lib/stores/history.ts'
import type { KeyValueStore } from '../../lib/stores/key-values.ts'
import { createMemoryHistory } from '../../lib/stores/memory/history.ts'
import { createMemoryKeyValues } from '../../lib/stores/memory/key-values.ts'
import { createMemoryQueues } from '../../lib/stores/memory/queues.ts'
import { createMemoryStore } from '../../lib/stores/memory/streams.ts'
import type { QueueStore } from '../../lib/stores/queues.ts'
import { createRedisHistory } from '../../lib/stores/redis/history.ts'
import { createRedisKeyValues } from '../../lib/stores/redis/key-values.ts'
import { createRedisQueues } from '../../lib/stores/redis/queues.ts'
import { createRedisStreams } from '../../lib/stores/redis/streams.ts'
import type { StreamStore, Channel } from '../../lib/stores/store.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { openRedis } from '../fixtures/redis.ts'

const runs = Number(process.env['MODEL_RUNS'] ?? 200)

const clock = createManualClock()
const limits = { turns: 3, bytes: 12, idleMs: 60_000 }
const HOUR_MS = 3_600_000

interface Stores { streams: StreamStore, lines: QueueStore, history: HistoryStore, facts: KeyValueStore }
/** Of one replica: two may share what is kept. `generations` is what a caller keeps of a conversation. */
type Call = (stores: Stores, generations: Map<string, number>) => Promise<unknown>

const id = fc.constantFrom('s', 't')
const epoch = fc.constantFrom(1, 1, 1, 2, 2, 3)
const text = fc.array(fc.constantFrom('a', 'b', 'é', '限', '😀', '\u0000'), { maxLength: 3 }).map(parts => parts.join(''))
const status = fc.constantFrom('done' as const, 'error' as const)
const key = fc.constantFrom('k', 'l')

const name = (title: string, call: Call): Call => Object.assign(call, { toString: () => title })

const call: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(
    id, fc.constantFrom(undefined, 'c', 'd'), text, fc.constantFrom(undefined, undefined, 'done' as const)
  ).map(([id, claim, content, ended]) =>
    name(`create ${id} ${claim} ${content} ${ended}`, async ({ streams }) => {
      // An id is drawn once in a lifetime.
      if (await streams.read(id) !== undefined) return undefined
      return await streams.create({ id, content, ...(claim && { claim }), ...(ended && { outcome: { status: ended } }) })
    })),
  fc.tuple(
    id, epoch, fc.constantFrom<Channel>('content', 'content', 'reasoning'), fc.integer({ min: -1, max: 5 }), text
  ).map(([id, epoch, track, back, text]) =>
    name(`append ${id} ${epoch} ${track} ${back} ${text}`, async ({ streams }) => {
      const length = (await streams.read(id))?.record[track].length ?? 0
      return await streams.append(id, epoch, track, Math.max(0, length - back), text)
    })),
  fc.tuple(id, epoch, text).map(
    ([id, epoch, text]) => name(`begin ${id} ${epoch} ${text}`, async ({ streams }) => await streams.append(id, epoch, 'content', 0, text))
  ),
  fc.tuple(
    id, epoch, fc.constantFrom({}, { waiting: true }, { waiting: false }, { thinking: true } as const, { lost: ['TIMEOUT'] } as const)
  ).map(([id, epoch, metadata]) =>
    name(`note ${id} ${epoch} ${JSON.stringify(metadata)}`, ({ streams }) => streams.setMetadata(id, epoch, metadata))),
  fc.tuple(id, epoch, status).map(
    ([id, epoch, status]) => name(`end ${id} ${epoch} ${status}`, ({ streams }) => streams.end(id, epoch, { status }))
  ),
  id.map(id => name(`stop ${id}`, ({ streams }) => streams.requestStop(id))),
  fc.tuple(id, epoch).map(([id, epoch]) => name(`renew ${id} ${epoch}`, ({ streams }) => streams.renew(id, epoch))),
  fc.tuple(id, epoch).map(([id, epoch]) => name(`release ${id} ${epoch}`, ({ streams }) => streams.release(id, epoch))),
  id.map(id => name(`adopt ${id}`, async ({ streams }) => {
    const adoption = await streams.adopt(id)
    // No two clocks give the same age.
    return adoption && { ...adoption, ageMs: undefined }
  })),
  fc.tuple(key, id).map(([key, id]) => name(`join ${key} ${id}`, ({ lines }) => lines.join(key, id, clock.now() + HOUR_MS))),
  fc.tuple(key, id).map(([key, id]) => name(`leave ${key} ${id}`, ({ lines }) => lines.leave(key, id))),
  fc.tuple(key, text).map(([key, value]) => name(`keep ${key} ${value}`, ({ facts }) => facts.putIfAbsent(key, value, HOUR_MS))),
  key.map(key => name(`count ${key}`, ({ facts }) => facts.increment(key, HOUR_MS))),
  key.map(key => name(`begin a turn ${key}`, async ({ history }, generations) => {
    const { turns, generation } = await history.read(key)
    generations.set(key, generation)
    return turns
  })),
  fc.tuple(key, text, text).map(([key, prompt, reply]) => name(`add ${key} ${prompt} ${reply}`, ({ history }, generations) =>
    history.add(key, generations.get(key) ?? 0, { prompt, reply }))),
  fc.tuple(key, fc.subarray([0, 1, 2, 3])).map(([key, places]) => name(`drop ${places.join(' ')} of ${key}`, async ({ history }) => {
    const { ids } = await history.read(key)
    await history.drop(key, [...ids.filter((_, index) => places.includes(index)), 'none'])
  })),
  key.map(key => name(`clear ${key}`, ({ history }) => history.clear(key)))
)

/** What the call gave, and what everything is afterwards. */
async function trace (calls: readonly Call[], replicas: readonly Stores[]): Promise<string[]> {
  const generations = new Map<string, number>()
  const lines: string[] = []
  for (const [index, call] of calls.entries()) {
    const stores = replicas[index % replicas.length] as Stores
    const given = await call(stores, generations)
    for (const { streams, lines: places, history, facts } of replicas) {
      lines.push(JSON.stringify([
        String(call), given,
        await Promise.all(['s', 't'].map(id => streams.read(id))).then(all => all.map(sorted)),
        await Promise.all(['k', 'l'].flatMap(key => [places.read(key), facts.get(key), history.read(key).then(({ turns }) => turns)]))
      ]))
    }
  }
  return lines
}

/** The order in which metadata were set is nobody's concern. */
const sorted = (reading: Awaited<ReturnType<StreamStore['read']>>): unknown => {
  const record = reading?.record
  return record && { ...record, metadata: Object.entries(record.metadata).sort(([a], [b]) => a < b ? -1 : 1) }
}

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix } = redis

  t.test(`${runs} random sequences of calls do the same in memory and in Redis, by one replica or two`, async t => {
    let steps = 0
    await fc.assert(fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 25 }), async calls => {
      const memory: Stores = {
        streams: createMemoryStore({ clock, retentionMs: HOUR_MS, maxFinished: 1000, maxFinishedBytes: 1_000_000 }),
        lines: createMemoryQueues(clock),
        history: createMemoryHistory(clock, limits, 100),
        facts: createMemoryKeyValues(clock, 100)
      }
      const prefix = newPrefix()
      const replica = (): Stores => ({
        streams: createRedisStreams({ connection, clock, prefix, retentionMs: HOUR_MS }),
        lines: createRedisQueues({ connection, clock, prefix }),
        history: createRedisHistory({ connection, limits, prefix }),
        facts: createRedisKeyValues({ connection, prefix })
      })
      const expected = await trace(calls, [memory, memory])
      const found = await trace(calls, [replica(), replica()])
      steps += calls.length
      const first = found.findIndex((line, index) => line !== expected[index])
      if (first >= 0) throw new Error(`memory: ${expected[first]}\nredis:  ${found[first]}`)
      await memory.lines.close()
      await memory.streams.close()
      await memory.history.close()
      await memory.facts.close()
    }), { numRuns: runs })
    t.ok(steps > runs)
  })

  redis.everyKeyExpires()
}
