import t from 'tap'
import { createMemoryStore } from '../../../../lib/stores/memory/streams.ts'
import type { MemoryStoreOptions } from '../../../../lib/stores/memory/streams.ts'
import type { StreamStore } from '../../../../lib/stores/store.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { storeContract } from '../../../fixtures/store-contract.ts'

function create (bounds: Partial<MemoryStoreOptions> = {}) {
  const clock = createManualClock()
  return { clock, store: createMemoryStore({ clock, retentionMs: 1000, maxFinished: 1000, maxFinishedBytes: 1_000_000, ...bounds }) }
}

/** Creates a stream with this text, and ends it. */
async function finish (store: StreamStore, id: string, content = '', reasoning = ''): Promise<void> {
  await store.create({ id, claim: `claim of ${id}` })
  if (content !== '') await store.append(id, 1, 'content', 0, content)
  if (reasoning !== '') await store.append(id, 1, 'reasoning', 0, reasoning)
  await store.end(id, 1, { status: 'done' })
}

async function kept (store: StreamStore, ...ids: string[]): Promise<string> {
  const records = await Promise.all(ids.map(id => store.read(id)))
  return ids.filter((_, index) => records[index] !== undefined).join(' ')
}

storeContract(t, 'memory', async () => {
  const { clock, store } = create()
  return { store, retentionMs: 1000, advance: ms => clock.advance(ms) }
})

t.test('an ended stream is kept to the millisecond', async t => {
  const { clock, store } = create()
  await finish(store, 'a')
  await clock.advance(400)
  await finish(store, 'b')
  await clock.advance(599)
  t.equal(await kept(store, 'a', 'b'), 'a b')
  await clock.advance(1)
  t.equal(await kept(store, 'a', 'b'), 'b')
  await clock.advance(399)
  t.equal(await kept(store, 'a', 'b'), 'b')
  await clock.advance(1)
  t.equal(await kept(store, 'a', 'b'), '')
  t.equal(clock.pending, 0)
})

t.test('one background timer serves all ended streams, and none is needed for running ones', async t => {
  const { clock, store } = create()
  const options: unknown[] = []
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, given) => {
    options.push(given)
    return setTimeout(callback, ms, given)
  }
  await store.create({ id: 'running' })
  t.equal(clock.pending, 0)
  for (const id of 'abc') {
    await finish(store, id)
    await clock.advance(10)
  }
  t.equal(clock.pending, 1)
  await clock.advance(1000)
  t.equal(clock.pending, 0)
  t.strictSame(options, Array.from(options, () => ({ background: true })))
  t.equal(await kept(store, 'a', 'b', 'c', 'running'), 'running')
})

t.test('a timer that fires early forgets nothing early', async t => {
  const { clock, store } = create()
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, options) => setTimeout(callback, Math.ceil(ms / 2), options)
  await finish(store, 'a')
  await clock.advance(999)
  t.equal(await kept(store, 'a'), 'a')
  await clock.advance(1)
  t.equal(await kept(store, 'a'), '')
  t.equal(clock.pending, 0)
})

t.test('beyond their number the oldest ended streams are forgotten with their claims, a running one never', async t => {
  const { store } = create({ maxFinished: 2 })
  for (const id of ['old', 'a', 'b', 'c']) await store.create({ id, claim: `claim of ${id}` })
  // The order of ending counts, not that of creation.
  for (const id of 'cab') await store.end(id, 1, { status: 'done' })
  t.equal(await kept(store, 'old', 'a', 'b', 'c'), 'old a b')
  t.equal(await store.create({ id: 'c2', claim: 'claim of c' }), 'c2')
  t.equal(await store.create({ id: 'a2', claim: 'claim of a' }), 'a')
  await store.create({ id: 'refused', outcome: { status: 'error' } })
  t.equal(await kept(store, 'old', 'a', 'b', 'refused'), 'old b refused', 'one that is created as ended counts')
  t.equal((await store.read('old'))?.record.status, 'running')
})

