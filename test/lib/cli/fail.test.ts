import t from 'tap'
import { fail } from '../../../lib/cli/fail.ts'
import { ConfigError } from '../../../lib/util/errors.ts'

t.test('an error ends the command with 1, told in a sentence if one will do', t => {
  t.teardown(() => { process.exitCode = 0 })
  const unforeseen = new Error('who knows')
  for (const [error, told] of [
    [new ConfigError([{ name: 'PORT', problem: 'is odd' }]), 'fastify-wecom-stream is not configured correctly:\n- PORT: is odd'],
    [Object.assign(
      new Error('listen'), { code: 'EADDRINUSE', port: 3000 }
    ), 'Port 3000 is in use: set PORT to another one, or to 0 for any free one.'],
    [
      Object.assign(new Error("Cannot find package 'fastify' imported from /app/dist/start.js"), { code: 'ERR_MODULE_NOT_FOUND' }),
      'fastify is not installed: run npm ci first.'
    ],
    [Object.assign(new Error('?'), { code: 'ERR_MODULE_NOT_FOUND' }), 'A package is not installed: run npm ci first.'],
    [unforeseen, unforeseen]
  ] as const) {
    process.exitCode = 0
    const printed = t.capture(console, 'error')
    fail(error)
    t.strictSame(printed().map(({ args }) => args), [[told]])
    t.equal(process.exitCode, 1)
    printed.restore()
  }
  process.exitCode = 0
  t.end()
})
