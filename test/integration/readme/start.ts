// The samples of the first hour and of the host's app.
import { execSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import type { StreamState } from '../../../plugins/index.ts'
import { documents, fencesOf } from '../../fixtures/documents.ts'
import { registeredTests } from '../../fixtures/readme.ts'
import { enter, HELLO, LISTEN, run, serve, talk, watchSignals } from '../../fixtures/samples.ts'

const fences = fencesOf(documents.get('README.md') ?? '')
const shellLines = fences.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.trim().split('\n'))

t.test('server.mjs and talk.mjs: the quick start, with the credentials that its command makes', async t => {
  const command = shellLines.find(line => line.endsWith('> .env')) ?? ''
  const folder = enter(t, { MOCK_CHUNK_DELAY_MS: '1' })
  execSync(command, { cwd: folder })
  const env = parseEnv(readFileSync(join(folder, '.env'), 'utf8'))
  t.strictSame(Object.keys(env).sort(), ['WECOM_ENCODING_AES_KEY', 'WECOM_TOKEN'])

  const { asked, address } = await run(t, 'server.mjs')
  t.strictSame(asked, LISTEN)
  const url = await address as string
  const refused = await fetch(`${url}/wecom/callback`)
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: String })

  Object.assign(process.env, env)
  const { args } = t.capture(console, 'log')
  await run(t, 'talk.mjs', code => code.replace('http://127.0.0.1:3000', url))
  t.strictSame(args().map(line => `${line.join(' ')}\n`), [fences.find(({ language }) => language === 'text')?.code])
  t.equal(process.exitCode, 0)
})

t.test('talk.mjs prints what is wrong, and exits with 1', async t => {
  const { url } = await serve(t, 'server.mjs')
  Object.assign(process.env, { WECOM_ENCODING_AES_KEY: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' })
  const { exitCode } = process
  t.teardown(() => { process.exitCode = exitCode })
  const { args } = t.capture(console, 'log')
  await run(t, 'talk.mjs', code => code.replace('http://127.0.0.1:3000', url))
  t.equal(process.exitCode, 1)
  t.strictSame(args(), [['', 'the message: status 403 instead of 200', 'the message: it was not answered with a stream']])
})

t.test('production.mjs: hooks leave the callback alone, and shutdown lets an answer end', async t => {
  const takeListeners = watchSignals()
  const { app, options, url, log, wecom } = await serve(t, 'production.mjs', {
    API_KEYS: 'one,two', MOCK_CHUNK_DELAY_MS: '20', STREAM_FIRST_REPLY_GRACE_MS: '0'
  })
  const added = takeListeners()
  t.strictSame(added.map(([signal]) => signal), ['SIGTERM', 'SIGINT'])

  t.hasStrict(options, { return503OnClosing: false })
  t.hasStrict(app.server, { requestTimeout: 10_000, headersTimeout: 10_000 })
  t.equal((await fetch(`${url}/orders`)).status, 401)
  t.equal((await fetch(`${url}/nothing`)).status, 401)
  t.equal((await fetch(`${url}/orders`, { headers: { 'x-api-key': '' } })).status, 401)
  t.equal((await fetch(`${url}/orders`, { headers: { 'x-api-key': 'two' } })).status, 200)

  let closed: unknown
  const content = await talk(t, wecom(), 'hello', { onFrame: () => { closed ??= added[0]?.[1]('SIGTERM') } })
  t.equal(content, HELLO)
  await closed
  t.equal(app.server.listening, false)
  t.notMatch(log.join(''), '"url":"/wecom/callback', 'requests of WeCom are not logged')
})

t.test('ask.mjs: the methods serve a page of the host', async t => {
  const { app, url, wecom } = await serve(t, 'ask.mjs', { MOCK_CHUNK_DELAY_MS: '5' })
  const post = async (body: object) =>
    await fetch(`${url}/ask`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const { id } = await (await post({ prompt: 'hello' })).json() as { id: string }
  const events = await fetch(`${url}/ask/${id}`)
  t.equal(events.headers.get('content-type'), 'text/event-stream')
  const states = (await events.text()).split('\n\n').filter(event => event !== '').map(
    event => JSON.parse(event.replace(/^data: /, '')) as StreamState
  )
  t.hasStrict(states.at(-1), { status: 'done', content: HELLO })
  t.ok(states.length > 2, 'the text grew')
  t.hasStrict(await app.getStreamState(id, { from: states[0]?.cursor ?? 0 }), { delta: HELLO.slice(states[0]?.cursor) })
  t.hasStrict(await (await post({})).json(), { statusCode: 400, code: 'WECOM_ERR_INPUT' })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
})

t.test('bot.test.mjs: the test of a host passes', async t => {
  enter(t, {})
  await run(t, 'bot.test.mjs')
  for (const [name, body] of registeredTests) {
    const teardowns: Array<() => unknown> = []
    await t.resolves(body({ after: teardown => { teardowns.push(teardown) } }), name)
    for (const teardown of teardowns) await teardown()
  }
  t.equal(registeredTests.length, 1)
})

t.test('two-bots.mjs: each bot has its credentials, path and source', async t => {
  const sales = { token: 'sales', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }
  const { url, wecom } = await serve(t, 'two-bots.mjs', { SALES_TOKEN: sales.token, SALES_ENCODING_AES_KEY: sales.encodingAESKey })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom({ target: `${url}/wecom/sales`, ...sales }), 'hello'), 'Welcome to sales.')
})
