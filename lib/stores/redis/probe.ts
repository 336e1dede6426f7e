import type { Clock } from '../../util/clock.ts'
import { isPassing } from '../../util/errors.ts'
import { createId } from '../../util/ids.ts'
import type { RedisConnection } from './connection.ts'
import { claimKey, countKeys, factKey, historyKeys, queueKeys, streamKeys } from './format.ts'
import { createRedisHistory } from './history.ts'
import { createRedisKeyValues } from './key-values.ts'
import { createRedisQueues } from './queues.ts'
import { createRedisStreams } from './streams.ts'

export interface ProbeOptions {
  connection: RedisConnection
  clock: Clock
  /** Of all keys. */
  prefix: string
}

/** What is written is deleted behind it, or gone by then. */
const TTL_MS = 10_000

/**
 * Leads one scratch stream through a whole life, with every script and every command that the stores send. What is refused is
 * for the connection to tell, and the life goes on. Rejects if Redis is away: nothing can be found out then.
 */
export async function probeRedis (options: ProbeOptions): Promise<void> {
  for (const step of lifeOf(options)) {
    try {
      await step()
    } catch (error) {
      if (isPassing(error)) throw error
    }
  }
}

/** What keys a server may evict when it is full; undefined if it does not say. */
export async function readEvictionPolicy (connection: RedisConnection): Promise<string | undefined> {
  const info = await connection.command(['INFO', 'memory']).catch(() => '')
  return /^maxmemory_policy:(\S+)/m.exec(String(info))?.[1]
}

/** Which server it is: another one after each start. Undefined if it does not say. */
export async function readRunId (connection: RedisConnection, key?: string): Promise<string | undefined> {
  const info = await connection.command(['INFO', 'server'], key).catch(() => '')
  return /^run_id:(\S+)/m.exec(String(info))?.[1]
}

function lifeOf ({ connection, clock, prefix }: ProbeOptions): Array<() => Promise<unknown> | boolean> {
  const shared = { connection, clock, prefix }
  const streams = createRedisStreams({ ...shared, retentionMs: TTL_MS, runningTtlMs: TTL_MS })
  const lines = createRedisQueues(shared)
  const limits = { turns: 3, bytes: 1000, idleMs: TTL_MS }
  const history = createRedisHistory({ ...shared, limits, clearedMs: TTL_MS })
  const facts = createRedisKeyValues(shared)
  const [id, other] = [createId(), createId()]
  const turn = { prompt: 'probe', reply: 'probe' }
  const written = [
    ...streamKeys(prefix, id), claimKey(prefix, id), ...queueKeys(prefix, id), ...historyKeys(prefix, id), factKey(prefix, id),
    countKeys(prefix, id, '')[0]
  ]
  return [
    () => streams.create({ id, claim: id, chat: { scope: 'probe' }, content: 'p', metadata: { waiting: true }, work: '{}' }),
    // The message is delivered again.
    () => streams.create({ id: other, claim: id }),
    () => lines.join(id, id, clock.now() + TTL_MS),
    () => lines.join(id, other, clock.now() + TTL_MS),
    () => lines.read(id),
    () => streams.markStarted(id, 1),
    () => streams.append(id, 1, 'reasoning', 0, 'p'),
    () => streams.append(id, 1, 'content', 1, 'r'),
    // A reply was lost.
    () => streams.append(id, 1, 'content', 1, 'ro'),
    () => streams.setMetadata(id, 1, { waiting: false }),
    () => streams.renew(id, 1),
    () => streams.read(id),
    () => streams.requestStop(id),
    () => streams.release(id, 1),
    () => streams.adopt(id),
    () => streams.append(id, 2, 'content', 0, 'p'),
    // Text was lost.
    () => streams.restore({ id, claim: id }, 2, { content: 'probe', reasoning: 'p' }),
    () => streams.read(id),
    () => streams.end(id, 2, { status: 'done' }, { content: 5, reasoning: 1 }),
    () => lines.leave(id, id),
    () => lines.leave(id, other),
    () => history.add(id, 0, turn),
    () => history.add(id, 0, turn),
    async () => { await history.drop(id, (await history.read(id)).ids.slice(1)) },
    () => history.clear(id),
    () => facts.increment(id, TTL_MS),
    () => facts.putIfAbsent(id, 'probe', TTL_MS),
    () => facts.get(id),
    // Where PEXPIRE is refused, there is nothing that ends it.
    () => connection.command(['DEL', ...written], written[0]),
    () => connection.command(['DEL', ...streamKeys(prefix, other)], streamKeys(prefix, other)[0])
  ]
}
