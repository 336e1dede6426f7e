import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { OWN } from './built.ts'
import type { Connection } from './connection.ts'
import { openConnections } from './load.ts'
import type { Action, Actions, Kind } from './server.ts'

type Asynchronous<T> = { [Name in keyof T]: T[Name] extends (...given: infer Given) => infer Result ? (
  ...given: Given
) => Promise<Awaited<Result>> : never }

/** A server of this checkout's build, if no other is named. */
export type Wanted = Kind | { kind: Kind, checkout: string }

/** A server has not come up. */
export class StartError extends Error {
  readonly wanted: Wanted

  constructor (wanted: Wanted, reason: string) {
    super(reason)
    this.wanted = wanted
  }
}

/** A server of the bench as its parent sees it. */
export interface Child extends Asynchronous<Omit<Actions, 'start'>> {
  /** Kept open to it for as long as it runs. */
  connections: Connection[]
  stop (): void
}

interface Answer { result?: unknown, error?: string }

function nextAnswer (process: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('a server of the bench has ended'))
    process.once('exit', gone)
    process.once('message', ({ result, error }: Answer) => {
      process.off('exit', gone)
      if (error === undefined) resolve(result)
      else reject(new Error(error))
    })
  })
}

async function startServer (wanted: Wanted, connections: number): Promise<Child> {
  const { kind, checkout } = typeof wanted === 'string' ? { kind: wanted, checkout: OWN } : wanted
  const forked = fork(
    fileURLToPath(new URL('server.ts', import.meta.url)), [kind, checkout], { execArgv: [...process.execArgv, '--expose-gc'] }
  )
  const ask = (action: Action, given?: unknown): Promise<never> => {
    forked.send({ action, given })
    return nextAnswer(forked) as Promise<never>
  }
  const stop = (): void => { if (forked.connected) forked.disconnect() }
  await nextAnswer(forked)
  const port = await ask('start').catch(({ message }: Error) => {
    stop()
    throw new StartError(wanted, message)
  })
  return {
    connections: await openConnections(port, connections),
    cpu: () => ask('cpu'),
    heap: () => ask('heap'),
    show: shown => ask('show', shown),
    pieces: () => ask('pieces'),
    end: () => ask('end'),
    intake: bytes => ask('intake', bytes),
    stop
  }
}

/** Servers for as long as the work takes. */
export async function withServers<const Servers extends readonly Wanted[], T> (
  wanted: Servers, connections: number, work: (...servers: { [Index in keyof Servers]: Child }) => Promise<T>
): Promise<T> {
  const servers: Child[] = []
  try {
    for (const each of wanted) servers.push(await startServer(each, connections))
    return await work(...servers as { [Index in keyof Servers]: Child })
  } finally {
    for (const server of servers) server.stop()
  }
}
