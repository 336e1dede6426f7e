import t from 'tap'
import type { Test } from 'tap'
import { renderReply, rowsOf } from '../../../../lib/cli/chat/render.ts'
import { createScreen, sizeOf } from '../../../../lib/cli/chat/screen.ts'
import type { Io } from '../../../../lib/cli/io.ts'
import { keys, PATH } from '../../../fixtures/app.ts'
import { command, startCommand } from '../../../fixtures/command.ts'
import { createSmallBot, listenWith } from '../../../fixtures/small-bot.ts'
import type { Quirks } from '../../../fixtures/small-bot.ts'

const CREDENTIALS = ['--token', keys.token, '--key', keys.encodingAESKey, '--interval', '5']
const ESC = '\u001b'
const MOCK = { MOCK_CHUNK_DELAY_MS: '1' }
const HELLO = 'Q: hello\nHello world! This is a stream.\n'
const serve = async (t: Test, quirks: Quirks = {}) => `${await listenWith(t, createSmallBot(keys, quirks))}${PATH}`

t.test('--message asks once, of a bot that is started for it', async t => {
  const { code, stdout, stderr } = await command(t, ['chat', '--message', 'hello', '--interval', '5'], { env: MOCK })
  t.strictSame([code, stdout, stderr], [0, HELLO, ''])
})

t.test('in a pipe each line is a message, and only answers are printed', async t => {
  const running = startCommand(t, ['chat', '--interval', '5'], { env: MOCK })
  running.stdin.end('hello\n\n/quit\nnever asked\n')
  t.equal(await running.ended, 0)
  t.match(running.stdout(), /^Talking with a bot of this package, source: mock\. \/stop ends[^\n]+\nQ: hello\nHello world! This is a stream\.\n$/)
})

t.test('an answer that breaks the protocol, or never ends, is a failure', async t => {
  const target = await serve(t, { sealed: fields => ({ ...fields, nonce: 'mine' }) })
  const { code, stderr } = await command(t, ['chat', target, ...CREDENTIALS, '-m', 'hi'])
  t.equal(code, 1)
  t.match(stderr, /^problem: the message: /m)
})

t.test('in a terminal the text grows in its place, markdown is rendered, and Ctrl-C stops it, twice leaves', async t => {
  const running = startCommand(t, ['chat', '--interval', '5'], { columns: 40, env: { MOCK_CHUNK_DELAY_MS: '400' } })
  running.stdin.write('**hello**\n')
  await running.printed(/Q:/)
  // Back by the rows of the text before, and everything below is cleared.
  await running.printed(new RegExp(`${ESC}\\[\\dA\\r${ESC}\\[J`))
  running.interrupt()
  running.interrupt()
  running.stdin.write('never asked\n')
  t.equal(await running.ended, 0)
  t.ok(running.stdout().includes('> '))
})

t.test('--json prints an object a line, with the wire beside it', async t => {
  const { code, stdout } = await command(t, ['chat', await serve(t), ...CREDENTIALS, '--json', '--wire', '-m', 'hi'])
  t.equal(code, 0)
  const events = stdout.trim().split('\n').map(line => JSON.parse(line))
  t.strictSame(new Set(events.map(({ type }) => type)), new Set(['wire', 'frame', 'answer']))
  t.match(events[0], { type: 'wire', ms: Number, status: 200, message: { msgtype: 'text' }, reply: { msgtype: 'stream' }, problems: [] })
  t.match(events.at(-1), { type: 'answer', finished: true, content: /^You said: hi/, problems: [] })
})

