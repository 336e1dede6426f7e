import type { ConfigFault } from '../util/errors.ts'
import { callbackSettings, streamsSettings } from './settings.ts'

/**
 * What is wrong with the deadline of the streams, both values as they were given: a bubble that outlives WeCom's window never shows its
 * end.
 */
export function windowFaults (deadlineMs: unknown, windowMs: unknown): ConfigFault[] {
  const [deadline, window] = [
    Number(deadlineMs ?? streamsSettings.STREAM_DEADLINE_MS.default), Number(windowMs ?? callbackSettings.WECOM_WINDOW_MS.default)
  ]
  if (!Number.isSafeInteger(deadline) || !(deadline > window)) return []
  return [{
    name: 'STREAM_DEADLINE_MS',
    problem: `is ${deadline} (option deadlineMs of the streams), expected at most WECOM_WINDOW_MS, which is ${window}: ` +
      'it is lateDeadlineMs that lets an answer go on behind its bubble'
  }]
}
