import t from 'tap'
import { firstMention, isMentions, withoutMention } from '../../../lib/wecom/mention.ts'

const MENTIONS: ReadonlyArray<[name: string, said: string, left: string]> = [
  ['Robot', '@Robot hello', 'hello'],
  ['Robot', 'hello @Robot', 'hello '],
  ['Robot', 'say @Robot what', 'say what'],
  ['Robot', '你好@Robot 在吗', '你好在吗'],
  ['Robot', '＠Robot hello', 'hello'],
  ['Robot', '@Robot\u2005hello', 'hello'],
  ['Robot', '@Robot \t hello', 'hello'],
  ['Robot', '@Robot, hello', ', hello'],
  ['Robot', '@Robot，你好', '，你好'],
  ['Robot', '@Robot @Robot hello @Robot', 'hello '],
  ['Robot', '@Robot', ''],
  ['Robot', ' ＠Robot ', ' '],
  ['Robot', '@Robotics hello', '@Robotics hello'],
  ['Robot', '@Robot2 hello', '@Robot2 hello'],
  ['Robot', '@Robot_x hello', '@Robot_x hello'],
  ['Robot', '@Robotß hello', '@Robotß hello'],
  ['Robot', '@robot hello @ROBOT', 'hello '],
  ['claude CODE', '@Claude Code hello', 'hello'],
  ['Ökobot', '@öKOBOT hello', 'hello'],
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
  ['', '@Robot hello', '@Robot hello'],
  ['', '@ hello', '@ hello']
]

t.test('the mention of the bot is taken off, and nothing else', async t => {
  for (const [name, said, left] of MENTIONS) t.equal(withoutMention(said, name), left, `${said} to ${name}`)
})

t.test('lines stay lines', async t => {
  t.equal(withoutMention('@Robot\nhello', 'Robot'), '\nhello')
  t.equal(withoutMention('one @Robot\ntwo @Robot \r\n\n  three', 'Robot'), 'one \ntwo \n\n  three')
})

t.test('what can be mentions alone has signs with short names behind them', async t => {
  for (const text of [
    '', ' ', '@A', '@A ', ' @A', '＠小助手 ', '@Claude Code ', '@My Little Bot', '@A @B', '@A@B', '@张三@李四 ', '@A\n', '@A\n@B', `@${'x'.repeat(
      40
    )}`, `@${'😀'.repeat(40)}`, '@Bot-1.0 (beta)', '@봇 이름'
  ]) t.ok(isMentions(text), encodeURI(text))
  for (const text of [
    'A', 'hi @A', '@', '@ A', '@A @', '@Bot 请问怎么用', '@ボット こんにちは', '@one two three four', `@${'x'.repeat(
      41
    )}`, '@A, ', '@A，', '@A。', '@A？', '@A?', '@A！', '@A!', '@A:', '@A：', '@A how\n', '@A how\nto', '@A how\u2028', 'x@H323'
  ]) t.notOk(isMentions(text), encodeURI(text))
})

t.test('where one word is allowed, names have no more', async t => {
  for (const text of ['', '@A ', '@A @B ', '@小助手 ']) t.ok(isMentions(text, 1), text)
  for (const text of ['@Claude Code ', '@A @B C']) t.notOk(isMentions(text, 1), text)
})

t.test('the first mention is the word behind the first sign', async t => {
  for (const [text, word] of [
    ['@Claude Code hi', 'Claude'], ['ask x@H323 and ＠小助手', '小助手'], ['@A@B', 'A'], ['hi', undefined], ['@ x', undefined], ['', undefined]
  ] as const) t.equal(firstMention(text), word, text)
})
