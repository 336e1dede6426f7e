import t from 'tap'
import type { FinishEvent } from '../../lib/bot/hooks/answer-hooks.ts'
import { createMemoryHistory } from '../../lib/stores/memory/history.ts'
import { createMemoryKeyValues } from '../../lib/stores/memory/key-values.ts'
import { createMemoryQueues } from '../../lib/stores/memory/queues.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { RawMessage } from '../../lib/wecom/message.ts'
import { createBot } from '../fixtures/bot.ts'
import type { BotOptions, ReceiveSettings } from '../fixtures/bot.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createSharedStore } from '../fixtures/shared-store.ts'
import { createHandSource } from '../fixtures/sources.ts'
import { idle } from '../fixtures/waiting.ts'

const texts = loadTexts()
const WECOM = { aibotid: 'bot', chattype: 'single', from: { userid: 'u' } }

/** Bots of several processes that share everything that is kept, with one clock for all. */
function share () {
  const clock = createManualClock()
  const { memory, replica } = createSharedStore(clock)
  const kept = {
    lines: createMemoryQueues(clock),
    history: createMemoryHistory(clock, { turns: 10, bytes: 10_000, idleMs: 1_800_000 }, 100),
    facts: createMemoryKeyValues(clock, 1000)
  }
  let messages = 0

  function join (settings: ReceiveSettings = {}, options: Partial<BotOptions> = {}) {
    const process = replica()
    const hand = createHandSource()
    const finishes: FinishEvent[] = []
    const bot = createBot({ source: hand.source, clock, ...kept, store: process.store, ...options })
    const receive = bot.receiver({ ...settings, hooks: { ...settings.hooks, onFinish: finish => { finishes.push(finish) } } })
    const post = async (message: object): Promise<{ id: string, finish: boolean, content: string } | undefined> => {
      const reply = await receive({ msgid: `m${++messages}`, ...WECOM, ...message } as unknown as RawMessage)
      await idle()
      return reply === undefined ? undefined : JSON.parse(reply).stream
    }
    const say = async (content: string, more: object = {}) =>
      await post({ msgtype: 'text', text: { content }, ...more }) ?? { id: '', finish: true, content: '' }
    const refresh = async (id: string, more: object = {}) => await post({ msgtype: 'stream', stream: { id }, ...more })
    const answer = async (text: string): Promise<void> => {
      await hand.call().push(text)
      await hand.call().end()
    }
    return { process, hand, finishes, receive, say, refresh, answer, ...bot }
  }

  /** The owner of a stream has died: nothing of it happens any more but its late awakening. */
  const die = async (id: string, epoch = 1): Promise<void> => await memory.release(id, epoch)

  return { clock, memory, join, die, ...kept }
}

t.test('a question whose process has gone is answered by the one that WeCom asks', async t => {
  const { join, die } = share()
  const [one, two] = [join(), join()]
  const { id } = await one.say('@Robot hi')
  await one.hand.call().push('old')
  await die(id)
  t.strictSame(await two.refresh(id), { id, finish: false, content: 'old' })
  t.hasStrict(
    two.hand.call().turn, { prompt: '@Robot hi', sender: 'u', bot: 'bot', chat: { type: 'single' }, message: { msgtype: 'text' } }
  )
  await two.answer('new')
  for (const { refresh } of [one, two]) t.strictSame(await refresh(id), { id, finish: true, content: 'new' })
})

t.test('what comes with an end is done once, by the process that ends the stream', async t => {
  const { clock, join, die } = share()
  const [one, two] = [join(), join()]
  const { id } = await one.say('hi')
  await one.hand.call().push('old')
  await die(id)
  await two.refresh(id)
  await clock.advance(1000)
  await idle()
  t.equal(one.hand.call().context.signal.aborted, true)
  t.strictSame(one.finishes, [])
  const next = await one.say('next')
  t.equal(next.content, texts.waiting)
  t.equal((await one.refresh(next.id))?.content, texts.queued, 'its place in the line is taken until then')
  await two.answer('new')
  await clock.advance(1000)
  await two.refresh(id)
  t.hasStrict(two.finishes, [{ streamId: id, state: { status: 'done', content: 'new' }, question: { prompt: 'hi' } }])
  t.equal(two.finishes.length, 1)
  t.equal(one.hand.calls.length, 2)
  t.strictSame(one.hand.call().turn.history, [{ prompt: 'hi', reply: 'new' }])
  await one.answer('next answer')
  await one.refresh(next.id)
  t.hasStrict(one.finishes, [{ streamId: next.id }])
  t.equal(one.finishes.length, 1)
})

t.test('an end that nobody can be asked again for holds up no conversation, and is told', async t => {
  const { join, die } = share()
  const [one, two] = [join(), join({}, { onOwnerLost: 'finish' })]
  const { id } = await one.say('hi')
  await one.hand.call().push('half')
  await die(id)
  t.match(await two.refresh(id), { content: /^half/ })
  t.match(await two.refresh(id), { finish: true, content: /^half\n\n/ })
  t.hasStrict(
    two.finishes, [{ streamId: id, state: { status: 'error', content: 'half', error: { code: 'BROKEN' } }, question: { prompt: 'hi' } }]
  )
  const next = await two.say('next')
  t.equal(two.hand.call().turn.prompt, 'next')
  t.equal(two.hand.call().turn.history, undefined, 'what was cut off so is not remembered')
  await two.answer('answer')
  t.hasStrict(await two.refresh(next.id), { finish: true, content: 'answer' })
})

