import t from 'tap'
import type { FinishEvent } from '../../lib/bot/hooks/answer-hooks.ts'
import { readConfig } from '../../lib/config/config.ts'
import { streamsSettings } from '../../lib/config/settings.ts'
import { createStores } from '../../lib/config/stores.ts'
import type { ActiveReply } from '../../lib/replies/active-reply.ts'
import type { RawMessage } from '../../lib/wecom/message.ts'
import { refreshMessage, textMessage } from '../fixtures/app.ts'
import { createBot } from '../fixtures/bot.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createLog } from '../fixtures/log.ts'
import { openRedis } from '../fixtures/redis.ts'
import { createHandSource } from '../fixtures/sources.ts'
import { idle, until } from '../fixtures/waiting.ts'

const ANSWERS = 1000

const redis = await openRedis(t)
if (redis !== undefined) {
  const { url, newPrefix } = redis

  t.test('over two replicas on a real Redis, fetched as the wait is over, an answer is posted once or never', async t => {
    const clock = createManualClock()
    const prefix = newPrefix()
    const posts = new Map<string, number>()
    const activeReply: ActiveReply = {
      accepts: () => true,
      async send (to) { posts.set(to, (posts.get(to) ?? 0) + 1) }
    }
    const join = async () => {
      // Its commands are never late: the clock of the test goes on while they are under way.
      const env = { REDIS_URL: url, REDIS_PREFIX: prefix, REDIS_COMMAND_TIMEOUT_MS: '2000000000' }
      const { config } = readConfig(streamsSettings, { options: {}, env, extraOptions: [] })
      const { close, ...stores } = await createStores({ config, client: undefined, clock, log: createLog() })
      const hand = createHandSource()
      const finished: FinishEvent[] = []
      const bot = createBot({ source: hand.source, clock, limits: { maxRunning: 2 * ANSWERS }, ...stores })
      const receive = bot.receiver({ activeReply, hooks: { onFinish: finish => { finished.push(finish) } } })
      return {
        hand,
        finished,
        stateOf: async (id: string) => (await bot.streams.read(id))?.status,
        say: async (message: object) => JSON.parse(await receive(message as RawMessage) as string).stream,
        async leave () {
          await bot.close()
          await close()
        }
      }
    }
    const [one, two] = [await join(), await join()]
    const userOf = (index: number): object => ({ from: { userid: `user ${index}` } })
    const ids = await Promise.all(Array.from({ length: ANSWERS }, async (_, index) =>
      (await one.say(textMessage('hi', { ...userOf(index), response_url: `https://wecom.test/${index}` }))).id))
    await until(() => one.hand.calls.length === ANSWERS)
    for (const call of one.hand.calls) {
      await call.push('whole')
      await call.end()
    }
    await until(async () => (await two.stateOf(ids.at(-1) as string)) === 'done')
    for (let waited = 0; waited < 4900; waited += 100) await clock.advance(100)
    t.strictSame([posts.size, one.finished.length], [0, 0])

    // Of the answers one after the other the wait is over; some fetches are on their way by then, some come just after.
    const over = clock.advance(200)
    const fetches: Array<Promise<unknown>> = []
    const lead = [12, 6, 3, 2, 1, 0]
    for (let turn = -12; turn < ANSWERS; turn++) {
      for (const [n, turns] of lead.entries()) {
        const index = turn + turns
        if (index >= 0 && index < ANSWERS && index % lead.length === n) fetches.push(two.say(refreshMessage(ids[index], userOf(index))))
      }
      if (turn >= 0) await idle()
    }
    await Promise.all([over, ...fetches])
    await until(async () => {
      await clock.advance(100)
      return one.finished.length === ANSWERS
    })
    const counts = { delivered: 0, fetched: 0 }
    for (const { delivery } of one.finished) counts[delivery as keyof typeof counts]++
    t.ok(counts.delivered > 0 && counts.fetched > 0, `both happened: ${JSON.stringify(counts)}`)
    t.equal(counts.delivered + counts.fetched, ANSWERS)
    t.equal(posts.size, counts.delivered)
    t.ok([...posts.values()].every(count => count === 1), 'none twice')
    t.strictSame(two.finished, [])
    await Promise.all([one.leave(), two.leave()])
  })

  redis.everyKeyExpires()
}
