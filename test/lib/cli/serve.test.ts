import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { serve } from '../../../lib/cli/serve.ts'
import { createSimulator } from '../../../plugins/testing.ts'

const CREDENTIALS = { WECOM_TOKEN: 'my-token', WECOM_ENCODING_AES_KEY: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const QUIET = { PORT: '0', LOG_LEVEL: 'silent' }

async function start (t: Test, env: Record<string, string> = {}) {
  let printed = ''
  const process = new EventEmitter()
  const exited = once(process, 'exit').then(([code]) => code as number)
  const signals = Object.assign(process, { exit: (code: number) => process.emit('exit', code) })
  const bot = await serve({ env: { ...QUIET, ...env }, print: text => { printed += text }, signals })
  t.teardown(() => bot.app.close())
  const [, target = ''] = /Callback URL {4}(\S+)/.exec(printed) ?? []
  const [, curl = ''] = /curl '([^']+)'/.exec(printed) ?? []
  return { bot, printed, target, curl, signals, exited, wecom: createSimulator({ target, ...bot.credentials, refreshMs: 20 }) }
}

t.test('with nothing configured it serves the mock with throw-away credentials, and says how to reach it', async t => {
  const { bot, printed, target, curl, wecom, signals, exited } = await start(t, { MOCK_CHUNK_DELAY_MS: '5' })
  t.match(target, /^http:\/\/127\.0\.0\.1:\d+\/wecom\/callback$/)
  t.match(printed, /Source {10}mock/)
  t.ok(printed.includes(`\n  Token           ${bot.credentials.token}\n`), printed)
  t.ok(printed.includes(`\n  EncodingAESKey  ${bot.credentials.encodingAESKey}\n`), printed)
  t.equal(await (await fetch(curl)).text(), '1616140317555161061', 'the command it suggests works')
  const { content, problems } = await wecom.send('hi')
  t.equal(content, 'Q: hi\nHello world! This is a stream.')
  t.strictSame(problems, [])
  signals.emit('SIGTERM')
  t.equal(await exited, 0)
})

t.test('what is configured is used, and its secrets are not printed', async t => {
  const { printed, target } = await start(
    t, { ...CREDENTIALS, OPENAI_API_KEY: 'sk-do-not-print', WECOM_CALLBACK_PATH: '/bot', HOST: '127.0.0.2' }
  )
  t.match(target, /^http:\/\/127\.0\.0\.2:\d+\/bot$/)
  t.match(printed, /Source {10}openai/)
  for (const secret of [CREDENTIALS.WECOM_TOKEN, CREDENTIALS.WECOM_ENCODING_AES_KEY, 'sk-do-not-print']) t.notOk(printed.includes(secret))
})

t.test('it serves the playground on this machine, and leaves it out elsewhere in one line', async t => {
  const { bot, printed, target } = await start(t, { MOCK_CHUNK_DELAY_MS: '5' })
  const [, address = ''] = /Playground {6}(\S+)/.exec(printed) ?? []
  t.equal(address, bot.app.playgroundAddress?.())
  const { origin, hash } = new URL(address)
  t.equal(origin, new URL(target).origin)
  const headers = { origin, 'x-playground-token': hash.slice(1), 'content-type': 'application/json' }
  const ask = async (action: string, body: string, more = {}): Promise<any> =>
    await (await fetch(`${origin}/playground/api/${action}`, { method: 'POST', headers: { ...headers, ...more }, body })).json()
  t.match(await ask('create', JSON.stringify({ kind: 'single', name: 'x', members: ['x'] })), { id: /./ })
  const { url } = await ask('upload?name=x', 'x', { 'content-type': 'text/plain' })
  t.ok(url.startsWith(`${origin}/playground/bot/media/`), 'files reach the bot')
  const production = await start(t, { NODE_ENV: 'production' })
  t.match(production.printed, /Playground {6}left out: NODE_ENV is production\n/)
  t.equal((await fetch(new URL('/playground/', production.target))).status, 404)
  t.match((await start(t, { HOST: '0.0.0.0' })).printed, /Playground {6}left out: HOST is more than this machine\n/)
})

t.test('two servers run side by side', async t => {
  const [one, two] = [await start(t), await start(t)]
  t.not(one.target, two.target)
  t.not(one.bot.credentials.token, two.bot.credentials.token)
})

t.test('a running answer can still be fetched during shutdown, and a second signal ends it at once', async t => {
  const { wecom, signals, exited } = await start(t, { MOCK_CHUNK_DELAY_MS: '60000', STREAM_SHUTDOWN_GRACE_MS: '5000' })
  const from = { userid: 'u' }
  const { reply } = await wecom.post({ msgid: '1', aibotid: 'b', from, msgtype: 'text', text: { content: 'hi' } })
  signals.emit('SIGINT')
  const refused = await wecom.post({ aibotid: 'b', from, msgtype: 'text', text: { content: 'one more' } })
  t.match(refused.reply, { stream: { finish: true, content: /^服务正在重启/ } })
  const refresh = await wecom.post({ msgid: '2', aibotid: 'b', from, msgtype: 'stream', stream: reply?.['stream'] })
  t.hasStrict(refresh.reply, { stream: { finish: false, content: 'Q: hi\n' } })
  signals.emit('SIGTERM')
  t.equal(await exited, 1)
})

t.test('a slow body is cut off after ten seconds', async t => {
  const { target } = await start(t)
  const { hostname, port, pathname } = new URL(target)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let answer = ''
  socket.setEncoding('utf8').on('data', (piece: string) => { answer += piece })
  const startedAt = performance.now()
  socket.write(`POST ${pathname}?msg_signature=a&timestamp=1&nonce=n HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"encrypt"`)
  await once(socket, 'close')
  t.match(answer, /^HTTP\/1\.1 408 /)
  const tookMs = performance.now() - startedAt
  t.ok(tookMs > 9_000 && tookMs < 50_000, `took ${tookMs} ms`)
})

t.test('every fault of the configuration is told in one error', async t => {
  await t.rejects(start(t, { PORT: 'http', LOG_LEVEL: 'loud', WECOM_TOKEN: 'only-this', STREAM_DEADLINE_MS: '-1' }), {
    code: 'WECOM_ERR_CONFIG',
    faults: [{ name: 'PORT' }, { name: 'LOG_LEVEL' }, { name: 'WECOM_ENCODING_AES_KEY' }, { name: 'STREAM_DEADLINE_MS' }]
  })
})