t.test('who was let in is not asked for again', async t => {
  const { join, die } = share()
  const asked: string[] = []
  const decide = (name: string) => () => { asked.push(name); return true }
  const access = (name: string) => ({ access: { decide: decide(name), messagesPerMinute: 1, maxRunning: 1 } })
  const [one, two] = [join(access('one')), join(access('two'))]
  const { id } = await one.say('hi')
  await die(id)
  await two.refresh(id)
  t.strictSame(asked, ['one'])
  await two.answer('new')
  t.strictSame(await two.refresh(id), { id, finish: true, content: 'new' })
})

t.test('a question that waited in its line keeps its place', async t => {
  const { clock, join, die } = share()
  const [one, two] = [join(), join()]
  await one.say('first')
  const { id } = await one.say('second')
  t.equal((await two.refresh(id))?.content, texts.queued)
  await die(id)
  await two.refresh(id)
  await idle()
  t.equal((await two.refresh(id))?.content, texts.queued)
  t.equal(two.hand.calls.length, 0)
  await one.hand.call(0).push('first answer')
  await one.hand.call(0).end()
  await clock.advance(1000)
  t.strictSame(two.hand.call().turn.history, [{ prompt: 'first', reply: 'first answer' }])
  t.equal(one.hand.calls.length, 1)
})

t.test('a message of another callback is not taken up', async t => {
  const { join, die } = share()
  const one = join({ scope: 'one' })
  const two = join({ scope: 'two' })
  const { id } = await one.say('hi')
  await die(id)
  await two.streams.read(id)
  await idle()
  t.equal(two.hand.calls.length, 0)
  t.hasStrict(await one.refresh(id), { finish: true })
})

t.test('a server that hands its streams over tells nobody of their end', async t => {
  const { join } = share()
  const [one, two] = [join(), join()]
  const { id } = await one.say('hi')
  await one.hand.call().push('old')
  await one.streams.close()
  await idle()
  t.strictSame(one.finishes, [])
  t.strictSame(await two.refresh(id), { id, finish: false, content: 'old' })
  await two.answer('new')
  t.strictSame(await two.refresh(id), { id, finish: true, content: 'new' })
  t.equal(two.finishes.length, 1)
})

t.test('a refresh without the store shows what is known here, and nothing where nothing is', async t => {
  const { clock, join } = share()
  const [one, two] = [join(), join()]
  const { id } = await one.say('hi')
  await one.hand.call().push('text')
  two.process.isAway = true
  t.equal(await two.refresh(id), undefined)
  two.process.isAway = false
  t.strictSame(await two.refresh(id), { id, finish: false, content: 'text' })
  await one.hand.call().push(' and more')
  await clock.advance(75)
  two.process.isAway = true
  t.strictSame(await two.refresh(id), { id, finish: false, content: 'text' })
  t.equal(await two.refresh(id, { from: { userid: 'somebody else' } }), undefined)
  t.equal(await two.refresh(id, { aibotid: 'another' }), undefined)
  t.hasStrict(two.log.lines, [...Array(4)].map(
    () => ({ level: 'error', message: 'a refresh could not be answered', fields: { streamId: id, cause: { message: 'away' } } })
  ))
  await one.hand.call().end()
  two.process.isAway = false
  await two.refresh(id)
  two.process.isAway = true
  await clock.advance(600_000)
  t.strictSame(await two.refresh(id), { id, finish: true, content: 'text and more' })
})

t.test('a refresh without the store ends with a sentence when WeCom asks for the last time', async t => {
  const { clock, join } = share()
  const [one, two] = [join(), join()]
  const { id } = await one.say('hi')
  await one.hand.call().push('text')
  await two.refresh(id)
  two.process.isAway = true
  await clock.advance(330_000)
  t.equal(await two.refresh(id), undefined, 'its owner may have shown more')
  await clock.advance(1)
  const late = await two.refresh(id)
  t.hasStrict(late, { id, finish: true })
  t.equal(late?.content.startsWith(`text\n\n${texts.failures.TIMEOUT}`), true)
})

t.test('a new message without the store is told at once that the bot is busy, and asks nobody', async t => {
  const { clock, join } = share()
  const one = join({ firstReplyGraceMs: 200 })
  one.process.isAway = true
  const before = clock.now()
  const reply = await one.say('hi')
  t.equal(clock.now(), before)
  t.equal(reply.finish, true)
  t.equal(reply.content.startsWith(texts.failures.BUSY), true)
  t.hasStrict(
    one.log.lines, [{ level: 'error', message: 'a message could not be answered', fields: { code: 'BUSY', cause: { message: 'away' } } }]
  )
  t.equal(one.hand.calls.length, 0)
  t.equal(one.streams.size, 0)
})

t.test('a first answer whose stream cannot be read waits for the refreshes', async t => {
  const { join } = share()
  const one = join()
  const { store } = one.process
  const two = join({}, { store: { ...store, read: async () => { throw new Error('away') } } })
  const { id, ...shown } = await two.say('hi')
  t.strictSame(shown, { finish: false, content: texts.waiting })
  t.hasStrict(
    two.log.lines, [{ level: 'error', message: 'a stream could not be read', fields: { streamId: id, cause: { message: 'away' } } }]
  )
  await two.answer('answer')
  t.hasStrict(await one.refresh(id), { finish: true, content: 'answer' })
})

t.test('a first answer whose stream is gone waits, too', async t => {
  const { join } = share()
  const one = join({}, { store: { read: async () => undefined } })
  t.hasStrict(await one.say('hi'), { finish: false, content: texts.waiting })
})

t.test('a message that comes to two processes at once is answered by one', async t => {
  const { join } = share()
  const [one, two] = [join(), join()]
  const replies = await Promise.all([one, two].map(({ say }) => say('hi', { msgid: 'same' })))
  t.equal(replies[0]?.id, replies[1]?.id)
  t.equal(one.hand.calls.length + two.hand.calls.length, 1)
  t.equal(one.streams.size + two.streams.size, 1)
})
