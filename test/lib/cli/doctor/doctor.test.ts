import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { valueFaults } from '../../../../lib/cli/doctor/values.ts'
import { wallClock } from '../../../../lib/util/clock.ts'
import { buildApp, keys, PATH } from '../../../fixtures/app.ts'
import { command, emptyFolder } from '../../../fixtures/command.ts'
import type { RunOptions } from '../../../fixtures/command.ts'
import { createSmallBot, listenWith, REFUSED } from '../../../fixtures/small-bot.ts'
import type { Quirks, Reply } from '../../../fixtures/small-bot.ts'
import { startTlsServer } from '../../../fixtures/tls-server.ts'

const CREDENTIALS = ['--token', keys.token, '--key', keys.encodingAESKey]
let ahead = 0
/** Waits are short, and a test can put it forward. */
const clock = {
  now: () => Date.now() + ahead,
  setTimeout: (callback: () => void, ms: number) => wallClock.setTimeout(callback, ms / 20)
}
const jump = (ms: number): undefined => { ahead += ms }

const doctor = async (t: Test, target: string, argv: string[] = CREDENTIALS, options: RunOptions = {}) =>
  await command(t, ['doctor', target, ...argv], { clock, ...options })

const onGet = (reply: Reply): Quirks => ({ call: ({ method }) => method === 'GET' ? reply : undefined })
const onPost = (reply: Reply): Quirks => ({ call: ({ method }) => method === 'POST' ? reply : undefined })
const onText = (reply: Reply): Quirks => ({ message: ({ msgtype }) => msgtype === 'text' ? reply : undefined })
const page = '<html><title>Login</title><input type="password"></html>'

/** What is wrong with the set-up, and what the doctor says. */
const SETUPS: Record<string, [quirks: Quirks, cause: string | RegExp]> = {
  redirect: [onGet({ status: 301, headers: { location: 'https://example.com/' }, body: '' }), 'is a redirect to https://example.com/'],
  'no route for GET': [onGet({ status: 405, body: '' }), 'takes no GET: the status is 405'],
  'a login page': [onGet({ type: 'text/html', body: page }), 'a login stands before /wecom/callback'],
  'a login without a page': [onGet({ status: 401, body: '' }), 'a login stands before /wecom/callback'],
  'another page': [onGet({ body: 'Welcome to nginx' }), 'something else than the callback answers at /wecom/callback'],
  'an echo in JSON': [{ echo: text => `{"echostr":"${text}"}` }, 'the echo is wrapped in JSON'],
  'an echo in quotes': [{ echo: text => `"${text}"` }, 'the echo stands in quotes'],
  'a byte order mark': [{ echo: text => `\uFEFF${text}` }, 'the echo begins with a byte order mark'],
  'a line break': [{ echo: text => `${text}\n` }, 'white space or a line break around the echo'],
  'a number': [{ echo: text => String(Number(text)) }, 'the echo went through a number'],
  'a slow echo': [{ echo: text => jump(1500) ?? text }, /the echo took 15\d\d ms, and WeCom waits for 1 s/],
  'a plus that is a blank': [{
    call ({ url }) {
      url.searchParams.set('echostr', (url.searchParams.get('echostr') ?? '').replaceAll('+', ' '))
      return undefined
    }
  }, 'a + of echostr arrives as a blank'],
  'a bad gateway': [onGet({ status: 502, body: '' }), 'a proxy does not reach the app: the status is 502'],
  'an app that fails': [onGet({ status: 500, body: '' }), 'the app fails at a GET: the status is 500'],
  'a rate limit': [onGet({ status: 429, body: '' }), 'a rate limit is in the way'],
  'a limit of the body': [onPost({ status: 413, body: '' }), 'the body is too large'],
  compression: [
    onGet({ headers: { 'content-encoding': 'gzip' }, body: gzipSync('1').toString('latin1') }), 'the answer is compressed (gzip)'
  ],
  'a clock that is off': [
    onGet({ ...REFUSED, headers: { date: new Date(Date.now() + 3_600_000).toUTCString() } }), /the clock of the server is 3\d\d\d s ahead/
  ],
  'a clock that is behind': [
    onGet({ ...REFUSED, headers: { date: new Date(Date.now() - 3_600_000).toUTCString() } }), /the clock of the server is 3\d\d\d s behind/
  ],
  'a server that never answers': [{ call: async () => await new Promise(() => {}) }, 'takes the connection and does not answer within 5 s'],
  'a connection that breaks': [onGet({ broken: true, body: '' }), 'closed the connection without an answer'],
  'a callback of an app': [onPost({ status: 400, body: 'XML expected' }), 'the server expects XML'],
  'a parser that ate the body': [onPost({ status: 400, body: '' }), 'the body of a POST does not reach the callback whole'],
  'a protection against forged forms': [
    onPost({ status: 403, body: 'CSRF token missing' }), 'the status is 403, and the answer speaks of a token'
  ],
  'a firewall': [onPost({ status: 403, body: '' }), 'GET passes and POST is refused: the status is 403\n'],
  'no route for POST': [onPost({ status: 405, body: '' }), 'takes no POST'],
  'a POST that breaks': [onPost({ broken: true, body: '' }), 'closed the connection'],
  'a model in the first reply': [
    { message: ({ msgtype }) => msgtype === 'text' ? jump(6000) : undefined }, 'a message is not answered within 5 s'
  ],
  'a model that takes for ever': [
    { message: async ({ msgtype }) => msgtype === 'text' ? await new Promise(() => {}) : undefined }, 'a message is not answered within 5 s'
  ],
  silence: [onText({ body: '' }), 'a message is answered with nothing'],
  'plain text': [onText({ body: 'hello' }), 'the reply is no sealed envelope'],
  'another padding': [
    { layout: layout => ({ ...layout, padding: Buffer.alloc(48 - Buffer.byteLength(layout.text) % 16 - 4) }) }, 'the reply does not open: '
  ],
  'a markdown reply': [onText({ sealed: { msgtype: 'markdown' }, body: '' }), 'msgtype "markdown" is not shown'],
  'several processes': [{
    message: ({ msgtype, stream }) => msgtype === 'stream' && stream.id === 'stream-1' && ++refreshes > 1
      ? { sealed: { msgtype: 'stream', stream: { id: 'stream-1', finish: true, content: 'It is over.' } }, body: '' }
      : undefined
  }, 'refreshes do not find the stream'],
  'several processes that say nothing': [{
    message: ({ msgtype }) => msgtype === 'stream' ? { body: '' } : undefined
  }, 'refreshes do not find the stream']
}
let refreshes = 0

