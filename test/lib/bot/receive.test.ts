import t from 'tap'
import { createFrames } from '../../../lib/replies/frames.ts'
import { checkFrames } from '../../../lib/simulator/frame-check.ts'
import type { Source } from '../../../lib/sources/source.ts'
import type { StoredStatus } from '../../../lib/stores/status.ts'
import type { LastRead } from '../../../lib/stores/store.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { textNotice } from '../../../lib/wecom/cards/build-card.ts'
import type { RawMessage } from '../../../lib/wecom/message.ts'
import { createBot } from '../../fixtures/bot.ts'
import type { BotOptions, ReceiveSettings } from '../../fixtures/bot.ts'
import { createHandSource, throwing, yielding } from '../../fixtures/sources.ts'
import { idle } from '../../fixtures/waiting.ts'

const texts = loadTexts()
const BUBBLE_BYTES = createFrames(texts, { newCommand: '/new' }).bubbleBytes

interface Setup extends ReceiveSettings, Omit<BotOptions, 'source'> {
  asked?: Source
}

interface Shown { id: string, finish: boolean, content: string, feedback?: { id: string } }

function setUp ({ asked, store, lines, history, facts, limits, ...settings }: Setup = {}) {
  const hand = createHandSource()
  const { clock, log, streams, receiver } = createBot({
    source: asked ?? hand.source,
    ...(store && { store }),
    ...(lines && { lines }),
    ...(history && { history }),
    ...(facts && { facts }),
    limits: limits ?? {}
  })
  const bot = (more: ReceiveSettings = {}) => receiver({ ...settings, ...more })
  const receive = bot()
  const replyTo = async (message: object): Promise<Shown> => {
    const reply = read(await receive(message as RawMessage))
    // What goes on in the background has gone on.
    await idle()
    return reply
  }
  return { clock, log, hand, streams, bot, receive, replyTo }
}

function read (reply: string | undefined): Shown {
  const parsed = JSON.parse(reply as string)
  t.same(checkFrames([parsed]), [])
  return parsed.stream
}

const message = (content: unknown, more: object = {}): object =>
  ({ msgtype: 'text', msgid: 'm1', aibotid: 'bot', chattype: 'single', from: { userid: 'user' }, text: { content }, ...more })
const refresh = (id: unknown, more: object = {}): object =>
  ({ msgtype: 'stream', msgid: 'r1', aibotid: 'bot', chattype: 'single', from: { userid: 'user' }, stream: { id }, ...more })

t.test('a message starts a stream, refreshes show how it grows, and its end stays', async t => {
  const { hand, replyTo, clock } = setUp()
  const first = await replyTo(message('hi'))
  t.match(first, { id: /^[0-9a-f]{32}$/, finish: false, content: texts.waiting })
  await hand.call().push('Hello')
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: false, content: 'Hello' })
  await hand.call().push(' world')
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: false, content: 'Hello world' })
  await hand.call().end()
  const last = { id: first.id, finish: true, content: 'Hello world' }
  t.same(await replyTo(refresh(first.id)), last)
  await clock.advance(600_000)
  t.same(await replyTo(refresh(first.id)), last, 'ten minutes later')
  t.equal(hand.calls.length, 1, 'a refresh starts nothing')
  await clock.advance(300_001)
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: true, content: texts.expired })
})

t.test('the source is given the turn', async t => {
  const { hand, replyTo, clock } = setUp()
  const inGroup = message('@Robot what is up', { chattype: 'group', chatid: 'g' })
  await replyTo(inGroup)
  t.same(hand.call().turn, {
    prompt: 'what is up', sender: 'user', bot: 'bot', chat: { type: 'group', id: 'g' }, message: inGroup, deadline: clock.now() + 330_000
  })
  t.same(JSON.parse(JSON.stringify(hand.call().turn)), hand.call().turn, 'plain data')
})

t.test('a source of the bot is asked in place of that of the streams', async t => {
  const { hand, bot } = setUp()
  const reply = await bot({ source: yielding('mine'), firstReplyGraceMs: 200 })(message('hi') as RawMessage)
  t.hasStrict(read(reply), { finish: true, content: 'mine' })
  t.equal(hand.calls.length, 0)
})

t.test('thinking is shown where the bot shows it', async t => {
  const asked = yielding({ type: 'reasoning', text: 'hm' }, 'so')
  t.equal((await setUp({ asked, firstReplyGraceMs: 200 }).replyTo(message('hi'))).content, 'so')
  t.equal((await setUp({ asked, firstReplyGraceMs: 200, reasoning: 'show' }).replyTo(message('hi'))).content, '<think>hm</think>\n\nso')
})

t.test('with a grace, an answer that is ready goes out whole with the first frame', async t => {
  const { replyTo, clock } = setUp({ asked: yielding('all ', 'of it'), firstReplyGraceMs: 200 })
  t.hasStrict(await replyTo(message('hi')), { finish: true, content: 'all of it' })
  t.equal(clock.now(), 1_700_000_000_000, 'without waiting for the grace to end')
})

