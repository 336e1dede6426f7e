import t from 'tap'
import { systemClock } from '../../lib/util/clock.ts'
import { buildApp, follow, post, textMessage } from '../fixtures/app.ts'
import { startRedisCluster } from '../fixtures/redis-cluster.ts'
import { redisContracts } from '../fixtures/redis-contracts.ts'
import { hasRedisServer } from '../fixtures/redis-server.ts'
import { forTest } from '../fixtures/redis.ts'

if (hasRedisServer()) {
  const cluster = await startRedisCluster()
  t.teardown(() => cluster.stop())
  const redis = forTest(t, cluster.connection({ clock: systemClock, timeoutMs: 5000 }))
  const { newPrefix, keys, everyKeyExpires } = redis

  redisContracts(t, 'cluster', redis)

  t.test('one replica takes the messages of a conversation, another shows the answers', async t => {
    const prefix = newPrefix()
    const redis = { client: cluster.client, prefix, commandTimeoutMs: 5000 }
    const histories: unknown[] = []
    const options = {
      redis,
      access: { messagesPerMinute: 50, maxRunning: 3 },
      onFeedback () {},
      sources: {
        async * echo ({ prompt, history = [] }: { prompt: string, history?: readonly unknown[] }) {
          histories.push(history)
          for (const piece of ['You said ', prompt, '.']) {
            await new Promise(resolve => setTimeout(resolve, 100))
            yield piece
          }
        }
      },
      source: 'echo'
    }
    const [one, two] = [await buildApp(t, options), await buildApp(t, options)]
    const ask = async (prompt: string): Promise<string | undefined> => {
      const { stream } = await post(one.app, textMessage(prompt))
      return (await follow(two.app, stream.id as string)).at(-1)?.content
    }
    // Ten questions have ten slots.
    for (let index = 0; index < 10; index++) t.equal(await ask(`question ${index}`), `You said question ${index}.`)
    t.strictSame((histories[1] as unknown[])[0], { prompt: 'question 0', reply: 'You said question 0.' })
    t.equal(await ask('/new'), '已开始新对话')
    t.equal(await ask('anew'), 'You said anew.')
    t.strictSame(histories.at(-1), [])

    for (const { lines } of [one, two]) t.strictSame(lines.filter(({ level }) => level >= 40), [])
    t.ok((await keys(prefix)).length > 20)
    t.ok((await cluster.sizes()).every(size => size > 0), 'every node has a part')
  })

  everyKeyExpires()
} else if (process.env['CI'] === 'true') {
  t.fail('CI needs a redis-server')
} else {
  // Shown in the run, because what cannot be tried here is tried in CI.
  t.test('there is no redis-server', { skip: true }, () => {})
}
