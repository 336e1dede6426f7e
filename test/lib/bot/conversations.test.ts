import t from 'tap'
import { createConversations } from '../../../lib/bot/conversations.ts'
import type { Conversation, ConversationsOptions } from '../../../lib/bot/conversations.ts'
import { createMemoryHistory } from '../../../lib/stores/memory/history.ts'
import { createMemoryQueues } from '../../../lib/stores/memory/queues.ts'
import type { QueueStore } from '../../../lib/stores/queues.ts'
import type { Chat } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

const never = new AbortController().signal
const turn = { prompt: 'hi', reply: 'hello' }

interface Setup extends Partial<Pick<ConversationsOptions, 'scope' | 'parallel'>> {
  /** Comes between the conversations and their lines. */
  meddle?: (lines: QueueStore) => Partial<QueueStore>
}

function setUp ({ scope = 'member', parallel = false, meddle = () => ({}) }: Setup = {}) {
  const clock = createManualClock()
  const history = createMemoryHistory(clock, { turns: 10, bytes: 1000, idleMs: 1_000_000 }, 100)
  const lines = createMemoryQueues(clock)
  const conversationOf = createConversations({ history, lines: { ...lines, ...meddle(lines) }, scope, parallel })
  const events: string[] = []

  /** Lines a stream up and tells when it waits, when its turn comes, and when it gives up. */
  async function ask (conversation: Conversation, id: string, { deadline = clock.now() + 330_000, signal = never } = {}): Promise<void> {
    await conversation.join(id, deadline)
    conversation.waitForPlace(id, signal, () => events.push(`${id} waits`)).then(
      () => events.push(`${id} runs`),
      (error: unknown) => events.push(`${id} fails: ${(error as Error).message}`)
    )
    await idle()
  }

  /** What has happened since the last look. */
  const happened = async (): Promise<string> => {
    await idle()
    return events.splice(0).join(', ')
  }

  return { clock, conversationOf, ask, happened }
}

const single = (user: string, more: Partial<Chat> = {}): [Chat, string] => [{ scope: 's', bot: 'bot', user, ...more }, user]
const group = (id: string, sender: string, more: Partial<Chat> = {}): [Chat, string] =>
  [{ scope: 's', bot: 'bot', group: id, ...more }, sender]

t.test('turns of a conversation come one at a time, in their order', async t => {
  const { conversationOf, ask, happened } = setUp()
  const conversation = conversationOf(...single('u'))
  await ask(conversation, 'a')
  t.equal(await happened(), 'a runs', 'who stands first does not wait')
  await ask(conversation, 'b')
  await ask(conversationOf(...single('u')), 'c')
  t.equal(await happened(), 'b waits, c waits')
  t.same(await conversation.streams(), ['a', 'b', 'c'])
  await conversation.leave('a')
  t.equal(await happened(), 'b runs')
  await conversation.leave('b')
  t.equal(await happened(), 'c runs')
  await conversation.leave('c')
  t.same(await conversation.streams(), [])
  await ask(conversation, 'd')
  t.equal(await happened(), 'd runs')
})

t.test('who leaves while waiting is passed over', async t => {
  const { conversationOf, ask, happened } = setUp()
  const conversation = conversationOf(...single('u'))
  for (const id of 'abc') await ask(conversation, id)
  await happened()
  await conversation.leave('b')
  t.equal(await happened(), '')
  await conversation.leave('a')
  t.equal(await happened(), 'c runs')
})

t.test('an abort ends the waiting with its reason, and the others keep their order', async t => {
  const { conversationOf, ask, happened } = setUp()
  const conversation = conversationOf(...single('u'))
  const abort = new AbortController()
  await ask(conversation, 'a')
  await ask(conversation, 'b', { signal: abort.signal })
  await ask(conversation, 'c')
  await happened()
  abort.abort(new Error('stopped'))
  t.equal(await happened(), 'b fails: stopped')
  await conversation.leave('b')
  await conversation.leave('a')
  t.equal(await happened(), 'c runs')

  await ask(conversation, 'late', { signal: abort.signal })
  t.match(await happened(), /late fails: stopped$/, 'one that has happened before counts, too')
})

t.test('nothing is left behind by a turn that has waited', async t => {
  let watchers = 0
  const { conversationOf, ask, happened } = setUp({
    meddle: lines => ({
      watch (key, listener) {
        watchers++
        const unwatch = lines.watch(key, listener)
        return () => { watchers--; unwatch() }
      }
    })
  })
  const conversation = conversationOf(...single('u'))
  const abort = new AbortController()
  const listeners: unknown[] = []
  t.intercept(abort.signal, 'removeEventListener', { value: (...args: unknown[]) => { listeners.push(args[0]) } })
  await ask(conversation, 'a')
  await ask(conversation, 'b', { signal: abort.signal })
  await ask(conversation, 'c', { signal: abort.signal })
  t.equal(watchers, 2)
  await conversation.leave('a')
  await happened()
  t.equal(watchers, 1)
  abort.abort(new Error('stopped'))
  t.equal(await happened(), 'c fails: stopped')
  t.equal(watchers, 0)
  t.same(listeners, ['abort', 'abort'])
})

