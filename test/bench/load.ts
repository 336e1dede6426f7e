import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from './connection.ts'
import type { Reply } from './connection.ts'

export const openConnections = (port: number, count: number): Promise<Connection[]> =>
  Promise.all(Array.from({ length: count }, () => Connection.open(port)))

const checked = (reply: Reply): Reply => {
  if (reply.status !== 200 || reply.body.length === 0) throw new Error(`the server answered ${reply.status}: ${reply.body.toString()}`)
  return reply
}

/** Each request once, as fast as the server goes; the replies in the order of the requests. */
export async function postAll (connections: readonly Connection[], requests: readonly Buffer[]): Promise<Reply[]> {
  const replies: Reply[] = []
  let next = 0
  await Promise.all(connections.map(async connection => {
    for (let i = next++; i < requests.length; i = next++) {
      replies[i] = checked(await connection.exchange(requests[i] as Buffer))
    }
  }))
  return replies
}

/** Requests from a list that has no end, as fast as the server goes, for so many milliseconds. Gives the replies' number. */
export async function postFor (connections: readonly Connection[], requests: Iterator<Buffer>, ms: number): Promise<number> {
  const until = performance.now() + ms
  let answered = 0
  await Promise.all(connections.map(async connection => {
    while (performance.now() < until) {
      checked(await connection.exchange(requests.next().value))
      answered++
    }
  }))
  return answered
}

/**
 * Requests at a fixed rate, whether the server keeps up or not. Gives the milliseconds from the moment at which each
 * one was due to its reply, the wait for a free connection included, in ascending order.
 */
export async function postAtRate (
  connections: readonly Connection[], requests: readonly Buffer[], perSecond: number, ms: number
): Promise<number[]> {
  const idle = [...connections]
  const waiting: Array<(connection: Connection) => void> = []
  const latencies: number[] = []
  const underWay: Array<Promise<void>> = []

  const post = async (request: Buffer): Promise<void> => {
    const dueAt = performance.now()
    const connection = idle.pop() ?? await new Promise<Connection>(resolve => { waiting.push(resolve) })
    checked(await connection.exchange(request))
    latencies.push(performance.now() - dueAt)
    const next = waiting.shift()
    if (next === undefined) idle.push(connection)
    else next(connection)
  }

  const startedAt = performance.now()
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
    // A late timer of the load is no fault of the server: what fell due meanwhile goes out now, and counts from now on.
    while (underWay.length < elapsed * perSecond / 1000) underWay.push(post(requests[underWay.length % requests.length] as Buffer))
    await sleep(1)
  }
  await Promise.all(underWay)
  return latencies.sort((a, b) => a - b)
}
