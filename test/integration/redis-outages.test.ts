import t from 'tap'
import type { Test } from 'tap'
import { connectRedis } from '../../lib/stores/redis/client.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { model, promptOf, words } from '../fixtures/model.ts'
import { createProvider } from '../fixtures/provider.ts'
import { startRedisProxy } from '../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { SECRETS, startBalancer, startReplica, valueOf, wecomAt } from '../fixtures/replicas.ts'
import type { Replica } from '../fixtures/replicas.ts'

const texts = loadTexts()
const LONG = process.env['FAULTS'] === 'long'
const DROPS = LONG ? 1000 : 100
const RESTARTS = LONG ? 20 : 3
const STREAMS = 6
/** WeCom waits so long for a reply. A refresh takes milliseconds, and an excuse the half second for which a command is repeated. */
const REPLY_MS = 5000
const PREFIX = 'outages:'

t.setTimeout(LONG ? 900_000 : 120_000)
// Each has a server and replicas of its own, and waits most of the time.
t.jobs = 3

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

if (hasRedisServer()) {
  const provider = await createProvider()
  provider.respondWith(model)
  t.teardown(() => provider.close())

  async function startGroup () {
    const server = await startRedisServer()
    t.teardown(() => server.stop())
    const proxy = await startRedisProxy(server.url)
    t.teardown(() => proxy.close())
    const replicas = await Promise.all(
      ['a', 'b'].map(name => startReplica(t, name, { redis: { url: proxy.url, prefix: PREFIX }, providerUrl: provider.url }))
    ) as [Replica, Replica]
    // What runs for the first time is slow.
    for (const { callback } of replicas) await wecomAt(callback, { refreshMs: 50 }).send('1 words every 1 ms, to warm up')
    return { server, proxy, replicas }
  }
  type Group = Awaited<ReturnType<typeof startGroup>>

  const [dropping, restarting, leaving] = await Promise.all([startGroup(), startGroup(), startGroup()])

  /** Streams that run until the faults are over; then all of them have to be whole. */
  async function withStreams (
    t: Test, { replicas }: Group, name: string, count: number, faults: () => Promise<void>
  ): Promise<void> {
    const balancer = await startBalancer(t, () => replicas)
    const wecom = wecomAt(balancer.callback, { refreshMs: 200 })
    const asked = Array.from(
      { length: STREAMS }, (_, index) => wecom.send(`${count} words every 50 ms, ${name} ${index}`, { user: `${name} ${index}`, late: 2 })
    )
    while (provider.requests.filter(request => promptOf(request).includes(name)).length < STREAMS) await pause(10)
    await pause(300)
    let over = false
    const all = Promise.all(asked).then(transcripts => {
      t.ok(over, 'they ran until the faults were over')
      return transcripts
    })
    await faults()
    over = true
    for (const { content, problems } of await all) {
      t.ok(content === words(count), `whole: ${content.slice(-60)}`)
      // What one replica remembers may be older than what the other has shown; nothing else may be amiss.
      t.strictSame(problems.filter(problem => !/the text does not start with .*: it ends at offset/.test(problem)), [])
    }
    t.equal(provider.requests.filter(request => promptOf(request).includes(name)).length, STREAMS, 'no model is asked twice')
    t.strictSame(balancer.failures, [])
    t.ok(balancer.slowestMs < REPLY_MS, `the slowest refresh took ${balancer.slowestMs} ms`)
  }

  t.test(`${DROPS} lost replies double nothing and lose nothing`, { timeout: LONG ? 300_000 : 60_000 }, async t => {
    const { proxy } = dropping
    const before = proxy.dropped
    await withStreams(t, dropping, 'dropped', LONG ? 3000 : 260, async () => {
      while (proxy.dropped < before + DROPS) {
        proxy.dropNextReply()
        await pause(5)
      }
    })
    t.comment(`${proxy.dropped - before} replies were lost, over ${proxy.connections} connections`)
  })

  t.test(`${RESTARTS} restarts of a Redis that keeps nothing`, { timeout: LONG ? 300_000 : 60_000 }, async t => {
    const { server } = restarting
    await withStreams(t, restarting, 'restarted', LONG ? 1400 : 240, async () => {
      for (let index = 0; index < RESTARTS; index++) {
        await server.stop()
        await pause(index % 3 * 300)
        await server.start()
        await pause(2500)
      }
    })
  })

  t.test('while Redis is away refreshes are answered from what is known, and everything recovers', { timeout: 60_000 }, async t => {
    const { server, replicas: [{ callback }] } = leaving
    await withStreams(t, leaving, 'away', 200, async () => {
      await pause(500)
      await server.stop()
      const startedAt = Date.now()
      const wecom = wecomAt(callback)
      const refused = await wecom.send('hello?')
      t.ok(refused.content.startsWith(texts.failures.BUSY), refused.content)
      t.ok(Date.now() - startedAt < REPLY_MS, `refused after ${Date.now() - startedAt} ms`)
      await pause(2000)
      await server.start()
      const until = Date.now() + 30_000
      let said = ''
      while (said !== '1 messages' && Date.now() < until) {
        said = (await wecomAt(callback, { refreshMs: 100 }).send(
          'hello again', { user: `user ${Date.now()}` }
        )).content
      }
      t.equal(said, '1 messages')
    })
  })

  // Behind all of them.
  t.jobs = 1
  t.test('no key is outside the prefix, stays for good or holds a secret', async t => {
    for (const { server } of [dropping, restarting, leaving]) {
      const connection = await connectRedis({ url: server.url, clock: systemClock, timeoutMs: 5000 })
      const keys = (await connection.command(['KEYS', '*']) as unknown[]).map(String)
      t.ok(keys.length > STREAMS)
      for (const key of keys) {
        if (!key.startsWith(PREFIX)) t.fail(`${key} is outside the prefix`)
        if (Number(await connection.command(['PTTL', key])) === -1) t.fail(`${key} stays for good`)
        const dump = await valueOf(connection, key)
        for (const secret of SECRETS) if (dump.includes(secret)) t.fail(`${key} holds ${secret}`)
      }
      await connection.close()
    }
  })
} else {
  t.test('there is no redis-server', { skip: process.env['CI'] !== 'true' }, t => {
    t.fail('CI needs a redis-server')
    t.end()
  })
}
