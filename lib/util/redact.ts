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

/** What may be logged of an error whose message may hold anything: its kind, its place, and a redacted message. */
export function describeError (error: unknown, secrets: readonly string[] = []): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error }
  // The head of a stack repeats the message, which may hold lines that look like frames.
  const told = [String(error.message), ...secrets]
  const isFrame = (line: string): boolean => /^\s+at /.test(line) && !told.some(text => text.includes(line.trim()))
  return {
    ...headline(error, secrets),
    // It is there that `fetch` says why it failed.
    ...(error.cause instanceof Error && { cause: headline(error.cause, secrets) }),
    stack: error.stack?.split('\n').filter(isFrame).join('\n')
  }
}

function headline (error: Error, secrets: readonly string[]): Record<string, unknown> {
  const { code } = error as { code?: unknown }
  return {
    type: error.constructor.name,
    message: redact(String(error.message), secrets),
    ...(typeof code === 'string' && { code: redact(code, secrets) })
  }
}
