import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { connectRedis } from '../../lib/stores/redis/client.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { buildApp, follow, post, textMessage } from '../fixtures/app.ts'
import { redisContracts } from '../fixtures/redis-contracts.ts'
import { hasRedisServer } from '../fixtures/redis-server.ts'
import { allowedCommands, startRedisWithUser } from '../fixtures/redis-user.ts'
import { forTest } from '../fixtures/redis.ts'

t.test('the document allows each command that the stores send, and none besides', async t => {
  const folder = new URL('../../lib/stores/redis/', import.meta.url)
  const code = readdirSync(folder).map(name => readFileSync(new URL(name, folder), 'utf8')).join('\n')
  const sent = [...code.matchAll(/(?:redis\.call\(|command\(\[)'([A-Z]+)'/g)].map(([, command = '']) => command.toLowerCase())
  // PING is the client's own; nothing depends on INFO.
  t.strictSame([...new Set([...sent.filter(name => name !== 'info'), 'ping'])].sort(), [...allowedCommands].sort())
})

if (hasRedisServer()) {
  const { admin, asUser: url } = await startRedisWithUser(t, 'wecomtest:')
  await admin.sendCommand(['ACL', 'SETUSER', 'default', 'resetpass', '>other'])

  const timing = { clock: systemClock, timeoutMs: 5000 }
  const user = await connectRedis({ url, ...timing })
  t.teardown(() => user.close())
  const redis = forTest(t, user, { ...user, command: async args => await admin.sendCommand([...args]) })
  const { newPrefix } = redis

  redisContracts(t, 'that user', redis)

  t.test('the plugin answers as that user', async t => {
    const { app, lines } = await buildApp(
      t, { redis: { url, prefix: newPrefix(), commandTimeoutMs: 5000 }, access: { messagesPerMinute: 5, maxRunning: 2 } }
    )
    const { stream } = await post(app, textMessage('hello'))
    t.equal((await follow(app, stream.id as string)).at(-1)?.content, 'Q: hello\nHello world! This is a stream.')
    t.strictSame(lines.filter(({ level }) => level >= 40), [])
  })

  t.test('nothing was refused but what the client says of itself', async t => {
    const refused = (await admin.aclLog()).map(({ object }) => object)
    t.strictSame(refused.filter(object => !object.startsWith('client') && object !== 'info'), [])
  })
} else if (process.env['CI'] === 'true') {
  t.fail('CI needs a redis-server')
} else {
  // Shown in the run, because what cannot be tried here is tried in CI.
  t.test('there is no redis-server', { skip: true }, () => {})
}
