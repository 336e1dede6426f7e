import t from 'tap'
import type { NewStream, StreamStore } from '../../../lib/stores/store.ts'
import { SharedStreamWriter } from '../../../lib/streams/shared-stream-writer.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { TIMING } from '../../fixtures/shared-store.ts'
import { idle } from '../../fixtures/waiting.ts'

interface Call {
  call: string
  args: unknown[]
  answer (stored: boolean): void
  fail (): void
}

/** A writer with epoch 3 of stream `s`, on a store whose answers the test gives. */
function create (stream: Partial<NewStream> = {}) {
  const clock = createManualClock()
  const calls: Call[] = []
  const asked = (name: string) => (...args: unknown[]): Promise<boolean> => new Promise((resolve, reject) => {
    const text = args.slice(1).map(arg => typeof arg === 'object' ? JSON.stringify(arg) : String(arg)).join(' ')
    calls.push({ call: `${name} ${text}`, args, answer: resolve, fail: () => reject(new Error('away')) })
  })
  const store = {
    append: asked('append'), setMetadata: asked('setMetadata'), end: asked('end'), restore: asked('restore')
  } as unknown as StreamStore
  let losses = 0
  const writer = new SharedStreamWriter(
    { store, clock, timing: TIMING, stream: { id: 's', ...stream }, epoch: 3, onLost: () => { losses++ } }
  )
  const last = (): Call => calls.at(-1) as Call
  return {
    clock,
    writer,
    calls,
    last,
    log: () => calls.map(({ call }) => call),
    losses: () => losses,
    answer: async (stored = true) => { last().answer(stored); await idle() },
    fail: async () => { last().fail(); await idle() },
    write: async (text: string, track: 'content' | 'reasoning' = 'content') => { writer.write(track, text); await idle() }
  }
}

/** The same with its first text stored. */
async function begun (stream?: Partial<NewStream>) {
  const created = create(stream)
  await created.write('a')
  await created.answer()
  created.calls.length = 0
  return created
}

t.test('the first text goes out at once, and no text does not', async t => {
  const { writer, write, log, last } = create()
  await write('')
  t.strictSame(log(), [])
  await write('a')
  t.strictSame(log(), ['append 3 content 0 a'])
  t.equal(last().args[0], 's')
  t.equal(writer.length, 1)
})

t.test('thinking counts as the first text, too', async t => {
  const { write, answer, log } = create()
  await write('hm', 'reasoning')
  t.strictSame(log(), ['append 3 reasoning 0 hm'])
  await answer()
  await write('a')
  t.equal(log().length, 1)
})

t.test('what comes within 75 ms goes out together', async t => {
  const { clock, write, answer, log, writer } = await begun()
  await write('b')
  await clock.advance(50)
  await write('😀')
  await clock.advance(24)
  t.strictSame(log(), [])
  await clock.advance(1)
  t.strictSame(log(), ['append 3 content 1 b😀'])
  await answer()
  await write('c')
  await clock.advance(74)
  t.equal(log().length, 1)
  await clock.advance(1)
  t.strictSame(log().slice(1), ['append 3 content 4 c'])
  t.equal(writer.length, 5)
  await answer()
  t.equal(clock.pending, 0)
})

t.test('1024 units do not wait, of both tracks together', async t => {
  for (const track of ['content', 'reasoning'] as const) {
    const { clock, write, log, calls } = await begun()
    await write('b')
    await write('x'.repeat(1022), track)
    t.strictSame(log(), [])
    await write('c')
    t.equal(log().length, 1)
    t.equal(String(calls[0]?.args[4]).length, track === 'content' ? 1024 : 1022)
    t.equal(clock.pending, 0)
  }
  const { write, log } = await begun()
  await write('x'.repeat(1024))
  t.equal(log().length, 1, 'nor do they where they come at once')
})

t.test('one write is under way at a time', async t => {
  const { clock, write, answer, log } = create()
  await write('a')
  await write('x'.repeat(5000))
  await clock.advance(1000)
  t.equal(log().length, 1)
  await answer()
  t.equal(log().length, 2)
  await write('b', 'reasoning')
  await clock.advance(1000)
  t.equal(log().length, 2)
  await answer()
  await clock.advance(75)
  t.strictSame(log().slice(2), ['append 3 reasoning 0 b'])
  await answer()
  t.equal(clock.pending, 0)
})

t.test('what is written just as the last write is answered goes out, too', async t => {
  const { clock, writer, calls, log } = create()
  writer.write('content', 'a')
  await idle()
  calls[0]?.answer(true)
  // Each of these is a moment at which the write is known to some and not to others.
  for (let moment = 0; moment < 12; moment++) {
    await Promise.resolve()
    writer.write('content', String(moment % 10))
  }
  await idle()
  await clock.advance(75)
  t.strictSame(log().slice(1), ['append 3 content 1 012345678901'])
})

