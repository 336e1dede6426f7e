import t from 'tap'
import { readConfig } from '../../../lib/config/config.ts'
import { streamsSettings } from '../../../lib/config/settings.ts'
import type { StreamsConfig } from '../../../lib/config/settings.ts'
import { createStores } from '../../../lib/config/stores.ts'
import { adaptRedis } from '../../../lib/stores/redis/connection.ts'
import { hashTag } from '../../../lib/stores/redis/format.ts'
import { systemClock } from '../../../lib/util/clock.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { openRedis } from '../../fixtures/redis.ts'

const configFor = (env: Record<string, string> = {}): StreamsConfig =>
  readConfig(streamsSettings, { options: {}, env, extraOptions: [] }).config

t.test('without a server everything is kept in this process, within the bounds of the config', async t => {
  const clock = createManualClock()
  const config = configFor({ STREAM_RETENTION_MS: '5000', STREAM_MAX_FINISHED: '2', STREAM_HISTORY_TURNS: '1' })
  const { store, history, lines, facts, close } = await createStores({ config, client: undefined, clock, log: createLog() })
  t.equal(store.shared, undefined)
  for (const id of ['a', 'b', 'c']) await store.create({ id, outcome: { status: 'done' } })
  t.strictSame(await Promise.all(['a', 'b', 'c'].map(async id => (await store.read(id))?.record.status)), [undefined, 'done', 'done'])
  await clock.advance(5000)
  t.equal((await store.read('c'))?.record, undefined)
  for (const prompt of ['one', 'two']) await history.add('k', (await history.read('k')).generation, { prompt, reply: prompt })
  t.hasStrict((await history.read('k')).turns, [{ prompt: 'two' }])
  await lines.join('k', 's', clock.now() + 1000)
  t.strictSame(await lines.read('k'), ['s'])
  t.equal(await facts.putIfAbsent('k', 'v', 1000), 'v')
  for (const kept of [store, history, lines, facts]) await kept.close()
  await close()
  t.equal(clock.pending, 0)
})

/** A client that is asked and never answers. */
function silentClient () {
  const asked: string[][] = []
  return { asked, client: { sendCommand: (args: string[]): Promise<never> => { asked.push(args); return new Promise(() => {}) } } }
}

t.test('a client of the host\'s is asked with the prefix and the time-out of the config', async t => {
  const clock = createManualClock()
  const { asked, client } = silentClient()
  const config = configFor({ REDIS_PREFIX: 'mine:', REDIS_COMMAND_TIMEOUT_MS: '40' })
  const { store, history, lines, facts, close } = await createStores({ config, client, clock, log: createLog() })
  t.ok(store.shared)
  // The scratch stream, which nobody answers.
  await clock.advance(5000)
  const calls: Array<() => Promise<unknown>> = [() => store.read('s'), () => history.read('k'), () => lines.read('k'), () => facts.get('k')]
  for (const call of calls) {
    asked.length = 0
    const calling = call()
    calling.catch(() => {})
    await clock.advance(39)
    t.equal(asked.filter(args => !args[1]?.startsWith('mine:p:')).length, 1)
    t.ok(asked.every(args => args.some(arg => arg.startsWith('mine:'))))
    await clock.advance(1)
    await t.rejects(calling, { code: 'WECOM_ERR_UNAVAILABLE', cause: { message: /40 ms/ } })
  }
  for (const kept of [store, history, lines, facts]) await kept.close()
  await close()
  t.equal(clock.pending, 0)
})

t.test('a client of the host\'s comes before a URL', async t => {
  const { asked, client } = silentClient()
  const clock = createManualClock()
  const { store, close } = await createStores({ config: configFor({ REDIS_URL: 'redis://127.0.0.1:1' }), client, clock, log: createLog() })
  store.read('s').catch(() => {})
  t.equal(asked.length, 2, 'that, and the scratch stream')
  await clock.advance(1000)
  await close()
})

