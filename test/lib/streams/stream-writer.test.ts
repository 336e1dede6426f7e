import t from 'tap'
import type { StreamStore } from '../../../lib/stores/store.ts'
import { StreamWriter } from '../../../lib/streams/stream-writer.ts'
import { idle } from '../../fixtures/waiting.ts'

interface Call {
  call: string
  answer (stored: boolean): Promise<void>
  fail (error: Error): Promise<void>
}

/** A store whose answers the test gives. */
function createHandStore () {
  const calls: Call[] = []
  const asked = (call: string): Promise<boolean> => new Promise((resolve, reject) => {
    calls.push({
      call,
      answer: stored => { resolve(stored); return idle() },
      fail: error => { reject(error); return idle() }
    })
  })
  const store = {
    append: (id: string, epoch: number, track: string, offset: number, text: string) => asked(`${id} ${epoch} ${track} ${offset} ${text}`),
    setMetadata: (id: string, epoch: number, metadata: object) => asked(`${id} ${epoch} ${JSON.stringify(metadata)}`),
    end: (id: string, epoch: number, { status }: { status: string }) => asked(`${id} ${epoch} ${status}`)
  } as unknown as StreamStore
  return { store, log: () => calls.map(({ call }) => call), last: () => calls.at(-1) as Call, at: (index: number) => calls[index] as Call }
}

function create () {
  const hand = createHandStore()
  return { ...hand, writer: new StreamWriter(hand.store, 's', 3) }
}

t.test('the first text goes out at once, and what comes meanwhile goes out together behind it', async t => {
  const { writer, log, last } = create()
  writer.write('content', 'a')
  t.strictSame(log(), ['s 3 content 0 a'])
  for (const text of ['b', '😀', 'c']) writer.write('content', text)
  await idle()
  t.equal(log().length, 1, 'one write is under way at a time')
  await last().answer(true)
  t.strictSame(log().slice(1), ['s 3 content 1 b😀c'])
  await last().answer(true)
  writer.write('content', 'd')
  t.strictSame(log().slice(2), ['s 3 content 5 d'], 'offsets are UTF-16 units')
})

t.test('the two tracks have their own offsets, and thinking goes out first', async t => {
  const { writer, log, last } = create()
  writer.write('reasoning', 'hm')
  writer.write('content', 'a')
  writer.write('reasoning', '!')
  for (const expected of ['s 3 reasoning 0 hm', 's 3 reasoning 2 !', 's 3 content 0 a']) {
    t.equal(log().at(-1), expected)
    await last().answer(true)
  }
  t.equal(log().length, 3)
})

t.test('an empty text is no write, and does not hold up what follows', async t => {
  const { writer, log, last } = create()
  writer.write('content', '')
  await idle()
  t.strictSame(log(), [])
  writer.write('content', 'a')
  t.strictSame(log(), ['s 3 content 0 a'])
  await last().answer(true)
  writer.write('reasoning', '')
  writer.write('content', 'b')
  t.strictSame(log().slice(1), ['s 3 content 1 b'])
})

t.test('the end goes out behind all text', async t => {
  const { writer, log, last } = create()
  writer.write('content', 'a')
  writer.write('content', 'b')
  const ended = writer.end({ status: 'done' })
  await idle()
  t.equal(log().length, 1)
  await last().answer(true)
  await last().answer(true)
  t.strictSame(log(), ['s 3 content 0 a', 's 3 content 1 b', 's 3 done'])
  await last().answer(true)
  t.equal(await ended, true)
})

t.test('a stream without text, or with all of it stored, ends at once', async t => {
  for (const text of ['', 'a']) {
    const { writer, log, last } = create()
    writer.write('content', text)
    if (text !== '') await last().answer(true)
    const ended = writer.end({ status: 'error' })
    await idle()
    t.equal(log().at(-1), 's 3 error')
    await last().answer(true)
    t.equal(await ended, true)
  }
})

t.test('metadata keeps its order with the text and the end', async t => {
  const { writer, log, last, at } = create()
  writer.write('content', 'a')
  const noted = [writer.setMetadata({ waiting: true }), writer.setMetadata({ waiting: false })]
  const ended = writer.end({ status: 'done' })
  t.strictSame(log(), ['s 3 content 0 a'])
  await last().answer(true)
  t.strictSame(log().slice(1), ['s 3 {"waiting":true}', 's 3 {"waiting":false}', 's 3 done'])
  for (const [index, stored] of [true, false, true].entries()) await at(index + 1).answer(stored)
  t.strictSame(await Promise.all([...noted, ended]), [true, false, true])
})

t.test('after a refused write no note goes out', async t => {
  const { writer, log, last } = create()
  writer.write('content', 'a')
  const noted = writer.setMetadata({ waiting: true })
  await last().answer(false)
  t.equal(await noted, false)
  t.strictSame(log(), ['s 3 content 0 a'])
})

t.test('an end that the store refuses is told as false', async t => {
  const { writer, last } = create()
  const ended = writer.end({ status: 'done' })
  await idle()
  await last().answer(false)
  t.equal(await ended, false)
})

t.test('after a refused write nothing more goes out, the end included', async t => {
  const { writer, log, last } = create()
  writer.write('content', 'a')
  writer.write('content', 'b')
  await last().answer(false)
  writer.write('content', 'c')
  writer.write('reasoning', 'd')
  t.equal(await writer.end({ status: 'done' }), false)
  t.strictSame(log(), ['s 3 content 0 a'])
})

t.test('a write that fails shows at the end, and nowhere else', async t => {
  const { writer, log, last } = create()
  const error = new Error('away')
  writer.write('content', 'a')
  writer.write('content', 'b')
  await last().fail(error)
  writer.write('content', 'c')
  await idle()
  await t.rejects(writer.end({ status: 'done' }), error)
  t.strictSame(log(), ['s 3 content 0 a'])
})

t.test('an end that fails rejects', async t => {
  const { writer, last } = create()
  const ended = t.rejects(writer.end({ status: 'done' }), { message: 'away' })
  await idle()
  await last().fail(new Error('away'))
  await ended
})

t.test('a store that throws at once is one that fails', async t => {
  const store = { append: () => { throw new Error('away') } } as unknown as StreamStore
  const writer = new StreamWriter(store, 's', 1)
  writer.write('content', 'a')
  await idle()
  await t.rejects(writer.end({ status: 'done' }), { message: 'away' })
})

t.test('a store that answers at once is written to at once, until it refuses', async t => {
  const calls: string[] = []
  const store = {
    append (_id: string, _epoch: number, _track: string, offset: number, text: string) {
      calls.push(`${offset} ${text}`)
      return text !== 'refused'
    },
    end: async () => true
  } as unknown as StreamStore
  const writer = new StreamWriter(store, 's', 1)
  for (const text of ['a', 'b', 'c']) writer.write('content', text)
  t.strictSame(calls, ['0 a', '1 b', '2 c'])
  t.equal(await writer.end({ status: 'done' }), true)
  writer.write('content', 'refused')
  writer.write('content', 'd')
  t.strictSame(calls, ['0 a', '1 b', '2 c', '3 refused'])
  t.equal(await writer.end({ status: 'done' }), false)
})
