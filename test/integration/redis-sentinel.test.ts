import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createClient, createSentinel } from 'redis'
import t from 'tap'
import type { Test } from 'tap'
import { buildApp, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import { answers, freePort, startRedisServer } from '../fixtures/redis-server.ts'
import { until } from '../fixtures/waiting.ts'

const isInstalled = spawnSync('redis-sentinel', ['--version']).status === 0
const WORDS = 150

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** A master with a replica, watched by a sentinel that promotes the replica if the master is gone for a second. */
async function startGroup (t: Test) {
  const [master, replica] = [await startRedisServer(), await startRedisServer()]
  for (const server of [master, replica]) t.teardown(() => server.stop())
  const admin = createClient({ url: replica.url })
  admin.on('error', () => {})
  await admin.connect()
  t.teardown(() => admin.destroy())
  await admin.sendCommand(['REPLICAOF', '127.0.0.1', String(master.port)])
  await until(async () => String(await admin.sendCommand(['INFO', 'replication'])).includes('master_link_status:up'))
  const [dir, port] = [mkdtempSync(join(tmpdir(), 'sentinel-')), await freePort()]
  writeFileSync(join(dir, 'sentinel.conf'), [
    `port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `sentinel monitor group 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds group 1000', 'sentinel failover-timeout group 5000', ''
  ].join('\n'))
  const child = spawn('redis-sentinel', [join(dir, 'sentinel.conf')], { stdio: 'ignore' })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    rmSync(dir, { recursive: true })
  })
  while (!await answers(port)) await pause(20)
  const sentinel = createClient({ url: `redis://127.0.0.1:${port}` })
  sentinel.on('error', () => {})
  await sentinel.connect()
  t.teardown(() => sentinel.destroy())
  await until(async () => String(await sentinel.sendCommand(['INFO', 'sentinel'])).includes('status=ok') &&
    /slaves=1/.test(String(await sentinel.sendCommand(['INFO', 'sentinel']))))
  return {
    sentinel: { host: '127.0.0.1', port },
    master,
    // A sentinel cuts the connections of who it promotes.
    isPromoted: async () => (await admin.sendCommand(['ROLE']).catch(() => []) as unknown as string[])[0] === 'master'
  }
}

type Group = Awaited<ReturnType<typeof startGroup>>

const clients = {
  async redis (t: Test, { sentinel }: Group) {
    const client = createSentinel({ name: 'group', sentinelRootNodes: [sentinel], nodeClientOptions: { disableOfflineQueue: true } })
    client.on('error', () => {})
    await client.connect()
    t.teardown(() => client.destroy())
    return client
  },
  async ioredis (t: Test, { sentinel }: Group) {
    const client = new Redis({
      sentinels: [sentinel],
      name: 'group',
      enableOfflineQueue: false,
      lazyConnect: true,
      sentinelRetryStrategy: () => 200,
      reconnectOnError: error => error.message.includes('READONLY') ? 2 : false
    })
    client.on('error', () => {})
    await client.connect()
    t.teardown(() => client.disconnect())
    return client
  }
}

if (isInstalled && process.env['CI'] !== 'true') {
  for (const name of ['redis', 'ioredis'] as const) {
    t.test(`a failover by a sentinel, with a client of ${name}`, { timeout: 90_000 }, async t => {
      const group = await startGroup(t)
      const calls: string[] = []
      const { app, lines } = await buildApp(t, {
        redis: { client: await clients[name](t, group), prefix: 'sentinel:' },
        async * source ({ prompt }) {
          calls.push(prompt)
          if (prompt !== 'long') yield `an answer to ${prompt}`
          else {
            for (let word = 0; word < WORDS; word++) {
              yield `${word} `
              await pause(100)
            }
          }
        }
      })
      async function ask (text: string): Promise<string> {
        const from = { from: { userid: text } }
        const { stream: { id, ...first } } = await post(app, textMessage(text, from))
        let [finish, shown] = [first.finish, first.content ?? '']
        for (const patience = Date.now() + 40_000; finish !== true && Date.now() < patience;) {
          await pause(200)
          const { stream } = await post(app, refreshMessage(id, from))
          finish = stream.finish
          if (stream.content !== undefined) shown = stream.content
        }
        return shown
      }

      const long = ask('long')
      await pause(1000)
      t.equal(await ask('before'), 'an answer to before')
      const diedAt = Date.now()
      await group.master.stop()
      await until(() => group.isPromoted())
      const promotedAt = Date.now()
      let [askedAt, answer] = [promotedAt, '']
      while (!answer.startsWith('an answer') && askedAt - promotedAt < 30_000) {
        askedAt = Date.now()
        answer = await ask(`after ${askedAt - promotedAt} ms`)
        await pause(200)
      }
      t.ok(askedAt - promotedAt < 5000, `answered to who asked ${askedAt - promotedAt} ms after the promotion: ${answer}`)
      t.equal(await long, Array.from({ length: WORDS }, (_, word) => `${word} `).join(''), 'whole')
      t.equal(calls.filter(prompt => prompt === 'long').length, 1, 'its source is called once')
      await until(() => lines.some(({ msg }) => msg === 'Redis is back'))
      const told = lines.filter(({ level, streamId }) => level >= 50 && streamId === undefined).map(({ msg }) => msg)
      t.comment(`promoted ${promotedAt - diedAt} ms after the death, answered ${askedAt - promotedAt} ms later; ${told.join(', ')}`)
    })
  }
} else {
  // The machine of CI has no sentinel, and none is installed for it: the failovers of redis-failover.test.ts are run there.
  t.test('a failover by a sentinel', { skip: isInstalled ? 'not run in CI' : 'redis-sentinel is not installed' }, () => {})
}
