import { createHash } from 'node:crypto'
import t from 'tap'
import { decryptMedia, readMediaKey } from '../../../../lib/wecom/media/cipher.ts'
import { encryptMedia } from '../../../fixtures/media-server.ts'

// Bytes that need + and / in base64.
const KEY = Buffer.from('fbefbefbefbef8ffffffff00112233445566778899aabbccddeeff0123456789', 'hex')
const BASE64 = KEY.toString('base64')
/** A prime number of bytes comes again and again, so that no block equals another. */
const file = (size: number): Buffer => Buffer.alloc(size, Uint8Array.from({ length: 251 }, (_, i) => i))
const padding = (length: number): Uint8Array => new Uint8Array(length).fill(length)

t.test('a key is read in every form it is sent in', async t => {
  t.match(BASE64, /\+.*\/.*=$/)
  for (const text of [BASE64, BASE64.slice(0, 43), KEY.toString(
    'base64url'
  ), `${KEY.toString('base64url')}=`, KEY.toString('hex'), KEY.toString('hex').toUpperCase()]) {
    t.strictSame(readMediaKey(text), KEY, text)
  }
})

t.test('the two unused bits of the last character may be anything', async t => {
  t.strictSame(readMediaKey(`${BASE64.slice(0, 42)}l`), readMediaKey(`${BASE64.slice(0, 42)}k`))
})

t.test('any other text is no key', async t => {
  for (const text of [
    '', ' ', BASE64.slice(
      0, 42
    ), `${BASE64}=`, `${BASE64.slice(0, 43)}A`, ` ${BASE64}`, `${BASE64}\n`, `${BASE64.slice(0, 20)}*${BASE64.slice(21)}`,
    KEY.toString('hex').slice(1), `${KEY.toString('hex')}0`, `${KEY.toString('hex').slice(1)}g`, KEY.toString('latin1')
  ]) t.equal(readMediaKey(text), undefined, JSON.stringify(text))
})

t.test('files of every length come back byte for byte', async t => {
  for (let size = 0; size <= 130; size++) t.strictSame(await decryptMedia(encryptMedia(file(size), KEY), KEY), file(size), `${size} bytes`)
  const large = file(1_000_003)
  const back = await decryptMedia(encryptMedia(large, KEY), KEY) as Buffer
  t.equal(back.length, large.length)
  t.equal(createHash('sha256').update(back).digest('hex'), createHash('sha256').update(large).digest('hex'))
})

t.test('a file of several pieces is decrypted piece by piece, and others have their turn in between', async t => {
  const large = file(3 * 512 * 1024 - 16)
  const encrypted = encryptMedia(large, KEY)
  let turns = 0
  const count = (): void => {
    turns++
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  const back = await decryptMedia(encrypted, KEY) as Buffer
  clearImmediate(counting)
  t.ok(back.equals(large))
  t.equal(back.buffer, encrypted.buffer, 'where it lies')
  t.ok(turns >= 2, `${turns} turns`)
  t.ok((await decryptMedia(encryptMedia(file(512 * 1024 - 32), KEY), KEY) as Buffer).equals(file(512 * 1024 - 32)), 'one whole piece')
})

t.test('another key leaves the bytes as they are', async t => {
  const encrypted = encryptMedia(file(100), KEY)
  t.equal(await decryptMedia(encrypted, Buffer.alloc(32, 1)), undefined)
  t.strictSame(await decryptMedia(encrypted, KEY), file(100))
})

t.test('padding of 1 to 32 is taken, to whole blocks of 16 as well as of 32', async t => {
  for (let length = 1; length <= 32; length++) {
    for (const blocks of [2, 3, 4, 5]) {
      const size = blocks * 16 - length
      t.strictSame(await decryptMedia(encryptMedia(file(size), KEY, padding(length)), KEY), file(size), `${size} bytes and ${length}`)
    }
  }
  t.strictSame(await decryptMedia(encryptMedia(file(0), KEY, padding(16)), KEY), file(0))
})

t.test('padding of 0 or beyond 32 is refused', async t => {
  for (const length of [0, 33, 34, 48, 64, 128, 255]) {
    const tail = new Uint8Array(64).fill(length)
    t.equal(await decryptMedia(encryptMedia(file(32), KEY, tail), KEY), undefined, `${length}`)
    t.equal(await decryptMedia(encryptMedia(file(512), KEY, tail), KEY), undefined, `${length}`)
  }
})

t.test('padding longer than the file is refused', async t => {
  for (let length = 17; length <= 32; length++) {
    t.equal(await decryptMedia(encryptMedia(file(0), KEY, new Uint8Array(16).fill(length)), KEY), undefined, `${length}`)
  }
})

t.test('one wrong byte anywhere in the padding is refused', async t => {
  for (let length = 2; length <= 32; length++) {
    for (let at = 0; at < length - 1; at++) {
      const wrong = padding(length)
      wrong[at] = length - 1
      t.equal(await decryptMedia(encryptMedia(file(64 - length), KEY, wrong), KEY), undefined, `${length} at ${at}`)
      t.equal(await decryptMedia(encryptMedia(file(32 - length), KEY, wrong), KEY), undefined, `${length} at ${at}, alone`)
    }
  }
})

t.test('no bytes, and no whole blocks, are refused before anything is decrypted', async t => {
  const encrypted = encryptMedia(file(100), KEY)
  for (const length of [0, 1, 15, 17, 31, 33, 127]) t.equal(await decryptMedia(encrypted.subarray(0, length), KEY), undefined, `${length}`)
})
