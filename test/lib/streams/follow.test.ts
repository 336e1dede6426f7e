import { getEventListeners } from 'node:events'
import t from 'tap'
import { createMemoryStore } from '../../../lib/stores/memory/streams.ts'
import type { StreamRecord, StreamStore } from '../../../lib/stores/store.ts'
import { followRecord } from '../../../lib/streams/follow.ts'
import type { Followable } from '../../../lib/streams/follow.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

/** A store with one running stream `s`, that counts its watchers. */
async function create (id = 's') {
  const clock = createManualClock()
  const memory = createMemoryStore({ clock, retentionMs: 1000, maxFinished: 1, maxFinishedBytes: 1000 })
  let watchers = 0
  const store: StreamStore = {
    ...memory,
    watch (id, listener) {
      watchers++
      const unwatch = memory.watch(id, listener)
      return () => { watchers--; unwatch() }
    }
  }
  await store.create({ id })
  return { clock, store, watchers: () => watchers }
}

/** What a record shows, in short. */
const brief = (record: StreamRecord | undefined | void): string | undefined =>
  record === undefined ? undefined : `${record.status} ${record.content}`

/** Follows in the background, as fast as it can. */
function collect (store: StreamStore, id: string, signal?: AbortSignal) {
  const seen: Array<string | undefined> = []
  const over = (async () => { for await (const record of followRecord(recordsOf(store), id, signal)) seen.push(brief(record)) })()
  return { seen, over }
}

const recordsOf = ({ read, watch }: StreamStore): Followable => ({ read: async id => (await read(id))?.record, watch })

t.test('it yields the record now, after each change, and the terminal one last', async t => {
  const { store, watchers } = await create()
  const { seen, over } = collect(store, 's')
  await idle()
  t.strictSame(seen, ['running '])
  for (const [offset, text] of [[0, 'a'], [1, 'b']] as const) {
    await store.append('s', 1, 'content', offset, text)
    await idle()
  }
  await store.append('s', 1, 'reasoning', 0, 'hm')
  await idle()
  await store.requestStop('s')
  await idle()
  await store.end('s', 1, { status: 'done' })
  await over
  t.strictSame(seen, ['running ', 'running a', 'running ab', 'running ab', 'stopping ab', 'done ab'])
  t.equal(watchers(), 0)
})

t.test('an ended stream is yielded once', async t => {
  const { store, watchers } = await create()
  await store.end('s', 1, { status: 'error' })
  const { seen, over } = collect(store, 's')
  await over
  t.strictSame(seen, ['error '])
  t.equal(watchers(), 0)
})

t.test('a stream that is not there is undefined, once', async t => {
  const { store, watchers } = await create()
  const { seen, over } = collect(store, 'other')
  await over
  t.strictSame(seen, [undefined])
  t.equal(watchers(), 0)
})

t.test('a slow reader gets the newest only', async t => {
  const { store } = await create()
  const records = followRecord(recordsOf(store), 's')
  t.equal(brief((await records.next()).value), 'running ')
  for (const [offset, text] of ['a', 'b', 'c'].entries()) await store.append('s', 1, 'content', offset, text)
  t.equal(brief((await records.next()).value), 'running abc')
  const next = records.next()
  await idle()
  await store.append('s', 1, 'content', 3, 'd')
  await store.end('s', 1, { status: 'done' })
  t.match(brief((await next).value), /d$/)
  await store.close()
})

t.test('what was not changed is not yielded again', async t => {
  const { store } = await create()
  const rings: Array<() => void> = []
  const noisy: StreamStore = { ...store, watch (_id, listener) { rings.push(listener); return () => {} } }
  const { seen, over } = collect(noisy, 's')
  await idle()
  for (let i = 0; i < 3; i++) {
    rings[0]?.()
    await idle()
  }
  t.strictSame(seen, ['running '])
  await store.end('s', 1, { status: 'done' })
  rings[0]?.()
  await over
  t.strictSame(seen, ['running ', 'done '])
})