t.test('--wire has a line for each callback, and its JSON', async t => {
  const { stdout } = await command(t, ['chat', await serve(t), ...CREDENTIALS, '--wire', '-m', 'hi'])
  t.match(stdout, /^\d\d:\d\d:\d\d\.\d{3} text \d+ B \d+ ms\n {2}> \{"msgid"[^\n]+\n {2}< \{"msgtype":"stream"[^\n]+\n\d\d:[^\n]+ stream /)
})

t.test('in a group another member can speak', async t => {
  const senders: unknown[] = []
  const target = await serve(t, { message: message => { senders.push([message['chatid'], message['from'].userid]); return undefined } })
  const running = startCommand(t, ['chat', target, ...CREDENTIALS, '--group', 'team', '--user', 'li', '--json'])
  running.stdin.end('hello\n/as wang\nhello\n')
  t.equal(await running.ended, 0)
  t.strictSame([...new Set(senders.map(String))], ['team,li', 'team,wang'])
})

t.test('thinking is dimmed, images and cards are named, and wide characters count two', t => {
  const reply = {
    stream: { content: '<think>hm</think>**yes**', msg_item: [{ image: { base64: 'AAAA' } }] },
    template_card: { card_type: 'text_notice', main_title: { title: 'Order' } }
  }
  t.equal(renderReply(reply, { columns: undefined }), 'hm\n**yes**\n[image 1, 3 bytes]\n[card text_notice: Order]')
  t.match(renderReply(reply, { columns: 40 }), new RegExp(`^${ESC}\\[2mhm${ESC}\\[22m\n[^*]*yes[^*]*\n`))
  t.equal(renderReply({ template_card: { card_type: 'vote_interaction' } }, { columns: undefined }), '[card vote_interaction]')
  t.strictSame([rowsOf('你好', 4), rowsOf('你好', 3), rowsOf('', 3), rowsOf('a\nb', 3)], [1, 2, 1, 2])
  t.end()
})

t.test('nothing that steers a terminal comes from a bot', t => {
  const reply = {
    stream: { content: `a${ESC}]0;title\u0007${ESC}[2Jb\u009b31m\r\tc\nd` },
    template_card: { card_type: `x${ESC}[1m`, main_title: { title: `y${ESC}[1m` } }
  }
  t.equal(renderReply(reply, { columns: undefined }), 'a]0;title[2Jb31m\tc\nd\n[card x[1m: y[1m]')
  t.equal(renderReply({ stream: { content: 7 } }, { columns: undefined }), '')
  t.end()
})

t.test('a bot that cannot be reached is a failure that the wire shows', async t => {
  const gone = ['chat', `http://127.0.0.1:1${PATH}`, ...CREDENTIALS, '-m', 'hi']
  const { code, stdout } = await command(t, [...gone, '--json', '--wire'])
  t.equal(code, 1)
  const { status, bytes, reply } = JSON.parse(stdout.split('\n')[0] ?? '')
  t.strictSame([status, bytes, reply], [0, 0, null])
  const plain = await command(t, [...gone, '--wire'])
  t.ok(/ text 0 B \d+ ms\n {2}> [^\n]+\n {2}< status 0\n/.test(plain.stdout), plain.stdout)
  const talking = startCommand(t, ['chat', ...gone.slice(1, -2)])
  talking.stdin.end('hi\n\nhi\n')
  t.equal(await talking.ended, 1, 'also among other lines')
})

t.test('a terminal in a group is told who speaks, and a long answer shows its end while it grows', async t => {
  const target = await serve(t)
  const running = startCommand(t, ['chat', target, ...CREDENTIALS, '--group', 'team', '--user', 'li'], { columns: 10 })
  await running.printed(/^li> /m)
  running.stdin.end('one\n/quit\n')
  t.equal(await running.ended, 0)
  let drawn = ''
  const stdout = { isTTY: true, columns: 4, rows: 3, write: (text: string) => { drawn += text } }
  const screen = createScreen({ stdout: stdout as unknown as Io['stdout'] })
  screen.show('1\n2\n3\n4')
  t.equal(drawn, '3\n4\n')
  drawn = ''
  screen.settle('你好吗')
  t.equal(drawn, `${ESC}[2A\r${ESC}[J你好吗\n`)
  t.strictSame(sizeOf({}), { columns: 80, rows: 24 })
})