t.test('a turn that comes while the line is read is not missed', async t => {
  let readings = 0
  const { clock, conversationOf } = setUp({
    meddle: lines => ({
      async read (key) {
        const line = await lines.read(key)
        // Just after the second look, before the waiting begins, the first one leaves.
        if (++readings === 2) await lines.leave(key, 'a')
        return line
      }
    })
  })
  const conversation = conversationOf(...single('u'))
  for (const id of 'ab') await conversation.join(id, clock.now() + 1000)
  await t.resolves(conversation.waitForPlace('b', never, () => {}))
  t.equal(readings, 3)
})

t.test('a store may ring without a change, and at once', async t => {
  const rings: Array<() => void> = []
  const { conversationOf, ask, happened } = setUp({
    meddle: lines => ({
      watch (key, listener) {
        listener()
        rings.push(listener)
        return lines.watch(key, listener)
      }
    })
  })
  const conversation = conversationOf(...single('u'))
  for (const id of 'ab') await ask(conversation, id)
  for (const ring of [...rings, ...rings]) ring()
  t.equal(await happened(), 'a runs, b waits')
  await conversation.leave('a')
  t.equal(await happened(), 'b runs')
})

t.test('a hung turn gives up its place at its deadline, and the next one runs', async t => {
  const { clock, conversationOf, ask, happened } = setUp()
  const conversation = conversationOf(...single('u'))
  await ask(conversation, 'hung', { deadline: clock.now() + 1000 })
  await ask(conversation, 'b', { deadline: clock.now() + 2000 })
  await happened()
  await clock.advance(999)
  t.equal(await happened(), '')
  await clock.advance(1)
  t.equal(await happened(), 'b runs')
})

t.test('whoever is not in the line any more does not wait for ever', async t => {
  const { clock, conversationOf, ask, happened } = setUp()
  const conversation = conversationOf(...single('u'))
  await ask(conversation, 'a', { deadline: clock.now() + 1000 })
  await ask(conversation, 'b', { deadline: clock.now() + 500 })
  await happened()
  await clock.advance(1000)
  t.equal(await happened(), 'b runs')
})

t.test('a store that fails while a turn waits fails the turn', async t => {
  let readings = 0
  const { conversationOf } = setUp({
    meddle: () => ({
      read: async () => {
        if (++readings > 1) throw new Error('the store is away')
        return ['a']
      }
    })
  })
  await t.rejects(conversationOf(...single('u')).waitForPlace('b', never, () => {}), { message: 'the store is away' })
})

t.test('in parallel nobody waits, and all that runs can be told', async t => {
  const { conversationOf, ask, happened } = setUp({ parallel: true })
  const conversation = conversationOf(...single('u'))
  for (const id of 'abc') await ask(conversation, id)
  t.equal(await happened(), 'a runs, b runs, c runs')
  t.same(await conversation.streams(), ['a', 'b', 'c'])
  await conversation.remember((await conversation.history()).generation, turn)
  t.same((await conversation.history()).turns, [turn])
})

/** Whether what is said, and who waits, in one conversation counts in the other. */
async function isShared (
  scope: ConversationsOptions['scope'], one: [Chat, string | undefined], other: [Chat, string | undefined]
): Promise<boolean> {
  const { conversationOf, ask, happened } = setUp({ scope })
  const [first, second] = [conversationOf(...one), conversationOf(...other)]
  await first.remember((await first.history()).generation, turn)
  await ask(first, 'a')
  await ask(second, 'b')
  const answers = [
    (await second.history()).turns.length === 1,
    await happened() === 'a runs, b waits',
    (await second.streams()).includes('a')
  ]
  t.equal(new Set(answers).size, 1, 'history, order and streams go together')
  return answers[0] as boolean
}

