import { countOf, documentUrl } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { wireLines } from './wire.ts'

const NAME_WIDTH = 26
const LABELS: Record<Outcome['result'], string> = { passed: 'PASS', failed: 'FAIL', skipped: 'SKIP', expected: 'XFAIL', stale: 'STALE' }

const STALE = 'it passes: take it off the list of expected failures'

/** One check in the report, told as soon as it is over. */
export function outcomeLines ({ check, verdict, result }: Outcome, target: string): string[] {
  const head = `${LABELS[result].padEnd(6)}${check.name.padEnd(NAME_WIDTH)}`
  if (verdict.status === 'PASS') return [result === 'stale' ? head + STALE : head.trimEnd()]
  const line = `${head}${verdict.reason}`
  if (verdict.status === 'SKIP' || result === 'expected') return [line]
  const indent = ' '.repeat(6)
  return [
    line,
    `${indent}wanted: ${check.about}`,
    `${indent}${documentUrl(check)}`,
    ...wireLines(verdict.wire, target).map(wire => indent + wire)
  ]
}

export function summaryLine (outcomes: readonly Outcome[], tookMs: number): string {
  const counts = (['passed', 'failed', 'skipped', 'expected', 'stale'] as const)
    .map(result => [countOf(outcomes, result), result === 'expected' ? 'failed as expected' : result] as const)
    .filter(([count], index) => count > 0 || index < 3)
    .map(([count, word]) => `${count} ${word}`)
  return `${counts.join(', ')} in ${(tookMs / 1000).toFixed(1)} s`
}

/** The report as data, for `--json`. */
export const reportJson = (outcomes: readonly Outcome[], target: string): string => JSON.stringify({
  target,
  checks: outcomes.map(({ check, verdict, result, tookMs }) => ({
    name: check.name,
    document: documentUrl(check),
    about: check.about,
    status: verdict.status,
    result,
    ms: Math.round(tookMs),
    ...(verdict.status !== 'PASS' && { reason: verdict.reason }),
    ...(verdict.status === 'FAIL' && { wire: wireLines(verdict.wire, target) })
  }))
}, null, 2)

/** The report as JUnit's XML, as build servers read it. */
export function reportJunit (outcomes: readonly Outcome[], target: string): string {
  const cases = outcomes.map(({ check, verdict, result, tookMs }) => {
    const [group = ''] = check.name.split('.')
    const open = `    <testcase classname="${group}" name="${check.name}" time="${(tookMs / 1000).toFixed(3)}"`
    if (result === 'passed') return `${open}/>`
    const reason = verdict.status === 'PASS' ? STALE : verdict.reason
    const wire = verdict.status === 'FAIL' ? wireLines(verdict.wire, target).join('\n') : ''
    const inner = result === 'skipped' || result === 'expected'
      ? `<skipped message="${escapeXml(reason)}"/>`
      : `<failure message="${escapeXml(reason)}">${escapeXml(`${documentUrl(check)}\n${wire}`)}</failure>`
    return `${open}>${inner}</testcase>`
  })
  const skipped = countOf(outcomes, 'skipped') + countOf(outcomes, 'expected')
  const failures = countOf(outcomes, 'failed') + countOf(outcomes, 'stale')
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="fastify-wecom-stream check" tests="${outcomes.length}" failures="${failures}" skipped="${skipped}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    ''
  ].join('\n')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML has no way to write most control characters. */
const escapeXml = (text: string): string =>
  text.toWellFormed()
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\uFFFD')
    .replace(/[&<>"]/g, found => ENTITIES[found] as string)
