import t from 'tap'
import { watchQueue } from '../../../lib/bot/queue-watch.ts'
import { createMemoryQueues } from '../../../lib/stores/memory/queues.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

async function setUp (...ids: string[]) {
  const clock = createManualClock()
  const lines = createMemoryQueues(clock)
  for (const id of ids) await lines.join('k', id, clock.now() + 1_000_000)
  const over = new Set<string>()
  const asked: string[] = []
  const isOver = async (id: string): Promise<boolean> => {
    asked.push(id)
    return over.has(id)
  }
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms)
    await idle()
  }
  return { clock, lines, over, asked, isOver, pass, line: () => lines.read('k') }
}

t.test('who is over keeps the first place for five seconds more', async t => {
  const { clock, lines, over, isOver, pass, line } = await setUp('a', 'b')
  const stop = watchQueue({ clock, lines, isOver }, 'k')
  await pass(20_000)
  t.strictSame(await line(), ['a', 'b'], 'it is not over')
  over.add('a')
  await pass(5000)
  t.strictSame(await line(), ['a', 'b'])
  await pass(4999)
  t.strictSame(await line(), ['a', 'b'])
  await pass(1)
  t.strictSame(await line(), ['b'])
  over.add('b')
  await pass(5000)
  t.strictSame(await line(), ['b'], 'each has its own five seconds')
  await pass(5000)
  t.strictSame(await line(), [])
  await pass(5000)
  stop()
  t.equal(clock.pending, 0)
})

t.test('only the first one is asked for', async t => {
  const { clock, lines, over, asked, isOver, pass, line } = await setUp('a', 'b')
  over.add('b')
  const stop = watchQueue({ clock, lines, isOver }, 'k')
  await pass(15_000)
  t.strictSame(asked, ['a', 'a', 'a'])
  t.strictSame(await line(), ['a', 'b'])
  stop()
})

t.test('a store that is away for a while does no harm', async t => {
  const { clock, lines, over, isOver, pass, line } = await setUp('a')
  over.add('a')
  let away = true
  const read: typeof lines.read = async key => {
    if (away) throw new Error('away')
    return await lines.read(key)
  }
  const stop = watchQueue({ clock, lines: { read, leave: lines.leave }, isOver }, 'k')
  await pass(10_000)
  away = false
  t.strictSame(await line(), ['a'])
  await pass(10_000)
  t.strictSame(await line(), [])
  stop()
})
