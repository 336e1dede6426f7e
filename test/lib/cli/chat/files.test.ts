import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { createFileMessage } from '../../../../lib/cli/chat/files.ts'
import { createLoopback } from '../../../../lib/outbound/loopback.ts'
import { MAX_FILE_BYTES } from '../../../../lib/playground/media-box.ts'
import type { SimulatedMessage } from '../../../../lib/simulator/conversation.ts'
import { keys, PATH } from '../../../fixtures/app.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { command, emptyFolder, startCommand } from '../../../fixtures/command.ts'
import { createProvider } from '../../../fixtures/provider.ts'
import { createSmallBot, listenWith } from '../../../fixtures/small-bot.ts'

const PNG = Buffer.from('89504e470d0a1a0a00000000', 'hex')
const INTERVAL = ['--interval', '5']
const ELSEWHERE = 'files can only be sent to a bot that chat starts itself, without a URL: another one cannot fetch them from here. ' +
  'The command playground sends them to any bot, with --target and --public-url'

function folderWith (t: Test, files: Record<string, Buffer | string>): string {
  const cwd = emptyFolder(t)
  for (const [name, data] of Object.entries(files)) writeFileSync(join(cwd, name), data)
  return cwd
}

t.test('/file sends a picture that the model of the bot sees', async t => {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  const env = { OPENAI_API_KEY: 'sk-test-0123456789abcdef', OPENAI_BASE_URL: provider.url }
  const cwd = folderWith(t, { 'my cat.png': PNG })
  const { code, stdout, stderr } = await command(t, ['chat', ...INTERVAL, '-m', '/file my cat.png'], { env, cwd })
  t.strictSame([code, stdout, stderr], [0, 'hello\n', ''])
  const { messages } = (await provider.request(0)).body
  t.ok(JSON.stringify(messages.at(-1)).includes(`"data:image/png;base64,${PNG.toString('base64')}"`), 'as it is on the disk')
})

t.test('what cannot be sent is said, and the chat goes on', async t => {
  const cwd = folderWith(t, { empty: '', large: '', limit: '' })
  mkdirSync(join(cwd, 'folder'))
  truncateSync(join(cwd, 'large'), MAX_FILE_BYTES + 1)
  const socket = createServer().listen(join(cwd, 'socket'))
  t.teardown(() => socket.close())
  const running = startCommand(t, ['chat', ...INTERVAL], { env: { MOCK_CHUNK_DELAY_MS: '1' }, cwd })
  running.stdin.end('/file gone.png\n/file folder\n/file large\n/file empty\n/file socket\n/file empty/x\n/file\n/files\n')
  t.equal(await running.ended, 1, 'not all was well')
  t.equal(running.stderr(), [
    'problem: gone.png cannot be sent: there is no such file',
    'problem: folder cannot be sent: it is a folder',
    'problem: large cannot be sent: it is larger than 20 MiB',
    'problem: empty cannot be sent: it is empty',
    'problem: socket cannot be sent: it is no file',
    'problem: empty/x cannot be sent: it cannot be read (ENOTDIR)',
    'problem: /file lacks its path: /file PATH sends a picture or file',
    ''
  ].join('\n'))
  t.equal(running.stdout().split('\n').slice(1).join('\n'), 'Q: /files\nHello world! This is a stream.\n')
})

t.test('a bot elsewhere is sent no file, with the reason, in both forms', async t => {
  const messages: unknown[] = []
  const bot = createSmallBot(keys, { message: message => { messages.push(message); return undefined } })
  const argv = ['chat', `${await listenWith(t, bot)}${PATH}`, '--token', keys.token, '--key', keys.encodingAESKey, '-m', '/file x']
  t.strictSame(await command(t, argv), { code: 1, stdout: '', stderr: `problem: ${ELSEWHERE}\n` })
  const { code, stdout } = await command(t, [...argv, '--json'])
  t.strictSame([code, JSON.parse(stdout)], [1, { type: 'answer', finished: false, content: '', problems: [ELSEWHERE] }])
  t.strictSame(messages, [])
})

t.test('the kind of message is that of the first bytes, and the URL lives as long as one of WeCom', async t => {
  const clock = createManualClock()
  const loopback = createLoopback()
  const cwd = folderWith(t, { 'a.txt': 'words', 'b.png': PNG, 'c.mp4': '\0\0\0\x18ftypisom', 'limit.bin': 'x' })
  truncateSync(join(cwd, 'limit.bin'), MAX_FILE_BYTES)
  const fileMessage = createFileMessage(loopback, keys.encodingAESKey, { cwd, clock })
  const sent = []
  for (const name of ['a.txt', 'b.png', 'c.mp4', 'limit.bin']) {
    const message = await fileMessage(name) as SimulatedMessage
    sent.push([message.msgtype, Object.keys(message)])
  }
  t.strictSame(sent.map(([kind]) => kind), ['file', 'image', 'video', 'file'])
  t.strictSame(sent[0], ['file', ['msgtype', 'file']])

  const { file } = await fileMessage(join(cwd, 'a.txt')) as SimulatedMessage & { file: { url: string } }
  const { origin, pathname } = new URL(file.url)
  t.equal(origin, loopback.origin)
  const ask = async (path: string) => await loopback.answer({ method: 'GET', path, body: undefined })
  const answer = await ask(pathname)
  t.strictSame([answer?.body.length, answer?.headers['content-length'], answer?.headers['content-disposition']],
    [32, '32', "attachment; filename*=UTF-8''a.txt"])
  t.notOk(answer?.body.includes('words'), 'sealed')
  t.equal(await ask('/media/other'), undefined)
  await clock.advance(5 * 60_000 + 1)
  t.equal(await ask(pathname), undefined)
})
