import t from 'tap'
import { readBytes } from '../../../lib/outbound/read-bytes.ts'

async function * inChunksOf (size: number, bytes: Uint8Array, log: number[] = []): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  } finally {
    log.push(bytes.length)
  }
}

/** A prime number of them comes again and again, so that no block equals another. */
const bytes = (size: number): Buffer => Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i))

t.test('bytes are joined however they come, up to the limit and not beyond', async t => {
  for (const size of [0, 1, 31, 32, 33, 1000, 65_535, 65_536, 65_537, 131_073, 500_000]) {
    for (const chunk of [1, 1000, 65_536, 1_000_000]) {
      if (size / chunk > 1000) continue
      const given = bytes(size)
      for (const limit of [size, size + 1, 1_000_000]) {
        const read = await readBytes(inChunksOf(chunk, given), limit)
        t.ok(read.equals(given), `${size} in chunks of ${chunk}, limit ${limit}`)
      }
      if (size === 0) continue
      const left: number[] = []
      await t.rejects(readBytes(inChunksOf(chunk, given, left), size - 1), { name: 'OutboundError', reason: 'TOO_LARGE' })
      t.strictSame(left, [size], 'the stream is closed')
    }
  }
})

t.test('an error of the stream is passed on', async t => {
  await t.rejects(readBytes((async function * () { yield bytes(3); throw new Error('broken') })(), 10), { message: 'broken' })
})

t.test('many small chunks take no more memory than the bytes', async t => {
  const chunk = new Uint8Array(1)
  async function * drops (): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 150_000; i++) yield chunk
  }
  t.ok((await readBytes(drops(), 1_000_000)).buffer.byteLength < 300_001)
})
