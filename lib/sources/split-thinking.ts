import type { ReplyPart } from './source.ts'
import { createThinkSplitter } from './think-splitter.ts'

/** Turns the thinking that a model writes into its text into reasoning parts. What is held back comes out however the answer ends. */
export async function * splitThinking (
  pieces: AsyncIterable<string | ReplyPart>,
  options: { opened: boolean }
): AsyncGenerator<string | ReplyPart> {
  const splitter = createThinkSplitter(options)
  const parts = (split: ReturnType<typeof splitter.flush>): Array<string | ReplyPart> =>
    split.map(({ type, text }) => type === 'text' ? text : { type, text })
  try {
    for await (const piece of pieces) {
      // An empty one is a sign of life.
      if (piece === '') yield ''
      else if (typeof piece === 'string') yield * parts(splitter.push(piece))
      else if (piece.type === 'end') yield * [...parts(splitter.flush()), piece]
      else yield piece
    }
  } catch (error) {
    yield * parts(splitter.flush())
    throw error
  }
  yield * parts(splitter.flush())
}
