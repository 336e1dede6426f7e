import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { WecomStreamOptions } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import type { Simulator, Transcript, TranscriptFrame } from '../../plugins/testing.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { chunk, DONE, finish, heldReply, silent, sse, stalled } from '../fixtures/provider.ts'
import type { Script } from '../fixtures/provider.ts'
import { serveBot } from '../fixtures/served-bot.ts'
import type { Asked } from '../fixtures/served-bot.ts'

const texts = loadTexts()

const say = (text: string): Script => sse(chunk(text), finish('stop'), DONE)
const promptOf = (messages: Asked[]): string => messages.at(-1)?.content
/** Answers every question with itself, in brackets. */
const echo: Script = (response, request) => say(`[${promptOf(request.body.messages)}]`)(response, request)
const contents = (messages: Asked[]): string[] => messages.map(({ content }) => content)

interface Asking {
  id: string
  transcript: Promise<Transcript>
}

/** Sends a message, and gives what comes of it as soon as a frame is as it should be. */
async function sendUntil (
  wecom: Simulator, content: string, options: object, isReached: (frame: TranscriptFrame) => boolean
): Promise<Asking> {
  return await new Promise((resolve, reject) => {
    const transcript = wecom.send(
      content, { ...options, onFrame: frame => { if (isReached(frame)) resolve({ id: (frame.reply['stream'] as Asking).id, transcript }) } }
    )
    transcript.catch(reject)
  })
}

const isFirst = (): boolean => true

/** Checks that something happens within a second. */
async function withinASecond (t: Test, what: Promise<unknown>): Promise<void> {
  const from = performance.now()
  await what
  t.ok(performance.now() - from < 1000)
}

t.test('the model is told what was said before', async t => {
  const { wecom, provider, asked } = await serveBot(t, { openai: { systemPrompt: 'Be kind.' } })
  provider.respondWith(echo)
  for (const text of ['one', 'two', 'three']) t.strictSame((await wecom.send(text)).problems, [])
  t.strictSame(await asked(2), [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'one' }, { role: 'assistant', content: '[one]' },
    { role: 'user', content: 'two' }, { role: 'assistant', content: '[two]' },
    { role: 'user', content: 'three' }
  ])
})

t.test('what is remembered has its bounds, and can be switched off', async t => {
  for (const [history, expected] of [
    [{ turns: 1 }, ['two', '[two]', 'three']],
    [{ turns: 0 }, ['three']],
    [{ bytes: 8 }, ['two', '[two]', 'three']]
  ] as Array<[NonNullable<WecomStreamOptions['history']>, string[]]>) {
    const { wecom, provider, asked } = await serveBot(t, { history })
    provider.respondWith(echo)
    for (const text of ['one', 'two', 'three']) await wecom.send(text)
    t.strictSame(contents(await asked(2)), expected)
  }
})

t.test('a reply that was stopped is remembered as far as it was shown, as cut', async t => {
  const { wecom, provider, asked } = await serveBot(t)
  provider.respondWith(stalled(chunk('half of it')), say('more'))
  const { transcript } = await sendUntil(wecom, 'tell me', {}, ({ content }) => content === 'half of it')
  t.equal((await wecom.send('/stop')).content, texts.stopDone)
  const { content, problems } = await transcript
  t.equal(content, 'half of it')
  t.strictSame(problems, [])
  await wecom.send('go on')
  t.strictSame(contents(await asked(1)), ['tell me', 'half of it\n\n（回复在此处中断）', 'go on'])
})

t.test('a new conversation begins without what was said before', async t => {
  for (const word of ['/new', '新对话']) {
    const { wecom, provider, asked } = await serveBot(t)
    provider.respondWith(echo)
    await wecom.send('one')
    const { content, frames, problems } = await wecom.send(word)
    t.equal(content, texts.newDone)
    t.equal(frames.length, 1, 'it is answered at once')
    t.strictSame(problems, [])
    await wecom.send('two')
    t.strictSame(contents(await asked(1)), ['two'])
    t.equal(provider.requests.length, 2)
  }
})

t.test('three messages at once are answered in order, and the later ones say that they wait', async t => {
  const { wecom, provider, asked } = await serveBot(t)
  const first = heldReply()
  provider.respondWith(first.script, echo)
  const one = wecom.send('one')
  await asked(0)
  const isQueued = ({ content }: TranscriptFrame): boolean => content === texts.queued
  const { transcript: two } = await sendUntil(wecom, 'two', {}, isQueued)
  const { transcript: three } = await sendUntil(wecom, 'three', {}, isQueued)
  t.equal(provider.requests.length, 1)
  await first.send(chunk('[one]') + finish('stop') + DONE)
  await first.end()
  const transcripts = await Promise.all([one, two, three])
  t.strictSame(transcripts.map(({ content }) => content), ['[one]', '[two]', '[three]'])
  t.strictSame(transcripts.flatMap(({ problems }) => problems), [])
  t.equal(new Set(transcripts.map(({ id }) => id)).size, 3)
  t.notOk(transcripts[0]?.frames.some(isQueued))
  t.strictSame(contents(await asked(2)), ['one', '[one]', 'two', '[two]', 'three'])
})