t.test('with a grace, the first frame shows what has come by its end', async t => {
  const { replyTo, clock, hand } = setUp({ firstReplyGraceMs: 200 })
  const reply = replyTo(message('hi'))
  let answered = false
  reply.then(() => { answered = true }, () => {})
  await idle()
  await clock.advance(100)
  await hand.call().push('Hel')
  await clock.advance(99)
  t.equal(answered, false)
  await clock.advance(1)
  t.hasStrict(await reply, { finish: false, content: 'Hel' })
})

t.test('without a grace the first frame comes at once', async t => {
  const { replyTo } = setUp({ asked: yielding('all of it'), firstReplyGraceMs: 0 })
  t.hasStrict(await replyTo(message('hi')), { finish: false, content: texts.waiting })
})

t.test('a message that comes again gets the same stream and asks no source', async t => {
  const { hand, replyTo } = setUp()
  const all = await Promise.all([1, 2, 3].map(() => replyTo(message('hi'))))
  t.equal(new Set(all.map(({ id }) => id)).size, 1, 'at the same time')
  await hand.call().push('Hello')
  t.same(await replyTo(message('hi')), { id: all[0]?.id, finish: false, content: 'Hello' }, 'later')
  await hand.call().end()
  t.same(await replyTo(message('hi')), { id: all[0]?.id, finish: true, content: 'Hello' }, 'when it is over')
  t.equal(hand.calls.length, 1)
})

t.test('a message that comes again during the grace waits for the same answer', async t => {
  const { hand, replyTo } = setUp({ firstReplyGraceMs: 200 })
  const all = [replyTo(message('hi')), replyTo(message('hi'))]
  await idle()
  await hand.call().push('Hello')
  await hand.call().end()
  t.hasStrict(await Promise.all(all), [{ finish: true, content: 'Hello' }, { finish: true, content: 'Hello' }])
  t.equal(hand.calls.length, 1)
})

t.test('two messages are two, whatever they have in common', async t => {
  const { hand, replyTo, bot } = setUp({ parallel: true })
  await replyTo(message('hi'))
  await replyTo(message('hi', { msgid: 'm2' }))
  t.equal(hand.calls.length, 2, 'another msgid')
  await replyTo(message('hi', { aibotid: 'other' }))
  t.equal(hand.calls.length, 3, 'another bot')
  await bot({ scope: 'other' })(message('hi') as RawMessage)
  await idle()
  t.equal(hand.calls.length, 4, 'another callback')
  await replyTo(message('hi', { msgid: 'm'.repeat(200_000) }))
  await replyTo(message('hi', { msgid: 'm'.repeat(200_001) }))
  t.equal(hand.calls.length, 6, 'a long msgid is told by all of it')
})

t.test('a msgid that is no non-empty string tells no duplicate', async t => {
  const { hand, replyTo } = setUp({ limits: { maxRunning: 100 }, parallel: true })
  const ids = new Set<string>()
  for (const msgid of [undefined, '', null, 5, 0, true, {}, ['m1'], []]) {
    for (let n = 0; n < 2; n++) ids.add((await replyTo(message('hi', { msgid }))).id)
  }
  t.equal(ids.size, 18)
  t.equal(hand.calls.length, 18)
})

t.test('a refresh of another chat is told that the stream is gone', async t => {
  const { hand, replyTo, bot } = setUp()
  const single = await replyTo(message('hi'))
  await hand.call().push('secret')
  const group = await replyTo(message('hi', { msgid: 'm2', chattype: 'group', chatid: 'g' }))
  await hand.call().push('secret')

  const shown = async (id: string, more: object): Promise<string> => (await replyTo(refresh(id, more))).content
  t.equal(await shown(single.id, {}), 'secret')
  t.equal(await shown(single.id, { from: { userid: 'other' } }), texts.expired, 'another user')
  t.equal(await shown(single.id, { aibotid: 'other' }), texts.expired, 'another bot')
  t.equal(await shown(single.id, { chattype: 'group', chatid: 'g' }), texts.expired, 'the same user in a group')
  t.equal(await shown(single.id, { chattype: 'group', from: { userid: 'other' } }), texts.expired, 'any group, even one without a name')
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'g' }), 'secret')
  t.equal(await shown(
    group.id, { chattype: 'group', chatid: 'g', from: { userid: 'other' } }
  ), 'secret', 'a group is one chat for all its members')
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'other' }), texts.expired, 'another group')
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'g', aibotid: 'other' }), texts.expired, 'another bot in the group')
  t.equal(await shown(group.id, {}), texts.expired, 'the same user alone')
  t.equal(read(await bot({ scope: 'other' })(refresh(single.id) as RawMessage)).content, texts.expired, 'another callback')
  t.hasStrict(await replyTo(refresh(single.id, { aibotid: 'other' })), { id: single.id, finish: true })
})

