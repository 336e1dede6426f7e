import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'
import { SourceError } from '../util/errors.ts'
import type { FailureClass } from '../util/errors.ts'
import { sleep } from '../util/waiting.ts'
import { nameSource } from './names.ts'
import type { AnyLogSource, ReplyPart } from './source.ts'

export interface MockOptions {
  /** Milliseconds before each chunk: one number, or one for each chunk by its index. Default 500. */
  chunkDelayMs?: number | ((index: number) => number)
  /** What is said behind the echo of the prompt. Default: `Hello world! This is a stream.`, token by token. */
  chunks?: ReadonlyArray<string | ReplyPart>
  /** Whether the reply begins with `Q: <prompt>` and a newline, at once. Default true. */
  echo?: boolean
  /** Fails in this way when all chunks are out: a class of failure, or the very error to throw. */
  failure?: FailureClass | Error
  clock?: Clock
}

const HELLO = ['Hello', ' ', 'world', '!', ' ', 'This ', 'is ', 'a ', 'stream.']

/** A source without a model: says the same to everybody. For a first run, and for the tests of a host. */
export function createMockSource (options: MockOptions = {}): AnyLogSource {
  const { chunkDelayMs = 500, chunks = HELLO, echo = true, failure, clock = systemClock } = options
  const delayOf = typeof chunkDelayMs === 'function' ? chunkDelayMs : () => chunkDelayMs

  const source: AnyLogSource = async function * mock ({ prompt }, { signal }) {
    if (echo) yield `Q: ${prompt}\n`
    for (const [index, chunk] of chunks.entries()) {
      const delay = delayOf(index)
      if (delay > 0) await sleep(clock, delay, signal)
      yield chunk
    }
    if (failure !== undefined) throw failure instanceof Error ? failure : new SourceError({ class: failure })
  }
  return nameSource(source, { name: 'mock' })
}
