import { createHarmonySplitter } from './harmony-splitter.ts'
import type { ReplyPart } from './source.ts'
import { createThinkSplitter } from './think-splitter.ts'
import type { Part } from './think-splitter.ts'

/** Turns the thinking that a model writes into its text into reasoning parts. What is held back comes out however the answer ends. */
export async function * splitThinking (
  pieces: AsyncIterable<string | ReplyPart>,
  options: { opened: boolean }
): AsyncGenerator<string | ReplyPart> {
  const splitter = createThinkSplitter(options)
  const harmony = createHarmonySplitter()
  const parts = (split: Part[]): Array<string | ReplyPart> =>
    split.flatMap(({ type, text }) => type === 'text' ? splitter.push(text) : [{ type, text }]).map(
      ({ type, text }) => type === 'text' ? text : { type, text }
    )
  const rest = (): Array<string | ReplyPart> =>
    [...parts(harmony.flush()), ...splitter.flush().map(({ type, text }) => type === 'text' ? text : { type, text })]
  try {
    for await (const piece of pieces) {
      // An empty one is a sign of life.
      if (piece === '') yield ''
      else if (typeof piece === 'string') yield * parts(harmony.push(piece))
      else if (piece.type === 'end') yield * [...rest(), piece]
      else yield piece
    }
  } catch (error) {
    yield * rest()
    throw error
  }
  yield * rest()
}