t.test('a field that a refresh lacks is not compared', async t => {
  const { hand, replyTo } = setUp()
  const single = await replyTo(message('hi'))
  await hand.call().push('secret')
  const group = await replyTo(message('hi', { msgid: 'm2', chattype: 'group', chatid: 'g' }))
  await hand.call().push('secret')
  const lacking = { aibotid: undefined, chattype: undefined, from: undefined }
  for (const [id, more] of [
    [single.id, { aibotid: undefined }], [
      single.id, { chattype: undefined }
    ], [single.id, { from: undefined }], [single.id, { from: {} }], [single.id, lacking],
    [
      group.id, { chattype: 'group', chatid: 'g', from: undefined }
    ], [group.id, { chatid: 'g', chattype: undefined }], [group.id, { chattype: 'group' }],
    [group.id, { chattype: 'group', aibotid: undefined }], [group.id, { chattype: undefined }], [group.id, lacking]
  ] as const) t.equal((await replyTo(refresh(id, more))).content, 'secret', JSON.stringify(more))
})

t.test('a stream of the host is never shown', async t => {
  const { streams, replyTo } = setUp({ asked: yielding('internal') })
  const id = await streams.start('report')
  await idle()
  t.hasStrict(await streams.read(id), { content: 'internal' })
  t.same(await replyTo(refresh(id)), { id, finish: true, content: texts.expired })
  t.same(
    await replyTo(refresh(id, { aibotid: undefined, chattype: undefined, from: undefined })), { id, finish: true, content: texts.expired }
  )
})

t.test('a refresh of what never was is told that it is gone', async t => {
  const { replyTo } = setUp()
  t.same(await replyTo(refresh('0'.repeat(32))), { id: '0'.repeat(32), finish: true, content: texts.expired })
  t.same(await replyTo(refresh('x'.repeat(100_000))), { id: 'x'.repeat(100_000), finish: true, content: texts.expired })
  const { receive } = setUp()
  for (const stream of [undefined, null, 'id', {}, { id: 5 }]) {
    t.hasStrict(JSON.parse(
      await receive({ ...refresh(''), stream } as unknown as RawMessage) as string
    ), { stream: { finish: true, content: texts.expired } })
  }
})

t.test('an event is answered with nothing, whatever it is', async t => {
  const { receive, hand, log } = setUp()
  for (const event of [{ eventtype: 'enter_chat' }, { eventtype: 'feedback_event' }, { eventtype: 'of the future' }, undefined, 5]) {
    t.equal(await receive({ msgtype: 'event', msgid: 'e', event } as RawMessage), undefined)
  }
  t.equal(hand.calls.length, 0)
  t.ok(log.lines.every(({ level }) => level === 'debug' || level === 'info'))
})

t.test('who is on a deny list is told so with the first frame, once and for all', async t => {
  const refused: unknown[] = []
  const { replyTo, hand, log, clock } = setUp({
    access: { lists: { users: { allow: [], deny: ['user'] } }, decide: who => { refused.push(who); return true } }, firstReplyGraceMs: 200
  })
  for (const [msgid, more] of [['a', {}], ['b', { text: { content: '/stop' } }], [
    'c', { msgtype: 'image', image: { url: 'https://media.test/i' } }
  ], ['d', { text: { content: '' } }], ['e', { chattype: 'group', chatid: 'g' }]] as const) {
    const first = await replyTo(message('my-words', { msgid, ...more }))
    t.hasStrict(first, { finish: true, content: texts.denied }, msgid)
    t.same(await replyTo(message('my-words', { msgid, ...more })), first, 'delivered again')
    t.same(await replyTo(refresh(first.id, { ...more, msgtype: 'stream' })), first)
    t.strictSame(log.lines.splice(0), [{ level: 'info', message: 'message refused', fields: { streamId: first.id, why: 'user list' } }])
  }
  t.equal(hand.calls.length, 0)
  t.strictSame(refused, [], 'the host is not asked')
  t.equal(clock.now(), 1_700_000_000_000, 'without a grace')
})

t.test('who is refused is told so, also when all places are taken', async t => {
  const { replyTo } = setUp({ limits: { maxRunning: 1, maxQueued: 0 }, access: { lists: { users: { allow: ['user'], deny: [] } } } })
  await replyTo(message('hi'))
  t.hasStrict(await replyTo(message('hi', { msgid: 'm2', from: { userid: 'other' } })), { finish: true, content: texts.denied })
})

t.test('an event of somebody on a list is answered with nothing, and is not looked at', async t => {
  const { receive, log } = setUp({ access: { lists: { users: { allow: ['user'], deny: [] } } } })
  const event = { msgtype: 'event', event: { eventtype: 'enter_chat' }, aibotid: 'bot' }
  t.equal(await receive({ ...event, from: { userid: 'other' } } as RawMessage), undefined)
  t.strictSame(log.lines, [{ level: 'info', message: 'event refused', fields: { why: 'user list' } }])
  t.equal(await receive({ ...event, from: { userid: 'user' } } as RawMessage), undefined)
  t.hasStrict(log.lines, [{ level: 'info' }, { level: 'debug', message: 'event received' }])
})

