import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import {
  DEFAULT_IMAGES_MAX_BYTES, imageItems, MAX_IMAGE_BYTES, MAX_IMAGES, readImage, type RefusedImage, type ReplyImage
} from '../../../lib/wecom/reply-images.ts'

const uint = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

function chunk (kind: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(kind), data])
  return Buffer.concat([uint(4, data.length), body, uint(4, crc32(body))])
}

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
const pngHeader = (width: number, height: number): Buffer =>
  chunk('IHDR', Buffer.concat([uint(4, width), uint(4, height), Buffer.from([8, 0, 0, 0, 0])]))
/** A grey picture, true to its format. */
const png = (width = 2, height = 3): Buffer =>
  Buffer.concat([PNG_SIGNATURE, pngHeader(width, height), chunk('IDAT', deflateSync(Buffer.alloc(height * (width + 1)))), chunk('IEND')])

const segment = (kind: number, data: Buffer): Buffer => Buffer.concat([Buffer.from([0xff, kind]), uint(2, data.length + 2), data])
const frame = (kind = 0xc0, width = 2): Buffer =>
  segment(kind, Buffer.concat([uint(1, 8), uint(2, 3), uint(2, width), Buffer.from([1, 1, 0x11, 0])]))
const START = Buffer.from([0xff, 0xd8])
const APP0 = segment(0xe0, Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1'))
/** A thumbnail with an end of its own. */
const EXIF = segment(0xe1, Buffer.from('Exif\0\0\xff\xd8\xff\xdb\xff\xd9', 'latin1'))
const TABLE = segment(0xdb, Buffer.alloc(65, 1))
const HUFFMAN = segment(0xc4, Buffer.alloc(20, 1))
const SCAN = Buffer.concat([segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])), Buffer.from([0x12, 0xff, 0x00, 0x34])])
const END = Buffer.from([0xff, 0xd9])
const jpeg = (...parts: Buffer[]): Buffer => Buffer.concat(parts.length > 0 ? parts : [START, APP0, TABLE, frame(), HUFFMAN, SCAN, END])

function read (data: Uint8Array | string): ReplyImage {
  const image = readImage(data)
  if ('refused' in image) throw new Error(image.refused)
  return image
}

/** An image of exactly so many bytes: what follows its end does not matter. */
const ofSize = (bytes: number): Buffer => Buffer.concat([png()], bytes)

t.test('JPG and PNG are taken, with the md5 of the raw bytes', async t => {
  for (const bytes of [png(), jpeg()]) {
    t.same(readImage(bytes), { base64: bytes.toString('base64'), md5: createHash('md5').update(bytes).digest('hex'), bytes: bytes.length })
  }
})

t.test('base64 and any view of the bytes say the same', async t => {
  for (const size of [100, 101, 102]) {
    const bytes = ofSize(size)
    const image = read(bytes)
    t.same(readImage(bytes.toString('base64')), image)
    t.same(readImage(bytes.toString('base64').replaceAll('=', '')), image, 'padding may be missing')
    t.same(readImage(new Uint8Array(bytes)), image)
    const inside = new Uint8Array(size + 20)
    inside.set(bytes, 10)
    t.same(readImage(inside.subarray(10, size + 10)), image)
  }
})

t.test('what is neither bytes nor base64 is refused', async t => {
  const base64 = png().toString('base64')
  for (const data of ['%%%', `data:image/png;base64,${base64}`, ` ${base64}`, `${base64.slice(
    0, 40
  )}\n${base64.slice(40)}`, base64.replaceAll('+', '-').replace('A', '_'), `${base64}===`, `=${base64}`]) {
    t.same(readImage(data), { refused: 'NOT_DATA' }, data.slice(0, 20))
  }
  // A source in JavaScript may yield anything.
  for (const data of [undefined, null, 7, {}, [], new ArrayBuffer(8)]) t.same(readImage(data as never), { refused: 'NOT_DATA' })
})

t.test('other formats are refused by their bytes', async t => {
  const others = {
    nothing: '',
    gif: 'GIF89a\x01\0\x01\0',
    webp: 'RIFF\x10\0\0\0WEBPVP8 ',
    bmp: 'BM\x36\0\0\0',
    svg: '<svg xmlns="http://www.w3.org/2000/svg"/>',
    text: 'PNG',
    short: '\x89PNG',
    start: '\xff\xd8'
  }
  for (const [name, content] of Object.entries(others)) {
    const bytes = Buffer.from(content, 'latin1')
    t.same(readImage(bytes), { refused: 'NOT_JPG_OR_PNG' }, name)
    t.same(readImage(bytes.toString('base64')), { refused: 'NOT_JPG_OR_PNG' }, name)
  }
})

t.test('a PNG that is cut off or has no size is refused', async t => {
  for (let length = 8; length < png().length; length++) t.same(readImage(png().subarray(0, length)), { refused: 'DAMAGED' }, `${length}`)
  t.same(readImage(png(0, 3)), { refused: 'DAMAGED' })
  t.same(readImage(png(3, 0)), { refused: 'DAMAGED' })
  t.same(readImage(
    Buffer.concat([PNG_SIGNATURE, chunk('IDAT', Buffer.alloc(13, 1)), chunk('IEND')])
  ), { refused: 'DAMAGED' }, 'the header is not first')
  t.same(readImage(Buffer.concat([PNG_SIGNATURE, pngHeader(1, 1)])), { refused: 'DAMAGED' }, 'nothing but a header')
})

