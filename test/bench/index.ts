// npm run bench -- [--quick] [--json FILE] [--against DIR] [refreshes] [messages] [conversations] [latency] [heap] [intake] [redis]
// [imports] [door] [chat]
//
// The servers run the built package, each in a process of its own; the load comes from this one. What is compared is
// measured in turn, in an order that changes from round to round, and told as medians of all rounds. The rates of one
// machine say little about another; the ratios to the floor do.
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { benchAgainst } from './against.ts'
import { entryOf } from './built.ts'
import { benchChat, MAX_PROMPT_MS } from './chat.ts'
import { benchDoor, MAX_DOOR_RATIO } from './door.ts'
import type { DoorShape } from './door.ts'
import { benchImports, MAX_IMPORT_RATIO } from './imports.ts'
import type { Imports } from './imports.ts'
import { benchConversations, benchHeap, benchIntake, benchLatency, benchMessages, benchRefreshes } from './parts.ts'
import type { Heap, IntakeSpeed, Refreshes } from './parts.ts'
import { benchRedis } from './redis.ts'
import type { WithRedis } from './redis.ts'
import type { Latencies } from './rounds.ts'
import { chosenParts, flags, machine, refuse, settings } from './settings.ts'
import type { Comparison, Percentiles } from './statistics.ts'
import { fraction, printTable, whole } from './tables.ts'

const COMPARISON_HEAD = ['plugin/s', 'floor/s', 'ratio', 'plugin CPU µs', 'floor CPU µs', 'CPU ratio']
const comparisonCells = ({ plugin, floor, ratio, cpuRatio }: Comparison): string[] =>
  [whole(plugin.perSecond), whole(floor.perSecond), fraction(ratio), whole(plugin.cpuMicros), whole(floor.cpuMicros), fraction(cpuRatio)]

const percentileCells = ({ p50, p90, p99, max }: Percentiles): string[] => [p50, p90, p99, max].map(fraction)

async function benchAllRefreshes (): Promise<Refreshes[]> {
  const all: Refreshes[] = []
  for (const bytes of settings.sizes) {
    for (const text of ['still', 'changing'] as const) all.push(await benchRefreshes(bytes, text))
  }
  printTable(`Refreshes per second, ${settings.refreshedStreams} running streams`, ['content', ...COMPARISON_HEAD],
    all.map(({ bytes, text, shownBytes, ...comparison }) => [
      `${whole(bytes)} B, ${text}${shownBytes < bytes * 0.95 ? `, cut to ${whole(shownBytes)} B` : ''}`, ...comparisonCells(comparison)
    ]))
  return all
}

async function benchAllMessages (): Promise<Comparison> {
  const messages = await benchMessages()
  printTable('New messages per second, first-reply grace 0', ['', ...COMPARISON_HEAD], [['messages', ...comparisonCells(messages)]])
  return messages
}

async function benchAllConversations (): Promise<Comparison> {
  const conversations = await benchConversations()
  printTable('New messages per second with conversations, against the plugin without them',
    ['', 'with/s', 'without/s', 'ratio', 'with CPU µs', 'without CPU µs', 'CPU ratio'], [['messages', ...comparisonCells(conversations)]])
  return conversations
}

async function benchAllLatency (): Promise<Latencies> {
  const { streams, refreshesPerSecond, messagesPerSecond, chunkEveryMs } = settings.latency
  const latency = await benchLatency()
  printTable(`Latency in ms: ${whole(streams)} streams that grow every ${chunkEveryMs} ms, ${whole(
    refreshesPerSecond
  )} refreshes and ${messagesPerSecond} messages per second`,
  ['', 'p50', 'p90', 'p99', 'max'],
  [['refreshes', ...percentileCells(latency.refreshes)], ['first answers', ...percentileCells(latency.firstAnswers)]])
  return latency
}

async function benchAllHeap (): Promise<Heap> {
  const heap = await benchHeap()
  printTable(`Heap of a running stream without text, ${whole(heap.streams)} streams waiting for the mock`, ['', 'bytes'], [
    ['per stream', whole(heap.bytesPerStream)]
  ])
  return heap
}

async function benchAllIntake (): Promise<IntakeSpeed> {
  const intake = await benchIntake()
  printTable(`Chunks per second from a source that never waits, up to ${whole(settings.intakeBytes)} B`, ['', 'chunks/s'],
    [[
      'with a follower', whole(intake.followed)
    ], ['read at the end', whole(intake.unread)], ['a bare loop', whole(intake.bare)], ['ratio', fraction(intake.ratio)]])
  return intake
}

