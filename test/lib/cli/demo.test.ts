import t from 'tap'
import { runCli } from '../../fixtures/cli.ts'

t.test('it shows one life and ends by itself', async t => {
  const cli = runCli(t, 'demo', { MOCK_CHUNK_DELAY_MS: '100' })
  t.equal(await cli.ended, 0)
  t.match(cli.output(), /^server up at [^]*\ndone\n$/m)
})

t.test('it ends with 1 where something went wrong', async t => {
  const cli = runCli(t, 'demo', { STREAM_DEADLINE_MS: '1' })
  t.equal(await cli.ended, 1)
  t.match(cli.output(), /^status: error$/m)
})
