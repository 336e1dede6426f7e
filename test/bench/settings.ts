import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

function readCommandLine () {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: process.env['BENCH_QUICK'] === '1' }, json: { type: 'string' }, against: { type: 'string' }
      },
      allowPositionals: true
    })
  } catch (error) {
    refuse((error as Error).message)
  }
}

export function refuse (reason: string): never {
  console.error(reason)
  process.exit(1)
}

/** What was asked for on the command line. An unknown flag is refused by its name. */
export const { values: flags, positionals: chosenParts } = readCommandLine()
const { quick } = flags
/** Two builds are compared in more rounds, and shorter ones: what tells them apart is their number. */
const inPairs = flags.against !== undefined

/** How much is measured. A quick run only shows that the bench works; its figures say little. */
export const settings = {
  quick,
  /** Pairs, where builds are compared: an even number, so that each is as often the first. */
  rounds: inPairs ? (quick ? 6 : 16) : quick ? 2 : 7,
  /** A round is cut into slices, in which plugin and floor take turns: what else the machine does then hits both alike. */
  slices: quick ? 4 : inPairs ? 6 : 10,
  sliceMs: 100,
  /** Of each server before it is measured against another. */
  warmUpMs: 1500,
  /** Requests under way at once where the server is driven as hard as it goes. */
  connections: 32,
  sizes: [150, 2000, 20_000],
  refreshedStreams: 1000,
  /** What a message is answered with, in so many pieces. */
  answer: { bytes: 200, pieces: 9 },
  messagesPerSlice: quick ? 200 : 400,
  latency: {
    streams: 1000,
    bytes: 2000,
    chunkEveryMs: 100,
    refreshesPerSecond: 1000,
    messagesPerSecond: 50,
    connections: 64,
    warmUpMs: 250,
    measureMs: quick ? 1000 : inPairs ? 1500 : 3000
  },
  redisBytes: 2000,
  heapStreams: quick ? 2000 : inPairs ? 4000 : 10_000,
  intakeBytes: 1024 * 1024,
  /** A build is worse if the whole interval of a ratio, which holds the true one with this probability, lies below this. */
  confidence: 0.9,
  leastRatio: 0.97,
  /** The whole bench ends after this time, whatever hangs. */
  limitMs: (inPairs ? 45 : 15) * 60_000
}

export const machine = {
  node: process.version, platform: `${process.platform}-${process.arch}`, cores: cpus().length, cpu: cpus()[0]?.model.trim() ?? 'unknown'
}

/** Made up for the bench. */
export const credentials = {
  token: 'BenchToken',
  encodingAESKey: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ',
  receiveId: ''
}

export const path = '/wecom/callback'

/** As a host has one: requests are not told. */
export const LOGGER = { level: 'warn' }

const PHRASE = '流式回复 shows an answer while it is being written: 一段一段地 grow，直到 finish. '

/** Prose in two scripts that takes this many bytes of UTF-8 (or one or two less). */
export function textOf (bytes: number): string {
  const long = Buffer.from(PHRASE.repeat(Math.ceil(bytes / PHRASE.length)))
  return long.subarray(0, bytes).toString().replace(/\uFFFD+$/, '')
}
