import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { CHECKS } from '../../../../lib/cli/check/checks.ts'
import { wallClock } from '../../../../lib/util/clock.ts'
import { buildApp, keys, PATH } from '../../../fixtures/app.ts'
import { command, emptyFolder, startCommand } from '../../../fixtures/command.ts'
import type { RunOptions } from '../../../fixtures/command.ts'
import { openRedis } from '../../../fixtures/redis.ts'
import { createSmallBot, listenWith } from '../../../fixtures/small-bot.ts'
import type { Quirks } from '../../../fixtures/small-bot.ts'
import { startTlsServer } from '../../../fixtures/tls-server.ts'

const CREDENTIALS = ['--token', keys.token, '--key', keys.encodingAESKey]
const check = async (t: Test, target: string, argv: string[] = [], options: RunOptions = {}) =>
  await command(t, ['check', target, ...CREDENTIALS, '--interval', '5', ...argv], options)

const serveSmallBot = async (t: Test, quirks: Quirks = {}) => `${await listenWith(t, createSmallBot(keys, quirks))}${PATH}`

const SEEN_BY_NO_ONE = ['stream.images', 'stream.card']
const PASSED = CHECKS.length - SEEN_BY_NO_ONE.length

function passes (t: Test, { code, stdout, stderr }: { code: number, stdout: string, stderr: string }): void {
  t.equal(stderr, '')
  t.equal(code, 0, stdout)
  t.ok(stdout.includes(`\n${PASSED} passed, 0 failed, 2 skipped in `), stdout)
  t.strictSame([...stdout.matchAll(/^SKIP {2}(\S+) +no \w+ came$/gm)].map(([, name]) => name), SEEN_BY_NO_ONE)
}

t.test('the bot of this package passes', async t => {
  const { app } = await buildApp(t)
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + PATH
  const report = await check(t, target, ['--echo'])
  passes(t, report)
  t.match(report.stdout, `Checking ${target}\nIt sends at most 16 messages, each of which may cost a call of the model. ` +
    'Their senders begin with simulated-.\n\nPASS  verify.echo\n')
})

t.test('it passes over TLS, with --ca', async t => {
  const { app } = await buildApp(t)
  await app.ready()
  const server = await startTlsServer(app.routing)
  t.teardown(() => server.close())
  const target = `https://127.0.0.1:${server.port}${PATH}`
  const cwd = emptyFolder(t)
  writeFileSync(join(cwd, 'ca.pem'), server.trust.ca)
  passes(t, await check(t, target, ['--echo', '--ca', 'ca.pem'], { cwd }))
  t.match(await check(t, target), { code: 2, stderr: /^nobody whom WeCom believes has signed the certificate of 127\.0\.0\.1:\d+\n {2}get one/ })
  t.match(await check(t, target, ['--ca', 'none.pem'], { cwd }), { code: 2, stderr: /^none\.pem cannot be read \(ENOENT\)\n/ })
  writeFileSync(join(cwd, 'odd.pem'), '-----BEGIN CERTIFICATE-----\nodd\n-----END CERTIFICATE-----\n')
  t.match(await check(t, target, ['--ca', 'odd.pem'], { cwd }), { code: 2, stderr: 'odd.pem is no PEM file of a certificate\n' })
})