t.test('a refresh is never refused', async t => {
  const { hand, bot, replyTo } = setUp()
  const { id } = await replyTo(message('hi'))
  await hand.call().push('Hello')
  const strict = bot(
    { access: { lists: { users: { allow: [], deny: ['user'] } }, decide: () => false, messagesPerMinute: 1, maxRunning: 1 } }
  )
  for (let n = 0; n < 3; n++) t.hasStrict(read(await strict(refresh(id) as RawMessage)), { finish: false, content: 'Hello' })
})

t.test('the host is asked about commands, which no limit concerns', async t => {
  const asked: unknown[] = []
  const { replyTo, log, hand } = setUp({
    access: { messagesPerMinute: 1, maxRunning: 1, decide: ({ sender }) => { asked.push(sender); return sender === 'user' || 'Not you.' } }
  })
  const { id } = await replyTo(message('hi'))
  for (const msgid of ['a', 'b', 'c']) t.match(await replyTo(message('/help', { msgid })), { finish: true, content: /^可用命令/ })
  t.hasStrict(await replyTo(message('/stop', { msgid: 'd', from: { userid: 'other' } })), { finish: true, content: 'Not you.' })
  t.hasStrict(await replyTo(refresh(id)), { finish: false }, 'the command was not run')
  t.hasStrict(await replyTo(message('/stop', { msgid: 'e' })), { finish: true, content: texts.stopDone })
  t.hasStrict(await replyTo(refresh(id)), { finish: true, content: texts.stopped })
  t.strictSame(asked, ['user', 'user', 'user', 'user', 'other', 'user'])
  t.equal(hand.calls.length, 1)
  t.strictSame(log.lines.filter(line => line.message === 'message refused').map(({ fields }) => fields['why']), ['decide'])
})

t.test('a command of the host runs only once the host has let it in', async t => {
  let decide!: (verdict: boolean) => void
  let runs = 0
  const more = [{ words: ['/run'], description: 'runs', run: () => { runs++; return 'ran' } }]
  const { replyTo, clock } = setUp(
    { commands: { more }, access: { decide: async () => await new Promise(resolve => { decide = resolve }) } }
  )
  for (const [verdict, content, count] of [[false, texts.denied, 0], [true, 'ran', 1]] as const) {
    const first = replyTo(message('/run', { msgid: String(verdict) }))
    await idle()
    await clock.advance(200)
    const { id, finish } = await first
    t.equal(finish, false)
    decide(verdict)
    await idle()
    t.hasStrict(await replyTo(refresh(id)), { finish: true, content })
    t.equal(runs, count)
  }
})

t.test('a kind of message that cannot be read is answered at once, and the same again', async t => {
  const { replyTo, hand, clock, log } = setUp({ firstReplyGraceMs: 200 })
  for (const msgtype of ['image', 'file', 'video', 'of the future', '__proto__']) {
    const more = { msgtype, msgid: msgtype, text: undefined }
    const first = await replyTo(message('', more))
    t.hasStrict(first, { finish: true, content: texts.unsupported }, msgtype)
    t.same(await replyTo(message('', more)), first)
    t.same(await replyTo(refresh(first.id)), first)
  }
  t.equal(hand.calls.length, 0)
  t.equal(clock.now(), 1_700_000_000_000)
  await replyTo(message('', { msgtype: `new\n${'x'.repeat(100)}`, msgid: 'long' }))
  t.strictSame(log.lines.filter(({ message }) => message === 'a message is of a kind that cannot be read').map(
    ({ level, fields }) => [level, fields['msgtype']]
  ), [
    ...['image', 'file', 'video', 'of the future', '__proto__'].flatMap(
      kind => [['info', kind], ['info', kind]]
    ), ['info', `new?${'x'.repeat(60)}`]
  ])
})

t.test('where feedback is wanted, the first reply to a question has its id, however often it comes', async t => {
  const { replyTo, hand, streams } = setUp({ hooks: { onFeedback () {} } })
  const first = await replyTo(message('hi'))
  t.same(first, { id: first.id, finish: false, content: texts.waiting, feedback: { id: first.id } })
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: false, content: texts.waiting })
  await hand.call().push('Hello')
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: false, content: 'Hello' })
  t.same(await replyTo(message('hi')), { id: first.id, finish: false, content: 'Hello', feedback: { id: first.id } })
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: false, content: 'Hello' })
  await hand.call().end()
  t.same(await replyTo(message('hi')), { id: first.id, finish: true, content: 'Hello', feedback: { id: first.id } })
  t.same(await replyTo(refresh(first.id)), { id: first.id, finish: true, content: 'Hello' })
  t.hasStrict(await streams.read(first.id), { content: 'Hello' })
})

t.test('without a hook for feedback no reply has an id', async t => {
  t.notOk('feedback' in await setUp().replyTo(message('hi')))
})

