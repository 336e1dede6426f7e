import t from 'tap'
import { readUserMessage } from '../../../lib/wecom/content.ts'
import type { UserMessage } from '../../../lib/wecom/content.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'

const HEAD = {
  msgid: 'CAIQ16HMjQYY', aibotid: 'AIBOTID', chattype: 'single', from: { userid: 'USERID' }, response_url: 'https://qyapi.example/response'
}
const IN_GROUP = { ...HEAD, chatid: 'CHATID', chattype: 'group' }
const URL = 'https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com/x?sign=1'

const read = (message: object, botName = 'RobotA'): UserMessage | undefined => readUserMessage(readMessage(message as RawMessage), botName)
const said = (text: string, ...media: object[]): object => ({ text, media })
const text = (content: unknown): object => ({ msgtype: 'text', text: { content } })
const image = (more: object = {}): object => ({ msgtype: 'image', image: { url: URL, ...more } })
const mixed = (...items: unknown[]): object => ({ msgtype: 'mixed', mixed: { msg_item: items } })

// What each documented kind holds (document 100719), and what it says.
const KINDS: ReadonlyArray<[payload: object, said: object]> = [
  [text('hello robot'), said('hello robot')],
  [image(), said('', { kind: 'image', url: URL })],
  [mixed(text('hello robot'), image()), said('hello robot', { kind: 'image', url: URL })],
  [{ msgtype: 'voice', voice: { content: 'spoken words' } }, said('spoken words')],
  [{ msgtype: 'file', file: { url: URL } }, said('', { kind: 'file', url: URL })],
  [{ msgtype: 'video', video: { url: URL } }, said('', { kind: 'video', url: URL })]
]

t.test('every documented kind says what it holds', async t => {
  for (const [payload, expected] of KINDS) t.strictSame(read({ ...HEAD, ...payload }), expected, JSON.stringify(payload))
})

t.test('each can be quoted by each', async t => {
  for (const [payload, expected] of KINDS) {
    for (const [quote, quoted] of KINDS) {
      t.strictSame(read(
        { ...IN_GROUP, ...payload, quote }
      ), { ...expected, quote: quoted }, `${JSON.stringify(payload)} quoting ${JSON.stringify(quote)}`)
    }
  }
})

t.test('a key of its own comes with its file', async t => {
  for (const kind of ['image', 'file', 'video'] as const) {
    t.strictSame(read({ ...HEAD, msgtype: kind, [kind]: { url: URL, aeskey: 'KEY' } }), said('', { kind, url: URL, aeskey: 'KEY' }))
    t.strictSame(read({ ...HEAD, msgtype: kind, [kind]: { url: URL, aeskey: 5 } }), said('', { kind, url: URL }))
  }
  t.strictSame(read({ ...HEAD, ...mixed(image({ aeskey: 'K1' }), image({ aeskey: 'K2' })) }),
    said('', { kind: 'image', url: URL, aeskey: 'K1' }, { kind: 'image', url: URL, aeskey: 'K2' }))
})

t.test('a mixed message keeps its order, and its known parts where others are not', async t => {
  const video = { msgtype: 'video', video: { url: `${URL}&v` } }
  t.strictSame(read({ ...HEAD, ...mixed(text('one'), image(), text('two\nthree'), video, text('')) }),
    said('one\ntwo\nthree', { kind: 'image', url: URL }, { kind: 'video', url: `${URL}&v` }))
  t.strictSame(read(
    { ...HEAD, ...mixed(null, 5, 'x', [text('no')], {}, { msgtype: 'of the future' }, { msgtype: 'image' }, text('look')) }
  ), said('look'))
  t.strictSame(read({ ...HEAD, ...mixed(text('')) }), said(''))
  t.strictSame(read({ ...HEAD, ...mixed(mixed(text('deep'))) }), said('deep'), 'a mixed one within')
})

t.test('the mention is taken off in groups, what surrounds the text everywhere', async t => {
  t.strictSame(read({ ...IN_GROUP, ...text('@RobotA hello robot') }), said('hello robot'))
  t.strictSame(read({ ...IN_GROUP, ...text('hello ＠RobotA') }), said('hello'))
  t.strictSame(read({ ...IN_GROUP, ...mixed(text('@RobotA'), image(), text(' look ')) }), said('look', { kind: 'image', url: URL }))
  t.strictSame(read({ ...IN_GROUP, ...text('@RobotA') }), said(''), 'nothing else was said')
  t.strictSame(read({ ...HEAD, ...text(' @RobotA hello\n') }), said('@RobotA hello'), 'alone with the bot it is text')
  t.strictSame(read({ ...IN_GROUP, ...text('@RobotA hello') }, ''), said('@RobotA hello'), 'without a name there is nothing to find')
  t.strictSame(
    read({ msgtype: 'text', chatid: 'g', text: { content: '@RobotA hi' } }), said('hi'), 'without chattype, a chatid tells a group'
  )
  t.strictSame(read({ msgtype: 'text', chattype: 'group', text: { content: '@RobotA hi' } }), said('hi'), 'without chatid, chattype does')
})

t.test('what is quoted is taken as it is', async t => {
  t.strictSame(
    read({ ...IN_GROUP, ...text('@RobotA why?'), quote: text(' @RobotA hello ') }), { ...said('why?'), quote: said(' @RobotA hello ') }
  )
})

t.test('a quote that cannot be read or says nothing is left out', async t => {
  for (const quote of [
    undefined, null, 5, 'x', [], [text('no')], {}, {
      msgtype: 'of the future', text: { content: 'x' }
    }, { msgtype: 'text' }, { msgtype: 'image', image: {} },
    text(''), text(' \n'), mixed(text('')), mixed()
  ]) t.strictSame(read({ ...HEAD, ...text('hi'), quote }), said('hi'), JSON.stringify(quote))
})

t.test('other kinds are not known, nor are known ones without what they should hold', async t => {
  for (const payload of [
    {
      msgtype: 'of the future', text: { content: 'hi' }
    }, { msgtype: 'location' }, { msgtype: 'constructor' }, { msgtype: '__proto__' }, { msgtype: 'stream', stream: { id: 'x' } },
    { msgtype: 'text' }, { msgtype: 'text', text: 'hi' }, text(5), { msgtype: 'text', text: null }, { msgtype: 'text', text: ['hi'] },
    { msgtype: 'voice' }, { msgtype: 'voice', text: { content: 'hi' } }, { msgtype: 'voice', voice: { url: URL } },
    { msgtype: 'image' }, { msgtype: 'image', image: URL }, { msgtype: 'image', image: { url: 5 } }, {
      msgtype: 'image', file: { url: URL }
    },
    { msgtype: 'file', file: { filename: 'x' } }, { msgtype: 'video', video: null },
    { msgtype: 'mixed' }, { msgtype: 'mixed', mixed: [] }, { msgtype: 'mixed', mixed: { msg_item: {} } }, {
      msgtype: 'mixed', mixed: { msg_item: 'x' }
    },
    mixed(), mixed({ msgtype: 'of the future' }), mixed(image({ url: null }))
  ]) t.equal(read({ ...HEAD, ...payload, quote: text('hi') }), undefined, JSON.stringify(payload))
})