for (const [where, words, options] of [
  ['in a single chat', '/stop', {}],
  ['in a group', '停止', { chat: 'g' }],
  ['in a group, with a mention', '@Robot /STOP', { chat: 'g' }]
] as const) {
  t.test(`a stop ${where} closes the socket of a silent provider and answers at once`, async t => {
    const { wecom, provider } = await serveBot(t, { botName: 'Robot' })
    provider.respondWith(silent)
    const { transcript } = await sendUntil(wecom, 'hello?', options, isFirst)
    const { transcript: waiting } = await sendUntil(wecom, 'anybody?', options, ({ content }) => content === texts.queued)
    const { closed } = await provider.request(0)
    const stop = wecom.send(words, options)
    await withinASecond(t, closed)
    const { content, frames, problems } = await stop
    t.equal(content, texts.stopDone)
    t.equal(frames.length, 1)
    t.strictSame(problems, [])
    for (const { content, problems } of await Promise.all([transcript, waiting])) t.strictSame([content, problems], [texts.stopped, []])
    t.equal(provider.requests.length, 1, 'what waited was never asked about')
    t.equal((await wecom.send(words, options)).content, texts.stopNothing)
  })
}

t.test('the same stop once more stops nothing new', async t => {
  const { app, wecom, provider } = await serveBot(t)
  provider.respondWith(silent)
  const { transcript: first } = await sendUntil(wecom, 'one', {}, isFirst)
  await provider.request(0)
  const { id } = await wecom.send('/stop', { msgid: 'stop' })
  await first
  const { id: running, transcript: second } = await sendUntil(wecom, 'two', {}, isFirst)
  await provider.request(1)
  const again = await wecom.send('/stop', { msgid: 'stop', repeat: 3 })
  t.strictSame([again.id, again.content, again.problems], [id, texts.stopDone, []])
  t.hasStrict(await app.getStreamState(running), { status: 'running' })
  await wecom.send('/stop')
  t.equal((await second).content, texts.stopped)
})

t.test('two users in one group and two bots never mix', async t => {
  const credentials = { token: 'other', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }
  const { app, url, wecom, provider } = await serveBot(t, {}, [{ ...credentials, path: '/other', firstReplyGraceMs: 0 }])
  const other = createSimulator({ target: `${url}/other`, ...credentials, refreshMs: 20 })
  provider.respondWith(echo)
  const voices = [wecom, other].flatMap((bot, index) => ['u', 'v'].map(user => ({ bot, user, chat: 'g', name: `${user}${index}` })))
  for (const round of [1, 2, 3]) {
    const transcripts = await Promise.all(voices.map(({ bot, name, user, chat }) => bot.send(`${name} ${round}`, { user, chat })))
    t.strictSame(transcripts.map(({ content }) => content), voices.map(({ name }) => `[${name} ${round}]`))
    t.strictSame(transcripts.flatMap(({ problems }) => problems), [])
  }
  for (const { body } of provider.requests) {
    const name = promptOf(body.messages).slice(0, 2)
    t.ok(contents(body.messages).every(content => content.includes(name)), name)
  }
  t.strictSame(provider.requests.map(({ body }) => body.messages.length).sort(), [1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 5, 5])

  provider.respondWith(silent)
  const asking = await Promise.all(voices.map(({ bot, name, ...where }) => sendUntil(bot, name, where, isFirst)))
  const [stopper, ...others] = voices.map(({ bot, user, chat }) => () => bot.send('/stop', { user, chat }))
  await provider.request(15)
  t.equal((await stopper?.())?.content, texts.stopDone)
  const [stopped, ...running] = asking
  t.equal((await stopped?.transcript)?.content, texts.stopped)
  for (const { id } of running) t.hasStrict(await app.getStreamState(id), { status: 'running' })
  for (const [index, stop] of others.entries()) {
    t.equal((await stop()).content, texts.stopDone)
    t.equal((await running[index]?.transcript)?.content, texts.stopped)
  }
})

t.test('a turn that hangs blocks nobody past its deadline', async t => {
  const clock = createManualClock(Date.now())
  const { wecom, provider, asked } = await serveBot(t, { clock, deadlineMs: 1000, openai: { clock } })
  provider.respondWith(silent, say('my turn'))
  const { transcript: hanging } = await sendUntil(wecom, 'hang', {}, isFirst)
  await asked(0)
  await clock.advance(500)
  const { transcript: next } = await sendUntil(wecom, 'next', {}, ({ content }) => content === texts.queued)
  await clock.advance(499)
  t.equal(provider.requests.length, 1)
  await clock.advance(1)
  t.match((await hanging).content, /^响应超时，请重试/)
  t.equal((await next).content, 'my turn')
  t.strictSame(contents(await asked(1)), ['next'])
})