t.test('what is not the answer of a source cannot be rated', async t => {
  const more = [{ words: ['/slow'], description: 'slow', run: () => new Promise<string>(() => {}) }]
  const links: string[] = []
  const { replyTo, clock } = setUp({
    hooks: { onFeedback () {} },
    commands: { more },
    limits: { maxRunning: 1, maxQueued: 0 },
    facts: {
      async putIfAbsent (
        key, value
      ) { links.push(key); return value }
    }
  })
  const running = await replyTo(message('hi'))
  t.strictSame(links, [`feedback:${running.id}`])
  const slow = replyTo(message('/slow', { msgid: 'slow' }))
  await idle()
  await clock.advance(200)
  for (const shown of [
    await replyTo(
      message('/help', { msgid: 'm2' })
    ), await slow, await replyTo(message('busy', { msgid: 'm3' })), await replyTo(message('busy', { msgid: 'm3' })),
    await replyTo(message('', { msgid: 'm4' })), await replyTo(message('', { msgid: 'm5', msgtype: 'of the future' }))
  ]) t.notOk('feedback' in shown, shown.content)
  t.equal(links.length, 1)
})

t.test('a store of links that fails or hangs neither delays nor spoils a reply', async t => {
  for (const keep of [() => Promise.reject(new Error('away')), () => new Promise<never>(() => {})]) {
    const { replyTo, clock, hand } = setUp({ hooks: { onFeedback () {} }, facts: { putIfAbsent: keep } })
    const first = await replyTo(message('hi'))
    t.hasStrict(first, { finish: false, feedback: { id: first.id } })
    await hand.call().push('Hello')
    t.hasStrict(await replyTo(refresh(first.id)), { content: 'Hello' })
    t.equal(clock.now(), 1_700_000_000_000)
  }
})

t.test('a bare mention is asked back', async t => {
  const { replyTo, hand } = setUp()
  t.hasStrict(await replyTo(message('@Robot', { chattype: 'group', chatid: 'g' })), { finish: true, content: texts.noPrompt })
  t.hasStrict(await replyTo(message('  ', { msgid: 'm2' })), { finish: true, content: texts.noPrompt })
  t.equal(hand.calls.length, 0)
})

t.test('a message without words is one where there is something to look at', async t => {
  const file = { url: 'https://media.test/f', aeskey: 'key' }
  const asked: object[] = []
  const attachments: ReceiveSettings['attachments'] = async references => {
    asked.push(...references)
    return references.map(({ kind }) => ({ kind, type: 'image/png', size: 1, data: 'AA==' }))
  }
  for (const [more, references] of [
    [{ msgtype: 'image', image: file }, [{ kind: 'image', ...file }]],
    [{ quote: { msgtype: 'text', text: { content: 'before' } } }, []],
    [{
      msgtype: 'text', text: { content: '@Robot' }, chattype: 'group', chatid: 'g', quote: { msgtype: 'file', file }
    }, [{ kind: 'file', ...file }]]
  ] as const) {
    const { replyTo, hand } = setUp({ attachments })
    t.hasStrict(await replyTo(message('', more)), { finish: false })
    await idle()
    t.equal(hand.call().turn.prompt, '')
    t.strictSame(asked.splice(0), references)
  }
})

t.test('a command is answered with the first frame, and asks no source', async t => {
  const { replyTo, hand, clock } = setUp()
  t.hasStrict(await replyTo(message('/stop')), { finish: true, content: texts.stopNothing })
  t.hasStrict(await replyTo(message(' 新对话 ', { msgid: 'm2' })), { finish: true, content: texts.newDone })
  t.match(await replyTo(
    message('@Robot /HELP', { msgid: 'm3', chattype: 'group', chatid: 'g' })
  ), { finish: true, content: /^可用命令：\n- \/stop 停止/ })
  t.match(await replyTo(
    message('/help', { msgid: 'm4', chattype: 'group', chatid: 'g' })
  ), { finish: true, content: /^可用命令/ }, 'a mention is not needed')
  t.hasStrict(await replyTo(message('/help me', { msgid: 'm5' })), { finish: false }, 'it is the whole of a message')
  t.strictSame(hand.calls.map(({ turn }) => turn.prompt), ['/help me'])
  t.equal(clock.now(), 1_700_000_000_000)
})

t.test('a stop ends what runs and what waits, and nothing else', async t => {
  const { replyTo, hand } = setUp()
  const ids: string[] = []
  for (const msgid of ['a', 'b', 'c']) ids.push((await replyTo(message(msgid, { msgid }))).id)
  const other = await replyTo(message('other', { msgid: 'd', from: { userid: 'other' } }))
  await hand.call(0).push('half')
  t.equal(hand.calls.length, 2)
  t.hasStrict(await replyTo(message('/stop', { msgid: 's' })), { finish: true, content: texts.stopDone })
  t.equal(hand.call(0).context.signal.aborted, true)
  t.strictSame(await Promise.all(ids.map(async id => (await replyTo(refresh(id))).content)), ['half', texts.stopped, texts.stopped])
  t.hasStrict(await replyTo(refresh(other.id, { from: { userid: 'other' } })), { finish: false })
  t.equal(hand.calls.length, 2, 'none of the waiting ones had its turn in between')

  const next = await replyTo(message('next', { msgid: 'e' }))
  t.hasStrict(await replyTo(message('/stop', { msgid: 's' })), { finish: true, content: texts.stopDone }, 'the same stop once more')
  t.hasStrict(await replyTo(refresh(next.id)), { finish: false }, 'stops nothing new')
})