t.test('each set-up that is wrong has its cause, and a cure', async t => {
  for (const [name, [quirks, cause]] of Object.entries(SETUPS)) {
    const { code, stdout } = await doctor(t, `${await listenWith(t, createSmallBot(keys, quirks))}${PATH}`)
    t.equal(code, 1, name)
    t.match(stdout, cause, name)
    t.match(stdout, /^cause: [^\n]+\ncure: {2}[^\n]+\n$/m, name)
    for (const secret of [keys.token, keys.encodingAESKey]) t.notOk(stdout.includes(secret), name)
  }
})

t.test('a bot that is well is told so, and --get-only sends it nothing', async t => {
  const { app } = await buildApp(t)
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + PATH
  t.strictSame(await doctor(t, target), {
    code: 0,
    stderr: '',
    stdout: 'The URL passes the verification of WeCom.\n' +
      'Sending one message, which may cost a call of the model; its sender is simulated-user.\n' +
      'The bot answers, and its refreshes are served.\n'
  })
  const bot = createSmallBot(keys)
  t.match(await doctor(t, `${await listenWith(t, bot)}${PATH}`, [...CREDENTIALS, '--get-only']), {
    code: 0, stdout: 'The URL passes the verification of WeCom.\n'
  })
  t.equal(bot.begun, 0)
  const card = createSmallBot(keys, onText({ sealed: { msgtype: 'template_card' }, body: '' }))
  t.match(await doctor(t, `${await listenWith(t, card)}${PATH}`), { code: 0 })
})

t.test('a name, a port and a certificate that are wrong are told apart', async t => {
  t.match(await doctor(t, 'http://wecom.invalid/'), { code: 1, stdout: 'cause: the name wecom.invalid does not resolve\n' })
  t.match(await doctor(t, 'http://127.0.0.1:1/'), { code: 1, stdout: 'cause: nothing listens at 127.0.0.1:1\n' })
  const plain = await listenWith(t, createSmallBot(keys))
  t.match(await doctor(t, plain.replace('http', 'https')), { code: 1, stdout: /does not speak TLS\ncure: {2}use http:/ })
  const server = await startTlsServer((_request, response) => response.end())
  t.teardown(() => server.close())
  const cwd = emptyFolder(t)
  writeFileSync(join(cwd, 'ca.pem'), server.trust.ca)
  t.match(await doctor(t, `https://127.0.0.1:${server.port}/`), { code: 1, stdout: 'cause: nobody whom WeCom believes has signed the certificate' })
  const trusting = [...CREDENTIALS, '--ca', 'ca.pem']
  t.match(await doctor(t, `https://localhost:${server.port}/`, trusting, { cwd }), { code: 1, stdout: 'is for another name\n' })
})

