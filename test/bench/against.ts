// Each line of the bench, measured in pairs: this build and another, in turn.
import { OWN } from './built.ts'
import { StartError, withServers } from './child.ts'
import type { Child } from './child.ts'
import { packageTimeOf } from './imports.ts'
import { withRedis } from './redis.ts'
import { conversationsInTurn, heapOf, latencyOf, messagesInTurn, operationsOf, refreshesInTurn } from './rounds.ts'
import type { RedisClient, Text } from './rounds.ts'
import type { Kind } from './server.ts'
import { settings } from './settings.ts'
import { median, medianInterval } from './statistics.ts'
import type { Interval, Speed } from './statistics.ts'
import { fraction, whole } from './tables.ts'

export interface Line {
  name: string
  own: number
  other: number
  /** How much better this build is: above 1 it is. The median of the pairs, and an interval that holds the true one. */
  ratio: number
  interval: Interval
  isWorse: boolean
  ratios: number[]
}

/** What a build has been measured at in one pair, by line. */
type Figures = Record<string, { value: number, isBetter: 'more' | 'less' }>

const more = (value: number) => ({ value, isBetter: 'more' }) as const
const less = (value: number) => ({ value, isBetter: 'less' }) as const

function lineOf (name: string, pairs: ReadonlyArray<[Figures, Figures]>): Line {
  const measured = pairs.map(([own, other]) => {
    const [{ value, isBetter }, { value: against }] = [own[name], other[name]] as [Figures[string], Figures[string]]
    return { own: value, other: against, ratio: isBetter === 'more' ? value / against : against / value }
  })
  const ratios = measured.map(({ ratio }) => ratio)
  if (!ratios.every(ratio => Number.isFinite(ratio) && ratio > 0)) throw new Error(`${name} was measured at nothing`)
  const interval = medianInterval(ratios, settings.confidence)
  return {
    name,
    own: median(measured.map(({ own }) => own)),
    other: median(measured.map(({ other }) => other)),
    ratio: median(ratios),
    interval,
    isWorse: interval.high < settings.leastRatio,
    ratios
  }
}

/** As many pairs as there are rounds, each this build and the other. Who is first changes from pair to pair. */
async function inPairs (pair: (isOwnFirst: boolean) => Promise<[Figures, Figures]>): Promise<Array<[Figures, Figures]>> {
  const pairs: Array<[Figures, Figures]> = []
  for (let index = 0; index < settings.rounds; index++) {
    const isOwnFirst = index % 2 === 0
    const [first, second] = await pair(isOwnFirst)
    pairs.push(isOwnFirst ? [first, second] : [second, first])
  }
  return pairs
}

type Both = (first: Child, second: Child) => Promise<[Figures, Figures]>

const each = (measure: (server: Child) => Promise<Figures>): Both => async (first, second) => [await measure(first), await measure(second)]

const speeds = (name: string, bothInTurn: (first: Child, second: Child) => Promise<[Speed, Speed]>): Both => async (first, second) => {
  const figures = ({ perSecond, cpuMicros }: Speed): Figures =>
    ({ [`${name}, per second`]: more(perSecond), [`${name}, CPU µs`]: less(cpuMicros) })
  const [one, two] = await bothInTurn(first, second)
  return [figures(one), figures(two)]
}

const latency = (name: string): Both => each(async server => {
  const { refreshes, firstAnswers } = await latencyOf(server)
  return {
    [`${name}refreshes, p50 ms`]: less(refreshes.p50),
    [`${name}refreshes, p99 ms`]: less(refreshes.p99),
    [`${name}first answers, p50 ms`]: less(firstAnswers.p50),
    [`${name}first answers, p99 ms`]: less(firstAnswers.p99)
  }
})

const intake = each(async server => {
  const { followed, unread } = await server.intake(settings.intakeBytes)
  return { 'chunks per second, with a follower': more(followed), 'chunks per second, read at the end': more(unread) }
})

const operations = (client: RedisClient): Both => each(async server => {
  const { perSecond, micros, bytes } = await operationsOf(client, server)
  return {
    'Redis: round trips of a stream, per second': less(perSecond),
    'Redis: server µs of a stream, per second': less(micros),
    'Redis: bytes of a stream': less(bytes)
  }
})

const heap = each(async server => ({ 'heap of a running stream, bytes': less(await heapOf(server)) }))

/**
 * Parts of the bench, which measure the build of another checkout, too, and tell each line as soon as it is known. False if one was
 * skipped.
 */
