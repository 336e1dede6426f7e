import t from 'tap'
import { checkFrames } from '../../lib/frame-check.ts'
import type { Message } from '../../lib/messages.ts'
import type { Source } from '../../lib/sources/source.ts'
import { loadTexts } from '../../lib/texts.ts'
import { createBot } from '../fixtures/bot.ts'
import type { BotOptions, ReceiveSettings } from '../fixtures/bot.ts'
import { createHandSource, settle, throwing, yielding } from '../fixtures/sources.ts'

const texts = loadTexts()

interface Setup extends ReceiveSettings, Omit<BotOptions, 'source'> {
  asked?: Source
}

interface Shown { id: string, finish: boolean, content: string }

function setUp ({ asked, store, lines, history, limits, ...settings }: Setup = {}) {
  const hand = createHandSource()
  const { clock, log, streams, receiver } = createBot({
    source: asked ?? hand.source,
    ...(store && { store }),
    ...(lines && { lines }),
    ...(history && { history }),
    limits: limits ?? {}
  })
  const bot = (more: ReceiveSettings = {}) => receiver({ ...settings, ...more })
  const receive = bot()
  const replyTo = async (message: object): Promise<Shown> => {
    const reply = read(await receive(message as Message))
    // What goes on in the background has gone on.
    await settle()
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
  t.same(hand.call().turn, { prompt: 'what is up', sender: 'user', bot: 'bot', chat: { type: 'group', id: 'g' }, message: inGroup, deadline: clock.now() + 330_000 })
  t.same(JSON.parse(JSON.stringify(hand.call().turn)), hand.call().turn, 'plain data')
})

t.test('a source of the bot is asked in place of that of the streams', async t => {
  const { hand, bot } = setUp()
  const reply = await bot({ source: yielding('mine'), firstReplyGraceMs: 200 })(message('hi') as Message)
  t.match(read(reply), { finish: true, content: 'mine' })
  t.equal(hand.calls.length, 0)
})

t.test('thinking is shown where the bot shows it', async t => {
  const asked = yielding({ type: 'reasoning', text: 'hm' }, 'so')
  t.equal((await setUp({ asked, firstReplyGraceMs: 200 }).replyTo(message('hi'))).content, 'so')
  t.equal((await setUp({ asked, firstReplyGraceMs: 200, reasoning: 'show' }).replyTo(message('hi'))).content, '<think>hm</think>\n\nso')
})

t.test('with a grace, an answer that is ready goes out whole with the first frame', async t => {
  const { replyTo, clock } = setUp({ asked: yielding('all ', 'of it'), firstReplyGraceMs: 200 })
  t.match(await replyTo(message('hi')), { finish: true, content: 'all of it' })
  t.equal(clock.now(), 1_700_000_000_000, 'without waiting for the grace to end')
})

t.test('with a grace, the first frame shows what has come by its end', async t => {
  const { replyTo, clock, hand } = setUp({ firstReplyGraceMs: 200 })
  const reply = replyTo(message('hi'))
  let answered = false
  reply.then(() => { answered = true }, () => {})
  await settle()
  await clock.advance(100)
  await hand.call().push('Hel')
  await clock.advance(99)
  t.equal(answered, false)
  await clock.advance(1)
  t.match(await reply, { finish: false, content: 'Hel' })
})

t.test('without a grace the first frame comes at once', async t => {
  const { replyTo } = setUp({ asked: yielding('all of it'), firstReplyGraceMs: 0 })
  t.match(await replyTo(message('hi')), { finish: false, content: texts.waiting })
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
  await settle()
  await hand.call().push('Hello')
  await hand.call().end()
  t.match(await Promise.all(all), [{ finish: true, content: 'Hello' }, { finish: true, content: 'Hello' }])
  t.equal(hand.calls.length, 1)
})