t.test('beyond their bytes the oldest ended streams are forgotten, thinking counted, running ones not', async t => {
  const { store } = create({ maxFinishedBytes: 10 })
  await store.create({ id: 'running' })
  await store.append('running', 1, 'content', 0, 'x'.repeat(100))
  await finish(store, 'a', '限')
  await finish(store, 'b', 'bb', '流')
  await finish(store, 'c', 'cc')
  t.equal(await kept(store, 'a', 'b', 'c', 'running'), 'a b c running', 'exactly at the bound')
  await finish(store, 'd', 'd')
  t.equal(await kept(store, 'a', 'b', 'c', 'd', 'running'), 'b c d running')
  await finish(store, 'e', 'eeeeeee')
  t.equal(await kept(store, 'b', 'c', 'd', 'e', 'running'), 'c d e running', 'exactly at the bound again')
  await store.end('running', 1, { status: 'done' })
  t.equal(
    await kept(store, 'c', 'd', 'e', 'running'), 'running', 'what has just ended stays, even if it is larger than all there is room for'
  )
  await finish(store, 'f', 'f')
  t.equal(await kept(store, 'running', 'f'), 'f', 'until the next one ends')
  await finish(store, 'f', 'ffffffffff')
  t.equal(await kept(store, 'f'), 'f', 'what was forgotten is not counted any more')
})

t.test('beyond their bytes images count as they are kept', async t => {
  const { store } = create({ maxFinishedBytes: 10 })
  const withImage = async (id: string, base64: string): Promise<void> => {
    await store.create({ id })
    await store.setMetadata(id, 1, { images: [{ msgtype: 'image', image: { base64, md5: '' } }] })
    await store.end(id, 1, { status: 'done' })
  }
  await finish(store, 'a', 'aa')
  await withImage('b', 'x'.repeat(8))
  t.equal(await kept(store, 'a', 'b'), 'a b', 'exactly at the bound')
  await withImage('c', 'xx')
  t.equal(await kept(store, 'a', 'b', 'c'), 'b c')
})

t.test('what expires is not counted any more', async t => {
  const { clock, store } = create({ maxFinished: 2, maxFinishedBytes: 4 })
  for (let round = 0; round < 5; round++) {
    for (const id of ['a', 'b']) await finish(store, `${id}${round}`, 'xx')
    t.equal(await kept(store, `a${round}`, `b${round}`), `a${round} b${round}`)
    await clock.advance(1000)
    t.equal(await kept(store, `a${round}`, `b${round}`), '')
  }
  t.equal(clock.pending, 0)
})

t.test('a watcher learns that its stream was evicted', async t => {
  const { store } = create({ maxFinished: 1 })
  await finish(store, 'a')
  let rings = 0
  store.watch('a', () => rings++)
  await finish(store, 'b')
  t.equal(rings, 1)
  t.equal((await store.read('a'))?.record, undefined)
})

t.test('a refused or empty append rings nobody', async t => {
  const { store } = create()
  await store.create({ id: 's' })
  await store.append('s', 1, 'content', 0, 'a')
  store.watch('s', () => t.fail('nothing has changed'))
  for (const [offset, text] of [[0, 'a'], [1, ''], [2, 'c'], [0, 'b']] as const) await store.append('s', 1, 'content', offset, text)
  await store.append('s', 2, 'content', 1, 'b')
})

t.test('a closed store holds nothing, keeps no timer and takes nothing', async t => {
  const { clock, store } = create()
  await finish(store, 'a')
  await store.create({ id: 'running' })
  t.equal(clock.pending, 1)
  await store.close()
  t.equal(clock.pending, 0)
  t.equal(await kept(store, 'a', 'running'), '')
  t.equal(await store.append('running', 1, 'content', 0, 'a'), false)
  t.equal(await store.end('running', 1, { status: 'done' }), false)
  t.equal(await store.requestStop('running'), undefined)
  await t.rejects(store.create({ id: 's' }), { code: 'WECOM_ERR_CLOSED' })
  t.equal(clock.pending, 0)
})
