import t from 'tap'
import { fitImages } from '../../../../lib/streams/media/image-fit.ts'
import type { FitCall, FitImage } from '../../../../lib/streams/media/image-fit.ts'
import { readImage } from '../../../../lib/wecom/reply-images.ts'
import type { ReplyImage } from '../../../../lib/wecom/reply-images.ts'
import { createManualClock } from '../../../fixtures/clock.ts'

// The smallest PNG: one black pixel. What follows its end does not matter.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==', 'base64')
const png = (bytes: number): Buffer => Buffer.concat([PNG, Buffer.alloc(bytes - PNG.length)])
const image = (bytes: number): ReplyImage => readImage(png(bytes)) as ReplyImage
const sizes = (images: readonly ReplyImage[]): number[] => images.map(({ bytes }) => bytes)

function setUp (fit: (call: FitCall, advance: (ms: number) => Promise<void>) => Promise<unknown>) {
  const clock = createManualClock()
  const calls: FitCall[] = []
  const host: FitImage = async call => { calls.push(call); return await fit(call, ms => clock.advance(ms)) }
  const run = async (maxBytes: number, ...given: number[]): Promise<number[]> =>
    sizes(await fitImages(given.map(image), 's', { maxBytes, fit: host }, clock))
  return { calls, run, clock }
}

t.test('images that fit together are left alone, whatever the share of one', async t => {
  const { calls, run } = setUp(async () => PNG)
  t.strictSame(await run(1000, 900, 100), [900, 100])
  t.strictSame(calls, [])
})

t.test('each may have its share of what is left, in their order', async t => {
  const { calls, run } = setUp(async ({ maxBytes }) => png(maxBytes - 10))
  t.strictSame(await run(1000, 600, 200, 900), [323, 200, 467])
  t.hasStrict(calls, [
    { streamId: 's', image: { type: 'image/png', data: png(600) }, maxBytes: 333, maxMs: 5000 },
    { image: { data: png(900) }, maxBytes: 477 }
  ])
  t.equal(calls.length, 2, 'what is within its share is not touched')
})

t.test('what is no smaller picture is not taken', async t => {
  for (const given of [undefined, 'no picture', png(501), 5, Buffer.alloc(0)]) {
    const { run } = setUp(async () => given)
    t.strictSame(await run(1000, 600, 600), [600, 600])
  }
  t.strictSame(await setUp(async () => PNG.toString('base64')).run(1000, 600, 600), [PNG.length, 600], 'base64 is')
})

t.test('one that stays too large leaves its room to the others', async t => {
  const { calls, run } = setUp(async ({ image: { data }, maxBytes }) => data.length > 2000 ? undefined : png(maxBytes))
  t.strictSame(await run(1000, 3000, 1500), [3000, 1000])
  t.hasStrict(calls, [{ maxBytes: 500 }, { maxBytes: 1000 }])
})

t.test('five seconds are for all of them', async t => {
  const { calls, run, clock } = setUp(async ({ maxBytes }, advance) => { await advance(3000); return png(maxBytes) })
  t.strictSame(await run(900, 1000, 1000, 1000), [300, 300, 1000])
  t.hasStrict(calls.map(({ maxMs }) => maxMs), [5000, 2000])
  t.equal(clock.pending, 0)
})

t.test('without a host that makes them smaller they stay as they are', async t => {
  const images = [image(600), image(600)]
  t.equal(await fitImages(images, 's', { maxBytes: 1000 }, createManualClock()), images)
})

t.test('a JPG is said to be one', async t => {
  const calls: FitCall[] = []
  const fit: FitImage = async call => { calls.push(call) }
  await fitImages([{ base64: '/9j/', md5: '', bytes: 5 }], 's', { maxBytes: 3, fit }, createManualClock())
  t.hasStrict(calls, [{ image: { type: 'image/jpeg' } }])
})

t.test('an image that takes all of its share is left alone, and nothing is asked when the time is over', async t => {
  const exact = setUp(async ({ maxBytes }) => png(maxBytes))
  t.strictSame(await exact.run(1000, 500, 600), [500, 500])
  t.equal(exact.calls.length, 1)
  const slow = setUp(async ({ maxBytes, maxMs }, advance) => {
    await advance(maxMs)
    return png(maxBytes)
  })
  t.strictSame(await slow.run(1000, 900, 900), [500, 900])
  t.equal(slow.calls.length, 1)
})
