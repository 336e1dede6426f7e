import type { Wire } from './bot.ts'
import { unanswered } from './check.ts'

/** What went over the wire, as text: `>` sent, `<` received, `=` the plaintext of what stands above. */
export function wireLines (wire: Wire, target: string): string[] {
  const { request, text, answer, opened } = wire
  const url = new URL(target)
  for (const [name, value] of request.query) url.searchParams.append(name, value)
  return [
    `> ${request.method} ${url.href}`,
    ...Object.entries(request.headers).map(([name, value]) => `> ${name}: ${value}`),
    ...(request.body === undefined ? [] : [`> ${String(request.body)}`]),
    `= ${text}`,
    ...(answer === undefined
      ? [`< ${unanswered(wire)}`]
      : [
          `< ${answer.statusCode}`,
          ...Object.entries(answer.headers).map(([name, value]) => `< ${name}: ${[value].flat().join(', ')}`),
          ...(answer.body === '' ? [] : answer.body.split('\n').map(line => `< ${line}`))
        ]),
    ...(opened === undefined ? [] : [`= ${opened.text}`])
  ]
}
