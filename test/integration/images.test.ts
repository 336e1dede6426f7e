import { randomBytes } from 'node:crypto'
import t from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import { createSimulator } from '../../plugins/testing.ts'
import type { TranscriptFrame } from '../../plugins/testing.ts'
import { buildApp, keys, PATH } from '../fixtures/app.ts'

const texts = loadTexts()
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==', 'base64')
/** A picture of that size, as viewers do not mind what follows its end. */
const png = (bytes: number): Buffer => Buffer.concat([PNG, randomBytes(bytes - PNG.length)])

/** What the last frame has. */
function imagesOf (frames: readonly TranscriptFrame[]): ReadonlyArray<{ image: { base64: string } }> {
  const { msg_item: items = [] } = frames.at(-1)?.reply['stream'] as { msg_item?: Array<{ image: { base64: string } }> }
  return items
}

function source (...images: Buffer[]) {
  return async function * () {
    yield 'look'
    for (const data of images) yield { type: 'image', data } as const
  }
}

t.test('an image that WeCom would refuse is left out, with a sentence, and the answer is finished', async t => {
  const { app } = await buildApp(t, { source: source(png(1_470_000), png(1000)) })
  const { content, finished, frames, problems } = await createSimulator({ target: { app, path: PATH }, ...keys, refreshMs: 10 }).send('hi')
  t.strictSame(problems, [])
  t.equal(finished, true)
  t.equal(content, `look\n\n${texts.imageTooLarge}`)
  t.equal(imagesOf(frames).length, 1)
})

t.test('the host makes images smaller, and one that fails is told', async t => {
  const asked: Array<[string, number, number]> = []
  const { app, lines } = await buildApp(t, {
    source: source(png(1_470_000), png(700_000)),
    images: {
      fit ({ type, data }, { maxBytes, signal, log }) {
        asked.push([type, data.length, maxBytes])
        log.info({ aborted: signal.aborted }, 'fitting')
        if (data.length === 700_000) throw new Error('no luck')
        return png(maxBytes)
      }
    }
  })
  const { content, frames, problems } = await createSimulator({ target: { app, path: PATH }, ...keys, refreshMs: 10 }).send('hi')
  t.strictSame(problems, [])
  t.strictSame(asked, [['image/png', 1_470_000, 262_144], ['image/png', 700_000, 262_144]])
  t.equal(content, `look\n\n${texts.imageTooLarge}`)
  t.equal(imagesOf(frames)[0]?.image.base64.length, Math.ceil(262_144 / 3) * 4)
  t.match(lines.filter(({ msg }) => msg === 'a hook failed'), [{ hook: 'images.fit', streamId: String }])
})

t.test('a frame that is too large when it is sealed loses its last images', async t => {
  const { app } = await buildApp(t, {
    source: source(png(400_000), png(400_000), png(400_000)), env: { STREAM_IMAGES_MAX_BYTES: '2000000' }
  })
  const { frames, problems } = await createSimulator({ target: { app, path: PATH }, ...keys, refreshMs: 10 }).send('hi', { late: 1 })
  t.strictSame(problems, [])
  t.equal(imagesOf(frames).length, 1)
})
