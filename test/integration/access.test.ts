import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { Requester, CallbackAccessOptions, Source } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import { chunk, DONE, finish, sse } from '../fixtures/provider.ts'
import type { Script } from '../fixtures/provider.ts'
import { CREDENTIALS, serveBot } from '../fixtures/served-bot.ts'
import { until } from '../fixtures/waiting.ts'

const texts = loadTexts()

/** Answers every question with itself, in brackets. */
const echo: Script = (response, request) => sse(chunk(`[${request.body.messages.at(-1).content}]`), finish('stop'), DONE)(response, request)

/** What is logged of refusals. */
const refusals = (log: string): Array<Record<string, unknown>> =>
  log.split('\n').filter(line => line.includes(' refused"')).map(line => JSON.parse(line))

/** Says nothing until it is stopped, or told to end. */
function createHeldSource (): { source: Source, prompts: string[], release (): void } {
  const held = {
    prompts: [] as string[],
    release: () => {},
    source: async function * ({ prompt }, { signal }) {
      held.prompts.push(prompt)
      await new Promise<void>(resolve => {
        held.release = resolve
        signal.addEventListener('abort', () => resolve())
      })
      yield `[${prompt}]`
    } satisfies Source
  }
  return held
}

t.test('lists hold in single chats and groups, and refuse with the very first reply', async t => {
  const { wecom, provider, log } = await serveBot(t, {
    access: { allowUsers: 'zhang, li ,guest', denyUsers: ['guest'], denyChats: ['secret'] }
  })
  provider.respondWith(echo)
  for (const [options, content] of [
    [{ user: 'zhang' }, '[hi]'], [{ user: 'li', chat: 'open' }, '[hi]'],
    [{ user: 'Zhang' }, texts.denied], [{ user: 'guest' }, texts.denied], [
      { user: 'guest', chat: 'open' }, texts.denied
    ], [{ user: 'li', chat: 'secret' }, texts.denied]
  ] as const) {
    const { content: shown, frames, problems } = await wecom.send('hi', { ...options, late: 1 })
    t.equal(shown, content, JSON.stringify(options))
    t.strictSame(problems, [])
    if (content === texts.denied) t.ok(frames[0]?.finish, 'with the first frame, without a grace')
  }
  t.equal(provider.requests.length, 2)
  t.strictSame(
    refusals(log()).map(({ why, level }) => [why, level]), [['user list', 30], ['user list', 30], ['user list', 30], ['chat list', 30]]
  )
  t.ok(refusals(log()).every(line => /^[0-9a-f]{32}$/.test(String(line['streamId']))))
  t.notMatch(log(), /Zhang|guest|secret/, 'nobody is named')
})

t.test('the lists come from the environment, too', async t => {
  const { wecom, provider } = await serveBot(t, {
    source: async function * () { yield 'yes' }, env: { WECOM_ALLOW_CHATS: 'g, h', WECOM_DENY_USERS: 'li' }
  })
  t.equal((await wecom.send('hi', { chat: 'h' })).content, 'yes')
  t.equal((await wecom.send('hi', { chat: 'i' })).content, texts.denied)
  t.equal((await wecom.send('hi')).content, 'yes', 'a single chat is its user')
  t.equal((await wecom.send('hi', { user: 'li' })).content, texts.denied)
  t.equal(provider.requests.length, 0)
})