t.test('a change while the record is read is not lost', async t => {
  const { store } = await create()
  const answers: Array<() => void> = []
  const slow: StreamStore = {
    ...store,
    async read (id) {
      const record = await store.read(id)
      await new Promise<void>(resolve => answers.push(resolve))
      return record
    }
  }
  const { seen, over } = collect(slow, 's')
  await idle()
  await store.end('s', 1, { status: 'done' })
  answers.shift()?.()
  await idle()
  t.strictSame(seen, ['running '])
  answers.shift()?.()
  await over
  t.strictSame(seen, ['running ', 'done '])
})

t.test('return() while it waits ends it at once', async t => {
  const { store, watchers } = await create()
  const records = followRecord(recordsOf(store), 's')
  await records.next()
  const next = records.next()
  await idle()
  t.equal(watchers(), 1)
  t.strictSame(await records.return(), { done: true, value: undefined })
  t.strictSame(await next, { done: true, value: undefined })
  t.strictSame(await records.next(), { done: true, value: undefined })
  t.equal(watchers(), 0)
})

t.test('a loop that is left, before or after the first record, leaves no watcher', async t => {
  const { store, watchers } = await create()
  for await (const record of followRecord(recordsOf(store), 's')) {
    t.equal(brief(record), 'running ')
    t.equal(watchers(), 1)
    if (record?.status === 'running') break
  }
  t.equal(watchers(), 0)
  const unread = followRecord(recordsOf(store), 's')
  await unread.return()
  t.strictSame(await unread.next(), { done: true, value: undefined })
  t.equal(watchers(), 0)
})

t.test('a signal that is aborted already gives nothing, and no error', async t => {
  const { store, watchers } = await create()
  const signal = AbortSignal.abort()
  const { seen, over } = collect(store, 's', signal)
  await over
  t.strictSame(seen, [])
  t.equal(watchers(), 0)
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a signal ends it while it waits, while it reads, and while its reader is busy', async t => {
  const { store, watchers } = await create()
  const reading = { ...store, read: async (id: string) => { await idle(); return await store.read(id) } }

  for (const [name, followed, when, expected] of [
    ['waits', store, idle, ['running ']],
    ['reads', reading, async () => {}, []]
  ] as const) {
    const abort = new AbortController()
    const { seen, over } = collect(followed, 's', abort.signal)
    await when()
    abort.abort()
    await over
    t.strictSame(seen, expected, name)
    t.equal(watchers(), 0)
    t.equal(getEventListeners(abort.signal, 'abort').length, 0)
  }

  const abort = new AbortController()
  const seen: unknown[] = []
  for await (const record of followRecord(recordsOf(store), 's', abort.signal)) {
    seen.push(brief(record))
    await store.append('s', 1, 'content', 0, 'a')
    abort.abort()
  }
  t.strictSame(seen, ['running '], 'nothing is yielded after the abort')
  t.equal(watchers(), 0)
  t.equal(getEventListeners(abort.signal, 'abort').length, 0)
})

t.test('a signal leaves no listener behind when the stream ends', async t => {
  const { store } = await create()
  const { signal } = new AbortController()
  const { over } = collect(store, 's', signal)
  await idle()
  t.equal(getEventListeners(signal, 'abort').length, 1)
  await store.end('s', 1, { status: 'done' })
  await over
  t.equal(getEventListeners(signal, 'abort').length, 0)
})

t.test('a stream that is evicted under a slow reader just ends', async t => {
  const { store, watchers } = await create()
  await store.create({ id: 'other' })
  const records = followRecord(recordsOf(store), 's')
  await records.next()
  await store.end('s', 1, { status: 'done' })
  await store.end('other', 1, { status: 'done' })
  t.equal(await store.read('s'), undefined)
  t.strictSame(await records.next(), { done: true, value: undefined })
  t.equal(watchers(), 0)
})

t.test('a store that is closed ends it', async t => {
  const { store, watchers } = await create()
  const { seen, over } = collect(store, 's')
  await idle()
  await store.close()
  await over
  t.strictSame(seen, ['running '])
  t.equal(watchers(), 0)
})

t.test('a read that fails rejects, and leaves no watcher', async t => {
  const { store, watchers } = await create()
  const failing = { ...store, read: async () => { throw new Error('away') } }
  await t.rejects(collect(failing, 's').over, { message: 'away' })
  t.equal(watchers(), 0)
})
