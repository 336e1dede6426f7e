import t from 'tap'
import { createArchive } from '../../../lib/playground/archive.ts'
import type { ConversationHead, Entry, ExchangeDetail, ExchangeHead, FeedEvent } from '../../../lib/playground/model.ts'

function create (bounds: { maxConversations?: number, maxBytes?: number } = {}) {
  const events: FeedEvent[] = []
  const gone: string[] = []
  let now = 0
  const archive = createArchive({
    maxConversations: 3, maxBytes: 10_000, publish: event => events.push(event), now: () => ++now, onGone: id => gone.push(id), ...bounds
  })
  return { archive, events, gone }
}

const head = (id: string): ConversationHead => ({ id, kind: 'single', name: id, members: [id], createdAt: 0, updatedAt: 0 })
const said = (id: string, text = ''): Entry =>
  ({ kind: 'user', id, at: 0, user: 'u', message: { text }, files: [], state: 'waiting', problems: [] })
const exchange: Omit<ExchangeHead, 'n'> = {
  at: 0, tookMs: 1, kind: 'message', from: 'wecom', tries: 1, status: 200, requestBytes: 1, replyBytes: 1, problems: []
}
const detail = (text: string): ExchangeDetail => ({ query: {}, requestBody: text, requestText: '', replyBody: '', replyText: '' })

t.test('what is put is kept, in the order of its coming, and told', async t => {
  const { archive, events } = create()
  archive.add(head('a'))
  const entry = said('1')
  archive.put('a', entry)
  archive.record('a', exchange, detail('x'))
  Object.assign(entry, { state: 'delivered' })
  archive.put('a', entry)
  t.hasStrict(archive.get('a'), { id: 'a', entries: [{ id: '1', state: 'delivered' }], exchanges: [{ n: 1, status: 200 }], updatedAt: 2 })
  t.equal(archive.get('a')?.entries.length, 1)
  t.hasStrict(archive.detail(1), { requestBody: 'x' })
  t.strictSame(events.map(({ type }) => type), ['conversation', 'entry', 'exchange', 'entry'])
})

t.test('the conversation that rests longest makes way for a new one too many', async t => {
  const { archive, events, gone } = create()
  for (const id of ['a', 'b', 'c']) archive.add(head(id))
  for (const id of ['b', 'a', 'c']) archive.put(id, said('1'))
  archive.add(head('d'))
  t.strictSame(archive.list().map(({ id }) => id), ['a', 'c', 'd'])
  t.strictSame(gone, ['b'])
  t.hasStrict(events.at(-1), { type: 'removed', id: 'b' })
})

t.test('beyond the bytes, what went over the wire goes first, the oldest first', async t => {
  const { archive } = create()
  for (const id of ['a', 'b']) archive.add(head(id))
  for (let n = 0; n < 6; n++) archive.record(n % 2 === 0 ? 'a' : 'b', exchange, detail('x'.repeat(1000)))
  t.equal(archive.detail(1)?.requestBody.length, 1000)
  archive.put('a', said('1', 'y'.repeat(5000)))
  t.strictSame([1, 2, 3, 4, 5, 6].filter(n => archive.detail(n) !== undefined), [4, 5, 6])
  t.equal(archive.get('a')?.exchanges.length, 3, 'the lines of the inspector stay')
})

t.test('then whole conversations, and never the one that is going on', async t => {
  const { archive, gone } = create()
  for (const id of ['a', 'b']) archive.add(head(id))
  archive.put('a', said('1', 'y'.repeat(6000)))
  archive.put('b', said('1', 'y'.repeat(6000)))
  t.strictSame(gone, ['a'])
  archive.put('b', said('2', 'y'.repeat(60_000)))
  t.hasStrict(archive.get('b'), { entries: [{ id: '1' }, { id: '2' }] })
})

t.test('an entry that grows is counted once, and what is removed counts no more', async t => {
  const { archive, gone } = create()
  for (const id of ['a', 'b']) archive.add(head(id))
  const growing = said('1', 'y'.repeat(5000))
  for (let n = 0; n < 10; n++) archive.put('a', growing)
  archive.record('a', exchange, detail('x'.repeat(1000)))
  archive.record('b', exchange, detail('kept'))
  archive.remove('a')
  archive.put('b', said('1', 'y'.repeat(9000)))
  t.strictSame(gone, ['a'])
  t.hasStrict(archive.detail(2), { requestBody: 'kept' })
  t.equal(archive.detail(1), undefined)
})

t.test('what still comes for a conversation that has gone is dropped', async t => {
  const { archive, events } = create()
  archive.put('x', said('1'))
  archive.record('x', exchange, detail('x'))
  archive.remove('x')
  t.strictSame(events, [])
})
