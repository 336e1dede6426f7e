import { setTimeout as sleep } from 'node:timers/promises'
import type { Source } from '../../plugins/index.ts'
import { textOf } from './settings.ts'

/** What a message of the bench asks for, as JSON in its text. */
export interface Order {
  /** How much text comes at once. */
  bytes: number
  /** In how many pieces that comes; default 1. */
  pieces?: number
  /** And then: nothing more; a piece for each request that comes; a piece every so often; or the end. */
  then: 'still' | 'asked' | 'timed' | 'end'
  everyMs?: number
}

/** Four bytes, so that a text changes without growing away from its size. */
const PIECE = '长 '

function inPieces (text: string, count: number): string[] {
  const length = Math.ceil(text.length / count)
  return Array.from({ length: count }, (_, index) => text.slice(index * length, (index + 1) * length))
}

interface End { come: boolean, promise: Promise<void>, announce: () => void }

function createEnd (): End {
  const end: End = { come: false, promise: Promise.resolve(), announce: () => {} }
  end.promise = new Promise(resolve => {
    end.announce = () => {
      end.come = true
      resolve()
    }
  })
  return end
}

/** A source that does what its prompt says, and the strings that pull it. */
export function createBenchSource () {
  const texts = new Map<string, string[]>()
  // What wakes each of the streams that get a piece for a request.
  let wakers: Array<() => void> = []
  let end = createEnd()
  let turn = 0
  let pieces = 0

  const startOf = (bytes: number, pieces: number): string[] => {
    const key = `${bytes} ${pieces}`
    const start = texts.get(key) ?? inPieces(textOf(bytes), pieces)
    texts.set(key, start)
    return start
  }

  const source: Source = async function * bench ({ prompt }) {
    const { bytes, pieces: startPieces = 1, then, everyMs = 0 }: Order = JSON.parse(prompt)
    const ended = end
    if (bytes > 0) yield * startOf(bytes, startPieces)
    if (then === 'end') return
    if (then === 'still') return await ended.promise
    const index = then === 'asked' ? wakers.push(() => {}) - 1 : -1
    while (!ended.come) {
      if (then === 'timed') await sleep(everyMs)
      else await new Promise<void>(resolve => { wakers[index] = resolve })
      if (ended.come) return
      pieces++
      yield PIECE
    }
  }

  return {
    source,
    /** A request has come: the next stream in turn gets its piece. The load goes round the streams in the same way. */
    asked: (): void => wakers[turn++ % wakers.length]?.(),
    /** Ends all streams. */
    end (): void {
      end.announce()
      for (const wake of wakers) wake()
      wakers = []
      end = createEnd()
      turn = 0
    },
    pieces: (): number => pieces
  }
}
