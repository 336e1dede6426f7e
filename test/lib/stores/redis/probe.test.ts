import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import t from 'tap'
import type { Test } from 'tap'
import { readConfig } from '../../../../lib/config/config.ts'
import { streamsSettings } from '../../../../lib/config/settings.ts'
import { createStores } from '../../../../lib/config/stores.ts'
import { connectRedis } from '../../../../lib/stores/redis/client.ts'
import { adaptRedis } from '../../../../lib/stores/redis/connection.ts'
import type { RedisClient } from '../../../../lib/stores/redis/connection.ts'
import { probeRedis } from '../../../../lib/stores/redis/probe.ts'
import { superviseRedis } from '../../../../lib/stores/redis/supervised.ts'
import { systemClock } from '../../../../lib/util/clock.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { managed } from '../../../fixtures/redis-managed.ts'
import { startRedisProxy } from '../../../fixtures/redis-proxy.ts'
import { scripts } from '../../../fixtures/redis-scripts.ts'
import { hasRedisServer, startRedisServer } from '../../../fixtures/redis-server.ts'
import { allowedCommands as commands, startRedisWithUser } from '../../../fixtures/redis-user.ts'
import { until } from '../../../fixtures/waiting.ts'

const timing = { clock: systemClock, timeoutMs: 5000 }
const POLICY = 'Redis evicts keys when it is full: answers and conversations get lost'

/** Opens a connection as the plugin does, and waits until all was tried. */
async function open (t: Test, given: { url: string } | { client: RedisClient }, prefix = 'wecom:') {
  const log = createLog()
  const runs = new Set<string>()
  let asked = false
  const opened = await superviseRedis({
    clock: systemClock,
    log,
    prefix,
    wrongServerCure: '',
    probe: async ({ connection, ...rest }) => {
      const { command } = connection
      await probeRedis({
        ...rest,
        connection: {
          ...connection,
          command: async (args, key, operation) => {
            runs.add(operation ?? String(args[0]))
            return await command(args, key, operation)
          }
        }
      })
    },
    connect: async events => {
      const connection = 'url' in given ? await connectRedis({ ...given, events, ...timing }) : adaptRedis(given.client, timing)
      const { command } = connection
      return {
        ...connection,
        async command (args, key) {
          try {
            return await command(args, key)
          } finally {
            asked ||= args[1] === 'memory'
          }
        }
      }
    }
  })
  t.teardown(() => opened.close())
  return { opened, log, runs, over: async () => { await until(() => asked) } }
}

t.test('a server that never answers keeps nobody from starting, and is tried until the stores are closed', async t => {
  const clock = createManualClock()
  const log = createLog()
  const asked: string[][] = []
  const client = { sendCommand: (args: string[]): Promise<never> => { asked.push(args); return new Promise(() => {}) } }
  const { config } = readConfig(streamsSettings, { options: {}, env: { REDIS_COMMAND_TIMEOUT_MS: '40' }, extraOptions: [] })
  // Whose clock stands still.
  const { close } = await createStores({ config, client, clock, log })
  t.equal(asked.length, 1)
  await clock.advance(5000)
  t.strictSame(log.lines.map(({ message }) => message), ['Redis is away'])
  t.ok(asked.length > 3)
  await close()
  await clock.advance(1000)
  t.equal(clock.pending, 0)
})

