import t from 'tap'
import { RefusalError } from '../../lib/errors.ts'
import { chatOf, parseMessage, promptOf, stringAt, turnOf } from '../../lib/messages.ts'
import type { Message } from '../../lib/messages.ts'

function refusal (text: string): string {
  try {
    parseMessage(text)
  } catch (error) {
    if (error instanceof RefusalError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

const nested = (depth: number): string => `{"msgtype":"text","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
const group = (content: string): Message => ({ msgtype: 'text', chattype: 'group', chatid: 'g', text: { content } })
const single = (content: unknown): Message => ({ msgtype: 'text', chattype: 'single', text: { content } })

t.test('a message is an object with a msgtype', async t => {
  t.same(parseMessage('{"msgtype":"text","text":{"content":"hi"}}'), { msgtype: 'text', text: { content: 'hi' } })
  t.equal(parseMessage('{"msgtype":"of the future"}').msgtype, 'of the future')
})

t.test('what is no message is refused', async t => {
  t.match(refusal('hello'), /^WECOM_ERR_MESSAGE: .*not JSON/)
  t.match(refusal(''), /not JSON/)
  t.match(refusal('{"msgtype":"text"'), /not JSON/)
  t.match(refusal('<xml></xml>'), /not JSON/)
  for (const text of ['null', '5', '"text"', 'true', '[]', '[{"msgtype":"text"}]']) t.match(refusal(text), /not an object/, text)
  for (const text of ['{}', '{"msgtype":""}', '{"msgtype":null}', '{"msgtype":5}', '{"msgtype":["text"]}', '{"msgtype":{}}']) {
    t.match(refusal(text), /msgtype is not a non-empty string/, text)
  }
})

t.test('a message may be nested 64 deep, and no deeper', async t => {
  t.equal(refusal(nested(64)), 'none')
  t.match(refusal(nested(65)), /^WECOM_ERR_MESSAGE: .*nested deeper than 64/)
  t.match(refusal(nested(100_000)), /WECOM_ERR_MESSAGE/)
  t.match(refusal(`{"msgtype":"text","x":${'{"a":'.repeat(64)}1${'}'.repeat(64)}}`), /nested deeper/, 'objects count as well')
})

t.test('a key __proto__ is refused at any depth', async t => {
  for (const text of [
    '{"msgtype":"text","__proto__":{"a":1}}',
    '{"msgtype":"text","__proto__":null}',
    '{"msgtype":"text","text":{"__proto__":1}}',
    '{"msgtype":"text","a":[[{"b":{"__proto__":[]}}]]}',
    '{"msgtype":"text","\\u005f_proto__":1}',
    '{"__proto__":{"msgtype":"text"}}'
  ]) t.match(refusal(text), /^WECOM_ERR_MESSAGE: .*__proto__/, text)
  t.equal(refusal('{"msgtype":"text","text":{"content":"__proto__"}}'), 'none', 'as a value it is just text')
  t.equal(Object.hasOwn(Object.prototype, 'a'), false)
})

t.test('a string is found at its path, and nothing else is', async t => {
  const message = { a: { b: 'x', c: 5, d: null }, list: ['x'] }
  t.equal(stringAt(message, 'a', 'b'), 'x')
  t.equal(stringAt('x'), 'x')
  for (const path of [['a'], ['a', 'c'], ['a', 'd'], ['a', 'b', 'length'], ['a', 'd', 'e'], ['list', '0'], ['no', 'b'], ['constructor', 'name']]) {
    t.equal(stringAt(message, ...path), undefined, path.join('.'))
  }
})

t.test('a group is told by its id, a single chat by its user', async t => {
  const from = { userid: 'u' }
  const chat = (message: object): unknown => chatOf({ msgtype: 'text', ...message } as Message, 's')
  t.same(chat({ aibotid: 'b', chattype: 'group', chatid: 'g', from }), { scope: 's', bot: 'b', group: 'g' })
  t.same(chat({ aibotid: 'b', chattype: 'single', from }), { scope: 's', bot: 'b', user: 'u' })
  t.same(chat({ aibotid: 'b', chattype: 'single', chatid: 'g', from }), { scope: 's', bot: 'b', user: 'u' }, 'a single chat has no group')
  t.same(chat({ chatid: 'g', from }), { scope: 's', group: 'g' }, 'only a group has an id')
  t.same(chat({ from }), { scope: 's', user: 'u' })
  t.same(chat({ chattype: 'group', from }), { scope: 's' }, 'in a group it does not matter who asks')
  t.same(chat({ aibotid: 5, chattype: 'single', chatid: ['g'], from: 'u' }), { scope: 's' }, 'what is no string is not there')
})

t.test('a turn tells who asks, where, and the whole message', async t => {
  const inGroup = { ...group('hi'), aibotid: 'b', from: { userid: 'u' } }
  t.same(turnOf(inGroup), { sender: 'u', bot: 'b', chat: { type: 'group', id: 'g' }, message: inGroup })
  t.same(turnOf(single('hi')), { chat: { type: 'single' }, message: single('hi') })
  t.same(turnOf({ msgtype: 'text', chattype: 'group' }).chat, { type: 'group' }, 'a group without an id is one all the same')
})

t.test('the prompt is what was said', async t => {
  const prompt = (message: object): unknown => promptOf({ msgtype: '', chattype: 'single', ...message }, 'Robot')
  t.equal(prompt({ msgtype: 'text', text: { content: '  hi\nthere ' } }), 'hi\nthere')
  t.equal(prompt({ msgtype: 'voice', voice: { content: 'spoken' } }), 'spoken')
  const mixed = [
    { msgtype: 'text', text: { content: 'look' } }, { msgtype: 'image', image: { url: 'https://x' } }, null, 5, { msgtype: 'text', text: { content: 'here' } }
  ]
  t.equal(prompt({ msgtype: 'mixed', mixed: { msg_item: mixed } }), 'look\nhere')
  t.equal(prompt({ msgtype: 'text', text: { content: ' ' } }), '', 'nothing was said')
})

t.test('what cannot be read has no prompt', async t => {
  for (const message of [
    { msgtype: 'image', image: { url: 'https://x' } }, { msgtype: 'file' }, { msgtype: 'video' }, { msgtype: 'of the future', text: { content: 'hi' } },
    { msgtype: 'text' }, { msgtype: 'text', text: 'hi' }, { msgtype: 'text', text: { content: 5 } }, { msgtype: 'text', text: null },
    { msgtype: 'voice', text: { content: 'hi' } }, { msgtype: 'constructor' },
    { msgtype: 'mixed' }, { msgtype: 'mixed', mixed: { msg_item: {} } }, { msgtype: 'mixed', mixed: { msg_item: [] } },
    { msgtype: 'mixed', mixed: { msg_item: [{ msgtype: 'image', image: { url: 'https://x' } }] } }
  ]) t.equal(promptOf(message as Message, 'Robot'), undefined, JSON.stringify(message))
})

const MENTIONS: ReadonlyArray<[name: string, said: string, prompt: string]> = [
  ['Robot', '@Robot hello', 'hello'],
  ['Robot', 'hello @Robot', 'hello'],
  ['Robot', 'say @Robot what', 'say what'],
  ['Robot', '你好@Robot 在吗', '你好在吗'],
  ['Robot', '＠Robot hello', 'hello'],
  ['Robot', '@Robot\u2005hello', 'hello'],
  ['Robot', '@Robot\nhello', 'hello'],
  ['Robot', '@Robot, hello', ', hello'],
  ['Robot', '@Robot，你好', '，你好'],
  ['Robot', '@Robot @Robot hello @Robot', 'hello'],
  ['Robot', '@Robot', ''],
  ['Robot', ' ＠Robot ', ''],
  ['Robot', '@Robotics hello', '@Robotics hello'],
  ['Robot', '@Robot2 hello', '@Robot2 hello'],
  ['Robot', '@Robot_x hello', '@Robot_x hello'],
  ['Robot', '@Robotß hello', '@Robotß hello'],
  ['Robot', '@robot hello', '@robot hello'],
  ['Robot', '@ Robot hello', '@ Robot hello'],
  ['Robot', 'Robot hello', 'Robot hello'],
  ['Robot', '@Alice ask @Robot x@H323', '@Alice ask x@H323'],
  ['H323', 'call x@H323 now', 'call x@H323 now'],
  ['H323', '@H323 call x@H323 now', 'call x@H323 now'],
  ['My Little Bot', '@My Little Bot hello', 'hello'],
  ['My Little Bot', '@My Little hello', '@My Little hello'],
  ['Bot (beta) [v1.0] $^*+?{|}\\', '@Bot (beta) [v1.0] $^*+?{|}\\ hello', 'hello'],
  ['a.c', '@abc hello', '@abc hello'],
  ['机器人', '@机器人 你好', '你好'],
  ['机器人', '@机器人们 你好', '@机器人们 你好'],
  ['🤖', '@🤖 hello', 'hello'],
  ['क', '@कि hello', '@कि hello'],
  ['', '@Robot hello', '@Robot hello']
]

t.test('the mention of the bot is taken off in groups, and nothing else', async t => {
  for (const [name, said, prompt] of MENTIONS) {
    t.equal(promptOf(group(said), name), prompt, `${said} to ${name}`)
    t.equal(promptOf(single(said), name), said.trim(), `${said} to ${name} alone`)
  }
  t.equal(promptOf({ msgtype: 'text', chatid: 'g', text: { content: '@Robot hi' } }, 'Robot'), 'hi', 'without chattype, a chatid tells a group')
  t.equal(promptOf({ msgtype: 'text', chattype: 'group', text: { content: '@Robot hi' } }, 'Robot'), 'hi', 'without chatid, chattype does')
  t.equal(promptOf({ ...group(''), msgtype: 'mixed', mixed: { msg_item: [{ text: { content: '@Robot look' } }] } }, 'Robot'), 'look', 'in a mixed message, too')
})
