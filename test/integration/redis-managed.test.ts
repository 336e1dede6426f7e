import { createClient } from 'redis'
import t from 'tap'
import { connectRedis } from '../../lib/stores/redis/client.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { buildApp, follow, post, textMessage } from '../fixtures/app.ts'
import { redisContracts } from '../fixtures/redis-contracts.ts'
import { managed } from '../fixtures/redis-managed.ts'
import { startRedisProxy } from '../fixtures/redis-proxy.ts'
import { scripts } from '../fixtures/redis-scripts.ts'
import { forTest, openRedis } from '../fixtures/redis.ts'

const direct = await openRedis(t)
if (direct !== undefined) {
  const sent = new Set<string>()
  const proxy = await startRedisProxy(direct.url, {
    rewrite (args) {
      if (args[0] === 'EVAL') sent.add(args[1] as string)
      return managed(args)
    }
  })
  t.teardown(() => proxy.close())
  const connection = await connectRedis({ url: proxy.url, clock: systemClock, timeoutMs: 5000 })
  t.teardown(() => connection.close())
  const redis = forTest(t, connection)

  redisContracts(t, 'a managed edition', redis)

  t.test('the plugin answers through a managed edition', async t => {
    const { app, lines } = await buildApp(
      t, { redis: { url: proxy.url, prefix: redis.newPrefix(), commandTimeoutMs: 5000 }, access: { messagesPerMinute: 5, maxRunning: 2 } }
    )
    const { stream } = await post(app, textMessage('hello'))
    t.equal((await follow(app, stream.id as string)).at(-1)?.content, 'Q: hello\nHello world! This is a stream.')
    t.strictSame(lines.filter(({ level }) => level >= 40), [])
  })

  t.test('every script was judged, and one that hides a key is refused', async t => {
    t.strictSame(scripts.filter(({ lua }) => !sent.has(lua)).map(({ name }) => name), [])
    const client = createClient({ url: proxy.url })
    await client.connect()
    await t.rejects(
      client.eval('for _, key in ipairs(KEYS) do redis.call("GET", key) end', { keys: ['k'] }), { message: /^ERR bad lua script/ }
    )
    client.destroy()
  })

  redis.everyKeyExpires()
}