t.test('an end that comes just as the last write is answered comes behind the text', async t => {
  for (let moments = 0; moments < 12; moments++) {
    const { clock, writer, calls, log, answer } = create()
    writer.write('content', 'a')
    await idle()
    calls[0]?.answer(true)
    for (let moment = 0; moment < moments; moment++) await Promise.resolve()
    writer.write('content', 'b')
    const ended = writer.end({ status: 'done' })
    await idle()
    t.strictSame(log(), ['append 3 content 0 a', 'append 3 content 1 b'], String(moments))
    await answer()
    t.strictSame(log().slice(2), ['end 3 {"status":"done"} {"content":2,"reasoning":0}'])
    await answer()
    t.equal(await ended, true)
    t.equal(clock.pending, 0)
  }
})

t.test('a write that fails goes out again, the same, and what came meanwhile behind it', async t => {
  const { clock, write, fail, answer, log } = create()
  await write('a')
  await fail()
  await write('b')
  await clock.advance(199)
  t.equal(log().length, 1)
  await clock.advance(1)
  t.equal(log().length, 2)
  await fail()
  await clock.advance(200)
  t.strictSame(log(), Array.from({ length: 3 }, () => 'append 3 content 0 a'))
  await answer()
  await clock.advance(75)
  t.strictSame(log().slice(3), ['append 3 content 1 b'])
})

t.test('the end is attempted for a minute, and then rejects', async t => {
  const { clock, writer, fail, answer, log } = create()
  const ended = writer.end({ status: 'done' })
  let settled = false
  ended.then(() => { settled = true }, () => { settled = true })
  await idle()
  for (let attempt = 0; attempt < 300; attempt++) {
    await fail()
    await clock.advance(200)
  }
  t.equal(settled, false)
  t.equal(log().length, 301)
  await fail()
  await t.rejects(ended, { message: 'away' })
  t.equal(clock.pending, 0)
  const again = writer.end({ status: 'done' })
  await idle()
  await answer()
  t.equal(await again, true)
})

t.test('text that could not be stored is tried again with what comes next', async t => {
  const { clock, write, fail, answer, log } = create()
  await write('a')
  for (let attempt = 0; attempt < 300; attempt++) {
    await fail()
    await clock.advance(200)
  }
  await fail()
  t.equal(clock.pending, 0)
  const attempts = log().length
  await write('b')
  t.strictSame(log().slice(attempts), ['append 3 content 0 ab'])
  await answer()
  t.equal(log().length, attempts + 1)
})

t.test('a stream that the store has lost is written anew, once, and goes on', async t => {
  const stream = { claim: 'c', chat: { scope: '/' }, metadata: { deliverable: true } } as const
  const { clock, writer, write, answer, log, calls, losses } = await begun(stream)
  await write('hm', 'reasoning')
  await clock.advance(75)
  await answer()
  await write('b')
  await clock.advance(75)
  await write('c')
  await answer(false)
  t.strictSame(calls.at(-1)?.args, [{ id: 's', ...stream }, 3, { content: 'abc', reasoning: 'hm' }, 150], 'with its age')
  await answer()
  t.equal(log().at(-1), 'append 3 content 1 b', 'it stands there already')
  await answer()
  await clock.advance(75)
  t.equal(log().at(-1), 'append 3 content 2 c')
  await answer()
  t.equal(log().length, 5)
  t.equal(losses(), 0)
  t.equal(writer.length, 3)
  t.equal(clock.pending, 0)
})

t.test('what is written anew has the latest metadata', async t => {
  const { writer, answer, calls } = create({ metadata: { deliverable: true } })
  void writer.setMetadata({ waiting: true })
  await idle()
  await answer(false)
  t.hasStrict(calls.at(-1)?.args[0], { metadata: { deliverable: true, waiting: true } })
})

t.test('a store that is away while a stream is written anew is tried again', async t => {
  const { clock, write, answer, fail, log, losses } = create()
  await write('a')
  await answer(false)
  await fail()
  await clock.advance(200)
  t.equal(log().at(-1), 'append 3 content 0 a')
  await answer()
  t.equal(log().length, 3)
  t.equal(losses(), 0)
})

t.test('a write that is refused again after that gives up for now', async t => {
  const { writer, write, answer, log, losses } = create()
  await write('a')
  await answer(false)
  await answer()
  await answer(false)
  t.equal(log().length, 3)
  t.equal(losses(), 0)
  const ended = writer.end({ status: 'done' })
  await idle()
  t.equal(log().at(-1), 'append 3 content 0 a')
  await answer()
  await answer()
  t.equal(await ended, true)
})

t.test('a stream that is another\'s is lost once, and nothing more is written', async t => {
  const { clock, writer, write, answer, log, losses } = await begun()
  await write('b')
  await clock.advance(75)
  await answer(false)
  t.equal(log().at(-1)?.startsWith('restore'), true)
  await answer(false)
  t.equal(losses(), 1)
  const { length } = log()
  await write('c')
  await clock.advance(1000)
  t.equal(await writer.setMetadata({ waiting: true }), false)
  t.equal(await writer.end({ status: 'done' }), false)
  t.equal(await writer.recover(), false)
  t.equal(log().length, length)
  t.equal(losses(), 1)
  t.equal(clock.pending, 0)
})

