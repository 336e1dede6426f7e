import t from 'tap'
import type { CommandOptions, HostCommand } from '../../../../lib/bot/commands/command-options.ts'
import { createCommands } from '../../../../lib/bot/commands/commands.ts'
import type { CommandContext } from '../../../../lib/bot/commands/commands.ts'
import { createConversations } from '../../../../lib/bot/conversations.ts'
import type { Conversation } from '../../../../lib/bot/conversations.ts'
import { createMemoryHistory } from '../../../../lib/stores/memory/history.ts'
import { createMemoryQueues } from '../../../../lib/stores/memory/queues.ts'
import { loadTexts } from '../../../../lib/texts/texts.ts'
import { createManualClock } from '../../../fixtures/clock.ts'

const texts = loadTexts()
const turn = { prompt: 'hi', reply: 'hello' }

function setUp (options: CommandOptions = {}, sentences = texts) {
  const clock = createManualClock()
  const conversationOf = createConversations({
    history: createMemoryHistory(
      clock, { turns: 10, bytes: 1000, idleMs: 1_000_000 }, 100
    ),
    lines: createMemoryQueues(clock),
    scope: 'member',
    parallel: false
  })
  const commandOf = createCommands(options, sentences)
  const stopped: string[] = []
  const mine = conversationOf({ scope: 's', user: 'u' }, 'u')
  const theirs = conversationOf({ scope: 's', user: 'v' }, 'v')

  async function say (text: string, more: Partial<CommandContext> = {}): Promise<string | undefined> {
    return await commandOf(text)?.({ conversation: mine, stop: async id => { stopped.push(id) }, id: 'command', sender: 'u', ...more })
  }

  return { clock, commandOf, say, stopped, mine, theirs, deadline: clock.now() + 330_000 }
}

const remember = async (conversation: Conversation): Promise<void> => conversation.remember((await conversation.history()).generation, turn)

t.test('a command is the whole of a message, in any case and width', async t => {
  const { say } = setUp()
  for (const text of ['/stop', '停止', '/STOP', '/Stop', ' /stop\n', '　停止　', '／ｓｔｏｐ', '／ＳＴＯＰ']) {
    t.equal(await say(text), texts.stopNothing, text)
  }
  for (const text of ['/new', '新对话', '／ＮＥＷ']) t.equal(await say(text), texts.newDone, text)
  for (const text of ['/help', '帮助', '/Help']) {
    t.equal(await say(text), '可用命令：\n- /stop 停止 — 停止当前回答\n- /new 新对话 — 开始新对话\n- /help 帮助 — 显示帮助', text)
  }
})

t.test('mentions around it do not count', async t => {
  const { say, commandOf } = setUp({ more: [{ words: ['enough', 'start over'], description: '', run: () => 'own' }] })
  for (const text of [
    '@Robot /stop', '＠小助手 停止', ' @Robot\u2005/STOP ', '@Claude Code /stop', '@My Little Bot /stop', '@A @B /stop', '@A /stop @B',
    '/stop @B', '/stop @Claude Code', '/stop@B', '@B/stop', '@A @B/stop', '@B／ｓｔｏｐ',
    '@Robot\n/stop', '停止 @B', '停止@小助手', '@A @B 停止', `@${'x'.repeat(40)} /stop`, '@小助手@张三 /stop', `${'@A '.repeat(300)}/stop`
  ]) t.equal(await say(text), texts.stopNothing, JSON.stringify(text))
  for (const text of ['@A enough', 'start over @A']) t.equal(await say(text), 'own', text)
  for (const text of [
    '@Robot', 'mail @Robot /stop', '@/stop', '@ /stop', '@Bot 请问怎么用 /help', '@Bot 如何开始 新对话', '@Claude Code 停止', '停止 @Claude Code',
    '停止 @B 的回答', '@Bot停止', '@Bot how do I use /help',
    '@Bot, /help', '@Bot，/help', '@Bot 你好。/help', '@Bot what? /help', '@Bot: /help', '@Bot what about\n/help', '/help @Bot how does this work', '/help me @Bot', '@Bot docs/help', '@Bot https://x/help', '@Bot/docs/help',
    '@Claude Code/stop', `@${'x'.repeat(
      41
    )} /stop`, 'enough@example.com', '@Bot /help /stop', '@Bot /stopp', '@Bot x/stop', `${'@A '.repeat(400)}/stop`
  ]) t.equal(commandOf(text), undefined, JSON.stringify(text))
})

t.test('what is no command is none', async t => {
  const { commandOf } = setUp()
  for (const text of [
    '', ' ', 'stop', '/ stop', '/stop it', 'please /stop', '/stop/new', '/stop\n/new', '停止吧', '停 止', '/halt', '/', 'constructor',
    '__proto__'
  ]) {
    t.equal(commandOf(text), undefined, JSON.stringify(text))
  }
})