t.test('two bots of one app have lists and limits of their own', async t => {
  const second = { token: 'second', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR' }
  const source: Source = async function * () { yield 'yes' }
  const { url, wecom } = await serveBot(t, { source, access: { allowBots: ['first'], messagesPerMinute: 1 } }, [
    { ...second, path: '/second', source, access: { denyBots: 'first' } }
  ])
  const as = (bot: string, target: string, keys: typeof second) => createSimulator({ target: url + target, ...keys, bot, refreshMs: 20 })
  t.equal((await wecom.send('hi')).content, texts.denied, 'a foreign bot')
  t.equal((await as('first', '/wecom/callback', CREDENTIALS).send('hi')).content, 'yes')
  t.equal((await as('first', '/wecom/callback', CREDENTIALS).send('hi')).content, texts.limited)
  t.equal((await as('first', '/second', second).send('hi')).content, texts.denied)
  for (let n = 0; n < 2; n++) t.equal((await as('other', '/second', second).send('hi')).content, 'yes')
})

t.test('a message that says neither who nor where passes no allow list', async t => {
  const source: Source = async function * () { yield 'yes' }
  for (const [access, message] of [
    [{ allowUsers: ['u'] }, { from: undefined }], [{ allowBots: ['b'] }, { aibotid: undefined }], [
      { allowChats: ['g'] }, { chattype: 'group', chatid: undefined }
    ]
  ] as Array<[CallbackAccessOptions, object]>) {
    const { wecom } = await serveBot(t, { source, access })
    const common = { aibotid: 'b', chattype: 'single', from: { userid: 'u' }, msgtype: 'text', text: { content: 'hi' } }
    t.hasStrict((await wecom.post({ ...common, ...message })).reply, { stream: { finish: true, content: texts.denied } })
    t.hasStrict((await wecom.post({ ...common, msgid: 'm' })).reply, { stream: { finish: false } })
  }
})

t.test('lists hold for events, which get the empty reply', async t => {
  const { wecom, log } = await serveBot(t, { access: { denyUsers: ['li'] } })
  const event = { msgtype: 'event', aibotid: 'b', event: { eventtype: 'enter_chat' } }
  for (const userid of ['li', 'zhang']) t.hasStrict(await wecom.post({ ...event, from: { userid } }), { statusCode: 200, body: '' })
  t.hasStrict(refusals(log()), [{ msg: 'event refused', why: 'user list', level: 30 }])
})

t.test('of three messages at once two are taken, and commands always', async t => {
  const held = createHeldSource()
  const { wecom, log } = await serveBot(t, { source: held.source, access: { maxRunning: 2 } })
  const left = new AbortController()
  const ids: string[] = []
  const ask = async (content: string) => await wecom.send(content, {
    signal: left.signal, onFrame: ({ reply }) => { const { id } = reply['stream'] as { id: string }; if (!ids.includes(id)) ids.push(id) }
  })
  const asking = ['a', 'b', 'c'].map(ask)
  const refused = await Promise.race(asking)
  t.strictSame([refused.finished, refused.content, refused.problems], [true, texts.limited, []])
  t.equal(held.prompts.length, 1)
  t.equal((await wecom.send('again')).content, texts.limited)
  t.match((await wecom.send('/help')).content, /^可用命令/)
  t.equal((await wecom.send('/stop')).content, texts.stopDone)
  t.strictSame((await Promise.all(asking)).map(({ content }) => content).sort(), [texts.stopped, texts.stopped, texts.limited].sort())
  const next = ask('next')
  await until(() => held.prompts.includes('next'))
  held.release()
  t.equal((await next).content, '[next]', 'there is room again')
  t.strictSame(refusals(log()).map(({ why }) => why), ['running', 'running'])
})

t.test('beyond the rate questions are refused, commands are not, and deliveries of one message count once', async t => {
  const { wecom, provider, log } = await serveBot(t, { access: { messagesPerMinute: 2 } })
  provider.respondWith(echo)
  t.equal((await wecom.send('one', { msgid: 'm1', repeat: 5, drop: n => n % 2 === 0 })).content, '[one]')
  t.equal((await wecom.send('/help')).finished, true)
  t.equal((await wecom.send('two')).content, '[two]')
  const third = await wecom.send('three', { msgid: 'm3', repeat: 3 })
  t.equal(third.content, texts.limited)
  t.strictSame(third.problems, [])
  t.equal((await wecom.send('one', { msgid: 'm1' })).content, '[one]', 'what was answered stays')
  t.hasStrict((await wecom.send('/stop')).content, texts.stopNothing)
  t.equal((await wecom.send('two', { user: 'another' })).content, '[two]')
  t.equal(provider.requests.length, 3)
  t.strictSame(refusals(log()).map(({ why }) => why), ['rate'])
})

t.test('the host decides, and what it refuses is not remembered', async t => {
  const asked: Requester[] = []
  const { wecom, provider, asked: requests, log } = await serveBot(t, {
    access: {
      decide: async who => {
        asked.push(who)
        const { content } = who.message?.['text'] as { content: string }
        if (content === 'throw') throw new Error(`the directory is away: ${content} for ${String(who.sender)}`)
        return ({ no: false, why: 'Only on Mondays.', odd: 1 } as Record<string, any>)[content] ?? true
      }
    }
  })
  provider.respondWith(echo)
  for (const [content, expected] of [
    ['yes', '[yes]'], ['no', texts.denied], ['why', 'Only on Mondays.'], ['throw', texts.denied], ['odd', texts.denied], [
      'yes again', '[yes again]'
    ], ['/help', '可用命令：\n- /stop 停止 — 停止当前回答\n- /new 新对话 — 开始新对话\n- /help 帮助 — 显示帮助']
  ] as const) {
    const { content: shown, problems } = await wecom.send(content, { user: 'zhang-san', repeat: 2 })
    t.equal(shown, expected, content)
    t.strictSame(problems, [])
  }
  t.equal(asked.length, 7, 'once for each message')
  t.hasStrict(asked[0], { sender: 'zhang-san', bot: 'simulated-bot', chat: { type: 'single' }, message: { msgtype: 'text' } })
  t.strictSame((await requests(1)).map(({ content }) => content), ['yes', '[yes]', 'yes again'])
  t.strictSame(refusals(log()).filter(({ level }) => level === 30).map(({ why }) => why), ['decide', 'decide', 'decide', 'decide'])
  t.equal(log().split('\n').filter(line => line.includes('"hook":"access.decide"') && line.includes('"level":50')).length, 2)
  t.notMatch(log(), /zhang-san|Mondays/)
})

t.test('lists, limits and the function of the host are checked when the app boots', async t => {
  await t.rejects(serveBot(t, {
    access: { allowUsers: ',', denyChats: [''], messagesPerMinute: -1, decide: true, nonsense: 1 } as unknown as CallbackAccessOptions
  }), {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      'option access.allowUsers', 'option access.denyChats', 'option access.messagesPerMinute', 'option access.nonsense',
      'option access.decide'
    ].map(name => ({ name }))
  })
})
