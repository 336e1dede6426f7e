// A server of the bench in a process of its own, and what its parent may ask it.
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { importBuilt } from './built.ts'
import { buildFloor } from './floor.ts'
import type { Shown } from './floor.ts'
import { measureIntake } from './intake.ts'
import type { Intake } from './intake.ts'
import { credentials, LOGGER, path } from './settings.ts'
import { createBenchSource } from './source.ts'

/**
 * `plugin` has the source of the bench and no conversations, `redis` the same with its state in the Redis of `REDIS_URL`;
 * `conversing` has conversations, `mock` has the package's own source, which waits.
 */
export type Kind = 'floor' | 'plugin' | 'redis' | 'conversing' | 'mock'

/** What a server does for its parent. */
export interface Actions {
  /** Gives its port. */
  start (): Promise<number>
  /** Microseconds of processor time since the start. */
  cpu (): number
  /** Bytes of live heap. */
  heap (): Promise<number>
  /** Of the floor: what it shows from now on. */
  show (shown: Shown): void
  /** Of the plugin: how many pieces its source has yielded behind the first ones. */
  pieces (): number
  /** Of the plugin: ends all streams. */
  end (): void
  /** Chunks per second from a source to its reader. */
  intake (bytes: number): Promise<Intake>
}

export type Action = keyof Actions

async function build (kind: Kind, checkout: string): Promise<{ app: FastifyInstance, actions: Partial<Actions> }> {
  if (kind === 'floor') {
    const { app, show } = buildFloor()
    return { app, actions: { show } }
  }
  const { default: wecomStream } = await importBuilt(checkout)
  const app = Fastify({ logger: LOGGER })
  const { source, asked, end, pieces } = createBenchSource()
  await app.register(wecomStream, {
    ...credentials,
    path,
    // No bench leaves this machine. A variable, as builds that do not know it pass it over.
    env: { WECOM_UNFETCHED: 'off' },
    firstReplyGraceMs: 0,
    // A busy machine fails no stream of the bench, and no command below.
    firstTokenTimeoutMs: 300_000,
    idleTimeoutMs: 300_000,
    maxRunning: 100_000,
    // All messages of a part but one are of one user, who would have them answered one after the other.
    parallelTurns: kind !== 'conversing',
    ...((kind === 'plugin' || kind === 'redis') && { history: { turns: 0 } }),
    ...(kind === 'redis' && {
      redis: { url: process.env['REDIS_URL'] as string, prefix: `wecombench:${randomUUID()}:`, commandTimeoutMs: 5000 }
    }),
    // What has ended long ago shall not weigh on what is measured now.
    maxFinished: 1000,
    ...(kind === 'mock' ? { source: 'mock', mock: { echo: false, chunkDelayMs: 300_000 } } : { source })
  })
  // Not a hook of Fastify's: that would cost the plugin what it does not cost the floor.
  if (kind === 'plugin' || kind === 'redis') app.server.on('request', asked)
  return { app, actions: { end, pieces, intake: bytes => measureIntake(app, bytes) } }
}

async function heap (): Promise<number> {
  // What weak references and finalisers hold on to goes with the second collection.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return process.memoryUsage().heapUsed
}

function cpu (): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

const all = { cpu, heap, start } as Record<string, (given: unknown) => unknown>

async function start (): Promise<number> {
  const [, , kind, checkout] = process.argv as [string, string, Kind, string]
  const { app, actions } = await build(kind, checkout)
  Object.assign(all, actions)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

async function obey ({ action, given }: { action: Action, given: unknown }): Promise<void> {
  try {
    process.send?.({ result: await all[action]?.(given) })
  } catch (error) {
    process.send?.({ error: String(error) })
  }
}

process.on('message', (order: { action: Action, given: unknown }) => { void obey(order) })
// However the parent ends, so does this.
process.on('disconnect', () => process.exit())
process.send?.({ result: 'up' })