async function benchAllRedis (): Promise<WithRedis | undefined> {
  const measured = await benchRedis()
  if (measured === undefined) {
    console.log('\nRedis: skipped, as there is neither REDIS_URL nor a redis-server')
    return undefined
  }
  const { refreshes, operations, latency } = measured
  printTable(`Refreshes per second with Redis, against the plugin without it, ${settings.refreshedStreams} running streams`,
    ['content', 'Redis/s', 'memory/s', 'ratio', 'Redis CPU µs', 'memory CPU µs', 'CPU ratio'],
    refreshes.map(({ bytes, text, ...comparison }) => [`${whole(bytes)} B, ${text}`, ...comparisonCells(comparison)]))
  printTable(`Redis for each running stream: ${describeLoad()}`,
    ['', 'round trips/s', 'server µs/s', 'bytes'],
    [['per stream', fraction(operations.perSecond), fraction(operations.micros), whole(operations.bytes)]])
  printTable(`Latency in ms with Redis: ${describeLoad()}, ${settings.latency.messagesPerSecond} messages per second`,
    ['', 'p50', 'p90', 'p99', 'max'],
    [['refreshes', ...percentileCells(latency.refreshes)], ['first answers', ...percentileCells(latency.firstAnswers)]])
  return measured
}

async function benchAllImports (): Promise<Imports> {
  const imports = benchImports()
  printTable('Milliseconds to import the package, and its dependencies but openai, each in a fresh process', [
    'package', 'dependencies', 'ratio'
  ],
  [[imports.packageMs, imports.dependenciesMs, imports.ratio].map(fraction)])
  if (imports.ratio > MAX_IMPORT_RATIO) {
    console.log(`  The ratio is above ${MAX_IMPORT_RATIO}.`)
    process.exitCode = 1
  }
  return imports
}

async function benchAllDoor (): Promise<DoorShape[]> {
  const shapes = await benchDoor()
  printTable('An unsigned body of 256 KiB, until it is refused', ['shape', 'CPU µs', 'ratio'],
    shapes.map(({ shape, cpuMicros, ratio }) => [shape, whole(cpuMicros), fraction(ratio)]))
  const dear = shapes.filter(({ ratio }) => ratio > MAX_DOOR_RATIO).map(({ shape }) => shape)
  if (dear.length > 0) {
    console.log(`  The ratio is above ${MAX_DOOR_RATIO}: ${dear.join(', ')}.`)
    process.exitCode = 1
  }
  return shapes
}

async function benchAllChat (): Promise<{ promptMs: number }> {
  const chat = await benchChat()
  printTable('Milliseconds until chat shows its prompt, with a bot of its own', ['', 'ms'], [['chat prompt', whole(chat.promptMs)]])
  if (chat.promptMs > MAX_PROMPT_MS) {
    console.log(`  It is above ${MAX_PROMPT_MS}.`)
    process.exitCode = 1
  }
  return chat
}

function describeLoad (): string {
  const { streams, refreshesPerSecond, chunkEveryMs } = settings.latency
  return `${whole(streams)} streams that grow every ${chunkEveryMs} ms, ${whole(refreshesPerSecond)} refreshes per second`
}

const parts = {
  refreshes: benchAllRefreshes,
  messages: benchAllMessages,
  conversations: benchAllConversations,
  latency: benchAllLatency,
  heap: benchAllHeap,
  intake: benchAllIntake,
  redis: benchAllRedis,
  imports: benchAllImports,
  door: benchAllDoor,
  chat: benchAllChat
}

/** More digits would be noise. */
const rounded = (_key: string, value: unknown): unknown => typeof value === 'number' ? Number(value.toFixed(3)) : value

const isChosen = (name: string): boolean => chosenParts.length === 0 || chosenParts.includes(name)

async function benchAlone (): Promise<object> {
  console.log(`${MACHINE}; medians of ${settings.rounds} rounds${SPEED}`)
  const report: Record<string, unknown> = {}
  for (const [name, bench] of Object.entries(parts)) {
    if (isChosen(name)) report[name] = await bench()
  }
  return report
}

async function benchBoth (directory: string): Promise<object> {
  const checkout = resolve(directory)
  if (!existsSync(entryOf(checkout))) refuse(`there is no ${entryOf(checkout)}: run npm run build in ${checkout}`)
  console.log(`${MACHINE}; this build against that of ${checkout}, ${settings.rounds} pairs${SPEED}`)
  const { lines, holds } = await benchAgainst(checkout, isChosen)
  if (!holds) process.exitCode = 1
  return { lines }
}

const unknown = chosenParts.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) refuse(`there is no part ${unknown.join(', ')}: the parts are ${Object.keys(parts).join(', ')}`)

setTimeout(() => {
  console.error('the bench has hung')
  process.exit(1)
}, settings.limitMs).unref()

const MACHINE = `Node ${machine.node}, ${machine.platform}, ${machine.cores} cores (${machine.cpu})`
const SPEED = settings.quick ? ', a quick run' : ''
const report = flags.against === undefined ? await benchAlone() : await benchBoth(flags.against)
const json = JSON.stringify({ machine, settings, ...report }, rounded)
console.log(`\n${json}`)
if (flags.json !== undefined) writeFileSync(flags.json, json + '\n')
