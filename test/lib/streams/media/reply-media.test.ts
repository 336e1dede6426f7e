import t from 'tap'
import { ReplyMedia } from '../../../../lib/streams/media/reply-media.ts'
import { readImage } from '../../../../lib/wecom/reply-images.ts'
import type { ReplyImage } from '../../../../lib/wecom/reply-images.ts'
import { createManualClock } from '../../../fixtures/clock.ts'

// The smallest PNG: one black pixel. What follows its end does not matter.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==', 'base64')
const png = (tail: string | number): Buffer => Buffer.concat([PNG, typeof tail === 'string' ? Buffer.from(tail) : Buffer.alloc(tail)])

const itemOf = (data: Buffer): object => {
  const { base64, md5 } = readImage(data) as ReplyImage
  return { msgtype: 'image', image: { base64, md5 } }
}

function extrasOf (...images: Array<Uint8Array | string>): ReplyMedia {
  const extras = new ReplyMedia({ maxBytes: 10 * 1024 * 1024 })
  for (const data of images) extras.add({ type: 'image', data })
  return extras
}

t.test('an answer without extras has no metadata', async t => {
  t.strictSame(extrasOf().metadata(), { metadata: undefined, refused: [] })
})

t.test('images are shown in the order in which they came', async t => {
  const [a, b] = [png('a'), png('b')]
  t.strictSame(extrasOf(a, b.toString('base64')).metadata(), { metadata: { images: [itemOf(a), itemOf(b)] }, refused: [] })
})

t.test('what cannot be shown costs itself, and is told by its reason', async t => {
  t.strictSame(extrasOf('no base64!', png('a'), 'R0lGODlhAQABAAAAACw=', 5 as unknown as string).metadata(),
    { metadata: { images: [itemOf(png('a'))] }, refused: ['image: NOT_DATA', 'image: NOT_JPG_OR_PNG', 'image: NOT_DATA'] })
  t.strictSame(extrasOf('no base64!').metadata(), { metadata: undefined, refused: ['image: NOT_DATA'] })
})

t.test('beyond ten no image is read any more', async t => {
  const all = Array.from({ length: 12 }, (_, index) => png(String(index)))
  t.strictSame(
    extrasOf(...all.slice(0, 10)).metadata(), { metadata: { images: all.slice(0, 10).map(itemOf) }, refused: [] }, 'exactly at the bound'
  )
  t.strictSame(extrasOf('no base64!', ...all).metadata(), {
    metadata: { images: all.slice(0, 10).map(itemOf) }, refused: ['image: NOT_DATA', 'image: TOO_MANY', 'image: TOO_MANY']
  }, 'one that was refused is not counted')
})

t.test('images that do not fit together are told apart from those that are no images', async t => {
  const large = png(8 * 1024 * 1024)
  t.strictSame(extrasOf('no base64!', large, large, png('a')).metadata(),
    {
      metadata: { images: [itemOf(large), itemOf(png('a'))], imageTooLarge: true },
      refused: ['image: NOT_DATA', 'image: TOTAL_TOO_LARGE']
    })
})

t.test('a source that yields nothing else fills no log', async t => {
  const refusals = (count: number): number => extrasOf(...Array<string>(count).fill('no base64!')).metadata().refused.length
  t.equal(refusals(19), 19)
  t.equal(refusals(20), 20)
  t.equal(refusals(21), 20)
})

t.test('an image that is too large is noted, also if there is no other', async t => {
  const extras = new ReplyMedia({ maxBytes: 100 })
  extras.add({ type: 'image', data: png(100) })
  t.strictSame(extras.metadata(), { metadata: { imageTooLarge: true }, refused: ['image: TOTAL_TOO_LARGE'] })
})

t.test('images are made smaller by the host before they are judged', async t => {
  const extras = new ReplyMedia({ maxBytes: 100, fit: async () => PNG })
  extras.add({ type: 'image', data: png(100) })
  await extras.fit('id', createManualClock())
  t.strictSame(extras.metadata(), { metadata: { images: [itemOf(PNG)] }, refused: [] })
})