t.test('a JPG that is cut off or has no picture is refused', async t => {
  for (let length = 3; length < jpeg().length; length++) t.same(readImage(jpeg().subarray(0, length)), { refused: 'DAMAGED' }, `${length}`)
  const damaged = {
    'no frame': jpeg(START, APP0, TABLE, HUFFMAN, SCAN, END),
    'no scan': jpeg(START, APP0, frame(), END),
    'no width': jpeg(START, frame(0xc0, 0), SCAN, END),
    'only its thumbnail has an end': jpeg(START, EXIF, frame(), SCAN),
    'something else between segments': jpeg(START, APP0, Buffer.from([0]), frame(), SCAN, END),
    'segments without length': jpeg(START, Buffer.from([0xff, 0xe0, 0, 0]), frame(), SCAN, END),
    'a frame without room for its size': Buffer.concat([START, Buffer.from([0xff, 0xc0, 0, 3, 8])]),
    'the end inside the head of the scan': jpeg(START, frame(), segment(0xda, END))
  }
  for (const [name, bytes] of Object.entries(damaged)) t.same(readImage(bytes), { refused: 'DAMAGED' }, name)
})

t.test('the many ways to write a JPG', async t => {
  const whole = {
    exif: jpeg(START, EXIF, TABLE, frame(), SCAN, END),
    'fill bytes': jpeg(START, APP0, Buffer.from([0xff, 0xff]), frame(), Buffer.from([0xff]), SCAN, END),
    'several scans': jpeg(START, frame(0xc2), SCAN, HUFFMAN, SCAN, END),
    'something appended': jpeg(START, frame(), SCAN, END, Buffer.from('made by a camera'))
  }
  for (const [name, bytes] of Object.entries(whole)) t.equal(read(bytes).bytes, bytes.length, name)
  for (let kind = 0xc0; kind <= 0xd0; kind++) {
    const isFrame = kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)
    t.same('refused' in readImage(jpeg(START, frame(kind), SCAN, END)), !isFrame, kind.toString(16))
  }
  t.same('refused' in readImage(jpeg(START, frame(0xbf), SCAN, END)), true)
})

t.test('an image has at most 10 MiB before base64', async t => {
  t.equal(MAX_IMAGE_BYTES, 10_485_760)
  const most = ofSize(MAX_IMAGE_BYTES)
  t.equal(read(most).bytes, MAX_IMAGE_BYTES)
  t.equal(read(most.toString('base64')).bytes, MAX_IMAGE_BYTES)
  for (const more of [1, 2, 3, 1000]) {
    const bytes = ofSize(MAX_IMAGE_BYTES + more)
    t.same(readImage(bytes), { refused: 'TOO_LARGE' }, `${more}`)
    t.same(readImage(bytes.toString('base64')), { refused: 'TOO_LARGE' }, `${more} base64`)
  }
})

t.test('images become items of the last frame, in order', async t => {
  const [one, two] = [read(png()), read(jpeg())]
  t.strictSame(imageItems([one, two]), {
    items: [
      { msgtype: 'image', image: { base64: one.base64, md5: one.md5 } },
      { msgtype: 'image', image: { base64: two.base64, md5: two.md5 } }
    ],
    refused: []
  })
  t.strictSame(imageItems([]), { items: [], refused: [] })
})

t.test('a refused image does not cost the others', async t => {
  const { items, refused } = imageItems([read(png()), readImage('%'), read(jpeg()), readImage(Buffer.from('GIF89a'))])
  t.equal(items.length, 2)
  t.strictSame(refused, [{ index: 1, reason: 'NOT_DATA' }, { index: 3, reason: 'NOT_JPG_OR_PNG' }])
})

t.test('an answer has at most 10 images, and a refused one takes no place', async t => {
  const good = read(png())
  const bad: RefusedImage = { refused: 'DAMAGED' }
  t.equal(MAX_IMAGES, 10)
  t.equal(imageItems(Array(10).fill(good)).items.length, 10)
  const { items, refused } = imageItems([bad, ...Array<ReplyImage>(12).fill(good)])
  t.equal(items.length, 10)
  t.strictSame(refused, [{ index: 0, reason: 'DAMAGED' }, { index: 11, reason: 'TOO_MANY' }, { index: 12, reason: 'TOO_MANY' }])
})

t.test('the images of an answer are bounded together', async t => {
  const image = (length: number): ReplyImage => ({ base64: '', md5: '', bytes: length })
  t.equal(imageItems([image(60), image(40)], { maxBytes: 100 }).items.length, 2)
  t.strictSame(imageItems(
    [image(60), image(41), image(40)], { maxBytes: 100 }
  ).refused, [{ index: 1, reason: 'TOTAL_TOO_LARGE' }], 'a smaller one may fit')
  t.strictSame(imageItems([image(1)], { maxBytes: 0 }).items, [])
  t.strictSame(imageItems([image(1)], { maxBytes: NaN }).items, [], 'a bound that is none lets nothing through')

  t.equal(DEFAULT_IMAGES_MAX_BYTES, 524_288)
  const half = DEFAULT_IMAGES_MAX_BYTES / 2
  t.equal(imageItems([image(half), image(half)]).items.length, 2)
  t.equal(imageItems([image(half), image(half + 1)]).items.length, 1)
})

t.test('whatever the bytes, an image is read or refused', async () => {
  const heads = fc.constantFrom(
    Buffer.alloc(0), PNG_SIGNATURE, Buffer.concat([PNG_SIGNATURE, pngHeader(1, 1)]), START, jpeg(START, APP0, frame())
  )
  fc.assert(fc.property(heads, fc.uint8Array({ maxLength: 80 }), (head, tail) => {
    const image = readImage(Buffer.concat([head, tail]))
    return 'refused' in image || Buffer.from(image.base64, 'base64').equals(Buffer.concat([head, tail]))
  }), { numRuns: 500 })
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => 'refused' in readImage(text)))
})
