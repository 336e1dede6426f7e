import t from 'tap'
import { RecentStreams } from '../../../../lib/stores/redis/recent-streams.ts'
import type { SeenStream } from '../../../../lib/stores/redis/recent-streams.ts'

const seen = (id: string, bytes = 0): SeenStream => ({
  record: { id, status: 'running', content: '', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {} },
  birth: '1',
  version: 1,
  notesVersion: '1',
  textEpoch: '1',
  contentBytes: bytes,
  reasoningBytes: bytes,
  metadataBytes: bytes,
  createdAt: 0,
  readAt: 0
})

const kept = (streams: RecentStreams, ids: string): string => [...ids].filter(id => streams.get(id) !== undefined).join('')

t.test('beyond their number those go that were set longest ago', async t => {
  const streams = new RecentStreams(2, 1_000_000)
  for (const id of 'abac') streams.set(id, seen(id))
  t.equal(kept(streams, 'abc'), 'ac')
})

t.test('beyond their bytes those go that were set longest ago, each counted with what it takes itself', async t => {
  const streams = new RecentStreams(100, 3 * (500 + 300))
  for (const id of 'abc') streams.set(id, seen(id, 100))
  t.equal(kept(streams, 'abc'), 'abc', 'exactly at the bound')
  for (let round = 0; round < 5; round++) streams.set('c', seen('c', 100))
  t.equal(kept(streams, 'abc'), 'abc', 'what is replaced is not counted any more')
  streams.set('c', seen('c', 101))
  t.equal(kept(streams, 'abc'), 'bc')
  for (const id of 'de') streams.set(id, seen(id, 100))
  t.equal(kept(streams, 'bcde'), 'de', 'nor what had to go')
  streams.set('huge', seen('huge', 10_000))
  t.equal(kept(streams, 'de'), '')
  t.equal(streams.get('huge'), undefined, 'what is larger than all there is room for is not remembered')
  for (const id of 'abc') streams.set(id, seen(id, 100))
  t.equal(kept(streams, 'abc'), 'abc')
  streams.clear()
  for (const id of 'def') streams.set(id, seen(id, 100))
  t.equal(kept(streams, 'abcdef'), 'def')
})