t.test('two messages are two, whatever they have in common', async t => {
  const { hand, replyTo, bot } = setUp({ parallel: true })
  await replyTo(message('hi'))
  await replyTo(message('hi', { msgid: 'm2' }))
  t.equal(hand.calls.length, 2, 'another msgid')
  await replyTo(message('hi', { aibotid: 'other' }))
  t.equal(hand.calls.length, 3, 'another bot')
  await bot({ scope: 'other' })(message('hi') as Message)
  await settle()
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
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'g', from: { userid: 'other' } }), 'secret', 'a group is one chat for all its members')
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'other' }), texts.expired, 'another group')
  t.equal(await shown(group.id, { chattype: 'group', chatid: 'g', aibotid: 'other' }), texts.expired, 'another bot in the group')
  t.equal(await shown(group.id, {}), texts.expired, 'the same user alone')
  t.equal(read(await bot({ scope: 'other' })(refresh(single.id) as Message)).content, texts.expired, 'another callback')
  t.match(await replyTo(refresh(single.id, { aibotid: 'other' })), { id: single.id, finish: true })
})

t.test('a field that a refresh lacks is not compared', async t => {
  const { hand, replyTo } = setUp()
  const single = await replyTo(message('hi'))
  await hand.call().push('secret')
  const group = await replyTo(message('hi', { msgid: 'm2', chattype: 'group', chatid: 'g' }))
  await hand.call().push('secret')
  const lacking = { aibotid: undefined, chattype: undefined, from: undefined }
  for (const [id, more] of [
    [single.id, { aibotid: undefined }], [single.id, { chattype: undefined }], [single.id, { from: undefined }], [single.id, { from: {} }], [single.id, lacking],
    [group.id, { chattype: 'group', chatid: 'g', from: undefined }], [group.id, { chatid: 'g', chattype: undefined }], [group.id, { chattype: 'group' }],
    [group.id, { chattype: 'group', aibotid: undefined }], [group.id, { chattype: undefined }], [group.id, lacking]
  ] as const) t.equal((await replyTo(refresh(id, more))).content, 'secret', JSON.stringify(more))
})

t.test('a stream of the host is never shown', async t => {
  const { streams, replyTo } = setUp({ asked: yielding('internal') })
  const id = await streams.start('report')
  await settle()
  t.match(await streams.read(id), { content: 'internal' })
  t.same(await replyTo(refresh(id)), { id, finish: true, content: texts.expired })
  t.same(await replyTo(refresh(id, { aibotid: undefined, chattype: undefined, from: undefined })), { id, finish: true, content: texts.expired })
})

t.test('a refresh of what never was is told that it is gone', async t => {
  const { replyTo } = setUp()
  t.same(await replyTo(refresh('0'.repeat(32))), { id: '0'.repeat(32), finish: true, content: texts.expired })
  t.same(await replyTo(refresh('x'.repeat(100_000))), { id: 'x'.repeat(100_000), finish: true, content: texts.expired })
  const { receive } = setUp()
  for (const stream of [undefined, null, 'id', {}, { id: 5 }]) {
    t.match(JSON.parse(await receive({ ...refresh(''), stream } as unknown as Message) as string), { stream: { finish: true, content: texts.expired } })
  }
})

t.test('an event is answered with nothing, whatever it is', async t => {
  const { receive, hand, log } = setUp()
  for (const event of [{ eventtype: 'enter_chat' }, { eventtype: 'feedback_event' }, { eventtype: 'of the future' }, undefined, 5]) {
    t.equal(await receive({ msgtype: 'event', msgid: 'e', event } as Message), undefined)
  }
  t.equal(hand.calls.length, 0)
  t.ok(log.lines.every(({ level }) => level === 'debug'))
})

t.test('a kind of message that cannot be read is answered at once, and the same again', async t => {
  const { replyTo, hand, clock } = setUp({ firstReplyGraceMs: 200 })
  for (const msgtype of ['image', 'file', 'video', 'of the future', '__proto__']) {
    const more = { msgtype, msgid: msgtype, text: undefined }
    const first = await replyTo(message('', more))
    t.match(first, { finish: true, content: texts.unsupported }, msgtype)
    t.same(await replyTo(message('', more)), first)
    t.same(await replyTo(refresh(first.id)), first)
  }
  t.equal(hand.calls.length, 0)
  t.equal(clock.now(), 1_700_000_000_000)
})

