import t from 'tap'
import { connectRedis } from '../../lib/stores/redis/client.ts'
import type { RedisConnection } from '../../lib/stores/redis/connection.ts'
import { createRedisHistory } from '../../lib/stores/redis/history.ts'
import { createRedisKeyValues } from '../../lib/stores/redis/key-values.ts'
import { createRedisQueues } from '../../lib/stores/redis/queues.ts'
import { createRedisStreams } from '../../lib/stores/redis/streams.ts'
import { superviseRedis } from '../../lib/stores/redis/supervised.ts'
import type { StreamStore } from '../../lib/stores/store.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createLog } from '../fixtures/log.ts'
import { startRedisProxy } from '../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { openRedis } from '../fixtures/redis.ts'

const PIECES = ['word ', '你好，', '😀', 'é', '\n', '👨‍👩‍👧‍👦', 'x'.repeat(2000)]

/** Does it again until Redis has answered. */
async function insist<T> (call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if ((error as { code?: string }).code === 'WECOM_ERR_CLOSED') throw error
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }
}

/** Writes pieces as an owner does, and gives the text; `before` is called before each. */
async function write (store: StreamStore, id: string, count: number, before: (index: number) => void | Promise<void>): Promise<string> {
  let text = ''
  for (let index = 0; index < count; index++) {
    const piece = PIECES[index % PIECES.length] as string
    await before(index)
    if (!await insist(async () => await store.append(id, 1, 'content', text.length, piece))) throw new Error(`piece ${index} was refused`)
    text += piece
  }
  return text
}

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url, newPrefix, connection: direct } = redis

  const throughProxy = async (t: { teardown (f: () => unknown): void }, timeoutMs = 5000) => {
    const proxy = await startRedisProxy(url)
    const connection = await connectRedis({ url: proxy.url, clock: systemClock, timeoutMs })
    t.teardown(async () => {
      await connection.close()
      await proxy.close()
    })
    const prefix = newPrefix()
    return { proxy, prefix, store: createRedisStreams({ connection, clock: createManualClock(), prefix, retentionMs: 10_000 }) }
  }

  t.test('200 replies that are lost after the writing double nothing and lose nothing', async t => {
    const { proxy, prefix, store } = await throughProxy(t)
    await store.create({ id: 's' })
    const text = await write(store, 's', 200, () => proxy.dropNextReply())
    t.equal(proxy.dropped, 200)
    t.equal((await insist(() => store.read('s')))?.record.content, text)
    const other = createRedisStreams({ connection: direct, clock: createManualClock(), prefix, retentionMs: 10_000 })
    t.equal((await other.read('s'))?.record.content, text, 'also where it is read for the first time')
  })

  t.test('lost replies to everything else do no harm either', async t => {
    const { proxy, prefix, store } = await throughProxy(t)
    const dropping = async <T>(call: () => Promise<T>): Promise<T> => {
      const { dropped } = proxy
      proxy.dropNextReply()
      const result = await insist(call)
      t.equal(proxy.dropped, dropped + 1)
      return result
    }
    t.equal(await dropping(() => store.create({ id: 's', claim: 'c', content: 'a' })), 's')
    t.equal(await dropping(() => store.create({ id: 'again', claim: 'c' })), 's')
    t.equal(await dropping(() => store.setMetadata('s', 1, { thinking: true })), true)
    t.equal(await dropping(() => store.renew('s', 1)), 'owned')
    t.hasStrict(await dropping(() => store.read('s')), { record: { content: 'a', metadata: { thinking: true } } })
    t.hasStrict(await dropping(() => store.requestStop('s')), { status: 'stopping' })
    await dropping(() => store.release('s', 1))
    const { dropped } = proxy
    const supervised = await superviseRedis({
      clock: systemClock,
      log: createLog(),
      prefix,
      wrongServerCure: '',
      connect: async events => await connectRedis({ url: proxy.url, events, clock: systemClock, timeoutMs: 5000 })
    })
    t.teardown(() => supervised.close())
    const repeating = createRedisStreams({ connection: supervised, clock: createManualClock(), prefix, retentionMs: 10_000 })
    await insist(() => repeating.read('unknown'))
    const facts = createRedisKeyValues({ connection: supervised, prefix })
    proxy.dropNextReply()
    t.hasStrict(await repeating.adopt('s'), { epoch: 2, adoptions: 1 }, 'the first answer')
    t.equal(await repeating.adopt('s'), undefined, 'of another attempt')
    for (const count of [1, 2]) {
      proxy.dropNextReply()
      t.equal(await facts.increment('k', 10_000), count)
    }
    t.equal(proxy.dropped, dropped + 3)
    t.equal(await dropping(() => store.end('s', 2, { status: 'done' })), true, 'it has ended by then, and so')
    t.hasStrict(await insist(() => store.read('s')), { record: { status: 'done', content: 'a' } })
  })

  t.test('a server that stalls costs a caller its time-out, and what arrives later is not written twice', async t => {
    const { proxy, store } = await throughProxy(t, 100)
    await insist(() => store.create({ id: 's' }))
    const text = await write(store, 's', 20, async index => {
      if (index % 5 !== 0) return
      proxy.stall()
      await t.rejects(store.read('s'), { code: 'WECOM_ERR_REDIS_TIMEOUT' })
      setTimeout(() => proxy.resume(), 150)
    })
    t.equal((await insist(() => store.read('s')))?.record.content, text)
  })

  t.test('connections that are reset while many write lose nothing', async t => {
    const { proxy, store } = await throughProxy(t)
    const ids = Array.from({ length: 10 }, (_, index) => `s${index}`)
    await Promise.all(ids.map(id => store.create({ id })))
    const texts = await Promise.all(ids.map(id => write(store, id, 50, index => { if (index % 10 === 5) proxy.reset() })))
    for (const [index, id] of ids.entries()) t.equal((await insist(() => store.read(id)))?.record.content, texts[index])
  })

  redis.everyKeyExpires()
}