t.test('two who find out at once tell once', async t => {
  const { writer, calls, losses } = create()
  const both = [writer.recover(), writer.recover()]
  for (const { answer } of calls) answer(false)
  t.strictSame(await Promise.all(both), [false, false])
  t.equal(losses(), 1)
})

t.test('an end that is refused is no end', async t => {
  const { writer, answer, losses } = create()
  const ended = writer.end({ status: 'done' })
  await idle()
  await answer(false)
  await answer(false)
  t.equal(await ended, false)
  t.equal(losses(), 1)
})

t.test('who leaves writes nothing more, and leaves no timer', async t => {
  const waiting = await begun()
  await waiting.write('b')
  waiting.writer.handOver()
  await idle()
  t.strictSame(waiting.log(), [])
  t.equal(waiting.clock.pending, 0)

  const trying = create()
  await trying.write('a')
  await trying.fail()
  trying.writer.handOver()
  await trying.clock.advance(200)
  t.equal(trying.log().length, 1)
  t.equal(trying.clock.pending, 0)
  t.equal(await trying.writer.end({ status: 'done' }), false)

  const writing = create()
  await writing.write('a')
  writing.writer.handOver()
  await writing.answer(false)
  t.equal(writing.log().length, 1, 'it is not written anew')
  t.equal(writing.losses(), 0)

  const restoring = create()
  await restoring.write('a')
  await restoring.answer(false)
  restoring.writer.handOver()
  await restoring.answer(false)
  t.equal(restoring.losses(), 0, 'who has left loses nothing')
})

t.test('who insists no more tries once, and rejects', async t => {
  const { clock, writer, write, fail, answer, log } = create()
  await write('a')
  await fail()
  const ended = writer.end({ status: 'done' })
  ended.catch(() => {})
  writer.insistNoMore()
  await clock.advance(200)
  t.equal(log().length, 2)
  await fail()
  await t.rejects(ended, { message: 'away' })
  t.equal(clock.pending, 0)
  const again = writer.end({ status: 'done' })
  await idle()
  await answer()
  await answer()
  t.equal(await again, true, 'what is answered is stored')
})

t.test('metadata goes out behind the text before it, all that were set', async t => {
  const { clock, writer, write, answer, log } = create({ metadata: { deliverable: true } })
  await write('a')
  const noted = writer.setMetadata({ waiting: true })
  let settled = false
  noted.then(() => { settled = true }, () => {})
  await idle()
  t.equal(log().length, 1)
  await answer()
  t.strictSame(log().slice(1), ['setMetadata 3 {"deliverable":true,"waiting":true}'])
  const second = writer.setMetadata({ waiting: false })
  await write('b')
  t.equal(settled, false)
  await answer()
  await clock.advance(75)
  t.strictSame(log().slice(2), ['append 3 content 1 b'])
  await answer()
  t.strictSame(log().slice(3), ['setMetadata 3 {"deliverable":true,"waiting":false}'])
  await answer()
  t.strictSame(await Promise.all([noted, second]), [true, true])
  t.equal(log().length, 4)
})

t.test('metadata before the first text goes out at once, and does not slow it', async t => {
  const { writer, write, answer, log } = create()
  void writer.setMetadata({ waiting: true })
  await idle()
  t.strictSame(log(), ['setMetadata 3 {"waiting":true}'])
  await answer()
  await write('a')
  t.equal(log().at(-1), 'append 3 content 0 a')
})

t.test('metadata that could not be stored is not forgotten', async t => {
  const { clock, writer, fail, answer, log } = create()
  const noted = writer.setMetadata({ thinking: true })
  noted.catch(() => {})
  await idle()
  for (let attempt = 0; attempt < 300; attempt++) {
    await fail()
    await clock.advance(200)
  }
  await fail()
  await t.rejects(noted, { message: 'away' })
  const ended = writer.end({ status: 'done' })
  await idle()
  t.equal(log().at(-1), 'setMetadata 3 {"thinking":true}')
  await answer()
  await answer()
  t.equal(await ended, true)
})

t.test('metadata that is refused resolves false', async t => {
  const { writer, answer } = create()
  const noted = writer.setMetadata({ thinking: true })
  await idle()
  await answer(false)
  await answer(false)
  t.equal(await noted, false)
})

t.test('the end waits for nothing but what comes before it', async t => {
  const { clock, writer, write, answer, log } = await begun()
  await write('b')
  const ended = writer.end({ status: 'error', failure: { code: 'BROKEN', reference: 'x' } })
  await idle()
  t.strictSame(log(), ['append 3 content 1 b'])
  t.equal(clock.pending, 0)
  await answer()
  t.strictSame(log().slice(1), ['end 3 {"status":"error","failure":{"code":"BROKEN","reference":"x"}} {"content":2,"reasoning":0}'])
  await answer()
  t.equal(await ended, true)
})

t.test('text behind a write that is under way does not wait, either, where the end has come', async t => {
  const { clock, writer, write, answer, log } = create()
  await write('a')
  await write('b')
  const ended = writer.end({ status: 'done' })
  await idle()
  await answer()
  t.equal(log().at(-1), 'append 3 content 1 b')
  await answer()
  await answer()
  t.equal(await ended, true)
  t.equal(clock.pending, 0)
})
