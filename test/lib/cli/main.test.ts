import t from 'tap'
import { runCli } from '../../fixtures/cli.ts'

t.test('the bin hands its process to a command, and ends with what that returns', async t => {
  const cli = runCli(t, 'main')
  t.equal(await cli.ended, 2)
  t.match(cli.output(), /^Usage: fastify-wecom-stream <command> \[options\]\n/)
})
