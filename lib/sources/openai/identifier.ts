import { redact } from '../../util/redact.ts'

const IDENTIFIER = /^[\w.:-]{1,64}$/

/** Passes a word of the provider's on where it may be logged: short, no prose, and not shaped like a key. */
export type IdentifierFilter = (value: unknown) => string | number | undefined

export const createIdentifierFilter = (secret: string): IdentifierFilter => value => {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  return typeof value === 'string' && IDENTIFIER.test(value) && redact(value, [secret]) === value ? value : undefined
}
