import t from 'tap'
import type { Test } from 'tap'
import { connectRedis } from '../../../../lib/stores/redis/client.ts'
import type { RedisUrlOptions } from '../../../../lib/stores/redis/client.ts'
import { systemClock } from '../../../../lib/util/clock.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { startRedisProxy } from '../../../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../../../fixtures/redis-server.ts'
import { openRedis } from '../../../fixtures/redis.ts'

const PASSWORD = 'pass"wörd'

async function connect (t: Test, options: Partial<RedisUrlOptions> & { url: string }) {
  const log = createLog()
  const connection = await connectRedis({ log, clock: systemClock, timeoutMs: 5000, ...options })
  t.teardown(() => connection.close())
  return { log, connection }
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
    const error = await connectRedis({ url, log: createLog(), clock: systemClock, timeoutMs: 300 }).catch(
      (error: unknown) => error
    ) as Error
    t.match(error, { code: 'WECOM_ERR_CONFIG', message: /REDIS_URL: .*redis:\/\// })
    t.notMatch(error.message, /secret/)
  }
})

t.test('a package that is not installed is named', async t => {
  const load = (code: string) => async () => { throw Object.assign(new Error('no module'), { code }) }
  const options = { url: 'redis://localhost', log: createLog(), clock: systemClock, timeoutMs: 300 }
  await t.rejects(connectRedis({ ...options, load: load('ERR_MODULE_NOT_FOUND') }), {
    code: 'WECOM_ERR_CONFIG', message: /REDIS_URL: .*npm install redis/
  })
  await t.rejects(connectRedis({ ...options, load: load('ERR_OTHER') }), { code: 'ERR_OTHER' })
})

t.test('whatever an error of the client quotes, the URL and the password are taken out', async t => {
  const url = `redis://user:${encodeURIComponent(PASSWORD)}@host`
  const { log } = await connect(t, {
    url,
    load: async () => ({
      createClient: () => ({
        on (event, listener) {
          if (event === 'error') {
            queueMicrotask(() => listener(new Error(`${PASSWORD} ${encodeURIComponent(PASSWORD)} ${JSON.stringify({ url, PASSWORD })}`)))
          }
        },
        async connect () { throw new Error('away') },
        destroy () {},
        async sendCommand () {}
      })
    })
  })
  t.equal(log.lines.length, 1)
  const told = JSON.stringify(log.lines)
  for (const secret of ['pass', encodeURIComponent('wörd'), 'user', 'host"']) t.notOk(told.includes(secret), secret)
})

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url } = redis

  t.test('commands are sent and answered, errors too, until it is closed', async t => {
    const { log, connection } = await connect(t, { url })
    t.equal(await connection.command(['ECHO', '限流😀']), '限流😀')
    await t.rejects(connection.command(['NOTHING']), { message: /unknown command/ })
    await connection.close()
    await connection.close()
    await t.rejects(connection.command(['PING']))
    t.strictSame(log.lines, [])
  })

  t.test('a lost connection is made good by itself, and told once', async t => {
    const proxy = await startRedisProxy(url)
    t.teardown(() => proxy.close())
    const { log, connection } = await connect(t, { url: proxy.url })
    t.equal(connection.lastDisruptionAt?.(), -Infinity)
    for (let round = 1; round <= 3; round++) {
      const before = systemClock.now()
      proxy.dropNextReply()
      await t.rejects(connection.command(['EVAL', 'return 1', '0']))
      const lostAt = connection.lastDisruptionAt?.() as number
      t.ok(lostAt >= before)
      t.equal(await eventually(() => connection.command(['PING'])), 'PONG')
      t.ok(connection.lastDisruptionAt?.() as number > lostAt, 'it is settled only when it stands again')
      t.strictSame(log.lines.map(({ level, message }) => `${level}: ${message}`), Array.from({ length: round }, () => [
        'error: the connection to Redis is lost', 'info: the connection to Redis stands again'
      ]).flat())
    }
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
      t.match(await ask(), { code: 'WECOM_ERR_REDIS_TIMEOUT' })
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
    const { log, connection } = await connect(t, { url: server.url })
    t.match(log.lines, [{ level: 'error', fields: { cause: { code: 'ECONNREFUSED' } } }])
    const before = Date.now()
    await t.rejects(connection.command(['PING']))
    t.ok(Date.now() - before < 1000)
    await new Promise(resolve => setTimeout(resolve, 200))
    t.equal(log.lines.length, 1, 'each attempt fails, and one is told')
  })

  t.test('neither the URL nor the password is logged', async t => {
    const server = await startRedisServer('--requirepass', 'another')
    t.teardown(() => server.stop())
    const url = server.url.replace('//', `//default:${encodeURIComponent(PASSWORD)}@`)
    const { log, connection } = await connect(t, { url })
    t.match(log.lines, [{ level: 'error', fields: { cause: { message: /WRONGPASS/ } } }])
    await t.rejects(connection.command(['PING']))
    const told = JSON.stringify(log.lines)
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), url]) t.notOk(told.includes(secret))
    const { connection: right } = await connect(t, { url: server.url.replace('//', '//:another@') })
    t.equal(await right.command(['PING']), 'PONG')
  })
}
