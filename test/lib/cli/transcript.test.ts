import { readFileSync } from 'node:fs'
import t from 'tap'
import { buildApp, keys, PATH } from '../../fixtures/app.ts'
import { command } from '../../fixtures/command.ts'

const README = readFileSync(new URL('../../../lib/cli/README.md', import.meta.url), 'utf8')
const WRITTEN = '127.0.0.1:3000'
const anyTime = (text: string): string => text.replace(/in \d+\.\d s/, 'in 0.1 s')

t.test('the commands print what their page says that they print', async t => {
  const { app } = await buildApp(t)
  const { host } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }) + PATH)
  const [, transcript = ''] = /```text\n([^]*?)```/.exec(README) ?? []
  const calls = transcript.split(/^\$ npx fastify-wecom-stream /m).slice(1)
  t.strictSame(calls.map(call => call.split(' ')[0]), ['chat', 'doctor', 'check'])
  for (const call of calls) {
    const [line = '', ...output] = call.split('\n')
    const { stdout, stderr } = await command(t, line.replaceAll(WRITTEN, host).split(' '), {
      env: { WECOM_TOKEN: keys.token, WECOM_ENCODING_AES_KEY: keys.encodingAESKey }
    })
    t.equal(anyTime(stdout.replaceAll(host, WRITTEN)).trimEnd(), output.join('\n').trimEnd(), line)
    t.equal(stderr, '')
  }
})