t.test('commands are answered when all places are taken', async t => {
  const { wecom, provider } = await serveBot(t, { maxRunning: 1, maxQueued: 0 })
  provider.respondWith(silent)
  const { transcript } = await sendUntil(wecom, 'hello', {}, isFirst)
  await provider.request(0)
  t.match((await wecom.send('hello', { user: 'other' })).content, /^当前使用人数较多/)
  t.match((await wecom.send('/help', { user: 'other' })).content, /^可用命令：\n- \/stop 停止 — /)
  t.equal((await wecom.send('/stop', { user: 'other' })).content, texts.stopNothing)
  t.equal((await wecom.send('/stop')).content, texts.stopDone)
  t.equal((await transcript).content, texts.stopped)
})

t.test('commands have the words of the host, and there are those of the host', async t => {
  const more = [
    { words: ['/whoami'], description: 'tells who you are', run: ({ sender }: { sender: string | undefined }) => `You are ${sender}.` }
  ]
  const { wecom, provider } = await serveBot(t, { commands: { stop: ['halt'], new: [], more }, language: 'en' })
  provider.respondWith(echo)
  t.equal((await wecom.send('/whoami', { user: 'u' })).content, 'You are u.')
  t.equal((await wecom.send('Halt')).content, loadTexts({}, 'en').stopNothing)
  for (const text of ['/stop', '/new']) t.equal((await wecom.send(text)).content, `[${text}]`, 'what is no command is a question')
  t.equal((await wecom.send(
    '/help'
  )).content, 'Commands:\n- halt — stops the answer under way\n- /help 帮助 — shows this help\n- /whoami — tells who you are')
})

t.test('parallel turns do not wait for one another, and a stop ends them all', async t => {
  const { wecom, provider } = await serveBot(t, { parallelTurns: true })
  provider.respondWith(silent)
  const asking = await Promise.all(['one', 'two'].map(text => sendUntil(wecom, text, {}, isFirst)))
  await provider.request(1)
  t.equal((await wecom.send('/stop')).content, texts.stopDone)
  for (const { transcript } of asking) {
    const { frames, content } = await transcript
    t.equal(content, texts.stopped)
    t.notOk(frames.some(({ content }) => content === texts.queued))
  }
})

t.test('a group can have one conversation for all its members', async t => {
  const { wecom, provider, asked } = await serveBot(t, { conversationScope: 'chat' })
  const held = heldReply()
  provider.respondWith(held.script, echo)
  const { transcript: first } = await sendUntil(wecom, 'one', { user: 'u', chat: 'g' }, isFirst)
  await asked(0)
  const { transcript: second } = await sendUntil(wecom, 'two', { user: 'v', chat: 'g' }, ({ content }) => content === texts.queued)
  t.equal((await wecom.send('alone', { user: 'v' })).content, '[alone]', 'a single chat is one of its own')
  t.equal((await wecom.send('there', { user: 'v', chat: 'h' })).content, '[there]', 'so is another group')
  await held.send(chunk('[one]') + finish('stop') + DONE)
  await held.end()
  t.strictSame((await Promise.all([first, second])).map(({ content }) => content), ['[one]', '[two]'])
  t.strictSame([1, 2, 3].map(index => contents(provider.requests[index]?.body.messages)), [['alone'], ['there'], ['one', '[one]', 'two']])
})

t.test('a group can have no conversation, and a single chat has one all the same', async t => {
  const { wecom, provider, asked } = await serveBot(t, { conversationScope: 'none' })
  provider.respondWith(silent, echo)
  const { transcript } = await sendUntil(wecom, 'one', { chat: 'g' }, isFirst)
  await asked(0)
  const other = await wecom.send('two', { chat: 'g' })
  t.equal(other.content, '[two]', 'it does not wait')
  t.notOk(other.frames.some(({ content }) => content === texts.queued))
  await wecom.send('three', { chat: 'g' })
  t.strictSame(contents(await asked(2)), ['three'])
  for (const text of ['a', 'b']) await wecom.send(text)
  t.strictSame(contents(await asked(4)), ['a', '[a]', 'b'])
  t.equal((await wecom.send('/stop', { chat: 'g' })).content, texts.stopDone)
  t.equal((await transcript).content, texts.stopped)
})

t.test('thinking inside the text is hidden, shown or told of, and never remembered', async t => {
  const pieces = ['<thi', 'nk>hm, ', 'yes</th', 'ink>\n\nAns', 'wer']
  for (const [reasoning, seen, content] of [
    ['hide', texts.waiting, 'Answer'],
    ['show', '<think>hm, </think>\n\n', '<think>hm, yes</think>\n\nAnswer'],
    ['placeholder', texts.thinking, 'Answer']
  ] as const) {
    const { wecom, provider, asked } = await serveBot(t, { reasoning })
    const held = heldReply()
    provider.respondWith(held.script, say('ok'))
    const [start, think, ...rest] = pieces as [string, string, ...string[]]
    const asking = sendUntil(wecom, 'why?', {}, ({ content }) => content === seen)
    await held.send(chunk(start) + chunk(think))
    const { transcript } = await asking
    await held.send(rest.map(piece => chunk(piece)).join('') + finish('stop') + DONE)
    await held.end()
    const whole = await transcript
    t.equal(whole.content, content, reasoning)
    t.strictSame(whole.problems, [])
    await wecom.send('and?')
    t.strictSame(contents(await asked(1)), ['why?', 'Answer', 'and?'])
  }
})