t.test('the path that answers is found in place of one that is not there', async t => {
  const url = await listenWith(t, createSmallBot(keys))
  t.match(await doctor(t, `${url}/wecom/callback/`), {
    code: 1, stdout: `the status is 404, and /wecom/callback answers\ncure:  enter ${url}/wecom/callback\n`
  })
  t.match(await doctor(t, `${url}/bot`), { code: 1, stdout: 'and /wecom/callback answers' })
  const elsewhere = await listenWith(t, createSmallBot(keys), '/somewhere/else')
  t.match(await doctor(t, `${elsewhere}/bot`), { code: 1, stdout: 'the status is 404\ncure:  correct the path' })
})

t.test('where the server says the same to everything, what is ruled out and what is left is said', async t => {
  const { app } = await buildApp(t, { receiveId: 'ww1' })
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + PATH
  for (const argv of [
    ['--token', 'another', '--key', keys.encodingAESKey, '--receive-id', 'ww1'],
    ['--token', keys.token, '--key', 'b'.repeat(43), '--receive-id', 'ww1']
  ]) {
    const { code, stdout } = await doctor(t, target, argv)
    t.equal(code, 1)
    t.match(stdout, /status 403, and does not say which[^]*Left: token, key, receiver id, which is not empty there\ncure: [^\n]*WECOM_ERR_SIGNATURE/)
  }
  t.match(await doctor(t, target), { code: 1, stdout: 'Left: token, key, a receiver id that it wants\n' })
  const empty = await listenWith(t, createSmallBot(keys))
  t.match(await doctor(t, `${empty}${PATH}`, [...CREDENTIALS, '--receive-id', 'ww1']), {
    code: 1, stdout: 'cause: the receiver id of the server is empty, and one was given\n'
  })
})

t.test('what is wrong with the values themselves is told before anything is sent', async t => {
  const causes = (token: string, encodingAESKey: string) => valueFaults({ token, encodingAESKey }).map(({ cause }) => cause)
  t.strictSame(causes('a-token', keys.encodingAESKey), [])
  t.match(causes(keys.encodingAESKey, 'a-token'), [/^token and key are exchanged/])
  t.match(causes('"a-token"', `'${keys.encodingAESKey}'`), [/^the token stands in quotes/, /^the key stands in quotes/])
  t.match(causes('a-token\n', ` ${keys.encodingAESKey}`), [/^the token has a blank or a line break/, /^the key has a blank/])
  t.match(causes('a-token', `${keys.encodingAESKey}=`), [/^the key is no EncodingAESKey: it has 44 characters/])
  t.match(await doctor(t, 'http://127.0.0.1:1/', ['--token', keys.encodingAESKey, '--key', 'x']), { code: 1, stdout: 'are exchanged' })
  t.match(await doctor(t, 'http://127.0.0.1:1/', []), { code: 2, stderr: 'doctor needs --token and --key' })
  t.match(await command(t, ['doctor', '--token', 'x']), { code: 2, stderr: 'doctor needs a URL, or --local' })
})

t.test('--local compares with the values of the app, and sends nothing', async t => {
  const cwd = emptyFolder(t)
  writeFileSync(join(cwd, '.env'), `WECOM_TOKEN="a-token "\nWECOM_ENCODING_AES_KEY=${keys.encodingAESKey}\nWECOM_RECEIVE_ID=ww1\n`)
  const local = async (...argv: string[]) => await command(t, ['doctor', '--local', ...argv], { cwd })
  t.match((await local('--token', 'a-token', '--key', 'other', '--receive-id', '')).stdout, [
    'cause: WECOM_TOKEN is another token than the one that was given: blanks at an end\n',
    'cause: WECOM_ENCODING_AES_KEY is another key than the one that was given\n',
    'cause: WECOM_RECEIVE_ID is another receiver id than the one that was given\n',
    'cause: the token has a blank or a line break in it\n'
  ].map(line => new RegExp(line)).reduce((all, line) => new RegExp(`${all.source}[^]*${line.source}`)))
  t.match(await command(t, ['doctor', '--local', '--token', 'x']), { code: 1, stdout: 'cause: WECOM_TOKEN is not set\n' })
  writeFileSync(join(cwd, '.env'), `WECOM_TOKEN=a-token\nWECOM_ENCODING_AES_KEY=${keys.encodingAESKey}\n`)
  t.match(await local('--token', 'a-token', '--receive-id', ''), { code: 0, stdout: /^The values of the app have the right form/ })
})
