import Fastify from 'fastify'
import t from 'tap'
import { withTrace } from '../../../lib/util/logger.ts'
import type { Logger } from '../../../lib/util/logger.ts'

function fourMethods (lines: unknown[], bindings: object = {}): Logger {
  const write = (level: string) => (...line: unknown[]): void => { lines.push([level, bindings, ...line]) }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: more => fourMethods(
      lines, { ...bindings, ...more }
    )
  }
}

t.test('a logger with a trace is handed on as it is', async t => {
  const { log } = Fastify({ logger: { level: 'silent' } })
  t.equal(withTrace(log), log)
})

t.test('a logger without one gets one that leaves its lines out, and its children do', async t => {
  const lines: unknown[] = []
  const log = withTrace(fourMethods(lines)).child({ a: 1 })
  log.trace('left out')
  log.debug('said')
  log.info({})
  log.warn({ b: 2 }, 'said %s', 'so')
  log.error({ b: 2 }, 'said')
  t.strictSame(lines, [
    ['debug', { a: 1 }, 'said'], ['info', { a: 1 }, {}], [
      'warn', { a: 1 }, { b: 2 }, 'said %s', 'so'
    ], ['error', { a: 1 }, { b: 2 }, 'said']
  ])
})
