import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Connection } from './connection.ts'
import { openConnections } from './load.ts'
import type { Action, Actions, Kind } from './server.ts'

type Asynchronous<T> = { [Name in keyof T]: T[Name] extends (...given: infer Given) => infer Result ? (...given: Given) => Promise<Awaited<Result>> : never }

/** A server of the bench as its parent sees it. */
export interface Child extends Asynchronous<Omit<Actions, 'port'>> {
  kind: Kind
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

async function startServer (kind: Kind, connections: number): Promise<Child> {
  const forked = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [kind], { execArgv: [...process.execArgv, '--expose-gc'] })
  const ask = (action: Action, given?: unknown): Promise<never> => {
    forked.send({ action, given })
    return nextAnswer(forked) as Promise<never>
  }
  await nextAnswer(forked)
  return {
    kind,
    connections: await openConnections(await ask('port'), connections),
    cpu: () => ask('cpu'),
    heap: () => ask('heap'),
    show: shown => ask('show', shown),
    pieces: () => ask('pieces'),
    end: () => ask('end'),
    intake: bytes => ask('intake', bytes),
    stop: () => forked.disconnect()
  }
}

/** Servers for as long as the work takes. */
export async function withServers<const Kinds extends readonly Kind[], T> (
  kinds: Kinds, connections: number, work: (...servers: { [Index in keyof Kinds]: Child }) => Promise<T>
): Promise<T> {
  const servers: Child[] = []
  try {
    for (const kind of kinds) servers.push(await startServer(kind, connections))
    return await work(...servers as { [Index in keyof Kinds]: Child })
  } finally {
    for (const server of servers) server.stop()
  }
}
