import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { FinishEvent } from '../../lib/bot/hooks/answer-hooks.ts'
import type { ActiveReply } from '../../lib/replies/active-reply.ts'
import { createMemoryHistory } from '../../lib/stores/memory/history.ts'
import { createMemoryKeyValues } from '../../lib/stores/memory/key-values.ts'
import { createMemoryQueues } from '../../lib/stores/memory/queues.ts'
import { createMemoryStore } from '../../lib/stores/memory/streams.ts'
import type { RawMessage } from '../../lib/wecom/message.ts'
import { startActiveReplyServer } from '../fixtures/active-reply-server.ts'
import { buildApp, keys, nowSeconds, PATH, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import { createBot } from '../fixtures/bot.ts'
import type { BotOptions, TestReceive } from '../fixtures/bot.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createSharedStore } from '../fixtures/shared-store.ts'
import { createHandSource, yielding } from '../fixtures/sources.ts'
import { idle } from '../fixtures/waiting.ts'
import { seal } from '../fixtures/wecom-crypto.ts'

const ANSWERS = 1000
const MANY = { maxRunning: 2 * ANSWERS }

/** What is posted, by URL. */
function collect () {
  const posts = new Map<string, string[]>()
  const activeReply: ActiveReply = {
    accepts: url => url !== '',
    async send (url, { content }) { posts.set(url, [...posts.get(url) ?? [], String(content)]) }
  }
  return { posts, activeReply }
}

const urlOf = (index: number): string => `https://wecom.test/${index}`

/** Asks all of the questions, each of a user of its own, and gives the streams. */
const askAll = async (receive: TestReceive, ended: boolean): Promise<string[]> => await Promise.all(Array.from(
  { length: ANSWERS },
  async (_, index) => {
    const message = textMessage(`question ${index}`, { from: { userid: `user ${index}` }, response_url: urlOf(index) })
    const { id, finish } = JSON.parse(await receive(message as RawMessage) as string).stream
    if (finish !== ended) throw new Error('the first reply is another')
    return id
  }
))

const refresh = async (receive: TestReceive, id: string, index: number): Promise<unknown> =>
  JSON.parse(await receive(refreshMessage(id, { from: { userid: `user ${index}` } }) as RawMessage) as string).stream.finish

async function setUp (options: Partial<BotOptions> = {}, firstReplyGraceMs = 0) {
  const { posts, activeReply } = collect()
  const hand = createHandSource()
  const finished: FinishEvent[] = []
  const clock = options.clock ?? createManualClock()
  const store = createMemoryStore({ clock, retentionMs: 900_000, maxFinished: 2 * ANSWERS, maxFinishedBytes: 1e8 })
  const bot = createBot({ source: hand.source, clock, store, limits: MANY, ...options })
  const receive = bot.receiver({ activeReply, firstReplyGraceMs, hooks: { onFinish: finish => { finished.push(finish) } } })
  const answerAll = async (): Promise<void> => {
    await idle()
    await Promise.all(hand.calls.map(async call => {
      await call.push(`answer to ${call.turn.prompt}`)
      await call.end()
    }))
    await idle()
  }
  return { ...bot, receive, posts, finished, answerAll }
}

/** Two processes that share everything that is kept. */
async function setUpTwo () {
  const clock = createManualClock()
  const { replica } = createSharedStore(clock)
  const kept = {
    lines: createMemoryQueues(clock),
    history: createMemoryHistory(clock, { turns: 0, bytes: 0, idleMs: 0 }, 100),
    facts: createMemoryKeyValues(clock, 10 * ANSWERS)
  }
  const join = async () => await setUp({ clock, ...kept, store: replica().store })
  return { clock, one: await join(), two: await join() }
}

const deliveries = (finished: FinishEvent[]): unknown => finished.reduce<Record<string, number>>(
  (counts, { delivery = 'none' }) => ({ ...counts, [delivery]: (counts[delivery] ?? 0) + 1 }), {}
)

t.test('of a thousand answers that nobody comes back for each is posted, once and whole', async t => {
  const { receive, clock, posts, finished, answerAll, close } = await setUp()
  await askAll(receive, false)
  await answerAll()
  await clock.advance(4999)
  t.equal(posts.size, 0)
  await clock.advance(1)
  await idle()
  t.strictSame(
    [...posts].sort(), Array.from({ length: ANSWERS }, (_, index) => [urlOf(index), [`answer to question ${index}`]]).sort()
  )
  t.strictSame(deliveries(finished), { delivered: ANSWERS })
  await close()
  t.equal(posts.size, ANSWERS)
})

t.test('of a thousand answers whose end is fetched none is posted', async t => {
  const { receive, clock, posts, finished, answerAll, close } = await setUp()
  const ids = await askAll(receive, false)
  await answerAll()
  await clock.advance(4000)
  t.strictSame(new Set(await Promise.all(ids.map(async (id, index) => await refresh(receive, id, index)))), new Set([true]))
  await idle()
  t.strictSame(deliveries(finished), { fetched: ANSWERS })
  await clock.advance(60_000)
  await close()
  t.equal(posts.size, 0)
})

t.test('of a thousand answers whose end is in the first reply none is posted', async t => {
  const { receive, clock, posts, finished, close } = await setUp({ source: yielding('at once') }, 200)
  await askAll(receive, true)
  await idle()
  t.strictSame(deliveries(finished), { fetched: ANSWERS })
  await clock.advance(60_000)
  await close()
  t.equal(posts.size, 0)
})

t.test('a reply that was written to nobody is no fetch', async t => {
  const { receive, clock, posts, answerAll } = await setUp()
  const [id] = await askAll(receive, false)
  await answerAll()
  await receive(refreshMessage(id, { from: { userid: 'user 0' } }) as RawMessage, false)
  await clock.advance(5000)
  await idle()
  t.equal(posts.size, ANSWERS)
})

t.test('over two replicas, with the fetch at the moment at which the wait is over, an answer is posted once or never', async t => {
  const { one, two, clock } = await setUpTwo()
  const ids = await askAll(one.receive, false)
  await one.answerAll()
  await clock.advance(4999)
  // The clock of the test fires a timer, then lets run what is ready: here before the fetch of that answer, there after it.
  const waiting = clock.advance(1)
  const fetches: Array<Promise<unknown>> = []
  const slotOf = (index: number): number => index + [-9, 0, 9][index % 3]!
  for (let turn = -9; turn < ANSWERS + 9; turn++) {
    ids.forEach((id, index) => { if (slotOf(index) === turn) fetches.push(refresh(two.receive, id, index)) })
    if (turn >= 0) await idle()
  }
  await Promise.all([waiting, ...fetches])
  await idle()
  const posts = [...one.posts.values(), ...two.posts.values()]
  t.ok(posts.every(contents => contents.length === 1), 'none twice')
  t.match(deliveries(one.finished), { delivered: Number, fetched: Number }, 'both happened')
  t.equal(one.finished.length, ANSWERS)
  t.equal(posts.length, one.finished.filter(({ delivery }) => delivery === 'delivered').length)
  t.strictSame(two.finished, [])
})

t.test('over two replicas an answer whose end the other has shown is not posted', async t => {
  const { one, two, clock } = await setUpTwo()
  const ids = await askAll(one.receive, false)
  await one.answerAll()
  await clock.advance(1000)
  await Promise.all(ids.map(async (id, index) => await refresh(two.receive, id, index)))
  await clock.advance(10_000)
  await idle()
  t.strictSame(deliveries(one.finished), { fetched: ANSWERS })
  t.equal(one.posts.size + two.posts.size, 0)
})

t.test('over HTTP an end counts as fetched if its reply went to an open connection', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const clock = createManualClock(Date.now())
  const hand = createHandSource()
  const { app } = await buildApp(t, {
    clock, source: hand.source, activeReply: server.trust, firstReplyGraceMs: 1000, timestampWindowMs: 3_600_000
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }

  // The connection is gone before the answer is there.
  const sealed = seal(keys, JSON.stringify(textMessage('gone', { response_url: server.url() })), nowSeconds(), '1')
  const body = JSON.stringify({ encrypt: sealed.encrypt })
  const query = new URLSearchParams({ msg_signature: sealed.signature, timestamp: sealed.timestamp, nonce: sealed.nonce })
  const accepting = once(app.server, 'connection')
  const socket = connect(port, '127.0.0.1')
  socket.write(`POST ${PATH}?${query} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  const [accepted] = await accepting
  while (hand.calls.length === 0) await idle()
  socket.destroy()
  await once(accepted as Socket, 'close')
  await hand.call().push('whole')
  await hand.call().end()
  await clock.advance(5000)
  const { body: posted } = await server.call(0)
  t.strictSame(posted, { msgtype: 'markdown', markdown: { content: 'whole' } })

  // And here it is open.
  const asking = post(app, textMessage('open', { response_url: server.url(), from: { userid: 'other' } }))
  while (hand.calls.length === 1) await idle()
  await hand.call().push('shown')
  await hand.call().end()
  t.hasStrict((await asking).stream, { finish: true, content: 'shown' })
  await clock.advance(5000)
  await app.close()
  t.equal(server.requests, 1)
})

t.test('a server that closes posts what is due before its stores close', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const { app } = await buildApp(t, { source: yielding('whole'), activeReply: server.trust })
  await post(app, textMessage('hi', { response_url: server.url() }))
  await idle()
  t.equal(server.requests, 0)
  await app.close()
  t.hasStrict(server.calls, [{ body: { msgtype: 'markdown', markdown: { content: 'whole' } } }])
})

t.test('switched off, nothing is posted that WeCom has not come for', async t => {
  const server = await startActiveReplyServer()
  t.teardown(() => server.close())
  const finished: FinishEvent[] = []
  const { app } = await buildApp(t, {
    source: yielding('whole'), activeReply: server.trust, env: { WECOM_UNFETCHED: 'off' }, onFinish: finish => { finished.push(finish) }
  })
  await post(app, textMessage('hi', { response_url: server.url() }))
  await idle()
  await app.close()
  t.hasStrict(finished, [{ delivery: 'unfetched' }])
  t.equal(server.connections, 0)
})
