import t from 'tap'
import { streamKeys } from '../../lib/stores/redis/format.ts'
import { createRedisHistory } from '../../lib/stores/redis/history.ts'
import { createRedisKeyValues } from '../../lib/stores/redis/key-values.ts'
import { createRedisQueues } from '../../lib/stores/redis/queues.ts'
import { createRedisStreams } from '../../lib/stores/redis/streams.ts'
import type { Outcome, StreamRecord, StreamStore } from '../../lib/stores/store.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { openRedis } from '../fixtures/redis.ts'

/** What of the stores of 6242e63 is called here, by the names of then. */
interface OldStreams extends Pick<StreamStore, 'create' | 'append' | 'renew' | 'requestStop' | 'adopt' | 'release'> {
  read (id: string): Promise<StreamRecord | undefined>
  note (id: string, epoch: number, notes: object): Promise<boolean>
  end (id: string, epoch: number, outcome: Outcome, lengths?: { content: number, reasoning: number }): Promise<boolean>
}

const old = await import(new URL('../fixtures/redis-format/6242e63.stores.mjs', import.meta.url).href)

const DONE: Outcome = { status: 'done' }

const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, passTime } = redis

  function setUp () {
    const prefix = newPrefix()
    const clock = createManualClock()
    const shared = { connection, clock, prefix }
    const limits = { turns: 3, bytes: 1000, idleMs: 60_000 }
    return {
      before: old.createRedisStreams({ ...shared, retentionMs: 60_000 }) as OldStreams,
      now: createRedisStreams({ ...shared, retentionMs: 60_000 }),
      other: createRedisStreams({ ...shared, retentionMs: 60_000 }),
      histories: [old.createRedisHistory({ ...shared, limits }), createRedisHistory({ ...shared, limits })] as const,
      lines: [old.createRedisLines(shared), createRedisQueues(shared)] as const,
      facts: [old.createRedisFacts(shared), createRedisKeyValues(shared)] as const,
      clock,
      pass: (ms: number) => passTime(prefix, ms),
      async loseText () {
        const key = streamKeys(prefix, 's')[1]
        t.equal(await connection.command(['DEL', key], key), 1)
      }
    }
  }

  t.test('what an older owner writes is read, word for word, to its end', async t => {
    const { before, now } = setUp()
    t.equal(await before.create({ id: 's', claim: 'c', chat: { scope: '/' }, work: '{}' }), 's')
    t.equal(await now.create({ id: 'again', claim: 'c' }), 's', 'its claim holds')
    for (const [index, text] of ['你', '好 😀', '!'].entries()) {
      t.equal(await before.append('s', 1, 'content', ['', '你', '你好 😀'][index]?.length as number, text), true)
      const reading = await now.read('s')
      t.hasStrict(reading, { record: { status: 'running', content: ['你', '你好 😀', '你好 😀!'][index] }, isOrphan: false })
      t.notOk(reading?.isIncomplete)
    }
    t.equal(await before.append('s', 1, 'reasoning', 0, 'so'), true)
    t.equal(await before.note('s', 1, { thinking: true }), true)
    t.hasStrict((await now.read('s'))?.record, { reasoning: 'so', metadata: { thinking: true } })
    t.equal(await before.renew('s', 1), 'owned')
    t.hasStrict(await now.requestStop('s'), { status: 'stopping' })
    t.equal(await before.renew('s', 1), 'stopping', 'it hears of a stop')
    t.equal(await before.end('s', 1, DONE, { content: 6, reasoning: 2 }), true)
    t.hasStrict((await now.read('s'))?.record, { status: 'done', content: '你好 😀!' })
  })

  t.test('what is written now is read by an older replica, and stopped', async t => {
    const { before, now } = setUp()
    t.equal(await now.create({ id: 's', claim: 'c', chat: { scope: '/' }, content: 'a', metadata: { waiting: true } }), 's')
    t.equal(await before.create({ id: 'again', claim: 'c' }), 's')
    t.hasStrict(await before.read('s'), { status: 'running', content: 'a', chat: { scope: '/' } })
    await now.append('s', 1, 'content', 1, 'b')
    await now.append('s', 1, 'reasoning', 0, 'so')
    await now.markStarted('s', 1)
    t.hasStrict(await before.read('s'), { content: 'ab', reasoning: 'so' })
    t.hasStrict(await before.requestStop('s'), { status: 'stopping' })
    t.equal(await now.renew('s', 1), 'stopping')
    t.equal(await now.end('s', 1, DONE, { content: 2, reasoning: 2 }), true)
    t.hasStrict(await before.read('s'), { status: 'done', content: 'ab' })
  })

  t.test('what an older owner leaves is adopted, begun anew, and not its own any more', async t => {
    const { before, now } = setUp()
    await before.create({ id: 's', work: '{"input":{}}' })
    await before.append('s', 1, 'content', 0, 'half')
    await before.release('s', 1)
    t.hasStrict(await now.read('s'), { isOrphan: true })
    t.hasStrict(await now.adopt('s', 'token'), { epoch: 2, adoptions: 1, started: 0, work: '{"input":{}}' })
    t.hasStrict(await now.adopt('s', 'token'), { epoch: 2 }, 'the same attempt has the same answer')
    t.equal(await before.append('s', 1, 'content', 4, ' and late'), false)
    t.equal(await before.renew('s', 1), 'lost')
    t.equal(await now.markStarted('s', 2), true)
    t.hasStrict(await before.read('s'), { content: 'half' }, 'the old text stays')
    t.equal(await now.append('s', 2, 'content', 0, 'whole'), true)
    t.hasStrict(await before.read('s'), { content: 'whole' })
    t.equal(await now.end('s', 2, DONE, { content: 5, reasoning: 0 }), true)
    t.hasStrict(await before.read('s'), { status: 'done', content: 'whole' })
  })

  t.test('what an older replica adopts and writes, without lengths and marks, is whole', async t => {
    const { before, now, other } = setUp()
    await now.create({ id: 's', work: '{}' })
    await now.append('s', 1, 'content', 0, 'a long half of it')
    await now.append('s', 1, 'reasoning', 0, 'a long thought')
    await now.read('s')
    await now.release('s', 1)
    t.hasStrict(await before.adopt('s'), { epoch: 2 })
    t.equal(await now.append('s', 1, 'content', 17, ' more'), false)
    t.equal(await before.append('s', 2, 'content', 0, 'new'), true)
    for (const store of [now, other]) {
      const reading = await store.read('s')
      t.hasStrict(reading?.record, { content: 'new', reasoning: '' })
      t.notOk(reading?.isIncomplete, 'the bytes of the epoch before say nothing')
    }
    t.equal(await before.end('s', 2, DONE, { content: 3, reasoning: 0 }), true)
    t.hasStrict((await now.read('s'))?.record, { status: 'done', content: 'new' })
  })

  t.test('an older owner that lives keeps its stream, whoever looks, and one that died is found out', async t => {
    const { before, now, pass } = setUp()
    await before.create({ id: 's', work: '{}' })
    for (let second = 0; second < 12; second++) {
      await pass(1000)
      // It gives a sign of life each third second, and takes no marks away.
      if (second % 3 === 0) t.equal(await before.renew('s', 1), 'owned')
      t.notOk((await now.read('s'))?.isOrphan)
    }
    await pass(3000)
    let looks = 0
    while ((await now.read('s'))?.isOrphan !== true && looks++ < 20) await pass(500)
    t.ok(looks >= 8, `after ${looks} looks`)
    t.hasStrict(await now.adopt('s'), { epoch: 2 })
  })

  t.test('text that a new owner has lost is written anew by it, and read by an older replica', async t => {
    const { before, now, loseText } = setUp()
    await now.create({ id: 's' })
    await now.append('s', 1, 'content', 0, 'all of it')
    await loseText()
    t.equal(await now.append('s', 1, 'content', 9, '!'), false)
    t.equal(await now.restore({ id: 's' }, 1, { content: 'all of it!', reasoning: '' }), true)
    t.hasStrict(await before.read('s'), { content: 'all of it!' })
    t.equal(await now.end('s', 1, DONE, { content: 10, reasoning: 0 }), true)
    t.hasStrict(await before.read('s'), { status: 'done', content: 'all of it!' })
  })

  t.test('conversations, lines, facts and counts are common', async t => {
    const { histories, lines, facts, clock } = setUp()
    const [oldHistory, newHistory] = histories
    for (const [index, history] of [oldHistory, newHistory, oldHistory].entries()) {
      const { generation } = await history.read('k')
      await history.add('k', generation, { prompt: `${index}: 你{`, reply: 'reply' })
    }
    for (const history of histories) {
      t.strictSame((await history.read('k')).turns.map(({ prompt }: { prompt: string }) => prompt), ['0: 你{', '1: 你{', '2: 你{'])
    }
    await newHistory.drop('k', (await newHistory.read('k')).ids.slice(0, 1))
    t.equal((await oldHistory.read('k')).turns.length, 2)
    const { generation } = await oldHistory.read('k')
    await newHistory.clear('k')
    await oldHistory.add('k', generation, { prompt: 'late', reply: 'reply' })
    for (const history of histories) t.strictSame((await history.read('k')).turns, [], 'cleared for both')

    const [oldLine, newLine] = lines
    for (const [id, line] of [['a', oldLine], ['b', newLine], ['c', oldLine]] as const) await line.join('k', id, clock.now() + 60_000)
    for (const line of lines) t.strictSame(await line.read('k'), ['a', 'b', 'c'])
    await newLine.leave('k', 'a')
    t.strictSame(await oldLine.read('k'), ['b', 'c'])

    const [oldFacts, newFacts] = facts
    t.strictSame([
      await oldFacts.count('k', 60_000), await newFacts.increment('k', 60_000, 'one'), await newFacts.increment('k', 60_000, 'one'),
      await oldFacts.count('k', 60_000)
    ], [1, 2, 2, 3])
    t.equal(await newFacts.putIfAbsent('k', 'new', 60_000), 'new')
    t.equal(await oldFacts.keep('k', 'old', 60_000), 'new')
    t.equal(await oldFacts.keep('other', 'old', 60_000), 'old')
    t.equal(await newFacts.get('other'), 'old')
  })

  redis.everyKeyExpires()
}