if (hasRedisServer()) {
  const { server, admin, asUser } = await startRedisWithUser(t)

  /** All of them end within ten seconds; what the attempts at counting leave does so, too. */
  async function keysThatStay (): Promise<string[]> {
    const stay: string[] = []
    for (const key of await admin.sendCommand(['KEYS', '*']) as unknown as string[]) {
      const ttl = Number(await admin.sendCommand(['PTTL', key]))
      if (!key.startsWith('wecom:') || ttl < 0 || ttl > 10_000) stay.push(`${key} ${ttl}`)
    }
    return stay
  }

  t.test('a life takes every script and every command, is and leaves nothing', async t => {
    await admin.sendCommand(['CONFIG', 'RESETSTAT'])
    const { log, runs, over } = await open(t, { url: asUser }, 'wecom:of-a-probe:')
    await over()
    t.strictSame(log.lines, [])
    t.strictSame(scripts.map(({ name }) => name).filter(name => !runs.has(name)), [])
    const stats = String(await admin.sendCommand(['INFO', 'commandstats']))
    // What gives up places is not due; PING is the client's.
    t.strictSame(commands.filter(name => !stats.includes(`cmdstat_${name}:`) && name !== 'ping'), [])
    t.strictSame(await keysThatStay(), [])
  })

  t.test('a user without one command is told of, once for each operation, with the cure', async t => {
    // Which of them need a command is said by their text; what comes of a failure is tried no more.
    const needing = (command: string): Set<string> => new Set([
      ...scripts.filter(({ lua }) => lua.includes(`'${command.toUpperCase()}'`)).map(({ name }) => name), command.toUpperCase()
    ])
    const everything = new Set([...scripts.map(({ name }) => name)])
    for (const command of commands.filter(name => name !== 'ping' && name !== 'eval')) {
      await admin.sendCommand(['ACL', 'SETUSER', 'wecom', `-${command}`])
      const { log, over } = await open(t, { url: asUser })
      await over()
      await admin.sendCommand(['ACL', 'SETUSER', 'wecom', `+${command}`])
      const told = log.lines.map(({ fields }) => String((fields as { operation: unknown }).operation))
      t.not(told.length, 0, `${command} is missed`)
      t.equal(new Set(told).size, told.length, `${told.join(' ')} are told once`)
      const known = command === 'evalsha' ? everything : needing(command)
      t.strictSame(told.filter(operation => !known.has(operation)), [], `those that need ${command}`)
      for (const { level, message, fields } of log.lines) {
        // It takes over a time to live that could not be set.
        if (command === 'pexpire' && (fields as { operation: unknown }).operation === 'streams.restore') continue
        t.match({ level, message, fields }, { level: 'error', message: 'Redis refuses a command', fields: { cure: /ACL line/ } }, command)
      }
      t.strictSame(await keysThatStay(), [], `without ${command} nothing stays`)
    }
  })

  t.test('a user whose keys are others\' is told of', async t => {
    const { log, over } = await open(t, { url: asUser }, 'other:')
    await over()
    t.ok(log.lines.length > 10)
    t.match(log.lines[0], { level: 'error', message: 'Redis refuses a command', fields: { operation: 'streams.create', cure: /ACL line/ } })
  })

  t.test('a server that evicts keys is a warning, unless it does not say so', async t => {
    t.teardown(() => admin.sendCommand(['CONFIG', 'SET', 'maxmemory-policy', 'noeviction']))
    for (const policy of ['allkeys-lru', 'volatile-ttl']) {
      await admin.sendCommand(['CONFIG', 'SET', 'maxmemory-policy', policy])
      const { log } = await open(t, { url: server.url })
      await until(() => log.lines.length > 0)
      t.strictSame(log.lines, [{ level: 'warn', message: POLICY, fields: { policy, cure: 'set maxmemory-policy noeviction' } }])
    }
    const { log, over } = await open(t, { url: asUser })
    await over()
    t.strictSame(log.lines, [], 'INFO is refused to that user')
  })

  t.test('clients of the host are tried, too', async t => {
    await admin.sendCommand(['ACL', 'SETUSER', 'wecom', '-getrange'])
    t.teardown(() => admin.sendCommand(['ACL', 'SETUSER', 'wecom', '+getrange']))
    const node = createClient({ url: asUser })
    await node.connect()
    const io = new Redis(asUser, { lazyConnect: true })
    for (const client of [node, io]) {
      const { log, over } = await open(t, { client })
      await over()
      t.strictSame(log.lines.map(({ fields }) => (fields as { operation: unknown }).operation), [
        'streams.append', 'streams.read', 'streams.requestStop'
      ])
    }
    node.destroy()
    io.disconnect()
  })

  t.test('a managed edition takes all of it', async t => {
    const proxy = await startRedisProxy(server.url, { rewrite: managed })
    t.teardown(() => proxy.close())
    const { log, runs, over } = await open(t, { url: proxy.url })
    await over()
    t.strictSame(log.lines, [])
    t.ok(scripts.every(({ name }) => runs.has(name)))
  })

  t.test('what is away at the boot is tried when it is there', async t => {
    const later = await startRedisServer()
    await later.stop()
    const { log, runs, over } = await open(t, { url: later.url })
    await until(() => log.lines.length > 0)
    await later.start()
    t.teardown(() => later.stop())
    await over()
    t.ok(scripts.every(({ name }) => runs.has(name)))
    await until(() => log.lines.length > 1)
    t.strictSame(log.lines.map(({ message }) => message), ['Redis is away', 'Redis is back'])
  })

  t.test('a server that falls silent after the greeting delays no boot', async t => {
    const sockets = new Set<Socket>()
    const { port } = new URL(server.url)
    // Lets through what a client says before its first script.
    const silent = createServer(client => {
      sockets.add(client)
      const upstream = new (client.constructor as typeof Socket)().connect(Number(port), '127.0.0.1')
      sockets.add(upstream)
      for (const socket of [client, upstream]) socket.on('error', () => {})
      client.on('data', data => { if (!data.includes('EVAL')) upstream.write(data) })
      upstream.on('data', data => { client.write(data) })
    }).listen(0, '127.0.0.1')
    await until(() => silent.listening)
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { config } = readConfig(streamsSettings, {
      options: {}, env: { REDIS_URL: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}` }, extraOptions: []
    })
    const log = createLog()
    const { close } = await createStores({ config, client: undefined, clock: systemClock, log })
    t.strictSame(log.lines, [], 'the first command has not even come to its time-out')
    await until(() => log.lines.length > 0)
    t.hasStrict(log.lines, [{ message: 'Redis is away', fields: { operation: 'look' } }])
    await close()
  })
} else {
  t.test('there is no redis-server', { skip: process.env['CI'] !== 'true' }, t => {
    t.fail('CI needs a redis-server')
    t.end()
  })
}
