import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import t from 'tap'
import type { BotEntry, EventEntry, Json, UserEntry } from '../../../lib/playground/model.ts'
import { createPlayground } from '../../../lib/playground/playground.ts'
import { wallClock } from '../../../lib/util/clock.ts'
import wecomStream from '../../../plugins/index.ts'
import { CREDENTIALS, frame, play } from '../../fixtures/playground.ts'

const text = (content: string): Json => ({ msgtype: 'text', text: { content } })
const vote: Json = {
  card_type: 'vote_interaction',
  main_title: { title: 'Lunch?' },
  checkbox: { question_key: 'food', option_list: [{ id: 'rice', text: 'Rice' }] },
  submit_button: { text: 'Send', key: 'send' },
  task_id: 'task-1'
}
const isRefresh = ({ msgtype }: Json): boolean => msgtype === 'stream'
const counting = (end = 3) => (_message: Json, n: number) => frame('abcdefgh'.slice(0, n), n >= end)

t.test('a message is answered by a bubble that grows, with a line for each exchange', async t => {
  const p = play(t, counting())
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots()[0]?.running === false)
  t.hasStrict(p.get().entries, [
    { kind: 'user', user: 'zhangsan', state: 'delivered', message: text('hi') },
    { kind: 'bot', via: 'stream', content: 'abc', frames: 3, gaveUp: false, problems: [], warnings: [] }
  ])
  t.equal((p.bots()[0] as BotEntry).to, p.get().entries[0]?.id)
  const shown = p.get().exchanges.map(
    ({ kind, contentBytes, grewBytes, finish, status }) => [kind, contentBytes, grewBytes, finish, status]
  )
  t.hasStrict(shown, [
    ['message', 1, 1, false, 200], ['refresh', 2, 1, false, 200], ['refresh', 3, 1, true, 200]
  ])
  const contents = p.events.flatMap(event => event.type === 'entry' && event.entry.kind === 'bot' ? [event.entry.content] : [])
  t.strictSame([...new Set(contents)], ['a', 'ab', 'abc'])
  t.hasStrict(p.messages[0], { aibotid: 'simulated-bot', chattype: 'single', from: { userid: 'zhangsan' } })
})

t.test('a group has a chatid, and several members', async t => {
  const p = play(t, counting(1))
  p.send(p.group, 'lisi', text('@bot hi'), [])
  await p.until(() => p.bots(p.group)[0]?.running === false)
  t.match(p.messages[0], { chattype: 'group', chatid: /^group-/, from: { userid: 'lisi' } })
  t.throws(() => p.send(p.group, 'wangwu', text('hi'), []), { code: 'WECOM_ERR_INPUT' })
})

t.test('frames that break the contract, images and cards are told on the bubble', async t => {
  const p = play(t, (_message, n) => n === 1
    ? frame('abc', false, { feedback: { id: 'f1' } })
    : {
        msgtype: 'stream_with_template_card',
        stream: { id: 's1', finish: true, content: 'x', msg_item: [{}, {}] },
        template_card: vote
      })
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots()[0]?.running === false)
  t.match(p.bots()[0], {
    feedbackId: 'f1',
    card: vote,
    images: [],
    problems: [/^frame 2: the text does not start with that of frame 1/],
    warnings: [{ code: 'late-card' }, { code: 'image-broken' }]
  })
})

t.test('a bot that refuses, or answers no stream, leaves the message as failed', async t => {
  for (const answer of [() => 403, () => undefined, () => ({ msgtype: 'text', text: { content: 'hi' } })]) {
    const p = play(t, answer)
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => (p.get().entries[0] as UserEntry).state === 'failed')
    t.equal(p.get().entries.length, 1)
    t.ok((p.get().entries[0] as UserEntry).problems.length > 0)
  }
})

t.test('what nobody foresaw is told, and ends nothing else', async t => {
  const p = play(t, counting(), { target: async () => { throw new Error('boom') } })
  p.send(p.single, 'zhangsan', text('hi'), [])
  p.tell(p.single, 'zhangsan', { eventtype: 'enter_chat' })
  await p.until(() => p.get().entries.every(entry => entry.problems.length > 0))
  t.hasStrict(p.get().entries, [{ state: 'failed', problems: ['Error: boom'] }, { outcome: 'failed', problems: ['Error: boom'] }])
})