t.test('commands are taken in when all places are taken', async t => {
  const { replyTo } = setUp({ limits: { maxRunning: 1, maxQueued: 0 } })
  const { id } = await replyTo(message('hi'))
  t.match(await replyTo(message('more', { msgid: 'm2' })), { finish: true, content: /^当前使用人数较多/ })
  t.hasStrict(await replyTo(message('/stop', { msgid: 'm3' })), { finish: true, content: texts.stopDone })
  t.hasStrict(await replyTo(refresh(id)), { finish: true, content: texts.stopped })
})

t.test('a command of the host answers, fails and takes its time like a source', async t => {
  let answer!: (text: string) => void
  const more = [
    { words: ['/slow'], description: 'slow', run: () => new Promise<string>(resolve => { answer = resolve }) },
    { words: ['/broken'], description: 'broken', run: () => { throw new Error('at my-secret sk-secret1234') } },
    { words: ['/hangs'], description: 'hangs', run: () => new Promise<string>(() => {}) }
  ]
  const { replyTo, clock, log } = setUp({ commands: { more } })
  const first = replyTo(message('/slow'))
  await idle()
  await clock.advance(200)
  const { id } = await first
  t.hasStrict(await first, { finish: false, content: texts.waiting })
  answer('at last')
  await idle()
  t.hasStrict(await replyTo(refresh(id)), { finish: true, content: 'at last' })
  t.match(await replyTo(message('/broken', { msgid: 'm2' })), { finish: true, content: /^服务异常，请稍后再试/ })
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
  const hanging = replyTo(message('/hangs', { msgid: 'm3' }))
  await idle()
  await clock.advance(330_000)
  t.match(await replyTo(refresh((await hanging).id)), { finish: true, content: /^响应超时/ })
  t.equal(clock.pending, 1, 'but for the sweep of the store')
})

t.test('where there is no room, the answer says so', async t => {
  const { replyTo, hand } = setUp({ limits: { maxRunning: 1, maxQueued: 0 } })
  await replyTo(message('hi'))
  const busy = await replyTo(message('hi', { msgid: 'm2' }))
  t.match(busy, { finish: true, content: /^当前使用人数较多，请稍后再试（编号 [0-9a-f]{8}）$/ })
  await hand.call().end()
  t.same(await replyTo(message('hi', { msgid: 'm2' })), busy, 'a message is answered once')
  t.hasStrict(await replyTo(message('hi', { msgid: 'm3' })), { finish: false })
})

t.test('a source that fails ends the stream with its sentence, and keeps the text', async t => {
  const { replyTo, log } = setUp({ asked: throwing(new Error('the cause'), 'half'), firstReplyGraceMs: 200 })
  const { content, finish } = await replyTo(message('hi'))
  t.equal(finish, true)
  t.match(content, /^half\n\n服务异常，请稍后再试（编号 [0-9a-f]{8}）$/)
  const reference = content.slice(-9, -1)
  t.equal(log.lines.filter(({ fields }) => fields['reference'] === reference).length, 1, 'the log holds the cause')
})

const away = (): Promise<never> => Promise.reject(new Error('the store is away, sk-secret1234'))

t.test('a message that the store cannot take is answered with a stream that says so', async t => {
  const { replyTo, log, hand, clock } = setUp({ store: { create: away } })
  const shown = await replyTo(message('hi'))
  t.match(shown, { id: /^[0-9a-f]{32}$/, finish: true, content: /^服务异常，请稍后再试（编号 [0-9a-f]{8}）$/ })
  const [line] = log.lines.filter(({ level }) => level === 'error')
  t.hasStrict(line, { fields: { code: 'INTERNAL', reference: shown.content.slice(-9, -1) } })
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
  t.equal(hand.calls.length, 0)
  t.equal(clock.pending, 0, 'nothing is left behind')
  t.match(await replyTo(message('', { msgtype: 'image', msgid: 'm2' })), { finish: true, content: /^服务异常/ })
})

t.test('a refresh that the store cannot answer gets the empty reply', async t => {
  const { receive, log } = setUp({ store: { read: away } })
  t.equal(await receive(refresh('0'.repeat(32)) as RawMessage), undefined)
  t.hasStrict(log.lines, [{ level: 'error', fields: { streamId: '0'.repeat(32) } }])
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
})

