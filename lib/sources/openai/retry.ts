const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 4_000
const LONGEST_RETRY_AFTER_MS = 10_000

/** How long the server asks to be left alone, in milliseconds; undefined when it does not say, or not intelligibly. */
export function retryAfterMs (headers: Pick<Headers, 'get'>, now: number): number | undefined {
  const milliseconds = decimal(headers.get('retry-after-ms'))
  if (milliseconds !== undefined) return milliseconds

  const value = headers.get('retry-after')
  const seconds = decimal(value)
  if (seconds !== undefined) return seconds * 1_000

  // https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: otherwise a date, which always has letters
  const date = value !== null && /[a-z]/i.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function decimal (value: string | null): number | undefined {
  return value !== null && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined
}

export interface RetryQuestion {
  /** Retries made so far. */
  retries: number
  retryAfterMs: number | undefined
  now: number
  deadline: number
  random: () => number
}

/** Milliseconds until the next attempt; undefined when the user is better told now than made to wait. */
export function retryDelay (question: RetryQuestion): number | undefined {
  const { retries, retryAfterMs, now, deadline, random } = question
  if (retryAfterMs !== undefined && retryAfterMs > LONGEST_RETRY_AFTER_MS) return undefined

  const delay = retryAfterMs ?? Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** retries * (1 + random()))
  return now + delay < deadline ? delay : undefined
}
