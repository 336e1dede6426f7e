import type { Clock } from '../util/clock.ts'
import type { RefusalCode, RefusalError } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'

export interface RefusalReply {
  statusCode: number
  body: string
}

const refusal = (statusCode: number, error: string): RefusalReply => ({ statusCode, body: JSON.stringify({ error }) })

// One answer for all that an attacker could probe: who does not hold the token learns nothing from it.
const SEALED = refusal(403, 'Forbidden')

const REFUSALS: Record<RefusalCode, RefusalReply> = {
  WECOM_ERR_QUERY: refusal(400, 'The query needs exactly one msg_signature, timestamp and nonce'),
  WECOM_ERR_BODY: refusal(400, 'The body is no WeCom envelope'),
  WECOM_ERR_BODY_TOO_LARGE: refusal(413, 'The body is too large'),
  WECOM_ERR_SIGNATURE: SEALED,
  WECOM_ERR_TIMESTAMP: SEALED,
  WECOM_ERR_DECRYPT: SEALED,
  WECOM_ERR_RECEIVER: SEALED,
  WECOM_ERR_MESSAGE: refusal(422, 'The opened text is no message')
}

const LOG_EVERY_MS = 60_000

/**
 * Counts refusals, and logs the first of each kind and then one a minute, so that a probe cannot flood the log. The log is that of the
 * request.
 */
export function createRefusals (clock: Clock): (error: RefusalError, log: Logger) => RefusalReply {
  const counted = new Map<RefusalCode, { count: number, logAfter: number }>()

  return ({ code, message }, log) => {
    const counter = counted.get(code) ?? { count: 0, logAfter: -Infinity }
    counted.set(code, counter)
    counter.count++
    if (clock.now() >= counter.logAfter) {
      counter.logAfter = clock.now() + LOG_EVERY_MS
      log.warn({ code, count: counter.count }, `callback refused: ${message}`)
    }
    return REFUSALS[code]
  }
}
