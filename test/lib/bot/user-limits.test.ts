import t from 'tap'
import { createUserLimits } from '../../../lib/bot/user-limits.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import { createMemoryKeyValues } from '../../../lib/stores/memory/key-values.ts'
import { createMemoryQueues } from '../../../lib/stores/memory/queues.ts'
import type { QueueStore } from '../../../lib/stores/queues.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { Message } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'

function setUp (settings: { messagesPerMinute?: number, maxRunning?: number }) {
  const clock = createManualClock()
  const stores = { facts: createMemoryKeyValues(clock, 1000), lines: createMemoryQueues(clock) }
  const limitsOf = (scope = 'scope') => createUserLimits({ ...stores, scope, messagesPerMinute: 0, maxRunning: 0, ...settings })
  const limits = limitsOf()
  let ids = 0
  const ask = async (message: object = {}, by = limits) => await by.exceededBy(`s${++ids}`, messageOf(message), clock.now() + 330_000)
  return { clock, stores, limits, limitsOf, ask }
}

const messageOf = (more: object = {}): Message =>
  readMessage({ msgtype: 'text', aibotid: 'bot', from: { userid: 'u' }, ...more })

t.test('a limit of 0 is none, and touches no store', async t => {
  const away = async (): Promise<never> => { throw new Error('away') }
  const facts = { increment: away } as unknown as KeyValueStore
  const lines = { join: away, read: away, leave: away } as unknown as QueueStore
  const limits = createUserLimits({ facts, lines, scope: 'scope', messagesPerMinute: 0, maxRunning: 0 })
  t.equal(await limits.exceededBy('s', messageOf(), 0), undefined)
  await t.resolves(limits.leave('s', messageOf()))
})

t.test('so many questions a minute, and the next one when the minute is over', async t => {
  const { ask, clock } = setUp({ messagesPerMinute: 2 })
  t.strictSame([await ask(), await ask(), await ask(), await ask()], [undefined, undefined, 'rate', 'rate'])
  await clock.advance(59_999)
  t.equal(await ask(), 'rate')
  await clock.advance(1)
  t.strictSame([await ask(), await ask(), await ask()], [undefined, undefined, 'rate'])
})

t.test('so many questions at once, and the next one when one is over', async t => {
  const { limits, clock, stores } = setUp({ maxRunning: 2 })
  const deadline = clock.now() + 1000
  const asked = await Promise.all(['a', 'b', 'c'].map(id => limits.exceededBy(id, messageOf(), deadline)))
  t.strictSame(asked, [undefined, undefined, 'running'])
  t.equal(await limits.exceededBy('d', messageOf(), deadline), 'running')
  await limits.leave('a', messageOf())
  t.equal(await limits.exceededBy('e', messageOf(), deadline), undefined, 'who was refused has left')
  t.equal(await limits.exceededBy('f', messageOf(), deadline), 'running')
  for (const id of ['b', 'e', 'f']) await limits.leave(id, messageOf())
  await stores.lines.close()
  t.equal(clock.pending, 0)
})

t.test('a place that was never left is given up at the deadline', async t => {
  const { limits, clock } = setUp({ maxRunning: 1 })
  await limits.exceededBy('a', messageOf(), clock.now() + 1000)
  await clock.advance(999)
  t.equal(await limits.exceededBy('b', messageOf(), clock.now() + 1000), 'running')
  await clock.advance(1)
  t.equal(await limits.exceededBy('c', messageOf(), clock.now() + 1000), undefined)
})

t.test('each user of each bot of each callback has limits of their own, in whatever chat', async t => {
  for (const [settings, name] of [[{ messagesPerMinute: 1 }, 'rate'], [{ maxRunning: 1 }, 'running']] as const) {
    const { ask, limitsOf } = setUp(settings)
    t.equal(await ask(), undefined)
    t.equal(await ask({ from: { userid: 'v' } }), undefined)
    t.equal(await ask({ aibotid: 'other' }), undefined)
    t.equal(await ask({}, limitsOf('other')), undefined)
    t.equal(await ask({ chattype: 'group', chatid: 'g' }), name)
    t.equal(await ask({}, limitsOf()), name, 'kept in the stores')
    t.equal(await ask({ from: undefined }), undefined)
    t.equal(await ask({ from: { userid: 5 } }), name, 'those without a name have one together')
    t.equal(await ask({ aibotid: undefined }), undefined)
  }
})

t.test('a question beyond the rate takes no place', async t => {
  const { limits, clock, stores } = setUp({ messagesPerMinute: 1, maxRunning: 1 })
  const joined: string[] = []
  const { join } = stores.lines
  const own = createUserLimits({
    facts: stores.facts,
    lines: {
      ...stores.lines, join: async (key, id, expires) => { joined.push(id); await join(key, id, expires) }
    },
    scope: 'scope',
    messagesPerMinute: 1,
    maxRunning: 1
  })
  t.equal(await own.exceededBy('a', messageOf(), clock.now() + 1000), undefined)
  t.equal(await own.exceededBy('b', messageOf(), clock.now() + 1000), 'rate')
  t.strictSame(joined, ['a'])
  await limits.leave('b', messageOf())
})

t.test('no key tells who it is about', async t => {
  const keys: string[] = []
  const clock = createManualClock()
  const facts = { ...createMemoryKeyValues(clock, 10), increment: async (key: string) => { keys.push(key); return 1 } }
  const lines = { ...createMemoryQueues(clock), join: async (key: string) => { keys.push(key) } }
  await createUserLimits({ facts, lines, scope: 'scope', messagesPerMinute: 5, maxRunning: 5 }).exceededBy(
    's', messageOf({ from: { userid: 'zhang' } }), 0
  )
  t.equal(new Set(keys).size, 2)
  for (const key of keys) t.match(key, /^[0-9a-f]{64}$/)
})
