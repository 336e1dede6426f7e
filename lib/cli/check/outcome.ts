import type { Check, Verdict } from './check.ts'

export interface Outcome {
  check: Check
  verdict: Verdict
  tookMs: number
  /** What it counts as: a failure that was expected is none, a pass where a failure was expected is one. */
  result: 'passed' | 'failed' | 'skipped' | 'expected' | 'stale'
}

/** With `strict`, what was skipped has failed. */
export function judge (check: Check, verdict: Verdict, tookMs: number, { strict, expected }: JudgeOptions): Outcome {
  const listed = expected.has(check.name)
  const failed = verdict.status === 'FAIL' || (strict && verdict.status === 'SKIP')
  const result = failed
    ? listed ? 'expected' : 'failed'
    : verdict.status === 'SKIP' ? 'skipped' : listed ? 'stale' : 'passed'
  return { check, verdict, tookMs, result }
}

export interface JudgeOptions {
  strict: boolean
  expected: ReadonlySet<string>
}

export const isBad = ({ result }: Outcome): boolean => result === 'failed' || result === 'stale'

export const countOf = (outcomes: readonly Outcome[], result: Outcome['result']): number =>
  outcomes.filter(outcome => outcome.result === result).length

export const documentUrl = ({ document }: Check): string => `https://developer.work.weixin.qq.com/document/path/${document}`