t.test('what is shared in which scope', async t => {
  const rows: Array<[one: [Chat, string], other: [Chat, string], member: boolean, chat: boolean, none: boolean, why: string]> = [
    [single('u'), single('u'), true, true, true, 'a single chat'],
    [single('u'), single('v'), false, false, false, 'two users'],
    [single('u'), single('u', { bot: 'other' }), false, false, false, 'two bots of one callback'],
    [single('u'), single('u', { scope: 'other' }), false, false, false, 'two callbacks'],
    [single('u'), group('g', 'u'), false, false, false, 'a single chat and a group'],
    [single('u'), group('', 'u'), false, false, false, 'a single chat and a group whose id is empty'],
    [single('g'), group('g', 'u'), false, false, false, 'a user and a group of one name'],
    [group('g', 'u'), group('g', 'v'), false, true, false, 'two members of a group'],
    [group('g', 'u'), group('h', 'u'), false, false, false, 'two groups'],
    [group('g', 'u'), group('g', 'u', { bot: 'other' }), false, false, false, 'two bots in a group']
  ]
  for (const [one, other, member, chat, none, why] of rows) {
    t.equal(await isShared('member', one, other), member, `${why}: member`)
    t.equal(await isShared('chat', one, other), chat, `${why}: chat`)
    t.equal(await isShared('none', one, other), none, `${why}: none`)
  }
  t.equal(await isShared('member', group('g', 'u'), group('g', 'u')), true, 'a member of a group: member')
  t.equal(await isShared('chat', group('g', 'u'), group('g', 'u')), true, 'a member of a group: chat')
})

/** Holds that there is neither history nor order, and gives the streams that one of them would stop. */
async function withoutMemory (scope: ConversationsOptions['scope'], one: [Chat, string | undefined], other = one): Promise<string[]> {
  const { conversationOf, ask, happened } = setUp({ scope })
  const [first, second] = [conversationOf(...one), conversationOf(...other)]
  const { generation, turns } = await first.history()
  t.same(turns, [])
  await first.remember(generation, turn)
  t.same((await first.history()).turns, [])
  await ask(first, 'a')
  await ask(second, 'b')
  t.equal(await happened(), 'a runs, b runs')
  await t.resolves(first.clear())
  return await first.streams()
}

t.test('without conversations in groups nothing is remembered and nobody waits, but each member can stop the own turns', async t => {
  t.same(await withoutMemory('none', group('g', 'u')), ['a', 'b'])
  t.same(await withoutMemory('none', group('g', 'u'), group('g', 'v')), ['a'])
})

t.test('whoever cannot be told apart has no conversation', async t => {
  for (const scope of ['member', 'chat', 'none'] as const) {
    t.same(await withoutMemory(scope, [{ scope: 's' }, undefined]), ['a', 'b'], 'a single chat without a user')
    t.same(await withoutMemory(
      scope, [{ scope: 's', bot: 'bot' }, 'u'], single('u')
    ), ['a'], 'a group without its id is not the single chat of its member')
  }
  await withoutMemory('member', [{ scope: 's', group: 'g' }, undefined])
  t.equal(await isShared(
    'chat', [{ scope: 's', group: 'g' }, undefined], [{ scope: 's', group: 'g' }, 'u']
  ), true, 'in a conversation of all it does not matter who speaks')
})

t.test('a conversation that is cleared while a turn runs does not remember that turn', async t => {
  const { conversationOf } = setUp()
  const conversation = conversationOf(...single('u'))
  const other = conversationOf(...single('v'))
  for (const one of [conversation, other]) await one.remember((await one.history()).generation, turn)
  const { generation } = await conversation.history()
  await conversation.clear()
  await conversation.remember(generation, turn)
  t.same((await conversation.history()).turns, [])
  t.same((await other.history()).turns, [turn])
  await conversation.remember((await conversation.history()).generation, turn)
  t.same((await conversation.history()).turns, [turn], 'the next one is')
})

t.test('a line is watched while somebody waits in it', async t => {
  const watched: string[] = []
  const clock = createManualClock()
  const conversationOf = createConversations({
    history: createMemoryHistory(clock, { turns: 10, bytes: 1000, idleMs: 1_000_000 }, 100),
    lines: createMemoryQueues(clock),
    scope: 'member',
    parallel: false,
    watchLine (key) {
      watched.push(`${key.length} watched`)
      return () => watched.push('over')
    }
  })
  const conversation = conversationOf(...single('u'))
  for (const id of ['a', 'b', 'c']) await conversation.join(id, clock.now() + 330_000)
  await conversation.waitForPlace('a', never, () => {})
  t.same(watched, [], 'who stands first does not wait')
  const turn = conversation.waitForPlace('b', never, () => {})
  await idle()
  t.same(watched, ['64 watched'])
  await conversation.leave('a')
  await turn
  t.same(watched, ['64 watched', 'over'])
  await t.rejects(conversation.waitForPlace('c', AbortSignal.abort(new Error('gone')), () => {}), { message: 'gone' })
  t.same(watched, ['64 watched', 'over', '64 watched', 'over'])
})
