import t from 'tap'
import { connectRedis } from '../../../../lib/stores/redis/client.ts'
import type { RedisConnection } from '../../../../lib/stores/redis/connection.ts'
import { hashTag } from '../../../../lib/stores/redis/format.ts'
import { createRedisStreams } from '../../../../lib/stores/redis/streams.ts'
import type { RedisStreamsOptions } from '../../../../lib/stores/redis/streams.ts'
import type { SharedTiming, StreamReading, StreamStore } from '../../../../lib/stores/store.ts'
import { SharedStreamWriter } from '../../../../lib/streams/shared-stream-writer.ts'
import { systemClock } from '../../../../lib/util/clock.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { hasRedisServer, startRedisServer } from '../../../fixtures/redis-server.ts'
import { openRedis } from '../../../fixtures/redis.ts'
import { storeContract } from '../../../fixtures/store-contract.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime, keys } = redis

  function create (change: Partial<RedisStreamsOptions> = {}) {
    const clock = createManualClock()
    const prefix = change.prefix ?? newPrefix()
    return { clock, prefix, store: createRedisStreams({ connection, clock, retentionMs: 10_000, ...change, prefix }) }
  }

  /** A connection that remembers its replies, and sends the next ones when it is told to. */
  function recording () {
    const replies: unknown[] = []
    let held: Array<() => void> | undefined
    const recorded: RedisConnection = {
      ...connection,
      async command (args, key) {
        const reply = await connection.command(args, key)
        replies.push(reply)
        if (held !== undefined) await new Promise<void>(resolve => held?.push(resolve))
        return reply
      }
    }
    return {
      recorded,
      replies,
      hold () { held = [] },
      release () {
        const resolves = held ?? []
        held = undefined
        return resolves
      }
    }
  }

  const keyOf = (prefix: string, id = 's'): string => `${prefix}s:${hashTag(id)}`
  const field = async (prefix: string, name: string): Promise<unknown> =>
    await connection.command(['HGET', keyOf(prefix), name], keyOf(prefix))

  /** What one look at the stream `s` tells of its owner. */
  async function look (store: StreamStore): Promise<Omit<StreamReading, 'record'>> {
    const { record, ageMs: _, ...found } = await store.read('s') ?? { record: undefined, isOrphan: false }
    return found
  }

  const ttl = async (key: string): Promise<number> => Number(await connection.command(['PTTL', key], key))
  const near = (value: number, expected: number): boolean => value <= expected && value > expected - 5000

  storeContract(t, 'redis', async () => {
    const { clock, prefix, store } = create()
    return {
      store,
      retentionMs: 10_000,
      leaseMs: 5000,
      workMs: 5 * 60_000,
      async advance (ms) {
        await passTime(prefix, ms)
        await clock.advance(ms)
      }
    }
  })

  t.test('what one replica writes another reads, stops and takes over', async t => {
    const { prefix, store: one } = create()
    const { store: two } = create({ prefix })
    await one.create({ id: 's', claim: 'c', chat: { scope: '/', user: '限流😀' }, work: 'work' })
    await one.append('s', 1, 'content', 0, '限流😀')
    t.hasStrict((await two.read('s'))?.record, { content: '限流😀', chat: { scope: '/', user: '限流😀' } })
    await one.append('s', 1, 'content', 4, '!')
    await one.append('s', 1, 'reasoning', 0, 'hm')
    t.hasStrict((await two.read('s'))?.record, { content: '限流😀!', reasoning: 'hm' })
    await two.requestStop('s')
    t.equal(await one.renew('s', 1), 'stopping')
    t.equal(await two.create({ id: 'other', claim: 'c' }), 's')
    await one.release('s', 1)
    t.match(await two.adopt('s'), { epoch: 2, adoptions: 1, work: 'work', ageMs: Number })
    t.equal(await one.append('s', 1, 'content', 5, 'late'), false)
    t.hasStrict((await one.read('s'))?.record, { content: '限流😀!', reasoning: 'hm' })
    t.equal(await two.append('s', 2, 'content', 5, '!'), false)
    t.equal(await two.append('s', 2, 'content', 0, ''), true)
    t.hasStrict((await create({ prefix }).store.read('s'))?.record, { content: '限流😀!', reasoning: 'hm' }, 'the old text has not gone yet')
    await two.append('s', 2, 'content', 0, 'another and longer text')
    await two.append('s', 2, 'reasoning', 0, 'and thoughts')
    t.hasStrict((await one.read('s'))?.record, { content: 'another and longer text', reasoning: 'and thoughts' })
  })

  t.test('a read is one command, and carries what has changed since the last one', async t => {
    const { recorded, replies } = recording()
    const { prefix, store } = create({ connection: recorded })
    const { store: owner } = create({ prefix })
    const base64 = 'x'.repeat(10_000)
    await owner.create({ id: 's', content: 'x'.repeat(10_000) })
    await owner.setMetadata('s', 1, { images: [{ msgtype: 'image', image: { base64, md5: '' } }] })
    const size = async (): Promise<number> => {
      replies.length = 0
      await store.read('s')
      t.equal(replies.length, 1)
      return JSON.stringify(replies[0]).length
    }
    await store.read('warm')
    t.ok(await size() > 20_000)
    t.ok(await size() < 50, 'nothing')
    await owner.append('s', 1, 'content', 10_000, '限流😀')
    t.ok(await size() < 150, 'the end of the text')
    await owner.append('s', 1, 'reasoning', 0, 'hm')
    t.ok(await size() < 150)
    await owner.setMetadata('s', 1, { thinking: true })
    t.ok(await size() < 10_300, 'the metadata')
    await owner.end('s', 1, { status: 'done', notice: 'LENGTH' })
    t.ok(await size() < 200)
    t.strictSame((await store.read('s'))?.record, {
      id: 's',
      status: 'done',
      content: 'x'.repeat(10_000) + '限流😀',
      reasoning: 'hm',
      chat: undefined,
      failure: undefined,
      notice: 'LENGTH',
      metadata: { images: [{ msgtype: 'image', image: { base64, md5: '' } }], thinking: true }
    })
  })

  t.test('an overlap is found in any text, from one to four bytes a character', async t => {
    const { store } = create()
    const text = 'aé限😀\u0000b😀😀限é'
    await store.create({ id: 's' })
    await store.append('s', 1, 'content', 0, text)
    const starts = [...text].reduce<number[]>((all, character) => [...all, (all.at(-1) as number) + character.length], [0])
    for (const offset of starts) {
      t.equal(await store.append('s', 1, 'content', offset, text.slice(offset)), true)
      t.equal(await store.append('s', 1, 'content', offset, 'x' + text.slice(offset)), offset === text.length)
      if (offset === text.length) break
      t.equal(await store.append('s', 1, 'content', offset, String.fromCodePoint(text.codePointAt(offset) as number)), true)
    }
    t.equal((await store.read('s'))?.record.content, `${text}x`)
    t.equal(await store.append('s', 1, 'content', 1, text.slice(1) + 'x😀'), true)
    t.equal((await store.read('s'))?.record.content, `${text}x😀`)
    for (const wrong of ['?', '😀']) {
      t.equal(await store.append('s', 1, 'content', 4, wrong), false, 'in the middle of a character nothing can begin')
    }
  })

  t.test('a claim whose stream is gone makes way, for one', async t => {
    const { prefix, store } = create()
    await store.create({ id: 'a'.repeat(32), claim: 'c' })
    const key = `${prefix}s:{${'a'.repeat(32)}}`
    await connection.command(['DEL', key], key)
    const ids = await Promise.all(Array.from({ length: 10 }, (_, index) => store.create({ id: `s${index}`, claim: 'c' })))
    t.equal(new Set(ids).size, 1)
    t.equal((await store.read(ids[0] as string))?.record.status, 'running')
    t.equal((await keys(prefix)).length, 2, 'nothing is left of the others')
  })

  t.test('each key has the time to live of its stream', async t => {
    const { prefix, store } = create()
    const id = 'a'.repeat(32)
    const stream = `${prefix}s:{${id}}`
    const texts = [stream, `${stream}:c`, `${stream}:r`, `${stream}:n`]
    await store.create({ id, claim: 'c', work: 'work' })
    const claim = (await keys(prefix)).find(key => key.startsWith(`${prefix}m:`)) as string
    await store.append(id, 1, 'content', 0, 'a')
    await store.append(id, 1, 'reasoning', 0, 'b')
    await store.setMetadata(id, 1, { waiting: true })
    t.strictSame((await keys(prefix)).sort(), [claim, ...texts, `${stream}:w`].sort())
    for (const key of [claim, ...texts]) t.ok(near(await ttl(key), 75 * 60_000), key)
    t.ok(near(await ttl(`${stream}:w`), 5 * 60_000))
    await store.end(id, 1, { status: 'done' })
    t.strictSame((await keys(prefix)).sort(), [claim, ...texts].sort())
    for (const key of [claim, ...texts]) t.ok(near(await ttl(key), 10_000), key)
  })

  t.test('times to live are given in the options, and work is kept for no longer, nor for what has ended', async t => {
    const { prefix, store } = create({ runningTtlMs: 60_000 })
    const id = 'b'.repeat(32)
    await store.create({ id, work: 'work', content: 'text' })
    for (const key of await keys(prefix)) t.ok(near(await ttl(key), 60_000), key)
    t.equal((await keys(prefix)).length, 3)
    await store.release(id, 1)
    await store.adopt(id)
    await passTime(prefix, 20_000)
    await store.append(id, 2, 'content', 0, 'new')
    for (const key of await keys(prefix)) t.ok(near(await ttl(key), 40_000), key)
    const ended = create()
    await ended.store.create({ id, claim: 'c', work: 'work', content: 'text', outcome: { status: 'done' } })
    const endedKeys = await keys(ended.prefix)
    t.equal(endedKeys.length, 3)
    for (const key of endedKeys) t.ok(near(await ttl(key), 10_000), key)
  })

  t.test('a creation that is sent again leaves the stream as it is', async t => {
    const { store } = create()
    await store.create({ id: 's', claim: 'c' })
    await store.append('s', 1, 'content', 0, 'a')
    await store.requestStop('s')
    t.equal(await store.create({ id: 's', claim: 'c' }), 's')
    t.equal(await store.append('s', 1, 'content', 1, 'b'), true)
    t.hasStrict((await store.read('s'))?.record, { content: 'ab', status: 'stopping' })
  })

  t.test('a stream that has vanished is unknown, and one that takes its place is read anew', async t => {
    const { prefix, store } = create()
    await store.create({ id: 's', chat: { scope: 'old' } })
    await store.append('s', 1, 'content', 0, 'old')
    await store.setMetadata('s', 1, { thinking: true })
    t.hasStrict((await store.read('s'))?.record, { content: 'old' })
    for (const key of await keys(prefix)) await connection.command(['DEL', key], key)
    t.equal(await store.append('s', 1, 'content', 3, '!'), false)
    t.equal(await store.renew('s', 1), 'lost')
    t.equal(await store.adopt('s'), undefined)
    await store.create({ id: 's', chat: { scope: 'new' }, content: 'new text' })
    await store.setMetadata('s', 1, { waiting: true })
    await store.requestStop('s')
    t.strictSame((await store.read('s'))?.record, {
      id: 's',
      status: 'stopping',
      content: 'new text',
      reasoning: '',
      chat: {
        scope: 'new'
      },
      failure: undefined,
      notice: undefined,
      metadata: { waiting: true }
    })
    for (const key of await keys(prefix)) await connection.command(['DEL', key], key)
    t.equal((await store.read('s'))?.record, undefined)
  })

  t.test('a stream and a claim that have vanished are written anew', async t => {
    const { prefix, store } = create({ runningTtlMs: 60_000 })
    const { store: other } = create({ prefix })
    const stream = {
      id: 'a'.repeat(32), claim: 'c', chat: { scope: '/', user: '限流😀' }, work: 'work', metadata: { lost: ['TIMEOUT'] as const }
    }
    const texts = { content: '限流😀', reasoning: 'hm' }
    await store.create(stream)
    await store.append(stream.id, 1, 'content', 0, texts.content)
    t.hasStrict((await other.read(stream.id))?.record, { content: texts.content })
    for (const key of await keys(prefix)) await connection.command(['DEL', key], key)
    t.equal((await other.read(stream.id))?.record, undefined)
    t.equal(await store.restore(stream, 3, texts), true)
    t.strictSame((await other.read(stream.id))?.record, {
      id: stream.id, status: 'running', ...texts, chat: stream.chat, failure: undefined, notice: undefined, metadata: stream.metadata
    })
    t.equal(await store.renew(stream.id, 3), 'owned')
    t.equal(await other.adopt(stream.id), undefined, 'it has its lease')
    for (const key of await keys(prefix)) t.ok(near(await ttl(key), 60_000), key)
    t.equal(await other.create({ id: 'again', claim: 'c' }), stream.id, 'who comes second finds it')
    t.equal(await store.append(stream.id, 3, 'content', 4, '!'), true)
    t.equal(await store.append(stream.id, 3, 'reasoning', 2, '?'), true)
    t.hasStrict((await other.read(stream.id))?.record, { content: '限流😀!', reasoning: 'hm?' })
    t.equal(await store.end(stream.id, 3, { status: 'done' }), true)
    for (const key of await keys(prefix)) t.ok(near(await ttl(key), 10_000), key)
  })

  t.test('a stream without claim, text and metadata is written anew, too', async t => {
    const { prefix, store } = create()
    t.equal(await store.restore({ id: 's' }, 1, { content: '', reasoning: '' }), true)
    t.strictSame((await store.read('s'))?.record, {
      id: 's', status: 'running', content: '', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {}
    })
    t.equal((await keys(prefix)).length, 1)
  })

  t.test('what is written anew is as old as it was, and another stream than before', async t => {
    const { store, prefix } = create()
    await store.restore({ id: 's' }, 1, { content: 'a', reasoning: '' }, 200_000.4)
    const ageMs = (await store.read('s'))?.ageMs as number
    t.ok(ageMs >= 200_000 && ageMs < 230_000, `it is ${ageMs} ms old`)
    const birth = async () => String(await connection.command(['HGET', keyOf(prefix), 'b'], keyOf(prefix)))
    const first = await birth()
    t.match(first, /^\d{16}$/)
    await connection.command(['DEL', keyOf(prefix)], keyOf(prefix))
    await new Promise(resolve => setTimeout(resolve, 5))
    await store.restore({ id: 's' }, 1, { content: 'ab', reasoning: '' }, 200_000)
    t.not(await birth(), first)
    t.equal((await store.read('s'))?.record.content, 'ab')
  })

  t.test('a claim that cannot be written anew costs no stream', async t => {
    const failing: RedisConnection = {
      ...connection,
      async command (args, key) {
        if (/:m:/.test(String(args[3]))) throw new Error('away')
        return await connection.command(args, key)
      }
    }
    const { store } = create({ connection: failing })
    t.equal(await store.restore({ id: 's', claim: 'c' }, 1, { content: 'a', reasoning: '' }), true)
    t.hasStrict((await store.read('s'))?.record, { content: 'a' })
  })

  t.test('a lost end of a text is written anew, in both tracks; one that has grown is left as it is', async t => {
    const { prefix, store } = create()
    const id = 'a'.repeat(32)
    const stream = `${prefix}s:{${id}}`
    const texts = { content: 'abc限', reasoning: 'hm限' }
    await store.create({ id, metadata: { waiting: true } })
    await store.append(id, 1, 'content', 0, texts.content)
    await store.append(id, 1, 'reasoning', 0, texts.reasoning)
    await passTime(prefix, 60_000)
    let calls = 0
    store.watch(id, () => calls++)
    for (const [key, field] of [['c', 'c'], ['r', 'r']] as const) {
      await connection.command(['SET', `${stream}:${key}`, 'a', 'KEEPTTL'], `${stream}:${key}`)
      await connection.command(['HSET', stream, field, '1'], stream)
      t.equal(await store.append(id, 1, key === 'c' ? 'content' : 'reasoning', 4, '!'), false)
      const before = calls
      t.equal(await store.restore({ id, metadata: { waiting: false } }, 1, texts), true)
      t.ok(calls > before)
      t.hasStrict((await store.read(id))?.record, { ...texts, metadata: { waiting: false } })
    }
    for (const key of await keys(prefix)) t.ok(near(await ttl(key), 74 * 60_000), key)
    await store.append(id, 1, 'content', 4, ' and more')
    t.equal(await store.restore({ id }, 1, texts), true, 'a command that comes late')
    t.hasStrict((await store.read(id))?.record, { content: 'abc限 and more', reasoning: 'hm限' })
    t.equal(await store.append(id, 1, 'content', 13, '!'), true)
  })

  t.test('an owner without text of its own takes the place of the old one when it writes the stream anew', async t => {
    const { store } = create()
    await store.create({ id: 's', content: 'the old text' })
    await store.release('s', 1)
    await store.adopt('s')
    t.equal(await store.restore({ id: 's' }, 2, { content: 'new', reasoning: '' }), true)
    t.hasStrict((await store.read('s'))?.record, { content: 'new', reasoning: '' })
    t.equal(await store.append('s', 2, 'content', 3, '!'), true)
  })

  t.test('what was last read is known without asking, with its age', async t => {
    let away = false
    const failing: RedisConnection = {
      ...connection, command: async (args, key) => { if (away) throw new Error('away'); return await connection.command(args, key) }
    }
    const { prefix, store: owner } = create()
    const clock = createManualClock()
    const { store } = create({ prefix, connection: failing, clock })
    await owner.create({ id: 's', content: 'a' })
    t.equal(store.lastRead?.('s'), undefined)
    await connection.command(['HINCRBY', keyOf(prefix), 'b', '-60000000'], keyOf(prefix))
    const record = (await store.read('s'))?.record
    away = true
    await clock.advance(1500)
    await owner.append('s', 1, 'content', 1, 'b')
    await t.rejects(store.read('s'), { message: 'away' })
    const known = store.lastRead?.('s')
    t.equal(known?.record, record)
    t.ok(Math.abs(Number(known?.ageMs) - 61_500) < 1400, `${known?.ageMs}`)
    t.equal(known?.sinceMs, 1500)
  })

  t.test('the age of a stream is that of the server', async t => {
    const { prefix, store } = create()
    const id = 'a'.repeat(32)
    await store.create({ id })
    const key = `${prefix}s:{${id}}`
    await connection.command(['HINCRBY', key, 'b', '-7000000'], key)
    await store.release(id, 1)
    const { ageMs } = await store.adopt(id) ?? { ageMs: 0 }
    t.ok(ageMs >= 7000 && ageMs < 12_000, String(ageMs))
  })

  t.test('looks at a silent owner count together, whichever replicas they are of', async t => {
    const { prefix, store: owner } = create()
    const replica = () => create({ prefix }).store
    await owner.create({ id: 's' })
    t.strictSame(await look(replica()), { isOrphan: false })
    await passTime(prefix, 1500)
    for (let looks = 0; looks < 4; looks++) {
      const { isOrphan, orphanInMs = 0 } = await look(replica())
      t.equal(isOrphan, false)
      t.ok(orphanInMs > 0 && orphanInMs <= 4000 - looks * 1000, `${orphanInMs} after ${looks}`)
      await passTime(prefix, 1000)
    }
    const last = replica()
    t.strictSame(await look(last), { isOrphan: true })
    t.strictSame(await look(last), { isOrphan: true }, 'also if nothing else has changed')
    await owner.renew('s', 1)
    t.strictSame(await look(last), { isOrphan: false }, 'it has come back')
    t.equal(await last.adopt('s'), undefined)
    t.equal(await field(prefix, 'k'), null, 'and has taken the mark away')
  })

  t.test('a sign of life of the version before, which knows no marks, counts too', async t => {
    const { prefix, store } = create()
    await store.create({ id: 's' })
    await passTime(prefix, 1500)
    for (let looks = 0; looks < 4; looks++) {
      await look(store)
      await passTime(prefix, 1000)
    }
    const key = keyOf(prefix)
    await connection.command(['HINCRBY', key, 'l', '5000'], key)
    t.strictSame(await look(store), { isOrphan: false })
    await passTime(prefix, 1500)
    t.ok(Number((await look(store)).orphanInMs) > 3000, 'the old mark is of another lease')
  })

  t.test('a stream that the version before has stopped counts as stopping from the first look', async t => {
    const { prefix, store } = create()
    await store.create({ id: 's' })
    const key = keyOf(prefix)
    await connection.command(['HSET', key, 's', 'stopping'], key)
    t.ok(Number((await look(store)).orphanInMs) > 1000)
    await passTime(prefix, 1000)
    t.ok(Number((await look(store)).orphanInMs) <= 1000)
    await passTime(prefix, 1000)
    t.hasStrict(await store.adopt('s'), { epoch: 2 })
  })

  t.test('a lease by the clock of another server, and a mark that cannot be, hold nobody up', async t => {
    for (const [name, change] of [['l', '60000'], ['k', '']] as const) {
      const { prefix, store } = create()
      await store.create({ id: 's' })
      await passTime(prefix, 1500)
      await look(store)
      const key = keyOf(prefix)
      if (name === 'l') await connection.command(['HINCRBY', key, name, change], key)
      else await connection.command(['HSET', key, name, change], key)
      for (let looks = 0; looks < 4; looks++) {
        t.ok(Number((await look(store)).orphanInMs) > 3000 - looks * 1000)
        await passTime(prefix, 1000)
      }
      t.hasStrict(await store.adopt('s'), { epoch: 2 })
      await store.renew('s', 2)
      t.strictSame(await look(store), { isOrphan: false })
    }
  })

  t.test('a server that takes no writes can be looked at', { skip: !hasRedisServer() }, async t => {
    const server = await startRedisServer()
    t.teardown(() => server.stop())
    const alone = await connectRedis({ url: server.url, clock: systemClock, timeoutMs: 5000 })
    t.teardown(() => alone.close())
    const { prefix, store } = create({ connection: alone })
    await store.create({ id: 's', content: 'text' })
    await alone.command(['HINCRBY', keyOf(prefix), 'l', '-1500'])
    await alone.command(['CONFIG', 'SET', 'maxmemory', '1'])
    await t.rejects(store.renew('s', 1), { message: /OOM/ })
    t.hasStrict(await store.read('s'), { record: { content: 'text' }, isOrphan: false, orphanInMs: 4000 })
  })

  t.test('a text that the server has lost is not taken for one that can be written on', async t => {
    const { prefix, store } = create()
    const id = 'a'.repeat(32)
    await store.create({ id, content: 'abc' })
    await connection.command(['DEL', `${prefix}s:{${id}}:c`], `${prefix}s:{${id}}:c`)
    t.equal(await store.append(id, 1, 'content', 1, 'bcd'), false)
  })

  t.test('text that a server has lost is shown all the same, unless there is another text', async t => {
    const { clock, prefix, store } = create()
    const id = 'a'.repeat(32)
    const key = `${prefix}s:{${id}}`
    await store.create({ id })
    for (const [track, field] of [['content', 'c'], ['reasoning', 'r']] as const) {
      await store.append(id, 1, track, 0, 'abc')
      const version = (await connection.command(['HGET', key, 'v'], key)) as string
      await store.append(id, 1, track, 3, 'def')
      t.hasStrict((await store.read(id))?.record, { [track]: 'abcdef' })
      await connection.command(['HSET', key, 'v', version, field, '3', `x${field}`, '1 3'], key)
      await connection.command(['SET', `${key}:${field}`, 'abc', 'KEEPTTL'], `${key}:${field}`)
      t.equal(store.isRecovering?.(), false)
      for (let round = 0; round < 2; round++) t.equal((await store.read(id))?.record[track], 'abcdef')
      t.equal(store.isRecovering?.(), true)
      await store.append(id, 1, track, 3, 'de')
      t.equal((await store.read(id))?.record[track], 'abcdef')
      await store.append(id, 1, track, 5, 'fg')
      t.equal((await store.read(id))?.record[track], 'abcdefg', 'its owner has written it anew')
      await clock.advance(5000)
      await store.read(id)
      t.equal(store.isRecovering?.(), false)
      await connection.command(['SET', `${key}:${field}`, 'abc', 'KEEPTTL'], `${key}:${field}`)
      await connection.command(['HSET', key, 'v', version, field, '3', `x${field}`, '1 3'], key)
      await store.read(id)
      await store.append(id, 1, track, 3, 'DEF')
      t.equal((await store.read(id))?.record[track], 'abcDEF')
      await clock.advance(5000)
    }
  })

  t.test('replies that come out of order take nothing back', async t => {
    const { recorded, hold, release } = recording()
    const { prefix, store } = create({ connection: recorded })
    const { store: owner } = create({ prefix })
    await owner.create({ id: 's', content: 'a' })
    for (const known of [false, true]) {
      if (known) await store.read('s')
      const { length } = (await owner.read('s'))?.record.content as string
      hold()
      const late = store.read('s')
      await connection.command(['EXISTS', prefix], prefix)
      await owner.append('s', 1, 'content', length, 'b')
      const early = store.read('s')
      await connection.command(['EXISTS', prefix], prefix)
      const [answerLate, answerEarly] = release()
      answerEarly?.()
      const newest = await early
      t.equal(newest?.record.content.length, length + 1)
      answerLate?.()
      t.equal((await late)?.record, newest?.record)
      t.equal((await store.read('s'))?.record, newest?.record)
    }
  })

  t.test('what is not remembered any more is read in full', async t => {
    const { store } = create({ maxRecent: 1 })
    for (const id of ['a', 'b']) await store.create({ id, content: id })
    for (let round = 0; round < 2; round++) for (const id of ['a', 'b']) t.equal((await store.read(id))?.record.content, id)
    const { store: small } = create({ maxRecentBytes: 0 })
    await small.create({ id: 's', content: 'text' })
    t.not((await small.read('s'))?.record, (await small.read('s'))?.record)
    t.equal((await small.read('s'))?.record.content, 'text')
  })

  t.test('a watcher learns within a quarter of a second what another replica did', async t => {
    const { clock, prefix, store } = create()
    const { store: owner } = create({ prefix })
    await owner.create({ id: 's' })
    let ring = (): void => {}
    const unwatch = store.watch('s', () => ring())
    await store.read('s')
    for (const change of [
      () => owner.append('s', 1, 'content', 0, 'a'),
      () => owner.setMetadata('s', 1, { thinking: true }),
      () => owner.requestStop('s'),
      () => owner.end('s', 1, { status: 'done' })
    ]) {
      const rung = new Promise<void>(resolve => { ring = resolve })
      await change()
      await store.read('unknown')
      await clock.advance(250)
      await rung
      await store.read('s')
    }
    unwatch()
    t.equal(clock.pending, 0)
  })

  t.test('a refused or empty append rings nobody, nor does a sign of life', async t => {
    const { store } = create()
    await store.create({ id: 's' })
    await store.append('s', 1, 'content', 0, 'a')
    store.watch('s', () => t.fail('nothing has changed'))
    for (const [offset, text] of [[0, 'a'], [1, ''], [2, 'c'], [0, 'b']] as const) await store.append('s', 1, 'content', offset, text)
    await store.append('s', 2, 'content', 1, 'b')
    await store.setMetadata('s', 2, {})
    await store.renew('s', 1)
    await store.read('s')
    await store.end('s', 2, { status: 'done' })
    await store.read('s')
  })

  t.test('a closed store takes nothing and watches nothing, and leaves what it wrote to the others', async t => {
    const { recorded, hold, release } = recording()
    const { clock, prefix, store } = create({ connection: recorded })
    await store.create({ id: 's' })
    hold()
    const reading = store.read('s')
    await connection.command(['EXISTS', prefix], prefix)
    await store.close()
    for (const answer of release()) answer()
    t.equal(await reading, undefined)
    t.equal((await store.read('s'))?.record, undefined)
    await t.rejects(store.create({ id: 'late' }), { code: 'WECOM_ERR_CLOSED' })
    store.watch('s', () => t.fail('there is nothing to be told any more'))()
    t.equal(clock.pending, 0)
    t.equal((await create({ prefix }).store.read('s'))?.record.status, 'running')
  })

  t.test('what Redis refuses or does not answer rejects', async t => {
    const failing: RedisConnection = { ...connection, async command () { throw new Error('away') } }
    const { clock, store } = create({ connection: failing })
    for (const call of [
      (): Promise<unknown> => store.create({ id: 's' }), () => store.read('s'),
      async () => await store.append('s', 1, 'content', 0, 'a'), () =>
        store.setMetadata('s', 1, {}),
      () => store.end('s', 1, { status: 'done' }), () => store.requestStop('s'), () => store.renew('s', 1), () => store.adopt('s'), () =>
        store.release('s', 1)
    ]) await t.rejects(call(), { message: 'away' })
    const unwatch = store.watch('s', () => t.fail('nothing is known to have changed'))
    await clock.advance(1000)
    unwatch()
  })

  t.test('for five seconds after a failure, or a loss of the connection, nothing is known for sure', async t => {
    let [isAway, disturbedAt] = [false, -Infinity]
    const shaky: RedisConnection = {
      ...connection,
      command: (args, key) => isAway ? Promise.reject(new Error('away')) : connection.command(args, key),
      lastDisruptionAt: () => disturbedAt
    }
    const { clock, store } = create({ connection: shaky })
    await store.read('s')
    t.equal(store.isRecovering?.(), false)
    isAway = true
    await t.rejects(store.read('s'))
    isAway = false
    await clock.advance(4999)
    t.equal(store.isRecovering?.(), true)
    await clock.advance(1)
    t.equal(store.isRecovering?.(), false)
    disturbedAt = clock.now()
    t.equal(store.isRecovering?.(), true)
    await clock.advance(5000)
    t.equal(store.isRecovering?.(), false)
    const { lastDisruptionAt: _, ...steady } = connection
    t.equal(create({ connection: steady }).store.isRecovering?.(), false)
  })

  t.test('a running stream that has vanished was lost by the server, which is said once', async t => {
    const { clock, prefix, store } = create({ retentionMs: 900_000 })
    const forget = async (): Promise<void> => { for (const key of await keys(prefix)) await connection.command(['DEL', key], key) }
    await clock.advance(Date.now() - clock.now())
    await store.create({ id: 'unread' })
    await store.create({ id: 'ended', outcome: { status: 'done' } })
    await store.read('ended')
    await store.create({ id: 's' })
    await store.read('s')
    await forget()
    for (const id of ['unread', 'ended']) t.equal((await store.read(id))?.record, undefined)
    t.equal(store.isRecovering?.(), false)
    t.strictSame(await Promise.all([store.read('s'), store.read('s')]), [undefined, undefined])
    t.equal(store.isRecovering?.(), true)
    t.equal(store.lastRead?.('s')?.record.status, 'running', 'it can still be shown')
    await clock.advance(5000)
    t.equal((await store.read('s'))?.record, undefined)
    t.equal(store.isRecovering?.(), false)

    await store.restore({ id: 's' }, 1, { content: 'a', reasoning: '' })
    await store.read('s')
    await forget()
    await store.read('s')
    t.equal(store.isRecovering?.(), true, 'and again when it was there again')

    await clock.advance(5000)
    await store.create({ id: 'old' })
    await store.read('old')
    await forget()
    await clock.advance(900_000)
    await store.read('old')
    t.equal(store.isRecovering?.(), false, 'an old one may have ended')
  })

  for (const [channel, name, key] of [['content', 'text', 'c'], ['reasoning', 'thinking', 'r']] as const) {
    t.test(`${name} that goes missing alone is written anew by its owner, and nobody shows less meanwhile`, async t => {
      const { prefix, clock, store } = create()
      const [{ store: knows }, { store: ignorant }] = [create({ prefix }), create({ prefix })]
      const done = { status: 'done' } as const
      const text = `${prefix}s:${hashTag('s')}:${key}`
      await store.create({ id: 's' })
      await store.append('s', 1, channel, 0, 'abc，')
      await knows.read('s')
      const evict = async (): Promise<void> => { await connection.command(['DEL', text], text) }
      await evict()
      t.equal((await knows.read('s'))?.record[channel], 'abc，')
      t.equal((await knows.read('s'))?.isIncomplete, undefined)
      t.hasStrict(await ignorant.read('s'), { isIncomplete: true, isOrphan: false })
      for (const { isRecovering } of [knows, ignorant]) t.equal(isRecovering?.(), true)
      t.equal(await store.append('s', 1, channel, 4, 'd'), false)
      t.equal(await store.end('s', 1, done, { content: 0, reasoning: 0 }), false)
      t.equal(await store.renew('s', 1), 'lost')
      t.equal(Number(await connection.command(['EXISTS', text], text)), 0, 'no key without a time to live')

      const timing = store.shared as SharedTiming
      const writer = new SharedStreamWriter({ store, clock, timing, stream: { id: 's' }, epoch: 1, onLost: () => t.fail('it is its own') })
      writer.write(channel, 'abc，d')
      t.equal(await writer.setMetadata({ lost: [] }), true)
      for (const replica of [knows, ignorant]) t.equal((await replica.read('s'))?.record[channel], 'abc，d')
      t.equal((await ignorant.read('s'))?.isIncomplete, undefined)
      t.equal(await store.renew('s', 1), 'owned')

      await evict()
      await store.release('s', 1)
      t.hasStrict(await ignorant.read('s'), { isIncomplete: undefined, record: { [channel]: 'abc，d' } }, 'it has read it by now')
      const { store: late } = create({ prefix })
      t.hasStrict(await late.adopt('s'), { epoch: 2 })
      t.equal(await late.renew('s', 2), 'owned', 'the text before is not its own')
      t.hasStrict(await late.read('s'), { isIncomplete: true })
      await late.append('s', 2, channel, 0, 'new')
      for (const replica of [knows, late]) t.equal((await replica.read('s'))?.record[channel], 'new')
      await evict()
      t.equal(await late.end('s', 2, done, { content: 0, reasoning: 0, [channel]: 3 }), false)
      t.equal(await late.restore({ id: 's' }, 2, { content: '', reasoning: '', [channel]: 'new' }), true)
      t.equal(await late.end('s', 2, done, { content: 0, reasoning: 0, [channel]: 3 }), true)
      await evict()
      const { store: last } = create({ prefix })
      t.hasStrict(await last.read('s'), { isIncomplete: undefined, record: { status: 'done' } }, 'nobody writes it any more')
    })
  }

  t.test('a stream does not end without text that a failover has lost', async t => {
    const { clock, prefix, store } = create()
    const done = { status: 'done' } as const
    const ends = async (id: string, epoch: number, content: number, reasoning = 0): Promise<boolean> =>
      await store.end(id, epoch, done, { content, reasoning })
    await store.create({ id: 's' })
    await store.append('s', 1, 'content', 0, '你好')
    await store.append('s', 1, 'reasoning', 0, 'hm')
    t.equal(await ends('s', 1, 3), false)
    t.equal(await ends('s', 1, 2, 3), false)
    t.equal((await store.read('s'))?.record.status, 'running')
    t.equal(await ends('s', 1, 2, 2), true)
    t.equal(await ends('s', 1, 2, 2), true, 'the same once more')

    await store.create({ id: 'adopted' })
    await store.append('adopted', 1, 'content', 0, 'of the first owner')
    await store.release('adopted', 1)
    await store.adopt('adopted')
    t.equal(await ends('adopted', 2, 1), false, 'what stands there is another\'s text')
    t.equal(await ends('adopted', 2, 0), true)

    await store.create({ id: 'w' })
    const timing = store.shared as SharedTiming
    const writer = new SharedStreamWriter({ store, clock, timing, stream: { id: 'w' }, epoch: 1, onLost: () => t.fail('it is its own') })
    writer.write('content', 'whole')
    await writer.setMetadata({ lost: [] })
    const [key] = (await keys(prefix)).filter(key => key.endsWith(`${hashTag('w')}`)) as [string]
    await connection.command(['HSET', key, 'c', '3'], key)
    await connection.command(['SET', `${key}:c`, 'who', 'PX', '10000'], `${key}:c`)
    t.equal(await writer.end(done), true)
    t.equal((await store.read('w'))?.record.content, 'whole')
  })

  t.test('a claim that cannot be shortened is kept for longer than its stream', async t => {
    const failing: RedisConnection = {
      ...connection,
      async command (args, key) {
        if (args[0] === 'PEXPIRE') throw new Error('away')
        return await connection.command(args, key)
      }
    }
    const { prefix, store } = create({ connection: failing })
    await store.create({ id: 's', claim: 'c' })
    t.equal(await store.end('s', 1, { status: 'done' }), true)
    await passTime(prefix, 20_000)
    t.equal(await store.create({ id: 's2', claim: 'c' }), 's2')
  })

  redis.everyKeyExpires()
}
