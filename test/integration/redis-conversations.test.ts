import t from 'tap'
import { createConversations } from '../../lib/bot/conversations.ts'
import { createRedisHistory } from '../../lib/stores/redis/history.ts'
import { createRedisQueues } from '../../lib/stores/redis/queues.ts'
import { createRedisStreams } from '../../lib/stores/redis/streams.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { buildApp, PATH, post, textMessage } from '../fixtures/app.ts'
import { openRedis } from '../fixtures/redis.ts'

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, url } = redis

  t.test('a question does not wait for places that nobody will give up', async t => {
    const prefix = newPrefix()
    const shared = { connection, clock: systemClock, prefix }
    const [gone, lines] = [createRedisStreams({ ...shared, retentionMs: 60_000 }), createRedisQueues(shared)]
    const history = createRedisHistory({ ...shared, limits: { turns: 1, bytes: 1000, idleMs: 60_000 } })
    t.teardown(async () => { await Promise.all([gone.close(), lines.close()]) })
    const conversation = createConversations({ lines, history, scope: 'member', parallel: false })(
      { scope: PATH, bot: 'bot', user: 'user' }, 'user'
    )
    await gone.create({ id: 'of a replica that has died' })
    await gone.release('of a replica that has died', 1)
    await conversation.join('of a replica that has died', Date.now() + 1_000_000)

    const { app } = await buildApp(t, { redis: { url, prefix, commandTimeoutMs: 5000 } })
    const { stream: { id = '' } } = await post(app, textMessage('hello'))
    const states = []
    for await (const state of app.followStream(id)) states.push(state)
    t.hasStrict(states.at(-1), { status: 'done', content: 'Q: hello\nHello world! This is a stream.' })
    t.hasStrict((await gone.read('of a replica that has died'))?.record, { status: 'error', failure: { code: 'BROKEN' } })
    t.equal((await gone.read(id))?.record.metadata.waiting, false)
  })

  redis.everyKeyExpires()
}
