import t from 'tap'
import { runCli } from '../../fixtures/cli.ts'

t.test('it serves until SIGTERM', async t => {
  const cli = runCli(t, 'start', { PORT: '0' })
  const [, curl = ''] = await cli.printed(/curl '([^']+)'/)
  t.equal(await (await fetch(curl)).text(), '1616140317555161061')
  cli.kill('SIGTERM')
  t.equal(await cli.ended, 0)
})

t.test('bad config is told without a stack, and ends with 1', async t => {
  const cli = runCli(t, 'start', { PORT: 'http' })
  t.equal(await cli.ended, 1)
  t.ok(cli.output().includes('\n- PORT: is "http", expected a whole number'), cli.output())
  t.notMatch(cli.output(), /^ +at /m)
})
