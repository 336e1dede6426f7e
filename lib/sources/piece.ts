import type { ReplyPart } from './source.ts'

export type Piece = { type: 'text', text: string } | ReplyPart

/** What a source yielded, whatever it was: undefined where it is neither a string nor a well-formed reply part. */
export function readPiece (yielded: unknown): Piece | undefined {
  if (typeof yielded === 'string') return { type: 'text', text: yielded }
  if (typeof yielded !== 'object' || yielded === null) return undefined
  const part = yielded as Record<string, unknown>
  switch (part['type']) {
    case 'reasoning': return typeof part['text'] === 'string' ? { type: 'reasoning', text: part['text'] } : undefined
    case 'end': return part['reason'] === 'stop' || part['reason'] === 'length' ? part as ReplyPart : undefined
    default: return undefined
  }
}
