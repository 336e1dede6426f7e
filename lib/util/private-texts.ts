import { attempt } from './attempt.ts'

/** Where turns, messages, events and states hold what users and bots say, who says it, and addresses that are secrets. */
const PRIVATE_FIELDS = new Set(
  ['prompt', 'reply', 'text', 'content', 'comment', 'data', 'url', 'response_url', 'aeskey', 'userid', 'sender']
)

/** What an error may quote of a value, at any depth, and nobody may read in a log. */
export function privateTextsIn (value: unknown): string[] {
  const texts: string[] = []
  // A host may hand in what leads back to itself.
  const seen = new Set<unknown>()
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null || seen.has(next)) continue
    seen.add(next)
    for (const [name, field] of attempt(() => Object.entries(next)) ?? []) {
      if (typeof field !== 'string') open.push(field)
      else if (PRIVATE_FIELDS.has(name)) texts.push(field)
    }
  }
  return texts
}
