import type { Check } from './check.ts'
import { cryptoChecks } from './crypto.ts'
import { echoChecks } from './echo.ts'
import { eventChecks } from './event.ts'
import { messageChecks } from './message.ts'
import { refreshChecks } from './refresh.ts'
import { replyChecks } from './reply.ts'
import { streamChecks } from './stream.ts'
import { verifyChecks } from './verify.ts'

/** All checks, in the order of the report. */
export const CHECKS: readonly Check[] = [
  ...verifyChecks, ...cryptoChecks, ...replyChecks, ...messageChecks, ...streamChecks, ...refreshChecks, ...eventChecks, ...echoChecks
]
