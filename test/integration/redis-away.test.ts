import t from 'tap'
import type { Test } from 'tap'
import type { Transcript } from '../../plugins/testing.ts'
import { model, promptOf, words } from '../fixtures/model.ts'
import { createProvider } from '../fixtures/provider.ts'
import { startRedisProxy } from '../fixtures/redis-proxy.ts'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { replicaOf, startBalancer, startReplica, wecomAt } from '../fixtures/replicas.ts'
import type { Replica } from '../fixtures/replicas.ts'

const LONG = process.env['FAULTS'] === 'long'
const STREAMS = LONG ? 20 : 8
const WORDS = 300
/** Of a server that is away and comes back with all that it had. The time between two is less than an owner may need. */
const OUTAGES = LONG ? [[3], [7], [12], [7, 7]] : [[7, 7]]
const BETWEEN_MS = 1000
const OWNERLESS_MS = 20_000

t.setTimeout(LONG ? 600_000 : 180_000)
// Each has a way to Redis and replicas of its own, and waits most of the time.
t.jobs = 2

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

if (hasRedisServer()) {
  const provider = await createProvider()
  provider.respondWith(model)
  t.teardown(() => provider.close())
  const server = await startRedisServer()
  t.teardown(() => server.stop())

  /** Replicas that reach Redis in a way of their own. */
  async function startGroup (...names: string[]) {
    const proxy = await startRedisProxy(server.url)
    t.teardown(() => proxy.close())
    const options = { redis: { url: proxy.url, prefix: `${names}:`, commandTimeoutMs: 2000 }, providerUrl: provider.url }
    const replicas = await Promise.all(names.map(name => startReplica(t, name, options)))
    // What runs for the first time is slow.
    for (const { callback } of replicas) await wecomAt(callback, { refreshMs: 50 }).send('1 words every 1 ms, to warm up')
    return {
      replicas,
      join: () => startReplica(t, 'joined', options),
      async outage (seconds: number, meanwhile = async (): Promise<void> => {}): Promise<void> {
        proxy.refuse()
        await Promise.all([pause(seconds * 1000), meanwhile()])
        proxy.accept()
      }
    }
  }

  const callsFor = (prompt: string) => provider.requests.filter(request => promptOf(request) === prompt)
  const named = (name: string, count: number): string[] =>
    Array.from({ length: STREAMS }, (_, index) => `${count} words every 50 ms, ${name} ${index}`)

  async function ask (t: Test, prompts: readonly string[], replicas: () => readonly Replica[]): Promise<() => Promise<Transcript[]>> {
    const balancer = await startBalancer(t, replicas)
    let answered = 0
    const wecom = wecomAt(balancer.callback, {
      onExchange ({ text, answer }) { if (answer !== undefined && JSON.parse(text).msgtype === 'text') answered++ }
    })
    const asked = prompts.map((prompt, index) => wecom.send(prompt, { user: `${prompt} ${index}`, late: 1 }))
    // What is told of a busy machine is no matter of an outage: all of them run by then.
    while (answered < prompts.length || prompts.some(prompt => callsFor(prompt).length === 0)) await pause(10)
    return async () => {
      const transcripts = await Promise.all(asked)
      t.strictSame(balancer.failures, [])
      return transcripts
    }
  }

  const [living, dying] = await Promise.all([startGroup('a', 'b', 'c'), startGroup('dying', 'other')])

  for (const isJoined of LONG ? [false, true] : [true]) {
    for (const outages of OUTAGES) {
      const title = `${outages.join(' and ')} s without Redis${isJoined ? ', and a replica that starts as it comes back' : ''}`
      t.test(`${title}, run no source twice`, { timeout: 90_000 }, async t => {
        const all = [...living.replicas]
        const prompts = named(title, WORDS)
        const finished = await ask(t, prompts, () => all)
        await pause(500)
        for (const [index, seconds] of outages.entries()) {
          if (index > 0) await pause(BETWEEN_MS)
          await living.outage(seconds, async () => {
            if (isJoined && index === outages.length - 1) all.push(await living.join())
          })
        }
        for (const { content } of await finished()) t.ok(content === words(WORDS), `whole: ${content.slice(-60)}`)
        t.strictSame(prompts.map(prompt => callsFor(prompt).length), prompts.map(() => 1), 'no model is asked twice')
      })
    }
  }

  t.test('answers whose owner dies while Redis is away are whole soon after', { timeout: 90_000 }, async t => {
    const [owner, other] = dying.replicas as [Replica, Replica]
    let all = [owner]
    const prompts = named('owner dies', 60)
    const finished = await ask(t, prompts, () => all)
    all = [owner, other]
    await pause(500)
    await dying.outage(7, async () => {
      await pause(3000)
      owner.kill('SIGKILL')
    })
    const backAt = Date.now()
    for (const { content } of await finished()) t.ok(content === words(60), `whole: ${content.slice(-60)}`)
    const tookMs = Date.now() - backAt
    t.comment(`whole ${tookMs} ms after Redis was back`)
    t.ok(tookMs < OWNERLESS_MS, `whole after ${tookMs} ms`)
    for (const prompt of prompts) {
      const [first, second, ...more] = callsFor(prompt).map(replicaOf)
      t.equal(first, 'dying')
      t.ok(second !== undefined && more.length === 0, `begun anew once: ${prompt}`)
    }
  })
} else {
  t.test('there is no redis-server', { skip: process.env['CI'] !== 'true' }, t => {
    t.fail('CI needs a redis-server')
    t.end()
  })
}