t.test('it passes on Redis, through two replicas in turn', async t => {
  const redis = await openRedis(t)
  if (redis === undefined) return
  const options = { redis: { url: redis.url, prefix: redis.newPrefix() } }
  const apps = [(await buildApp(t, options)).app, (await buildApp(t, options)).app]
  await Promise.all(apps.map(async app => await app.ready()))
  let next = 0
  const server = createServer((incoming, response) => apps[next++ % 2]?.routing(incoming, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  passes(t, await check(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`, ['--echo', '--interval', '60']))
  await Promise.all(apps.map(async app => await app.close()))
  redis.everyKeyExpires()
})

t.test('a failure has what was wanted, the document and the wire, without the key', async t => {
  const target = await serveSmallBot(t, { echo: text => `"${text}"` })
  const { code, stdout } = await check(t, target, ['--only', 'verify'])
  t.equal(code, 1)
  t.ok(stdout.includes('It sends no message.\n\nPASS  verify.echo\nFAIL  verify.bare               it stands in quotes: '), stdout)
  t.match(stdout, [
    '      wanted: nothing stands around the echo: no quotes, no byte order mark, no line break, no JSON',
    '      https://developer.work.weixin.qq.com/document/path/101033',
    `      > GET ${target}?msg_signature=`
  ].join('\n'))
  const [, echo] = /^ {6}= (\d+)\n {6}< 200\n/m.exec(stdout) ?? []
  t.ok(stdout.includes(`\n      < "${echo}"\n`), stdout)
  t.ok(stdout.includes('\n4 passed, 1 failed, 0 skipped in '), stdout)
  t.notOk(stdout.includes(keys.encodingAESKey))

  const about = async (message: Quirks['message']) =>
    await check(t, await serveSmallBot(t, { ...(message && { message }) }), ['--only', 'event.card'])
  const posted = await about(() => ({ status: 500, type: 'text/html', body: '<p>\u001b[2J\nOh' }))
  t.match(posted.stdout, /^ {6}> \{"encrypt":"[^]*\n {6}= \{"msgid":[^]*\n {6}< 500\n {6}< content-type: text\/html\n/m)
  t.ok(posted.stdout.includes('\n      < <p>[2J\n      < Oh\n'), posted.stdout)
  const silent = await about(() => ({ broken: true, body: '' }))
  t.match(silent.stdout, /^ {6}< the connection failed \(ECONNRESET\)$/m)
  const sealed = await about(() => ({ sealed: { msgtype: 'text' }, body: '' }))
  t.match(sealed.stdout, /^ {6}= \{"msgtype":"text"\}$/m)
})

t.test('--list names all checks, and --only takes names and groups', async t => {
  const { code, stdout } = await command(t, ['check', '--list'])
  t.equal(code, 0)
  t.strictSame(stdout.trim().split('\n').map(line => line.split(' ')[0]), CHECKS.map(({ name }) => name))
  const target = await serveSmallBot(t)
  const some = await check(t, target, ['--only', 'event, refresh.unknown', '--only', 'crypto.utf-8'])
  t.strictSame([...some.stdout.matchAll(/^PASS {2}(\S+)/gm)].map(([, name]) => name), [
    'crypto.utf-8', 'refresh.unknown', 'event.enter-chat', 'event.card', 'event.feedback', 'event.unknown'
  ])
  t.match(await check(t, target, ['--only', 'refre']), { code: 2, stderr: '--only names "refre", which is no check: see --list\n' })
})

t.test('--strict lets what is skipped fail', async t => {
  const target = await serveSmallBot(t)
  t.match(await check(t, target, ['--only', 'stream.card']), { code: 0, stdout: '\n0 passed, 0 failed, 1 skipped in ' })
  const strict = await check(t, target, ['--only', 'stream.card', '--strict'])
  t.match(strict, { code: 1, stdout: 'FAIL  stream.card               no card came\n' })
})

t.test('failures that are expected are none, and those that no longer fail are told', async t => {
  const target = await serveSmallBot(t, { echo: text => `${text}\n` })
  const cwd = emptyFolder(t)
  const list = (text: string) => writeFileSync(join(cwd, 'known.txt'), text)
  const run = async () => await check(t, target, ['--only', 'verify', '--expected-failures', 'known.txt'], { cwd })
  list('# we know\n\nverify.bare # since May\r\n')
  const known = await run()
  t.match(known, { code: 0, stdout: /^XFAIL verify\.bare {15}there is white space or a line break around it$/m })
  t.ok(known.stdout.includes('\n4 passed, 0 failed, 0 skipped, 1 failed as expected in '), known.stdout)
  list('verify.bare\nverify.echo')
  t.match(await run(), { code: 1, stdout: /^STALE verify\.echo {15}it passes: take it off the list[^]*, 1 stale in /m })
  list('verify.bar')
  t.match(await run(), { code: 2, stderr: 'known.txt names "verify.bar", which is no check: see --list\n' })
})

t.test('--json prints the report alone, and --junit writes it for build servers', async t => {
  const target = await serveSmallBot(t, { echo: text => `<${text}>&"\u0001` })
  const cwd = emptyFolder(t)
  writeFileSync(join(cwd, 'known.txt'), 'verify.in-time\nverify.base64\n')
  const argv = ['--only', 'verify,stream.card', '--expected-failures', 'known.txt', '--json', '--junit', 'report.xml']
  const { code, stdout } = await check(t, target, argv, { cwd })
  t.equal(code, 1)
  const report = JSON.parse(stdout)
  t.equal(report.target, target)
  t.strictSame(report.checks.map((one: any) => [one.name, one.status, one.result]), [
    ['verify.echo', 'PASS', 'passed'],
    ['verify.bare', 'FAIL', 'failed'],
    ['verify.in-time', 'PASS', 'stale'],
    ['verify.base64', 'PASS', 'stale'],
    ['verify.signature', 'PASS', 'passed'],
    ['stream.card', 'SKIP', 'skipped']
  ])
  t.match(report.checks[1], {
    document: 'https://developer.work.weixin.qq.com/document/path/101033', reason: 'it is wrapped in JSON or HTML', ms: Number, wire: [/^> GET /]
  })
  const xml = readFileSync(join(cwd, 'report.xml'), 'utf8')
  t.ok(xml.includes('<testsuite name="fastify-wecom-stream check" tests="6" failures="3" skipped="1">'), xml)
  t.match(xml, /<testcase classname="verify" name="verify\.echo" time="\d\.\d{3}"\/>/)
  t.match(xml, /<failure message="it is wrapped in JSON or HTML">https:[^]*&lt; &lt;\d+&gt;&amp;&quot;\uFFFD/)
  t.ok(xml.includes('<skipped message="no card came"/>'), xml)
  t.ok(xml.includes('<failure message="it passes: take it off'), xml)
})

t.test('what cannot be asked is explained, with its cure', async t => {
  const refused = await listenWith(t, createSmallBot({ ...keys, token: 'another' }))
  const answering = async (status: number) => await serveSmallBot(t, { call: () => ({ status, body: '' }) })
  const explained: Array<[target: string, stderr: RegExp]> = [
    [`${refused}${PATH}`, /^the callback refuses all that is signed with this token and sealed with this key: the status is 403\n {2}give --token and/],
    [`${refused}/callback`, /^there is no callback at \/callback: the status is 404\n {2}correct the path of the URL; .*doctor/],
    ['http://127.0.0.1:1/', /^nothing listens at 127\.0\.0\.1:1\n {2}start the server/],
    ['http://wecom.invalid/', /^the name wecom\.invalid does not resolve\n {2}add a DNS record/],
    [await answering(302), /^\/wecom\/callback is a redirect to undefined\n {2}use the address/],
    [await answering(502), /^the server fails with 502\n {2}look at its log/],
    [await serveSmallBot(t, { call: () => ({ body: '', broken: true }) }), /closed the connection without an answer\n/]
  ]
  for (const [target, stderr] of explained) t.match(await check(t, target), { code: 2, stderr })
  const never = await serveSmallBot(t, { call: async () => await new Promise(() => {}) })
  const clock = { ...wallClock, setTimeout: (callback: () => void, ms: number) => wallClock.setTimeout(callback, ms / 50) }
  t.match(await check(t, never, [], { clock }), { code: 2, stderr: /^the server takes the connection and does not answer within 5 s\n/ })
})

t.test('a callback that verifies nothing, or takes no message, is checked all the same', async t => {
  const deaf = await serveSmallBot(t, { call: ({ method }) => method === 'GET' ? { status: 500, body: '' } : undefined })
  t.match(await check(t, deaf, ['--only', 'verify.echo,verify.bare,refresh.unknown']), {
    code: 1, stdout: /^FAIL {2}verify\.echo +the status is 500 instead of 200[^]*\nSKIP {2}verify\.bare[^]*\nPASS {2}refresh\.unknown/m
  })
  const mute = await serveSmallBot(t, { call: ({ method }) => method === 'POST' ? { status: 500, body: '' } : undefined })
  const { code, stdout } = await check(t, mute)
  t.equal(code, 1)
  t.match(stdout, /^FAIL {2}message\.answer +the status is 500 instead of 200$/m)
  t.match(stdout, /^SKIP {2}stream\.id +the bot answered without a stream$/m)
  t.match(stdout, /^SKIP {2}crypto\.signature +no sealed reply came$/m)
})

t.test('a bot that lets in only whom it knows says so', async t => {
  const { app } = await buildApp(t, { access: { allowUsers: 'li' } })
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + PATH
  const { code, stdout } = await check(t, target, ['--echo'])
  t.equal(code, 0)
  t.match(stdout, /^SKIP {2}echo\.prompt +the bot refuses the sender$/m)
  t.ok(stdout.includes('\nThe bot refuses simulated-user by its access lists'), stdout)
})

t.test('a prompt of the user is asked, and a wrong call says what is missing', async t => {
  const target = await serveSmallBot(t)
  t.match(await check(t, target, ['--only', 'echo', '--echo', '--prompt', '你好']), { code: 0, stdout: 'PASS  echo.prompt' })
  t.match(await command(t, ['check']), { code: 2, stderr: 'check needs a URL\n' })
  for (const url of ['wecom/callback', 'ftp://example.com/']) {
    t.match(await command(t, ['check', url]), { code: 2, stderr: `"${url}" is no URL, expected the callback URL with http:// or https://` })
  }
})

t.test('a fault of the program itself is thrown, and not told as one of the bot', async t => {
  const target = await serveSmallBot(t)
  const clock = { ...wallClock, setTimeout: () => { throw new Error('the clock is broken') } }
  await t.rejects(check(t, target, [], { clock }), { message: 'the clock is broken' })
})

t.test('SIGTERM ends it', async t => {
  const target = await serveSmallBot(t, { message: async ({ msgtype }) => msgtype === 'text' ? await new Promise(() => {}) : undefined })
  const running = startCommand(t, ['check', target, ...CREDENTIALS])
  await running.printed(/PASS {2}verify\.signature/)
  running.leave()
  t.equal(await running.ended, 1)
})
