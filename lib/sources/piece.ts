import type { ReplyPart, Usage } from './source.ts'

/** What a source yielded that is no string, whatever it was: undefined if it is no well-formed reply part. */
export function readPiece (yielded: unknown): ReplyPart | undefined {
  if (typeof yielded !== 'object' || yielded === null) return undefined
  const part = yielded as Record<string, unknown>
  switch (part['type']) {
    case 'reasoning': return typeof part['text'] === 'string' ? { type: 'reasoning', text: part['text'] } : undefined
    // What it holds is judged where it is known what to do about it.
    case 'image':
    case 'card': return part as ReplyPart
    case 'end': {
      const { reason, usage, historyUsed } = part
      return reason === 'stop' || reason === 'length'
        ? { type: 'end', reason, ...usageOf(usage), ...(isCount(historyUsed) && { historyUsed }) }
        : undefined
    }
    default: return undefined
  }
}

/** The numbers alone: it is logged, and an SDK may put anything in there. */
function usageOf (given: unknown): { usage?: Usage } {
  const { inputTokens, outputTokens } = (given ?? {}) as Record<string, unknown>
  const usage: Usage = {}
  if (typeof inputTokens === 'number') usage.inputTokens = inputTokens
  if (typeof outputTokens === 'number') usage.outputTokens = outputTokens
  return Object.keys(usage).length > 0 ? { usage } : {}
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