t.test('the health of a store in this process is that of the process, one elsewhere can be asked', async t => {
  const clock = createManualClock()
  const here = await createStores({ config: configFor(), client: undefined, clock, log: createLog() })
  t.strictSame(here.health, { kind: 'memory' })
  const { asked, client } = silentClient()
  const { health, close } = await createStores({ config: configFor({ REDIS_PREFIX: 'mine:' }), client, clock, log: createLog() })
  t.equal(health.kind, 'redis')
  t.equal(health.evictionPolicy?.(), undefined)
  t.equal(health.lastDisruptionAt?.(), -Infinity)
  const checking = t.rejects(health.check?.() as Promise<unknown>, { code: 'WECOM_ERR_UNAVAILABLE' })
  t.strictSame(asked.at(-1), ['SET', 'mine:p:{p}', '1', 'PX', '1000'])
  await clock.advance(1000)
  await checking
  t.ok(Number(health.lastDisruptionAt?.()) > 0)
  await close()
})

t.test('a server that is away keeps nobody from starting', async t => {
  const log = createLog()
  const { store, close } = await createStores(
    { config: configFor({ REDIS_URL: 'redis://127.0.0.1:1' }), client: undefined, clock: systemClock, log }
  )
  await t.rejects(store.read('s'))
  t.hasStrict(log.lines, [{ level: 'error', message: 'Redis is away', fields: { operation: 'connect', cause: { code: 'ECONNREFUSED' } } }])
  await close()
})

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url, newPrefix, keys, connection } = redis

  t.test('with a URL everything is kept there, for all who have it', async t => {
    const prefix = newPrefix()
    const open = async (env: Record<string, string> = {}) => {
      const config = configFor({
        REDIS_URL: url,
        REDIS_PREFIX: prefix,
        REDIS_COMMAND_TIMEOUT_MS: '5000',
        STREAM_RETENTION_MS: '50000',
        STREAM_HISTORY_TURNS: '1',
        ...env
      })
      return await createStores({ config, client: undefined, clock: systemClock, log: createLog() })
    }
    const [one, two] = await Promise.all([open(), open()])
    await one.store.create({ id: 's', claim: 'c' })
    await one.store.append('s', 1, 'content', 0, 'a')
    t.hasStrict((await two.store.read('s'))?.record, { content: 'a' })
    await two.store.end('s', 1, { status: 'done' })
    for (const key of await keys(prefix)) t.ok(Number(await connection.command(['PTTL', key], key)) <= 50_000)
    for (const prompt of ['one', 'two']) await one.history.add('k', (await one.history.read('k')).generation, { prompt, reply: prompt })
    const { turns } = await two.history.read('k')
    t.hasStrict(turns, [{ prompt: 'two' }])
    t.equal(turns.length, 1)
    await one.lines.join('k', 's', systemClock.now() + 10_000)
    t.strictSame(await two.lines.read('k'), ['s'])
    await one.facts.putIfAbsent('k', 'v', 10_000)
    t.equal(await two.facts.get('k'), 'v')
    await one.close()
    await t.rejects(one.store.read('s'))
    t.hasStrict((await two.store.read('s'))?.record, { status: 'done' })
    for (const { store, history, lines, facts, close } of [one, two]) {
      for (const kept of [store, history, lines, facts]) await kept.close()
      await close()
    }
  })

  t.test('a client of the host\'s stays open', async t => {
    const { createClient } = await import('redis')
    const client = createClient({ url })
    await client.connect()
    const prefix = newPrefix()
    const { store, close } = await createStores(
      { config: configFor({ REDIS_PREFIX: prefix, REDIS_COMMAND_TIMEOUT_MS: '5000' }), client, clock: systemClock, log: createLog() }
    )
    await store.create({ id: 's' })
    t.hasStrict((await store.read('s'))?.record, { status: 'running' })
    await store.close()
    await close()
    t.equal((await keys(prefix)).filter(key => key.endsWith(hashTag('s'))).length, 1)
    t.equal(String(await adaptRedis(client, { clock: systemClock, timeoutMs: 5000 }).command(['PING'])), 'PONG')
    client.destroy()
  })

  redis.everyKeyExpires()
}
