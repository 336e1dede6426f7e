import { Buffer } from 'node:buffer'
import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { WecomStreamOptions } from '../../plugins/index.ts'
import { encryptMedia, media, startMediaServer, URL_SECRET } from '../fixtures/media-server.ts'
import type { MediaScript, MediaServer } from '../fixtures/media-server.ts'
import { chunk, DONE, finish, heldReply, sse } from '../fixtures/provider.ts'
import { CREDENTIALS, serveBot } from '../fixtures/served-bot.ts'
import type { Asked } from '../fixtures/served-bot.ts'

const texts = loadTexts()
const OWN_KEY = Buffer.from(`${CREDENTIALS.encodingAESKey}=`, 'base64')
/** Of one file; with bytes that base64 writes as `+` and `/`. */
const FILE_KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => 251 + index * 4))
/** A PNG by its first bytes, and of no length that is a multiple of anything. */
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...Array.from({ length: 60_001 }, (_, index) => index * 31 >> 3)])
const DATA_URL = `data:image/png;base64,${PNG.toString('base64')}`

async function serve (t: Test, options: WecomStreamOptions = {}) {
  const files = await startMediaServer()
  t.teardown(() => files.close())
  const bot = await serveBot(t, { media: files.trust, ...options })
  /** No secret of a file stands in the log. */
  const isDiscreet = (t: Test): void => {
    const log = bot.log()
    t.ok(log.includes('stream ended'))
    for (const secret of [
      URL_SECRET, files.host, CREDENTIALS.encodingAESKey, FILE_KEY.toString('base64').slice(0, 43), FILE_KEY.toString('hex')
    ]) t.notMatch(log, secret)
  }
  return { files, isDiscreet, ...bot }
}

const questionIn = (messages: Asked[]): any => messages.at(-1)?.content

const imageMessage = ({ url }: MediaServer, aeskey?: string) =>
  ({ msgtype: 'image', image: { url, ...(aeskey !== undefined && { aeskey }) } })

const base64 = FILE_KEY.toString('base64')
const KEYS: Array<[name: string, aeskey: string | undefined, key: Buffer]> = [
  ['a key of its own, in base64', base64, FILE_KEY],
  ['a key of its own, without padding', base64.slice(0, 43), FILE_KEY],
  ['a key of its own, in hex', FILE_KEY.toString('hex'), FILE_KEY],
  ['a key of its own, in capital hex', FILE_KEY.toString('hex').toUpperCase(), FILE_KEY],
  ['the key of the bot', undefined, OWN_KEY],
  ['the key of the bot, although another one was sent', base64, OWN_KEY]
]
for (const [name, aeskey, key] of KEYS) {
  t.test(`an image reaches the model byte for byte, encrypted with ${name}`, async t => {
    const { files, wecom, asked, isDiscreet } = await serve(t)
    files.respondWith(media(encryptMedia(PNG, key)))
    const { content, problems } = await wecom.send(imageMessage(files, aeskey))
    t.equal(content, 'hello')
    t.strictSame(problems, [])
    t.strictSame(await asked(0), [{ role: 'user', content: [{ type: 'image_url', image_url: { url: DATA_URL } }] }])
    t.equal(files.requests.length, 1)
    isDiscreet(t)
  })
}

t.test('words and images of one message go to the model together', async t => {
  const { files, wecom, asked } = await serve(t, { botName: 'Robot' })
  files.respondWith(media(encryptMedia(PNG, FILE_KEY)))
  const image = imageMessage(files, base64)
  await wecom.send({
    msgtype: 'mixed', mixed: { msg_item: [{ msgtype: 'text', text: { content: '@Robot what are these?' } }, image, image] }
  }, { chat: 'group' })
  t.strictSame(await asked(0), [{
    role: 'user',
    content: [
      { type: 'text', text: 'what are these?' }, ...[1, 2].map(() => ({ type: 'image_url', image_url: { url: DATA_URL } }))
    ]
  }])
})

t.test('a text file is read to the model, whatever its encoding, under its name', async t => {
  const { files, wecom, asked } = await serve(t)
  for (const [index, [name, bytes]] of ([
    ['说明.txt', Buffer.from('你好')], ['metadata.md', Buffer.from('c4e3bac3', 'hex')]
  ] as const).entries()) {
    files.respondWith(
      media(encryptMedia(bytes, FILE_KEY), { 'content-disposition': `attachment; filename*=utf-8''${encodeURIComponent(name)}` })
    )
    await wecom.send({ msgtype: 'file', file: { url: files.url, aeskey: base64 } }, { user: name })
    const content = questionIn(await asked(index))
    t.ok(content.includes(name), content)
    t.ok(content.includes('```\n你好\n```'), content)
  }
})

t.test('a quoted file is read, too, beside what is said of it', async t => {
  const { files, wecom, asked, isDiscreet } = await serve(t)
  files.respondWith(media(encryptMedia(Buffer.from('a,b\n1,2\n'), FILE_KEY), { 'content-disposition': 'attachment; filename="sums.csv"' }))
  const { problems } = await wecom.send(
    { msgtype: 'text', text: { content: 'add them up' }, quote: { msgtype: 'file', file: { url: files.url, aeskey: base64 } } }
  )
  t.strictSame(problems, [])
  const content = questionIn(await asked(0))
  t.match(content, /sums\.csv[^]*```\na,b\n1,2\n```\n\nadd them up$/)
  isDiscreet(t)
})