t.test('what a store has just lost is shown as it is known here, and never blank', async t => {
  const id = '0'.repeat(32)
  const chat = { scope: 'scope', bot: 'bot', user: 'user' }
  let known: LastRead | undefined
  let lost = true
  const { receive, bot } = setUp(
    { scope: 'scope', store: { read: async () => undefined, lastRead: () => known, isRecovering: () => lost } }
  )
  const show = (content: string, status: StoredStatus = 'running', ageMs = 0, sinceMs = 0): void => {
    known = { record: { id, status, content, reasoning: '', chat, failure: undefined, notice: undefined, metadata: {} }, ageMs, sinceMs }
  }
  const refreshed = async (): Promise<string | undefined> => await receive(refresh(id) as RawMessage)

  t.equal(await refreshed(), undefined, 'nothing is known')
  show('')
  t.equal(await refreshed(), undefined, 'another replica may have shown more')
  show('Hello')
  t.hasStrict(read(await refreshed()), { finish: false, content: 'Hello' })
  t.equal(await bot({ scope: 'another' })(refresh(id) as RawMessage), undefined)
  show('', 'done')
  t.hasStrict(read(await refreshed()), { finish: true, content: texts.empty })
  show('Hello', 'running', 0, 1001)
  t.equal(await refreshed(), undefined, 'its owner may have shown more since')
  show('Hello', 'done', 0, 1001)
  t.hasStrict(read(await refreshed()), { finish: true, content: 'Hello' })
  const tooLate = texts.failures.TIMEOUT + texts.reference.replace('{reference}', '00000000')
  show('Hello', 'running', 10 * 60_000, 1001)
  t.hasStrict(read(await refreshed()), { finish: true, content: `Hello\n\n${tooLate}` })
  show('', 'running', 10 * 60_000, 1001)
  t.hasStrict(read(await refreshed()), { finish: true, content: tooLate })
  lost = false
  t.hasStrict(read(await refreshed()), { finish: true, content: texts.expired })
})

t.test('no prompt, no reply and no response_url is logged', async t => {
  const { replyTo, log, hand } = setUp()
  const { id } = await replyTo(message('my-prompt', { response_url: 'https://my-response-url' }))
  await hand.call().push('my-reply')
  await replyTo(refresh(id))
  await hand.call().fail(new Error('about my-prompt'))
  await replyTo(refresh(id))
  t.ok(log.lines.length > 0)
  t.notMatch(JSON.stringify(log.lines), /my-/)
})

const CARD = textNotice({ main_title: { title: 'Done' }, card_action: { type: 1, url: 'https://example.com/' } })

t.test('a late card that cannot go alone comes once, with the end, and again only to the callback that it came to', async t => {
  const { receive, hand, replyTo, log } = setUp()
  const parsed = async (message: object) => JSON.parse(await receive(message as RawMessage) as string)
  const { id } = await replyTo(message('hi'))
  await hand.call().push('look')
  await hand.call().push({ type: 'card', card: CARD })
  t.notOk((await parsed(refresh(id))).template_card, 'not before the end')
  await hand.call().end()
  const withCard = { msgtype: 'stream_with_template_card', stream: { id, finish: true, content: 'look' }, template_card: CARD }
  const without = { msgtype: 'stream', stream: { id, finish: true, content: 'look' } }
  t.same(await parsed(refresh(id, { msgid: 'r2' })), withCard)
  t.same(await parsed(refresh(id, { msgid: 'r3' })), without)
  t.same(await parsed(refresh(id, { msgid: 'r2' })), withCard, 'its reply was lost')
  for (const msgid of [undefined, '']) t.same(await parsed(refresh(id, { msgid })), without)
  t.same(log.lines.map(({ level, message }) => [level, message]), [
    ['debug', 'stream ended'],
    ...Array(2).fill(['warn', 'a card comes with the last frame, which not every client of WeCom shows'])
  ])
})

t.test('a callback without a name is like no other', async t => {
  const { receive, hand, replyTo } = setUp()
  const { id } = await replyTo(message('hi'))
  await hand.call().push({ type: 'card', card: CARD })
  await hand.call().end()
  const kinds = []
  for (let n = 0; n < 2; n++) kinds.push(JSON.parse(await receive(refresh(id, { msgid: '' }) as RawMessage) as string).msgtype)
  t.same(kinds, ['stream_with_template_card', 'stream'])
})

t.test('a fast answer has its card in the first frame, and a repeated delivery of the message as well', async t => {
  const { bot } = setUp()
  const receive = bot({ source: yielding({ type: 'card', card: CARD }), firstReplyGraceMs: 200 })
  const first = JSON.parse(await receive(message('hi') as RawMessage) as string)
  t.hasStrict(first, { msgtype: 'stream_with_template_card', stream: { finish: true, content: texts.seeBelow } })
  t.same(JSON.parse(await receive(message('hi') as RawMessage) as string), first)
  t.hasStrict(JSON.parse(await receive(refresh(first.stream.id) as RawMessage) as string), { msgtype: 'stream' })
})