if (hasRedisServer()) {
  const server = await startRedisServer()
  t.teardown(() => server.stop())
  const connection = await connectRedis({ url: server.url, clock: systemClock, timeoutMs: 5000 })
  t.teardown(() => connection.close())
  const clock = createManualClock()
  const limits = { turns: 3, bytes: 1000, idleMs: 10_000 }

  async function useEverything (connection: RedisConnection, prefix?: string): Promise<void> {
    const given = prefix === undefined ? {} : { prefix }
    const streams = createRedisStreams({ connection, clock, retentionMs: 10_000, ...given })
    const lines = createRedisQueues({ connection, clock, ...given })
    const history = createRedisHistory({ connection, limits, ...given })
    const facts = createRedisKeyValues({ connection, ...given })
    for (const id of ['running', 'ended']) {
      await streams.create({ id, claim: id, chat: { scope: '/' }, work: 'work' })
      await streams.append(id, 1, 'content', 0, 'a')
      await streams.append(id, 1, 'reasoning', 0, 'b')
      await streams.setMetadata(id, 1, { waiting: true, lost: ['TIMEOUT'] })
      await streams.requestStop(id)
      await streams.renew(id, 1)
      await streams.release(id, 1)
      await streams.adopt(id)
      await streams.append(id, 2, 'reasoning', 0, 'c')
      await streams.append(id, 2, 'content', 0, 'd')
      await streams.read(id)
    }
    await streams.create({ id: 'refused', claim: 'ended' })
    await streams.end('ended', 2, { status: 'done' })
    await lines.join('k', 'a', clock.now() + 10_000)
    await lines.join('k', 'b', clock.now() + 10_000)
    await lines.leave('k', 'a')
    await history.add('k', (await history.read('k')).generation, { prompt: 'hi', reply: 'hello' })
    await history.clear('other')
    await facts.putIfAbsent('k', 'v', 10_000)
    await facts.increment('k', 10_000)
  }

  t.test('a server that has forgotten the scripts is told them again', async t => {
    const forgetful: RedisConnection = {
      ...connection,
      async command (args, key) {
        if (args[0] === 'EVALSHA') await connection.command(['SCRIPT', 'FLUSH'])
        return await connection.command(args, key)
      }
    }
    await useEverything(forgetful, 'forgetful:')
    const store = createRedisStreams({ connection: forgetful, clock, retentionMs: 10_000, prefix: 'forgetful:' })
    t.hasStrict(
      (await store.read('running'))?.record, { status: 'stopping', content: 'd', reasoning: 'c', metadata: { lost: ['TIMEOUT'] } }
    )
    await connection.command(['FLUSHALL'])
  })

  t.test('no key stays for good, and none is outside the prefix', async t => {
    for (const prefix of [undefined, 'mine:']) {
      await useEverything(connection, prefix)
      const keys = (await connection.command(['KEYS', '*']) as unknown[]).map(String)
      t.equal(keys.length, 18)
      for (const key of keys) {
        t.ok(key.startsWith(prefix ?? 'wecom:'), key)
        t.ok(Number(await connection.command(['PTTL', key])) > 0, `${key} expires`)
      }
      await connection.command(['FLUSHALL'])
    }
  })

  t.test('a server that has lost everything knows nothing, and says so', async t => {
    const streams = createRedisStreams({ connection, clock, retentionMs: 10_000 })
    await streams.create({ id: 's', claim: 'c', content: 'a' })
    await streams.read('s')
    await connection.command(['FLUSHALL'])
    t.equal(await streams.append('s', 1, 'content', 1, 'b'), false)
    t.equal(await streams.setMetadata('s', 1, { waiting: true }), false)
    t.equal(await streams.renew('s', 1), 'lost')
    t.equal(await streams.adopt('s'), undefined)
    t.equal(await streams.requestStop('s'), undefined)
    t.equal(await streams.end('s', 1, { status: 'done' }), false)
    t.equal(await streams.read('s'), undefined)
    t.strictSame(await connection.command(['KEYS', '*']), [])
    t.equal(await streams.create({ id: 's', claim: 'c', content: 'ab' }), 's', 'its owner can write it again')
    t.hasStrict(await streams.read('s'), { record: { content: 'ab' } })
  })
}