t.test('WeCom and its network misbehave as they are told to', async t => {
  t.test('a lost reply is asked for again', async t => {
    const p = play(t, counting())
    p.set({ dropReply: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots()[0]?.running === false)
    t.hasStrict(p.bots()[0], { content: 'abc', frames: 2, warnings: [{ code: 'frame-lost' }] })
    t.strictSame(p.messages.map(({ msgid }) => msgid).filter((id, at, all) => all.indexOf(id) === at).length, 2, 'the same message again')
    t.equal(p.snapshot().switches.dropReply, false)
  })

  t.test('a message is repeated, delivered late, signed wrongly or with a clock that is off', async t => {
    const p = play(t, (message, n) => isRefresh(message) ? frame('ab', true) : frame('a', n > 3))
    p.set({ repeat: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots()[0]?.running === false)
    t.equal(p.messages.filter(message => !isRefresh(message)).length, 2)

    p.set({ late: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    const [before, since] = [p.messages.length, p.clock.now()]
    t.hasStrict(p.get().entries.at(-1), { state: 'late' })
    await p.until(() => p.messages.length > before)
    t.equal(p.clock.now() - since, 10_000)
    await p.until(() => p.bots()[1]?.running === false)

    p.set({ wrongSignature: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.get().entries.some(entry => entry.kind === 'user' && entry.state === 'failed'))
    t.equal(p.get().exchanges.at(-1)?.status, 403)

    p.set({ clockOff: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots()[2]?.running === false)
    const { query } = p.detail(p.get().exchanges.at(-1)?.n as number)
    t.ok(p.clock.now() / 1000 - Number(query['timestamp']) >= 3590)
  })

  t.test('refreshes stop, go on, come in pairs and at another pace', async t => {
    const p = play(t, counting(6))
    p.set({ stopped: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots().length === 1)
    await p.clock.advance(20_000)
    t.equal(p.messages.length, 1)
    p.set({ stopped: false, twice: true, refreshMs: 50 })
    await p.until(() => p.bots()[0]?.running === false, 10)
    t.equal(p.messages.length, 7)
    t.hasStrict(p.bots()[0], { content: 'abcdef', problems: [] })
  })

  t.test('without a network nothing arrives, until it is back', async t => {
    const p = play(t, counting(2))
    p.set({ offline: true })
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.get().entries[0]?.problems.length !== 0)
    t.match(p.get().entries[0], { state: 'failed', problems: [/ENETDOWN/] })
    t.equal(p.messages.length, 0)
    await p.clock.advance(10_000)
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots()[0]?.running === false)
  })

  t.test('an answer that does not end is given up', async t => {
    const p = play(t, () => frame('a'))
    p.send(p.single, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots()[0]?.gaveUp, 2000)
    t.match(p.bots()[0], { running: false, problems: [/no frame with finish: true within 360000 ms/] })
  })
})

t.test('a conversation that is removed, or a playground that is closed, leaves nothing running', async t => {
  const p = play(t, () => frame('a'))
  p.send(p.single, 'zhangsan', text('hi'), [])
  p.send(p.group, 'lisi', text('hi'), [])
  await p.until(() => p.messages.length >= 2)
  p.remove(p.single)
  await p.clock.advance(1)
  const { length } = p.messages
  await p.clock.advance(5000)
  t.ok(p.messages.slice(length).every(({ chattype }) => chattype === 'group'))
  p.close()
  await new Promise(resolve => setImmediate(resolve))
  t.equal(p.clock.pending, 0)
  t.throws(() => p.remove(p.single), { code: 'WECOM_ERR_INPUT' })
})

t.test('the URL is verified, as when the callback settings are saved', async t => {
  const p = play(t, counting(), {
    target: async ({ method, query }) => ({ statusCode: method === 'GET' ? 200 : 404, headers: {}, body: query[3]?.[0] ?? '' })
  })
  t.match(await p.verify(p.single), { ok: false, problems: [/^the body is not the plaintext/] })
  t.hasStrict(p.get().exchanges, [{ kind: 'verify', status: 200, requestBytes: 0 }])
})

t.test('a stream without content is a line of the inspector all the same', async t => {
  const p = play(t, () => ({ msgtype: 'stream', stream: { id: 's', finish: true } }))
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots()[0]?.running === false)
  t.hasStrict(p.get().exchanges, [{ contentBytes: 0, finish: true }])
})

t.test('who enters is welcomed, by words or a card', async t => {
  const welcome = async (reply: object | number | undefined) => {
    const p = play(t, () => reply)
    p.tell(p.single, 'zhangsan', { eventtype: 'enter_chat' })
    await p.until(() => (p.get().entries[0] as EventEntry).outcome !== 'waiting')
    return p.get().entries
  }
  t.hasStrict(await welcome(text('hello')), [{ outcome: 'shown' }, { kind: 'bot', via: 'welcome', content: 'hello' }])
  t.hasStrict(await welcome({ msgtype: 'template_card', template_card: vote }), [
    { outcome: 'shown' }, { via: 'welcome', card: vote, warnings: [] }
  ])
  t.match(await welcome({ msgtype: 'markdown' }), [{ outcome: 'failed', problems: [/neither a text nor/] }])
  t.hasStrict(await welcome(undefined), [{ outcome: 'empty', problems: [] }])
  t.match(await welcome(500), [{ outcome: 'failed', problems: [/status 500/] }])
})

t.test('a card that is used is replaced, for all or for some', async t => {
  const update = (more: object = {}, card: object = {}) =>
    ({ response_type: 'update_template_card', template_card: { ...vote, main_title: { title: 'Done' }, ...card }, ...more })
  const used = { card_type: 'vote_interaction', event_key: 'send', task_id: 'task-1' }
  const click = { eventtype: 'template_card_event', template_card_event: used }
  const use = async (reply: object | undefined) => {
    const p = play(t, message => message['msgtype'] === 'event'
      ? reply
      : { msgtype: 'stream_with_template_card', stream: { id: 's', finish: true, content: 'x' }, template_card: vote })
    p.send(p.group, 'zhangsan', text('hi'), [])
    await p.until(() => p.bots(p.group).length === 1)
    p.tell(p.group, 'lisi', click)
    await p.until(() => p.get(p.group).entries.some(entry => entry.kind === 'event' && entry.outcome !== 'waiting'))
    return { answer: p.bots(p.group)[0], event: p.get(p.group).entries.at(-1) }
  }
  t.hasStrict(await use(update()), { answer: { card: { main_title: { title: 'Done' } } }, event: { outcome: 'updated', problems: [] } })
  t.hasStrict(await use(update({ userids: ['lisi'] })), {
    answer: { card: vote, cardOf: { lisi: { main_title: { title: 'Done' } } } }, event: { outcome: 'updated' }
  })
  t.match(await use(update({}, { task_id: 'other' })), { answer: { card: vote }, event: { outcome: 'failed', problems: [/task_id/] } })
  t.hasStrict(await use(text('hi')), { event: { outcome: 'failed' } })
  t.hasStrict(await use(undefined), { answer: { card: vote }, event: { outcome: 'empty' } })
})

t.test('an answer is rated, and other events are only told', async t => {
  const p = play(t, message => message['msgtype'] === 'event' ? undefined : frame('x', true, { feedback: { id: 'f' } }))
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots().length === 1)
  const { id } = p.bots()[0] as BotEntry
  const tell = async (event: Json, about?: string) => {
    p.tell(p.single, 'zhangsan', event, about)
    await p.until(() => p.get().entries.every(entry => entry.kind !== 'event' || entry.outcome !== 'waiting'))
  }
  const rating = (data: Json) => ({ eventtype: 'feedback_event', feedback_event: { id: 'f', ...data } })
  await tell(rating({ type: 2, content: 'old', inaccurate_reason_list: [2, 'x'] }), id)
  t.strictSame(p.bots()[0]?.vote, { type: 2, reasons: [2], content: 'old' })
  await tell(rating({ type: 1 }), id)
  await tell(rating({ type: 9 }), id)
  await tell(rating({ type: 3 }))
  await tell({ eventtype: 'tomorrow' }, id)
  await tell({ eventtype: 'feedback_event', feedback_event: 1 }, id)
  t.strictSame(p.bots()[0]?.vote, { type: 1, reasons: [], content: '' })
})

t.test('an active reply is shown as a message of its own', async t => {
  const p = play(t, () => frame('x', true))
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots()[0]?.running === false)
  const url = new URL(String(p.messages[0]?.['response_url']))
  t.match(url.href, /^http:\/\/127\.0\.0\.1:1\/x\/response\?code=[\da-f]{32}$/)
  const code = url.searchParams.get('code') as string
  t.hasStrict(p.activeReply(code, '{"msgtype":"text"}'), { errcode: 40008 })
  t.match(p.get().exchanges.at(-1), { kind: 'active', from: 'bot', problems: [/^40008: /] })
  const markdown = { content: 'more', feedback: { id: 'f2' } }
  t.hasStrict(p.activeReply(code, JSON.stringify({ msgtype: 'markdown', markdown })), { errcode: 0 })
  t.hasStrict(p.bots()[1], { via: 'active', content: 'more', feedbackId: 'f2' })
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.messages.length === 2)
  const second = new URL(String(p.messages[1]?.['response_url'])).searchParams.get('code') as string
  p.activeReply(second, JSON.stringify({ msgtype: 'template_card', template_card: vote }))
  t.hasStrict(p.bots().at(-1), { via: 'active', card: vote })
})

t.test('files come back as they were, and none can be sent to a bot that cannot reach us', async t => {
  const p = play(t, counting(1))
  const file = p.upload('a.txt', Buffer.from('hello'))
  t.hasStrict(file, { name: 'a.txt', bytes: 5, type: 'application/octet-stream', url: `http://127.0.0.1:1/x/media/${file.id}` })
  t.equal(p.file(file.id).data.toString(), 'hello')
  t.ok(p.sealedMedia(file.id))
  p.send(p.single, 'zhangsan', { msgtype: 'file', file: { url: file.url } }, [file.id])
  t.hasStrict(p.get().entries[0], { files: [file] })
  t.throws(() => p.file('x'), { code: 'WECOM_ERR_INPUT' })
  t.throws(() => play(t, counting(), { address: () => undefined }).upload('a.txt', Buffer.from('x')), /--public-url/)
})

t.test('a conversation is recorded, loaded and replayed', async t => {
  let task = 0
  const p = play(t, message => message['msgtype'] === 'event'
    ? undefined
    : {
        msgtype: 'stream_with_template_card',
        stream: { id: 's', finish: true, content: 'x' },
        template_card: { ...vote, task_id: `t${++task}` }
      })
  const file = p.upload('a.txt', Buffer.from('hello'))
  p.send(p.group, 'lisi', { msgtype: 'file', file: { url: file.url } }, [file.id])
  await p.until(() => p.bots(p.group).length === 1)
  p.tell(p.group, 'lisi', { eventtype: 'template_card_event', template_card_event: { event_key: 'send', task_id: 't1' } })
  await p.until(() => p.get(p.group).entries.some(entry => entry.kind === 'event' && entry.outcome !== 'waiting'))
  const recording = p.record(p.group)
  t.hasStrict(recording.steps, [
    { user: 'lisi', message: { msgtype: 'file' } }, { user: 'lisi', event: { eventtype: 'template_card_event' } }
  ])
  for (const secret of [CREDENTIALS.token, CREDENTIALS.encodingAESKey]) t.notOk(JSON.stringify(recording).includes(secret))

  const { id } = p.load(JSON.parse(JSON.stringify(recording)))
  const entries = [{ kind: 'user' }, { kind: 'bot', card: { task_id: 't1' } }, { kind: 'event' }]
  t.hasStrict(p.get(id), { kind: 'group', name: 'Team', loaded: true, entries })
  t.throws(() => p.send(id, 'lisi', text('hi'), []), /can be replayed/)
  const replay = p.replay(p.group)
  await p.until(() => p.get(replay.id).entries.at(-1)?.kind === 'event' && p.messages.length === 4)
  await replay.done
  t.hasStrict(p.messages[3], { event: { template_card_event: { task_id: 't2' } } }, 'the card that is used is the new one')
  t.equal(p.get(replay.id).loaded, undefined)

  const dull = play(t, message => message['msgtype'] === 'event' ? undefined : frame('x', true))
  const again = dull.replay(dull.load(recording).id)
  await dull.until(() => dull.messages.length === 2)
  const told = { event: { template_card_event: { task_id: 't1' } } }
  t.hasStrict(dull.messages[1], told, 'a bot that sends no card now is told of the old one')
  await again.done

  const gone = p.replay(id)
  p.remove(gone.id)
  await p.clock.advance(2000)
  await gone.done
})

t.test('what is no recording is refused, and what a file adds is left out', async t => {
  const p = play(t, counting(1))
  const good = { ...p.record(p.single), entries: [] as unknown[] }
  for (const bad of [
    undefined, 1, {}, { ...good, format: 'x' }, { ...good, kind: 'x' },
    { ...good, members: [] }, { ...good, members: [1] }, { ...good, members: 'x' },
    { ...good, members: Array.from({ length: 51 }, () => 'u') },
    { ...good, entries: 'x' }, { ...good, entries: Array.from({ length: 2001 }) },
    { ...good, entries: [1] }, { ...good, entries: [{ kind: 'x' }] }, { ...good, entries: [{ kind: 'user', message: {} }] },
    { ...good, entries: [{ kind: 'event', user: 'x' }] }
  ]) {
    t.throws(() => p.load(bad), { code: 'WECOM_ERR_INPUT' })
  }
  const { id } = p.load({
    ...good,
    entries: [
      { kind: 'user', user: 'u', message: {}, state: 'failed', problems: ['p'], more: 1 },
      { kind: 'event', user: 'u', event: {}, outcome: 'nothing' },
      { kind: 'event', user: 'u', event: {}, outcome: 'empty' },
      { kind: 'bot', content: 'x', via: 'nowhere', images: 'x', card: 1, gaveUp: true, frames: 2, problems: [1] },
      { kind: 'bot', content: 'x', via: 'active', images: ['eA=='], card: {}, frames: 2 }
    ]
  })
  t.hasStrict(p.get(id).entries, [
    { state: 'failed', problems: ['p'] }, { outcome: 'failed' }, { outcome: 'empty' },
    { via: 'stream', images: [], gaveUp: true, problems: [], running: false }, { via: 'active', images: ['eA=='], card: {} }
  ])
  t.notOk('more' in (p.get(id).entries[0] as object))
})

t.test('a conversation as a test passes against the bot that it was held with, and holds no secret', { timeout: 60_000 }, async t => {
  const app = Fastify()
  await app.register(wecomStream, { ...CREDENTIALS, env: {}, mock: { chunkDelayMs: 1 } })
  t.teardown(() => app.close())
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  const real = createPlayground({
    target, credentials: CREDENTIALS, bot: 'simulated-bot', clock: wallClock, address: () => undefined
  })
  t.teardown(() => real.close())
  const { id } = real.create({ kind: 'group', name: 'A "quoted" name', members: ['zhangsan'] })
  real.send(id, 'zhangsan', text('@bot hi'), [])
  const entries = () => real.snapshot().conversations[0]?.entries ?? []
  const over = async (isOver: () => boolean) => { while (!isOver()) await new Promise(resolve => setTimeout(resolve, 20)) }
  await over(() => entries().some(entry => entry.kind === 'bot' && !entry.running))
  real.tell(id, 'zhangsan', { eventtype: 'enter_chat' })
  await over(() => entries().every(entry => entry.kind !== 'event' || entry.outcome !== 'waiting'))
  const source = real.asTest(id)
  for (const secret of [CREDENTIALS.token, CREDENTIALS.encodingAESKey, target]) t.notOk(source.includes(secret))
  t.ok(source.includes('Hello world! This is a stream.'))

  const folder = mkdtempSync(join(tmpdir(), 'wecom-playground-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'bot.test.mjs')
  writeFileSync(file, source.replace('fastify-wecom-stream/testing', new URL('../../../plugins/testing.ts', import.meta.url).href))
  const run = async (env: Record<string, string>) => {
    const { NODE_OPTIONS: _, ...inherited } = process.env
    return await promisify(execFile)(process.execPath, ['--import', import.meta.resolve('tsx'), '--test', '--test-reporter=tap', file], {
      env: {
        ...inherited,
        _TAPJS_PROCESSINFO_COVERAGE_: '0',
        TARGET: target,
        WECOM_TOKEN: CREDENTIALS.token,
        WECOM_ENCODING_AES_KEY: CREDENTIALS.encodingAESKey,
        ...env
      }
    }).then(({ stdout }) => stdout, (error: { stdout: string }) => error.stdout)
  }
  t.match(await run({}), /^# pass 1$/m)
  t.match(await run({ WECOM_TOKEN: 'another' }), /^# fail 1$/m)
})

t.test('a test of a bot that says something else each time asks for no words, and uses the card that it gets', async t => {
  const p = play(t, message => message['msgtype'] === 'event'
    ? undefined
    : { msgtype: 'stream_with_template_card', stream: { id: 's', finish: true, content: 'x' }, template_card: vote })
  p.send(p.single, 'zhangsan', text('hi'), [])
  await p.until(() => p.bots().length === 1)
  p.tell(p.single, 'zhangsan', { eventtype: 'template_card_event', template_card_event: { event_key: 'send', task_id: 'task-1' } })
  const source = p.asTest(p.single)
  t.match(source, "assert.notEqual(transcript.content.trim(), '', 'it says something')")
  t.ok(source.includes('"task_id":card.task_id'))
  t.ok(source.includes('card = transcript.frames.find('))
  t.notMatch(source, 'transcript.content, "x"')
  p.send(p.group, 'lisi', { msgtype: 'image', image: { url: 'https://wecom.invalid/1' } }, [])
  t.notMatch(p.asTest(p.group), 'assert.equal(transcript.content')
})