t.test('a bare mention is asked back', async t => {
  const { replyTo, hand } = setUp()
  t.match(await replyTo(message('@Robot', { chattype: 'group', chatid: 'g' })), { finish: true, content: texts.noPrompt })
  t.match(await replyTo(message('  ', { msgid: 'm2' })), { finish: true, content: texts.noPrompt })
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
    [{ msgtype: 'text', text: { content: '@Robot' }, chattype: 'group', chatid: 'g', quote: { msgtype: 'file', file } }, [{ kind: 'file', ...file }]]
  ] as const) {
    const { replyTo, hand } = setUp({ attachments })
    t.match(await replyTo(message('', more)), { finish: false })
    await settle()
    t.equal(hand.call().turn.prompt, '')
    t.strictSame(asked.splice(0), references)
  }
})

t.test('a command is answered with the first frame, and asks no source', async t => {
  const { replyTo, hand, clock } = setUp()
  t.match(await replyTo(message('/stop')), { finish: true, content: texts.stopNothing })
  t.match(await replyTo(message(' 新对话 ', { msgid: 'm2' })), { finish: true, content: texts.newDone })
  t.match(await replyTo(message('@Robot /HELP', { msgid: 'm3', chattype: 'group', chatid: 'g' })), { finish: true, content: /^可用命令：\n- \/stop 停止/ })
  t.match(await replyTo(message('/help', { msgid: 'm4', chattype: 'group', chatid: 'g' })), { finish: true, content: /^可用命令/ }, 'a mention is not needed')
  t.match(await replyTo(message('/help me', { msgid: 'm5' })), { finish: false }, 'it is the whole of a message')
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
  t.match(await replyTo(message('/stop', { msgid: 's' })), { finish: true, content: texts.stopDone })
  t.equal(hand.call(0).context.signal.aborted, true)
  t.strictSame(await Promise.all(ids.map(async id => (await replyTo(refresh(id))).content)), ['half', texts.stopped, texts.stopped])
  t.match(await replyTo(refresh(other.id, { from: { userid: 'other' } })), { finish: false })
  t.equal(hand.calls.length, 2, 'none of the waiting ones had its turn in between')

  const next = await replyTo(message('next', { msgid: 'e' }))
  t.match(await replyTo(message('/stop', { msgid: 's' })), { finish: true, content: texts.stopDone }, 'the same stop once more')
  t.match(await replyTo(refresh(next.id)), { finish: false }, 'stops nothing new')
})

t.test('commands are taken in when all places are taken', async t => {
  const { replyTo } = setUp({ limits: { maxRunning: 1, maxQueued: 0 } })
  const { id } = await replyTo(message('hi'))
  t.match(await replyTo(message('more', { msgid: 'm2' })), { finish: true, content: /^当前使用人数较多/ })
  t.match(await replyTo(message('/stop', { msgid: 'm3' })), { finish: true, content: texts.stopDone })
  t.match(await replyTo(refresh(id)), { finish: true, content: texts.stopped })
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
  await settle()
  await clock.advance(200)
  const { id } = await first
  t.match(await first, { finish: false, content: texts.waiting })
  answer('at last')
  await settle()
  t.match(await replyTo(refresh(id)), { finish: true, content: 'at last' })
  t.match(await replyTo(message('/broken', { msgid: 'm2' })), { finish: true, content: /^服务异常，请稍后再试/ })
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
  const hanging = replyTo(message('/hangs', { msgid: 'm3' }))
  await settle()
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
  t.match(await replyTo(message('hi', { msgid: 'm3' })), { finish: false })
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
  t.match(line, { fields: { code: 'INTERNAL', reference: shown.content.slice(-9, -1) } })
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
  t.equal(hand.calls.length, 0)
  t.equal(clock.pending, 0, 'nothing is left behind')
  t.match(await replyTo(message('', { msgtype: 'image', msgid: 'm2' })), { finish: true, content: /^服务异常/ })
})

t.test('a refresh that the store cannot answer gets the empty reply', async t => {
  const { receive, log } = setUp({ store: { read: away } })
  t.equal(await receive(refresh('0'.repeat(32)) as Message), undefined)
  t.match(log.lines, [{ level: 'error', fields: { streamId: '0'.repeat(32) } }])
  t.notMatch(JSON.stringify(log.lines), /sk-secret/)
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