t.test('words can be others, and an empty list switches a command off', async t => {
  const { say, commandOf } = setUp({ stop: ['Halt', '／Ende'], new: [], help: ['?'] })
  t.equal(await say('HALT'), texts.stopNothing)
  t.equal(await say('/ende'), texts.stopNothing)
  for (const text of ['/stop', '停止', '/new', '新对话', '/help', '帮助']) t.equal(commandOf(text), undefined, text)
  t.equal(await say('？'), `可用命令：\n- Halt ／Ende — ${texts.helpStop}\n- ? — ${texts.helpHelp}`)
  t.equal(createCommands({ stop: [], new: [], help: [] }, texts)('/help'), undefined)
})

t.test('an undefined list is the default', async t => {
  t.type(createCommands({ stop: undefined, more: undefined } as unknown as CommandOptions, texts)('/stop'), 'function')
})

t.test('the help names every command, in both languages', async t => {
  const more: HostCommand[] = [{ words: ['/joke', '笑话'], description: '$& tells a joke', run: () => '' }]
  t.equal(await setUp({ more }).say('/help'), [
    '可用命令：', '- /stop 停止 — 停止当前回答', '- /new 新对话 — 开始新对话', '- /help 帮助 — 显示帮助', '- /joke 笑话 — $& tells a joke'
  ].join('\n'))
  t.equal(await setUp({}, loadTexts({}, 'en')).say('/help'), [
    'Commands:', '- /stop 停止 — stops the answer under way', '- /new 新对话 — begins a new conversation', '- /help 帮助 — shows this help'
  ].join('\n'))
  t.equal(await setUp({}, loadTexts({ help: '$& {commands} {commands}', helpStop: '$`' })).say('/help'),
    '$& - /stop 停止 — $`\n- /new 新对话 — 开始新对话\n- /help 帮助 — 显示帮助 {commands}', 'sentences of the host are taken as they are')
})

t.test('the host adds its own', async t => {
  const asked: unknown[] = []
  const { say, mine } = setUp({
    more: [
      {
        words: ['/Who'],
        description: 'tells',
        run: ({ sender, conversation }) => {
          asked.push(
            sender, conversation
          ); return `you are ${sender}`
        }
      },
      { words: ['/later'], description: 'tells later', run: async () => 'later' },
      { words: ['/none'], description: 'tells nothing', run: () => 5 as unknown as string },
      { words: ['/fail'], description: 'fails', run: () => { throw new Error('broken') } },
      { words: [], description: 'cannot be called', run: () => 'never' }
    ]
  })
  t.equal(await say('/who'), 'you are u')
  t.strictSame(asked[0], 'u')
  t.equal(asked[1], mine)
  t.equal(await say('/later'), 'later')
  t.equal(await say('/none'), '5', 'whatever it gives is said as text')
  await t.rejects(say('/fail'), { message: 'broken' })
  t.notMatch(await say('/help'), 'cannot be called')
})

t.test('stop ends the running and the waiting turns of the conversation, the last one first, and nothing else', async t => {
  const { say, stopped, mine, theirs, deadline } = setUp()
  for (const id of ['a', 'b', 'command', 'c']) await mine.join(id, deadline)
  await theirs.join('d', deadline)
  t.equal(await say('/stop'), texts.stopDone)
  t.same(stopped, ['c', 'b', 'a'])
  t.equal(await say('/stop', { conversation: theirs }), texts.stopDone)
  t.same(stopped, ['c', 'b', 'a', 'd'])
})

t.test('stop never ends itself, and says where there is nothing to stop', async t => {
  const { say, stopped, mine, deadline } = setUp()
  await mine.join('command', deadline)
  t.equal(await say('停止'), texts.stopNothing)
  t.same(stopped, [])
})

t.test('a waiting turn is stopped before the one ahead of it is', async t => {
  const { say, mine, deadline } = setUp()
  const ran: string[] = []
  const aborts = new Map(['a', 'b'].map(id => [id, new AbortController()]))
  for (const [id, { signal }] of aborts) {
    await mine.join(id, deadline)
    mine.waitForPlace(id, signal, () => {}).then(() => ran.push(id), () => {})
  }
  const stop = async (id: string): Promise<void> => {
    aborts.get(id)?.abort()
    await mine.leave(id)
  }
  t.equal(await say('/stop', { stop }), texts.stopDone)
  t.same(ran, ['a'])
})

t.test('new stops what runs, and forgets what was said, in this conversation', async t => {
  const { say, stopped, mine, theirs, deadline } = setUp()
  for (const conversation of [mine, theirs]) await remember(conversation)
  await mine.join('a', deadline)
  await theirs.join('b', deadline)
  const { generation } = await mine.history()
  t.equal(await say('/new'), texts.newDone)
  t.same(stopped, ['a'])
  t.same((await mine.history()).turns, [])
  t.same((await theirs.history()).turns, [turn])
  await mine.remember(generation, turn)
  t.same((await mine.history()).turns, [], 'nor is what was under way remembered')
  t.equal(await say('/new'), texts.newDone, 'where nothing runs, too')
})

t.test('a stop that fails fails the command', async t => {
  const { say, mine, deadline } = setUp()
  await remember(mine)
  await mine.join('a', deadline)
  const stop = async (): Promise<never> => { throw new Error('the store is away') }
  await t.rejects(say('/stop', { stop }), { message: 'the store is away' })
  await t.rejects(say('/new', { stop }), { message: 'the store is away' })
})