function createParts (checkout: string, tell: (line: Line) => void): Record<string, () => Promise<boolean>> {
  const { connections, sizes, redisBytes } = settings
  const other = (kind: Kind) => ({ kind, checkout })

  function tellAll (pairs: Array<[Figures, Figures]>): true {
    for (const name of Object.keys(pairs[0]?.[0] ?? {})) tell(lineOf(name, pairs))
    return true
  }

  /** Servers that stay for all pairs, or fresh ones for each. */
  const together = async (kind: Kind, both: Both, open = connections): Promise<true> =>
    tellAll(await withServers(
      [kind, other(kind)], open, (own, against) => inPairs(isOwnFirst => isOwnFirst ? both(own, against) : both(against, own))
    ))
  const afresh = async (kind: Kind, both: Both): Promise<true> =>
    tellAll(await inPairs(isOwnFirst => withServers(isOwnFirst ? [kind, other(kind)] : [other(kind), kind], connections, both)))

  async function refreshes (kind: Kind, label: string, sizes: readonly number[]): Promise<true> {
    for (const bytes of sizes) {
      for (const text of ['still', 'changing'] satisfies Text[]) {
        await together(kind, speeds(`${label}${whole(bytes)} B, ${text}`, (first, second) => refreshesInTurn(first, second, bytes, text)))
      }
    }
    return true
  }

  return {
    refreshes: () => refreshes('plugin', 'refreshes of ', sizes),
    messages: () => together('plugin', speeds('messages', messagesInTurn)),
    conversations: () => together('conversing', speeds('messages with conversations', conversationsInTurn)),
    latency: () => together('plugin', latency(''), settings.latency.connections),
    heap: () => afresh('mock', heap),
    intake: () => together('plugin', intake, 0),
    redis: async () => await withRedis(async client => {
      await refreshes('redis', 'Redis: refreshes of ', [redisBytes])
      await together('redis', operations(client))
      return await together('redis', latency('Redis: '), settings.latency.connections)
    }) ?? false,
    imports: async () => tellAll(await inPairs(async isOwnFirst => {
      const [first, second] = (isOwnFirst ? [OWN, checkout] : [checkout, OWN]).map(packageTimeOf) as [number, number]
      return [{ 'import, ms': less(first) }, { 'import, ms': less(second) }]
    }))
  }
}

const WIDTHS = [46, 10, 10, 7, 16, 6]
const printRow = (cells: readonly string[]): void => {
  console.log(
    '  ' + cells.map((cell, column) => column === 0 ? cell.padEnd(WIDTHS[column] ?? 0) : cell.padStart(WIDTHS[column] ?? 0)).join('  ')
  )
}

const digits = (value: number): string => value < 100 ? fraction(value) : whole(value)
const cellsOf = ({ name, own, other, ratio, interval: { low, high }, isWorse }: Line): string[] =>
  [name, digits(own), digits(other), ratio.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`, isWorse ? 'worse' : 'ok']

export interface Verdict {
  lines: Line[]
  /** Something was compared, nothing failed, and no line is worse. */
  holds: boolean
}

/** Measures the chosen parts, and says whether this build holds against that of another checkout. */
export async function benchAgainst (checkout: string, isChosen: (part: string) => boolean): Promise<Verdict> {
  const lines: Line[] = []
  let failures = 0
  console.log()
  printRow(['', 'this', 'other', 'ratio', '90 % interval', ''])
  const parts = createParts(checkout, line => {
    lines.push(line)
    printRow(cellsOf(line))
  })
  for (const [name, measure] of Object.entries(parts).filter(([name]) => isChosen(name))) {
    try {
      if (!await measure()) console.log(`  ${name}: skipped, as there is neither REDIS_URL nor a redis-server`)
    } catch (error) {
      if (error instanceof StartError && typeof error.wanted === 'object') {
        console.log(`  ${name}: not compared, as the other build does not start: ${error.message}`)
      } else {
        failures++
        console.log(`  ${name}: failed: ${String(error)}`)
      }
    }
  }
  const worse = lines.filter(({ isWorse }) => isWorse).map(({ name }) => name)
  if (lines.length === 0) console.log('\nNothing was compared.')
  else if (worse.length === 0) console.log(`\nNo interval lies wholly below ${settings.leastRatio}.`)
  else console.log(`\nWorse than the other build: ${worse.join('; ')}.`)
  return { lines, holds: lines.length > 0 && worse.length === 0 && failures === 0 }
}
