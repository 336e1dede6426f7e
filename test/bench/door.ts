import { withServers } from './child.ts'
import type { Child } from './child.ts'
import { settings } from './settings.ts'
import { median } from './statistics.ts'
import { callbackRequest } from './wecom.ts'

/** The default of `WECOM_BODY_LIMIT_BYTES`. */
const BODY_BYTES = 256 * 1024
const REQUESTS = 40

const filled = (start: string, unit: string, end: string): string =>
  start + unit.repeat(Math.floor((BODY_BYTES - Buffer.byteLength(start + end)) / Buffer.byteLength(unit))) + end

/** Bodies that anybody can send, none of them signed; all but the first are no envelopes. */
const SHAPES: Record<string, string> = {
  'an envelope': filled('{"encrypt":"', 'A', '"}'),
  'nested arrays': filled('{"encrypt":', '[', ''),
  'nested objects': filled('', '{"encrypt":', ''),
  'many members': filled('{', '"a":1,', '"encrypt":"A"}'),
  'a long name': filled('{"', 'a', '":1}'),
  escapes: filled('{"encrypt":"', '\\u0041', '"}'),
  'foreign characters': filled('{"a":"', '汉', '","encrypt":"A"}'),
  'white space': filled('{', ' ', '"encrypt":"A"}'),
  digits: filled('{"encrypt":', '1', '}')
}

export interface DoorShape {
  shape: string
  cpuMicros: number
  /** To what an envelope of the same length costs that is refused by its signature: at most `MAX_DOOR_RATIO`. */
  ratio: number
}

export const MAX_DOOR_RATIO = 2

const requestOf = (body: string): Buffer =>
  callbackRequest({ signature: '0'.repeat(40), timestamp: String(Math.floor(Date.now() / 1000)), nonce: 'bench' }, body)

async function costOf ({ connections: [connection], cpu }: Child, body: string): Promise<number> {
  const request = requestOf(body)
  const before = await cpu()
  for (let i = 0; i < REQUESTS; i++) {
    const { status } = await connection?.exchange(request) ?? { status: 0 }
    if (status < 400 || status > 499) throw new Error(`an unsigned body was answered with ${status}`)
  }
  return (await cpu() - before) / REQUESTS
}

/** What a body costs before it is refused, by its shape. */
export async function benchDoor (): Promise<DoorShape[]> {
  return await withServers(['plugin'], 1, async server => {
    const rounds: Array<Record<string, number>> = []
    for (let round = 0; round <= settings.rounds; round++) {
      const costs: Record<string, number> = {}
      for (const [shape, body] of Object.entries(SHAPES)) costs[shape] = await costOf(server, body)
      // The first round warms up.
      if (round > 0) rounds.push(costs)
    }
    return Object.keys(SHAPES).map(shape => ({
      shape,
      cpuMicros: median(rounds.map(costs => costs[shape] as number)),
      ratio: median(rounds.map(costs => costs[shape] as number / (costs['an envelope'] as number)))
    }))
  })
}
