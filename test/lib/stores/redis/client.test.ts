import t from 'tap'
import type { Test } from 'tap'
import { connectRedis } from '../../../../lib/stores/redis/client.ts'
import type { RedisUrlOptions } from '../../../../lib/stores/redis/client.ts'
import { systemClock } from '../../../../lib/util/clock.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { startRedisProxy } from '../../../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../../../fixtures/redis-server.ts'
import { openRedis } from '../../../fixtures/redis.ts'

async function connect (t: Test, options: Partial<RedisUrlOptions> & { url: string }) {
  /** What was told; an error, or `stands`. */
  const told: unknown[] = []
  const events = { lost: (error: unknown) => told.push(error), stands: () => told.push('stands') }
  const connection = await connectRedis({ events, clock: systemClock, timeoutMs: 5000, ...options })
  t.teardown(() => connection.close())
  return { told, connection }
}

/** Asks until there is an answer. */
async function eventually (ask: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
}

t.test('a URL that is none is refused without being told', async t => {
  for (const url of ['secret', 'http://user:secret@host', 'redis://user:secret@host:port', '']) {
    const error = await connectRedis({ url, clock: systemClock, timeoutMs: 300 }).catch((error: unknown) => error) as Error
    t.match(error, { code: 'WECOM_ERR_CONFIG', message: /REDIS_URL: .*redis:\/\// })
    t.notMatch(error.message, /secret/)
  }
})

t.test('a package that is not installed is named', async t => {
  const load = (code: string) => async () => { throw Object.assign(new Error('no module'), { code }) }
  const options = { url: 'redis://localhost', clock: systemClock, timeoutMs: 300 }
  await t.rejects(connectRedis({ ...options, load: load('ERR_MODULE_NOT_FOUND') }), {
    code: 'WECOM_ERR_CONFIG', message: /REDIS_URL: .*npm install redis/
  })
  await t.rejects(connectRedis({ ...options, load: load('ERR_OTHER') }), { code: 'ERR_OTHER' })
})

t.test('a connection that was replaced is not told of any more, and closes behind its last reply', async t => {
  const clients: Array<Record<string, (error?: unknown) => void>> = []
  const closed: number[] = []
  const { told, connection } = await connect(t, {
    url: 'redis://localhost',
    load: async () => ({
      createClient () {
        const listeners: typeof clients[number] = {}
        const index = clients.push(listeners) - 1
        queueMicrotask(() => listeners['ready']?.())
        return {
          on (event, listener) { listeners[event] = listener },
          async connect () {},
          async close () {
            closed.push(index)
            throw new Error('closed already')
          },
          destroy () {},
          sendCommand: async () => index
        }
      }
    })
  })
  t.equal(await connection.command(['PING']), 0)
  connection.reconnect?.()
  await Promise.resolve()
  t.equal(await connection.command(['PING']), 1)
  t.strictSame(closed, [0])
  clients[0]?.['error']?.(new Error('lost'))
  t.strictSame(told, ['stands', 'stands'])
  clients[1]?.['error']?.(new Error('lost'))
  t.equal(told.length, 3)
})

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url } = redis

  t.test('commands are sent and answered, errors too, until it is closed', async t => {
    const { told, connection } = await connect(t, { url })
    t.equal(await connection.command(['ECHO', '限流😀']), '限流😀')
    await t.rejects(connection.command(['NOTHING']), { message: /unknown command/ })
    await connection.close()
    await connection.close()
    connection.reconnect?.()
    await t.rejects(connection.command(['PING']))
    t.strictSame(told, ['stands'])
  })

  t.test('a lost connection is made good by itself, and told', async t => {
    const proxy = await startRedisProxy(url)
    t.teardown(() => proxy.close())
    const { told, connection } = await connect(t, { url: proxy.url })
    t.equal(connection.lastDisruptionAt?.(), -Infinity)
    for (let round = 1; round <= 3; round++) {
      const before = systemClock.now()
      proxy.dropNextReply()
      await t.rejects(connection.command(['EVAL', 'return 1', '0']))
      const lostAt = connection.lastDisruptionAt?.() as number
      t.ok(lostAt >= before)
      t.equal(await eventually(() => connection.command(['PING'])), 'PONG')
      t.ok(connection.lastDisruptionAt?.() as number > lostAt, 'it is settled only when it stands again')
      t.strictSame(told.map(event => event instanceof Error ? 'lost' : event), [
        'stands', ...Array.from({ length: round }, () => ['lost', 'stands']).flat()
      ])
    }
  })

  t.test('the server is looked for anew without a moment in which there is none', async t => {
    const proxy = await startRedisProxy(url)
    t.teardown(() => proxy.close())
    const { connection } = await connect(t, { url: proxy.url })
    connection.reconnect?.()
    connection.reconnect?.()
    t.equal(await connection.command(['PING']), 'PONG')
    while (Number(connection.lastDisruptionAt?.()) < 0) await new Promise(resolve => setTimeout(resolve, 5))
    t.equal(proxy.connections, 2, 'one at a time')
    t.equal(await connection.command(['PING']), 'PONG')
    connection.reconnect?.()
    await connection.close()
    await t.rejects(connection.command(['PING']))
  })

  t.test('a connection that takes everything and answers nothing is given up', async t => {
    const proxy = await startRedisProxy(url)
    t.teardown(() => proxy.close())
    const clock = createManualClock()
    const { connection } = await connect(t, { url: proxy.url, clock, timeoutMs: 300 })
    const ask = async (): Promise<unknown> => {
      const asked = connection.command(['PING']).catch((error: Error) => error)
      await clock.advance(300)
      return await asked
    }
    await connection.command(['PING'])
    proxy.stall()
    for (const waitMs of [0, 600, 600, 600]) {
      await clock.advance(waitMs)
      t.hasStrict(await ask(), { code: 'WECOM_ERR_REDIS_TIMEOUT' })
    }
    t.equal(proxy.connections, 1, 'a short silence costs no connection')
    await clock.advance(900)
    await Promise.all([ask(), ask()])
    proxy.resume()
    t.equal(await eventually(() => connection.command(['PING'])), 'PONG')
    t.equal(proxy.connections, 2)
    await clock.advance(10_000)
    proxy.stall()
    await ask()
    proxy.resume()
    await connection.command(['PING'])
    await clock.advance(10_000)
    proxy.stall()
    await ask()
    proxy.resume()
    t.equal(await connection.command(['PING']), 'PONG')
    t.equal(proxy.connections, 2, 'silences that were broken do not add up')
  })
}

if (hasRedisServer()) {
  t.test('a server that is away at first is no obstacle, and commands fail at once until it is there', async t => {
    const server = await startRedisServer()
    await server.stop()
    const { told, connection } = await connect(t, { url: server.url })
    t.hasStrict(told, [{ code: 'ECONNREFUSED' }])
    const before = Date.now()
    await t.rejects(connection.command(['PING']))
    t.ok(Date.now() - before < 4000, 'it does not wait for its time limit')
  })
}
