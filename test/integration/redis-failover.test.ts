import { Redis } from 'ioredis'
import { createClient } from 'redis'
import t from 'tap'
import type { Test } from 'tap'
import type { WecomStreamOptions } from '../../plugins/index.ts'
import { buildApp, follow, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import { startRedisProxy } from '../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { until } from '../fixtures/waiting.ts'

async function adminOf (t: Test, url: string) {
  const admin = createClient({ url })
  admin.on('error', () => {})
  await admin.connect()
  t.teardown(() => admin.destroy())
  return admin
}

/** Waits until so many apps have tried what Redis lets them do. They end with two INFO. */
async function untilTried (admin: Awaited<ReturnType<typeof adminOf>>, apps: number): Promise<void> {
  let own = 0
  await until(async () => {
    const calls = Number(/^cmdstat_info:calls=(\d+)/m.exec(String(await admin.sendCommand(['INFO', 'commandstats'])))?.[1] ?? 0)
    return calls - own++ >= 2 * apps
  })
}

const errorsIn = (lines: Array<Record<string, unknown>>) =>
  lines.filter(({ level, streamId, reference }) => Number(level) >= 50 && (streamId ?? reference) === undefined)

// Each has a server of its own, and waits most of the time.
t.jobs = 6

if (hasRedisServer()) {
  t.test('after a failover behind one address a new question is answered within five seconds', async t => {
    const [a, b] = [await startRedisServer(), await startRedisServer()]
    for (const server of [a, b]) t.teardown(() => server.stop())
    const [adminA, adminB] = [await adminOf(t, a.url), await adminOf(t, b.url)]
    await adminB.sendCommand(['REPLICAOF', '127.0.0.1', String(a.port)])
    await until(async () => String(await adminB.sendCommand(['INFO', 'replication'])).includes('master_link_status:up'))
    const proxy = await startRedisProxy(a.url)
    t.teardown(() => proxy.close())
    const { app, lines } = await buildApp(t, { redis: { url: proxy.url, prefix: 'failover:' } })
    const ask = async (text: string) => {
      const { stream } = await post(app, textMessage(text))
      // An excuse is there at once, and is no stream.
      return stream.finish === true ? stream.content : (await follow(app, stream.id as string)).at(-1)?.content
    }
    t.match(await ask('before'), /^Q: before/)
    await adminB.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    await adminA.sendCommand(['REPLICAOF', '127.0.0.1', String(b.port)])
    proxy.lead(b.url)
    const promotedAt = Date.now()
    // The standing connection leads to what is a replica now.
    let [askedAt, answer] = [promotedAt, undefined as string | undefined]
    while (answer?.startsWith('Q: after') !== true && askedAt - promotedAt < 30_000) {
      askedAt = Date.now()
      answer = await ask(`after ${askedAt - promotedAt} ms`)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    t.ok(askedAt - promotedAt < 5000, `answered to who asked ${askedAt - promotedAt} ms after it: ${answer}`)
    await until(() => lines.some(({ msg }) => msg === 'Redis is back'))
    t.hasStrict(errorsIn(lines), [{ msg: 'this server of Redis takes no commands now', code: 'READONLY' }])
    t.equal(errorsIn(lines).length, 1, 'one line')
  })

  t.test('a client of the host that stays with the old master is named, with what to set', async t => {
    const server = await startRedisServer()
    t.teardown(() => server.stop())
    const admin = await adminOf(t, server.url)
    const client = await adminOf(t, server.url)
    const { app, lines } = await buildApp(t, { redis: { client, prefix: 'failover:' } })
    await untilTried(admin, 1)
    await admin.sendCommand(['REPLICAOF', '127.0.0.1', '1'])
    for (let index = 0; index < 5; index++) {
      await t.rejects(app.startStream('hi'), { code: 'WECOM_ERR_UNAVAILABLE', cause: { message: /^READONLY/ } })
    }
    t.match(errorsIn(lines), [{ msg: 'this server of Redis takes no commands now', operation: 'streams.create', cure: /createSentinel/ }])
    t.equal(errorsIn(lines).length, 1)
    await admin.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    await until(() => lines.some(({ msg }) => msg === 'Redis is back'))
    t.ok(await app.startStream('hi'))
  })

  for (const name of ['redis', 'ioredis'] as const) {
    t.test(`after a restart that a client of ${name} has not told of, no stream is called expired for five seconds`, async t => {
      const server = await startRedisServer()
      t.teardown(() => server.stop())
      const node = createClient({ url: server.url })
      const io = new Redis(server.url, { lazyConnect: true })
      for (const one of [node, io]) one.on('error', () => {})
      const client = name === 'redis' ? node : io
      await client.connect()
      t.teardown(() => name === 'redis' ? node.destroy() : io.disconnect())
      const { app, lines } = await buildApp(t, { redis: { client, prefix: 'restarted:' } })
      const ask = async () => await post(app, refreshMessage('0123456789abcdef0123456789abcdef'))
      await until(async () => (await ask()).stream.finish === true)
      await server.stop()
      await server.start()
      // Nothing is sent meanwhile.
      await until(() => name === 'redis' ? node.isReady : io.status === 'ready')
      const restartedAt = Date.now()
      t.strictSame([(await ask()).statusCode, (await ask()).reply], [200, undefined], 'the owner is about to write it anew')
      await until(async () => (await ask()).stream.finish === true)
      t.ok(Date.now() - restartedAt >= 4900, `called expired after ${Date.now() - restartedAt} ms`)
      t.strictSame(errorsIn(lines), [])
    })
  }

  t.test('a command that Redis refuses is told at once, with its cure, and not for each attempt', async t => {
    const server = await startRedisServer()
    t.teardown(() => server.stop())
    const admin = await adminOf(t, server.url)
    await admin.sendCommand(['ACL', 'SETUSER', 'default', '-append'])
    const { app, lines } = await buildApp(t, { redis: { url: server.url, prefix: 'refused:' } })
    await post(app, textMessage('hi'))
    await until(() => errorsIn(lines).length > 0)
    t.match(errorsIn(lines), [{ msg: 'Redis refuses a command', operation: 'streams.append', cure: /ACL/ }])
    await new Promise(resolve => setTimeout(resolve, 1500))
    t.equal(errorsIn(lines).length, 1)
    await admin.sendCommand(['ACL', 'SETUSER', 'default', '+append'])
  })

  for (const [fault, code, refuse] of [
    ['an ACL without APPEND', /^(NOPERM|ERR)$/, ['ACL', 'SETUSER', 'default', '-append']],
    ['no memory left', /^OOM$/, ['CONFIG', 'SET', 'maxmemory', '1']]
  ] as const) {
    t.test(`with ${fault} a bubble ends at its deadline, with the text that was stored, and the log says why at once`, async t => {
      const server = await startRedisServer()
      t.teardown(() => server.stop())
      const admin = await adminOf(t, server.url)
      let goOn = (): void => {}
      const refused = new Promise<void>(resolve => { goOn = resolve })
      const options: WecomStreamOptions = {
        redis: { url: server.url, prefix: 'refusing:' }, deadlineMs: 6000, lateDeadlineMs: 0, firstReplyGraceMs: 0
      }
      const { app, lines } = await buildApp(t, {
        ...options,
        async * source (_turn, { signal }) {
          yield 'begun'
          await refused
          yield ' and not stored'
          await new Promise(resolve => signal.addEventListener('abort', resolve))
        }
      })
      const { app: other } = await buildApp(t, options)
      await untilTried(admin, 2)
      const askedAt = Date.now()
      const id = (await post(app, textMessage('hi'))).stream.id as string
      const shown = async (by = app) => (await post(by, refreshMessage(id))).stream
      await until(async () => (await shown()).content === 'begun')
      t.equal((await shown(other)).content, 'begun')
      await admin.sendCommand([...refuse])
      goOn()
      await until(() => errorsIn(lines).length > 0)
      t.match(errorsIn(lines), [{ msg: 'Redis refuses a command', operation: /^streams\./, code, cure: String }])
      t.ok(Date.now() - askedAt < 4000, 'long before the deadline')
      for (const by of [app, other]) {
        await until(async () => (await shown(by)).finish === true)
        t.ok(Date.now() - askedAt < 8000, `ended after ${Date.now() - askedAt} ms`)
        t.match((await shown(by)).content, /^begun\n\n响应超时/)
      }
      t.equal(errorsIn(lines).length, 1, 'one line')
    })
  }

  t.test('with Redis away the methods reject with an error of ours, and a source of this process is stopped', async t => {
    const server = await startRedisServer()
    t.teardown(() => server.stop())
    let stopped = false
    const { app } = await buildApp(t, {
      redis: { url: server.url, prefix: 'methods:' },
      async * source (_turn, { signal }) {
        yield 'begun'
        await new Promise(resolve => signal.addEventListener('abort', resolve))
        stopped = true
      }
    })
    const id = await app.startStream('hi')
    await until(async () => (await app.getStreamState(id)).content === 'begun')
    await server.stop()
    const away = { name: 'UnavailableError', code: 'WECOM_ERR_UNAVAILABLE', statusCode: 503 }
    await t.rejects(app.startStream('hi'), away)
    await t.rejects(app.getStreamState(id), away)
    await t.rejects(app.followStream(id)[Symbol.asyncIterator]().next(), away)
    t.notOk(stopped)
    await t.rejects(app.stopStream(id), away)
    await until(() => stopped)
    await server.start()
  })
} else {
  t.test('there is no redis-server', { skip: process.env['CI'] !== 'true' }, t => {
    t.fail('CI needs a redis-server')
    t.end()
  })
}