t.test('a card that is there with the first reply rides in it, and again if the message is delivered again', async t => {
  const { hand, bot, clock } = setUp()
  const receive = bot({ firstReplyGraceMs: 200, activeReply: { accepts: () => true, send: async () => { t.fail('nothing is sent') } } })
  const asked = receive(message('hi') as RawMessage)
  await idle()
  await hand.call().push({ type: 'card', card: CARD })
  await clock.advance(199)
  await hand.call().push('one')
  await clock.advance(1)
  const first = JSON.parse(await asked as string)
  const { id } = first.stream
  t.same(first, { msgtype: 'stream_with_template_card', stream: { id, finish: false, content: 'one' }, template_card: CARD })
  const again = receive(message('hi') as RawMessage)
  await idle()
  await clock.advance(200)
  t.same(JSON.parse(await again as string), first)
  await hand.call().push(' two')
  await hand.call().end()
  t.same(
    JSON.parse(await receive(refresh(id) as RawMessage) as string), { msgtype: 'stream', stream: { id, finish: true, content: 'one two' } }
  )
})

t.test('a late card goes alone in a single chat, when the end was fetched', async t => {
  for (const [cardDelivery, more, alone] of [
    ['auto', {}, true], ['frame', {}, false], ['auto', { chattype: 'group', chatid: 'g' }, false]
  ] as const) {
    const { hand, bot, clock } = setUp()
    const sent: object[] = []
    const activeReply = { accepts: () => true, send: async (_url: string, message: object) => { sent.push(message) } }
    const receive = bot({ cardDelivery, activeReply })
    const { id } = read(await receive(message('hi', more) as RawMessage))
    await idle()
    await hand.call().push('look')
    await hand.call().push({ type: 'card', card: CARD })
    await hand.call().end()
    await clock.advance(1000)
    t.same(sent, [], 'not before that')
    const last = JSON.parse(await receive(refresh(id, more) as RawMessage) as string)
    await idle()
    t.same(last.template_card, alone ? undefined : CARD)
    t.same(sent, alone ? [{ card: CARD }] : [])
  }
})

t.test('where it cannot be told whether a card was shown, the text comes without it', async t => {
  const { bot, log } = setUp({ facts: { putIfAbsent: async () => { throw new Error('away') } } })
  const receive = bot({ source: yielding('look', { type: 'card', card: CARD }), firstReplyGraceMs: 200 })
  t.hasStrict(
    JSON.parse(await receive(message('hi') as RawMessage) as string), { msgtype: 'stream', stream: { finish: true, content: 'look' } }
  )
  t.hasStrict(log.lines.at(-1), { level: 'error', message: 'a card could not be shown' })
})

t.test('a card that comes before the bubble is over is shown with its end, though the text goes on', async t => {
  const { hand, bot, clock } = setUp({ limits: { deadlineMs: 1000, lateDeadlineMs: 5000 } })
  const sent: string[] = []
  const receive = bot({ activeReply: { accepts: () => true, send: async (_url, { content }) => { sent.push(String(content)) } } })
  const { id } = read(await receive(message('hi') as RawMessage))
  await idle()
  await hand.call().push({ type: 'card', card: CARD })
  await hand.call().push('a')
  await clock.advance(1000)
  const shown = [JSON.parse(await receive(refresh(id, { msgid: 'r1' }) as RawMessage) as string)]
  await hand.call().push('b')
  await hand.call().push({ type: 'card', card: CARD })
  await hand.call().end()
  shown.push(JSON.parse(await receive(refresh(id, { msgid: 'r2' }) as RawMessage) as string))
  const stream = { id, finish: true, content: `a\n\n${texts.later}` }
  t.same(shown, [{ msgtype: 'stream_with_template_card', stream, template_card: CARD }, { msgtype: 'stream', stream }])
  t.same(sent, [`b\n\n${texts.tooLate}`])
})

t.test('a card that comes when the bubble is over is not shown', async t => {
  const { hand, bot, clock } = setUp({ limits: { deadlineMs: 1000, lateDeadlineMs: 5000 } })
  const receive = bot({ activeReply: { accepts: () => true, send: async () => {} } })
  const { id } = read(await receive(message('hi') as RawMessage))
  await idle()
  await clock.advance(1000)
  await hand.call().push({ type: 'card', card: CARD })
  await hand.call().end()
  t.hasStrict(
    JSON.parse(await receive(refresh(id) as RawMessage) as string), { msgtype: 'stream', stream: { finish: true, content: texts.later } }
  )
})

t.test('commands have nothing to be delivered', async t => {
  const { bot, streams } = setUp()
  const receive = bot({ activeReply: { accepts: () => true, send: async () => {} } })
  const [{ id: asked }, { id: command }] = [
    read(await receive(message('hi') as RawMessage)), read(await receive(message('/help', { msgid: 'm2' }) as RawMessage))
  ]
  t.same((await streams.read(asked))?.metadata, { deliverable: true, bubbleBytes: BUBBLE_BYTES })
  t.same((await streams.read(command))?.metadata, {})
})
