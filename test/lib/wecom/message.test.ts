import t from 'tap'
import { RefusalError } from '../../../lib/util/errors.ts'
import { chatOf, originOf, parseMessage, readMessage, stringAt, turnOf } from '../../../lib/wecom/message.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'

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
const group = (content: string): RawMessage => ({ msgtype: 'text', chattype: 'group', chatid: 'g', text: { content } })
const single = (content: unknown): RawMessage => ({ msgtype: 'text', chattype: 'single', text: { content } })

t.test('a message is an object with a msgtype', async t => {
  t.same(parseMessage('{"msgtype":"text","text":{"content":"hi"}}').raw, { msgtype: 'text', text: { content: 'hi' } })
  t.equal(parseMessage('{"msgtype":"of the future"}').kind, 'of the future')
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
  for (const path of [
    ['a'], ['a', 'c'], ['a', 'd'], ['a', 'b', 'length'], ['a', 'd', 'e'], ['list', '0'], ['no', 'b'], ['constructor', 'name']
  ]) {
    t.equal(stringAt(message, ...path), undefined, path.join('.'))
  }
})

t.test('a group is told by its id, a single chat by its user', async t => {
  const from = { userid: 'u' }
  const chat = (message: object): unknown => chatOf(readMessage({ msgtype: 'text', ...message }), 's')
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
  t.same(turnOf(readMessage(inGroup)), { sender: 'u', bot: 'b', chat: { type: 'group', id: 'g' }, message: inGroup })
  t.same(turnOf(readMessage(single('hi'))), { chat: { type: 'single' }, message: single('hi') })
  t.same(turnOf(readMessage({ msgtype: 'text', chattype: 'group' })).chat, { type: 'group' }, 'a group without an id is one all the same')
})

t.test('an origin tells who and where, and nothing else', async t => {
  t.strictSame(originOf(
    readMessage({ msgtype: 'text', aibotid: 'b', chatid: 'g', from: { userid: 'u' }, text: {} })
  ), { sender: 'u', bot: 'b', chat: { type: 'group', id: 'g' } })
  t.strictSame(originOf(readMessage({ msgtype: 'event' })), { chat: { type: 'single' } })
})

t.test('a group is told by chattype, and without it by chatid', async t => {
  const rows: Array<[more: object, expected: boolean]> = [
    [{ chattype: 'group', chatid: 'g' }, true], [{ chattype: 'group' }, true], [{ chatid: 'g' }, true], [
      { chattype: 'of the future', chatid: 'g' }, true
    ],
    [{ chattype: 'single' }, false], [
      { chattype: 'single', chatid: 'g' }, false
    ], [{}, false], [{ chatid: 5 }, false], [{ chattype: 'of the future' }, false]
  ]
  for (const [more, expected] of rows) t.equal(readMessage({ msgtype: 'text', ...more }).isGroup, expected, JSON.stringify(more))
})

t.test('what a message says of itself is read once, and what it lacks is undefined', async t => {
  const raw = {
    msgtype: 'stream',
    msgid: 'm',
    aibotid: 'b',
    chattype: 'group',
    chatid: 'g',
    from: {
      userid: 'u'
    },
    response_url: 'https://r',
    stream: { id: 's' }
  }
  t.strictSame(readMessage(raw, 'old'), {
    kind: 'stream',
    msgid: 'm',
    bot: 'b',
    sender: 'u',
    chatType: 'group',
    chatId: 'g',
    isGroup: true,
    responseUrl: 'https://r',
    streamId: 's',
    pair: 'old',
    raw
  })
  const { raw: _, ...nothing } = readMessage(
    { msgtype: 'x', msgid: '', aibotid: 1, chattype: 'both', chatid: null, from: 'u', stream: 's' }
  )
  t.strictSame(nothing, {
    kind: 'x',
    msgid: undefined,
    bot: undefined,
    sender: undefined,
    chatType: undefined,
    chatId: undefined,
    isGroup: false,
    responseUrl: undefined,
    streamId: undefined,
    pair: undefined
  })
})