const refuse: MediaScript = media(Buffer.from('no'), {}, 403)
const LOST: Array<[name: string, script: MediaScript, options: WecomStreamOptions, reason: keyof typeof texts.lost, words: RegExp]> = [
  ['that its host refuses', refuse, {}, 'BROKEN', /图片没有收到：下载失败/],
  ['that no key opens', media(encryptMedia(PNG, Buffer.alloc(32, 7))), {}, 'UNDECRYPTABLE', /图片没有收到：无法解密/],
  ['that is too large', media(encryptMedia(PNG, FILE_KEY)), { media: { maxBytes: 60_000 } }, 'TOO_LARGE', /图片没有收到：文件太大/],
  ['that comes from anywhere', media(encryptMedia(PNG, FILE_KEY)), {
    media: { allowedHosts: ['*.myqcloud.com'] }
  }, 'REFUSED', /图片没有收到：不允许从它的地址下载/]
]
for (const [name, script, options, reason, words] of LOST) {
  t.test(`a file ${name} is told to the model and the user, and the turn goes on`, async t => {
    const files = await startMediaServer()
    t.teardown(() => files.close())
    const { wecom, asked, log } = await serveBot(t, { ...options, media: { ...files.trust, ...options.media } })
    files.respondWith(script)
    const { content, problems } = await wecom.send(
      { msgtype: 'mixed', mixed: { msg_item: [{ msgtype: 'text', text: { content: 'what is it?' } }, imageMessage(files, base64)] } }
    )
    t.equal(content, `hello\n\n（附件未能读取：${texts.lost[reason]}）`)
    t.strictSame(problems, [])
    const question = questionIn(await asked(0))
    t.match(question, words)
    t.match(question, /what is it\?$/)
    t.ok(log().includes('an attachment could not be had'))
    for (const secret of [URL_SECRET, base64.slice(0, 43), CREDENTIALS.encodingAESKey]) t.notMatch(log(), secret)
  })
}

const FALTERS: Array<[name: string, script: MediaScript]> = [
  ['answers 503', media(Buffer.from('SlowDown'), {}, 503)],
  ['resets the connection', response => { response.socket?.destroy() }]
]
for (const [name, script] of FALTERS) {
  t.test(`a file whose host first ${name} reaches the source all the same`, async t => {
    const { files, wecom, asked, log, isDiscreet } = await serve(t)
    files.respondWith(response => (files.requests.length === 1 ? script : media(encryptMedia(PNG, FILE_KEY)))(response))
    const { content, problems } = await wecom.send(imageMessage(files, base64))
    t.equal(content, 'hello')
    t.strictSame(problems, [])
    t.strictSame(await asked(0), [{ role: 'user', content: [{ type: 'image_url', image_url: { url: DATA_URL } }] }])
    t.strictSame(files.requests.map(({ method }) => method), ['GET', 'GET'])
    t.notOk(log().includes('an attachment could not be had'))
    isDiscreet(t)
  })
}

t.test('of two files one may be lost', async t => {
  const { files, wecom, asked } = await serve(t)
  let served = 0
  files.respondWith(response => (served++ === 0 ? media(encryptMedia(PNG, FILE_KEY)) : refuse)(response))
  const { content } = await wecom.send(
    { msgtype: 'mixed', mixed: { msg_item: [imageMessage(files, base64), imageMessage(files, base64)] } }
  )
  t.equal(content, `hello\n\n（附件未能读取：${texts.lost.BROKEN}）`)
  t.match(questionIn(await asked(0)), [{ type: 'text', text: /图片没有收到/ }, { type: 'image_url', image_url: { url: DATA_URL } }])
})

t.test('a file is fetched at once, and the first answer does not wait for it', async t => {
  const { files, wecom, provider, asked } = await serve(t)
  let release = (): void => {}
  files.respondWith(response => {
    release = () => {
      release = () => {}
      media(encryptMedia(PNG, FILE_KEY))(response)
    }
  })
  let shown = 0
  const { frames, content } = await wecom.send(imageMessage(files, base64), {
    onFrame: ({ content }) => {
      // The host is still silent when WeCom has its second answer.
      if (++shown < 2) return
      if (content === texts.waiting) t.equal(provider.requests.length, 0)
      release()
    }
  })
  t.hasStrict(frames[0], { finish: false, content: texts.waiting })
  t.equal(content, 'hello')
  t.hasStrict(await asked(0), [{ content: [{ image_url: { url: DATA_URL } }] }])
})

t.test('a file is fetched while its question waits in line', async t => {
  const { files, wecom, provider, asked } = await serve(t)
  const first = heldReply()
  provider.respondWith(first.script, sse(chunk('a picture'), finish('stop'), DONE))
  files.respondWith(media(encryptMedia(PNG, FILE_KEY)))
  const before = wecom.send('first')
  await asked(0)
  const waiting = wecom.send(imageMessage(files, base64))
  await files.request(0)
  await files.idle()
  t.equal(provider.requests.length, 1)
  await first.send(chunk('one') + finish('stop') + DONE)
  await first.end()
  t.equal((await before).content, 'one')
  t.equal((await waiting).content, 'a picture')
  t.hasStrict(await asked(1), [{ content: 'first' }, { content: 'one' }, { content: [{ image_url: { url: DATA_URL } }] }])
})

t.test('a stop leaves the host of a file', async t => {
  const { files, wecom, provider } = await serve(t)
  files.respondWith(() => {})
  const asking = wecom.send(imageMessage(files, base64))
  await files.request(0)
  t.equal((await wecom.send('/stop')).content, texts.stopDone)
  await files.idle()
  t.equal((await asking).content, texts.stopped)
  t.equal(provider.requests.length, 0)
})
