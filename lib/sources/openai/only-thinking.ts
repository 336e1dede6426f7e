import type { ReplyPart } from '../source.ts'
import { UpstreamError } from './wire/upstream-error.ts'

/** An answer that has nothing but thinking in it is no success: it fails, or the thinking is the answer. */
export async function * withoutEmptySuccess (
  parts: AsyncIterable<string | ReplyPart>, { reasoningAsAnswer }: { reasoningAsAnswer: boolean }
): AsyncGenerator<string | ReplyPart> {
  let hasText = false
  let hasThoughts = false
  let thoughts = ''
  for await (const part of parts) {
    if (typeof part === 'string') hasText ||= part.trim() !== ''
    else if (part.type === 'reasoning') {
      hasThoughts ||= part.text.trim() !== ''
      if (reasoningAsAnswer) thoughts += part.text
    } else if (part.type === 'end' && part.reason === 'stop' && hasThoughts && !hasText) {
      if (!reasoningAsAnswer) throw new UpstreamError('ONLY_REASONING')
      yield thoughts
    }
    yield part
  }
}
