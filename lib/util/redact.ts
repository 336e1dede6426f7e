import { attempt } from './attempt.ts'

// Providers echo keys with their middle starred out, so what follows the prefix may be anything.
const KEY_SHAPES = /\bBearer\s+\S+|\b(?:sk|pk|rk|key|ak)-\S+|\/\/[^/\s@]*@/gi
const MAX_LENGTH = 200
/** Stands where a secret stood, until no other can be found in it. */
const GONE = '\0'

/** Takes key-shaped text and the given secrets out of a free text, and cuts it short, so that it may be logged. */
export function redact (text: string, secrets: readonly string[] = []): string {
  let clean = text
  // The longest first: another, or what is put in its place, may be a part of it.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.trim() === '') continue
    // Often a message quotes a whole request, in which the secret stands as a JSON string.
    for (const form of new Set([secret, JSON.stringify(secret).slice(1, -1)])) clean = clean.replaceAll(form, GONE)
  }
  return clean.replaceAll(GONE, '[redacted]').replace(KEY_SHAPES, '[redacted]').slice(0, MAX_LENGTH)
}

const MAX_NAME_LENGTH = 64

/** A name that a message brings along, so that it may be logged. */
export const safeName = (name: string): string => name.slice(0, MAX_NAME_LENGTH).replace(/[^\x20-\x7e]/g, '?')

/**
 * What may be logged of whatever was thrown: its kind, its place, and a redacted message. Never throws, also if a getter, a trap
 * of a proxy or a host's `Error.prepareStackTrace` does.
 */
export function describeError (error: unknown, secrets: readonly string[] = []): Record<string, unknown> {
  if (!isError(error)) return { type: typeof error }
  // The head of a stack repeats the message, which may hold lines that look like frames.
  const told = [textOf(() => error.message) ?? '', ...secrets]
  const isFrame = (line: string): boolean => /^\s+at /.test(line) && !told.some(text => text.includes(line.trim()))
  const cause = attempt(() => error.cause)
  return {
    ...headline(error, secrets),
    // It is there that `fetch` says why it failed.
    ...(isError(cause) && { cause: headline(cause, secrets) }),
    // A host's own `Error.prepareStackTrace` may make it anything.
    stack: textOf(() => error.stack)?.split('\n').filter(isFrame).join('\n')
  }
}

function headline (error: Error, secrets: readonly string[]): Record<string, unknown> {
  const code = textOf(() => (error as { code?: unknown }).code)
  return {
    type: textOf(() => error.constructor.name) ?? 'Error',
    message: redact(attempt(() => String(error.message)) ?? '', secrets),
    ...(code !== undefined && { code: redact(code, secrets) })
  }
}

const isError = (value: unknown): value is Error => attempt(() => value instanceof Error) === true

/** A text that is one; undefined for anything else. */
function textOf (read: () => unknown): string | undefined {
  const value = attempt(read)
  return typeof value === 'string' ? value : undefined
}
