import { readFileSync } from 'node:fs'
import * as official from '@wecom/crypto'
import fc from 'fast-check'
import t from 'tap'
import { InputError, RefusalError } from '../../../lib/util/errors.ts'
import { createEnvelope, isEncodingAESKey, type Sealed } from '../../../lib/wecom/envelope.ts'
import { decrypt, encryptBytes, encryptLayout, open, pad, seal, signed, type Layout } from '../../fixtures/wecom-crypto.ts'

interface Vector {
  name: string
  token?: string
  encodingAESKey: string
  receiveId: string
  timestamp?: string
  nonce?: string
  encrypt: string
  msgSignature?: string
  plaintext: string
  random: string
  padLength: number
}

interface NegativeVector extends Partial<Omit<Vector, 'name'>> {
  name: string
  expect: string
}

const { vectors, negative } = JSON.parse(readFileSync(new URL('../../fixtures/crypto-vectors.json', import.meta.url), 'utf8')) as
  { vectors: Vector[], negative: NegativeVector[] }

const keys = { token: 'the-token-itself', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR', receiveId: '' }
const secret = 'a text that nobody may read'
const at = '1700000000'
const now = Number(at) * 1000

/** Opens a plaintext that was laid out by hand, properly signed. */
const openLayout = (layout: Partial<Layout>, receiveId = ''): string =>
  openCipher(encryptLayout(keys.encodingAESKey, { text: secret, ...layout }), receiveId)

const openCipher = (encrypt: string, receiveId = ''): string =>
  createEnvelope({ ...keys, receiveId }).open(signed(keys.token, encrypt, at, 'nonce'))

function refusal (attempt: () => unknown): RefusalError {
  try {
    attempt()
  } catch (error) {
    if (error instanceof RefusalError) return error
    throw error
  }
  throw new Error('it was not refused')
}

for (const vector of vectors) {
  t.test(`the public vector ${vector.name} opens, and seals to the same bytes`, async t => {
    const { token = 'none given', timestamp = at, nonce = '1', encrypt, encodingAESKey, receiveId } = vector
    const credentials = { token, encodingAESKey, receiveId }
    const sealed = signed(token, encrypt, timestamp, nonce)
    t.equal(sealed.signature, vector.msgSignature ?? sealed.signature)
    t.equal(createEnvelope(credentials).open(sealed), vector.plaintext)
    t.same(seal(credentials, vector.plaintext, timestamp, nonce, Buffer.from(vector.random, 'latin1')), sealed)
  })
}

t.test('the public negative vectors are refused', async t => {
  t.equal(negative.length, 3)
  for (const {
    name, expect, encodingAESKey = keys.encodingAESKey, token = '', receiveId = '', timestamp = '', nonce = '', encrypt = '',
    msgSignature = ''
  } of negative) {
    const attempt = (): string =>
      createEnvelope({ token, encodingAESKey, receiveId }).open({ signature: msgSignature, timestamp, nonce, encrypt })
    if (expect === 'signature mismatch') t.equal(refusal(attempt).code, 'WECOM_ERR_SIGNATURE', name)
    else t.throws(attempt, { code: 'WECOM_ERR_INPUT' }, name)
  }
})

t.test('what is sealed opens with the package of WeCom, and what that seals opens here', async t => {
  const texts = fc.string({ unit: 'binary', maxLength: 500 }).map(text => text.toWellFormed())
  fc.assert(fc.property(texts, fc.string({ unit: 'grapheme-ascii' }), (text, receiveId) => {
    const { token, encodingAESKey } = keys
    const envelope = createEnvelope({ token, encodingAESKey, receiveId })
    const sealed = envelope.seal(text, at, 'nonce')
    const { message, id } = official.decrypt(encodingAESKey, sealed.encrypt)
    t.strictSame({ message, id: String(id) }, { message: text, id: receiveId })
    t.equal(sealed.signature, official.getSignature(token, at, 'nonce', sealed.encrypt))
    const encrypt = official.encrypt(encodingAESKey, text, receiveId)
    t.equal(envelope.open({ signature: official.getSignature(token, at, 'n', encrypt), timestamp: at, nonce: 'n', encrypt }), text)
  }), { numRuns: 200 })
})

t.test('a key is 43 characters of base64', async t => {
  const key = keys.encodingAESKey
  t.ok(isEncodingAESKey(key))
  t.ok(isEncodingAESKey('A'.repeat(42) + '/'), 'the unused last two bits may be anything')
  for (const bad of ['', key.slice(1), key + 'A', key + '=', key.slice(1) + '-', key.slice(1) + '_', ' ' + key.slice(1), key + '\n']) {
    t.notOk(isEncodingAESKey(bad), JSON.stringify(bad))
    t.throws(
      () => createEnvelope({ ...keys, encodingAESKey: bad }), new InputError('encodingAESKey must be 43 characters of the base64 alphabet')
    )
  }
})

t.test('sealing uses the given time and nonce, and fresh random bytes every time', async t => {
  const envelope = createEnvelope(keys)
  const first = envelope.seal(secret, at, 'nonce')
  const second = envelope.seal(secret, at, 'nonce')
  t.match(first, { timestamp: at, nonce: 'nonce', signature: /^[0-9a-f]{40}$/ })
  const randoms = [first, second].map(sealed => decrypt(keys.encodingAESKey, sealed.encrypt)?.random.toString('hex'))
  t.not(randoms[0], randoms[1])
  t.same(seal(
    keys, secret, at, 'nonce', Buffer.from(randoms[0] as string, 'hex')
  ), first, 'byte for byte what another implementation makes of them')
})

t.test('a self-made vector with an empty receiver id opens', async t => {
  // Made with the fixture, of the random bytes 0123456789abcdef, and kept: both implementations changing together would show.
  const encrypt = encryptLayout(keys.encodingAESKey, { text: '{"msgtype":"text"}', random: Buffer.from('0123456789abcdef') })
  t.equal(encrypt, 'pxDvIKtJjb6ivztGO70jSo0WtERU4HYLpqHMRosGPRDhBS9sczzWjTyWoh6BMuedpTYesoHar6l3WEJnMRY3BA==')
  t.equal(openCipher(encrypt), '{"msgtype":"text"}')
})

t.test('padding of 1 to 32 equal bytes is taken off', async t => {
  // 20 bytes stand before the text.
  for (let size = 0; size <= 64; size++) t.equal(openLayout({ text: 'x'.repeat(size) }), 'x'.repeat(size))
})

t.test('padding that is wrong in any byte is refused', async t => {
  const text = 'x'.repeat(44 - 32)
  const right = Buffer.alloc(32, 32)
  t.equal(openLayout({ text, padding: right }), text)
  for (let i = 0; i < right.length; i++) {
    const wrong = Buffer.from(right)
    wrong[i] = 31
    // A last byte of 31 declares one byte less, which then are all 32 but the last.
    t.equal(refusal(() => openLayout({ text, padding: wrong })).code, 'WECOM_ERR_DECRYPT', `byte ${i}`)
  }
})

t.test('padding of no or of more than 32 bytes is refused', async t => {
  const whole = 'x'.repeat(44)
  t.equal(refusal(() => openLayout({ text: whole, padding: Buffer.alloc(0) })).code, 'WECOM_ERR_DECRYPT', 'the text ends in x, no padding')
  t.equal(refusal(() => openLayout({ text: 'x'.repeat(43), padding: Buffer.alloc(1, 0) })).code, 'WECOM_ERR_DECRYPT', '0')
  t.equal(openLayout({ text: 'x'.repeat(43), padding: Buffer.alloc(1, 1) }), 'x'.repeat(43), '1')
  t.equal(openLayout({ text: whole, padding: Buffer.alloc(32, 32) }), whole, '32')
  t.equal(refusal(() => openLayout({ text: 'x'.repeat(43), padding: Buffer.alloc(33, 33) })).code, 'WECOM_ERR_DECRYPT', '33')
  t.equal(refusal(() => openLayout({ text: whole, padding: Buffer.alloc(64, 64) })).code, 'WECOM_ERR_DECRYPT', '64')
})

t.test('a length beyond the end is refused, the last one within is not', async t => {
  const size = Buffer.byteLength(secret)
  t.equal(openLayout({ length: size }), secret)
  for (const length of [size + 1, size + 32, 0x7fffffff, 0x80000000, 0xffffffff]) {
    t.equal(refusal(() => openLayout({ length })).code, 'WECOM_ERR_DECRYPT', String(length))
  }
  t.equal(refusal(() => openLayout({ length: size - 1 })).code, 'WECOM_ERR_RECEIVER', 'the rest is no receiver id')
})

t.test('a length that is too small puts no message into the log', async t => {
  const { code, message } = refusal(() => openLayout({ length: 2 }))
  t.equal(code, 'WECOM_ERR_RECEIVER')
  t.equal(message, `the receiver id does not match: WECOM_RECEIVE_ID is "" but text of ${Buffer.byteLength(secret) - 2} bytes was sent`)
  t.notMatch(message, secret.slice(2, 20))
})

t.test('a plaintext too short for its header is refused', async t => {
  for (const [size, opens] of [[0, false], [15, false], [16, false], [19, false], [20, true]] as const) {
    const bytes = Buffer.alloc(size)
    const encrypt = encryptBytes(keys.encodingAESKey, Buffer.concat([bytes, pad(bytes)]))
    if (opens) t.equal(openCipher(encrypt), '', `${size} bytes`)
    else t.equal(refusal(() => openCipher(encrypt)).code, 'WECOM_ERR_DECRYPT', `${size} bytes`)
  }
})

t.test('the receiver id has to be the configured one, also where that is empty', async t => {
  for (const [configured, sent] of [['', ''], ['corp', 'corp'], ['企业', '企业']] as const) {
    t.equal(openLayout({ receiveId: sent }, configured), secret, `${configured} = ${sent}`)
  }
  for (const [configured, sent] of [
    ['', 'corp'], ['corp', ''], ['corp', 'corp '], ['corp', 'cor'], ['corp', 'Corp'], ['corp', 'corp\0']
  ] as const) {
    const error = refusal(() => openLayout({ receiveId: sent }, configured))
    t.equal(error.code, 'WECOM_ERR_RECEIVER', `${configured} = ${sent}`)
  }
  t.match(refusal(() => openLayout({ receiveId: 'wx-sent' }, 'wx-configured')).message, /"wx-configured" but "wx-sent" was sent/)
})

t.test('a receiver id is compared as bytes', async t => {
  t.equal(refusal(() => openLayout({ receiveId: Buffer.from([0xff]) }, '\ufffd')).code, 'WECOM_ERR_RECEIVER')
})

t.test('only canonical base64 of whole blocks is taken', async t => {
  // Fixed random bytes, which make a character that URLs spell otherwise.
  const encrypt = encryptLayout(keys.encodingAESKey, { text: 'x'.repeat(11), random: Buffer.alloc(16, 2) })
  t.match(encrypt, /^(?=.*[+/])[^=]{43}=$/)
  const bytes = Buffer.from(encrypt, 'base64')
  const cases: Record<string, string> = {
    empty: '',
    'a leading blank': ' ' + encrypt,
    'a newline at the end': encrypt + '\n',
    'a newline within': encrypt.slice(0, 10) + '\n' + encrypt.slice(10),
    'no equals sign': encrypt.replace(/=+$/, ''),
    'one more equals sign': encrypt + '=',
    'the alphabet of URLs': bytes.toString('base64url') + '=',
    'a foreign character': encrypt.slice(0, 10) + '*' + encrypt.slice(10),
    'bits that say nothing': encrypt.replace(/.(?==+$)/, character => String.fromCharCode(character.charCodeAt(0) + 1)),
    'a byte more': Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64'),
    'a byte less': bytes.subarray(0, -1).toString('base64'),
    'half a block more': Buffer.concat([bytes, Buffer.alloc(16)]).toString('base64'),
    'half a block': bytes.subarray(0, 16).toString('base64'),
    'not base64 at all': '不是密文'
  }
  t.equal(openCipher(encrypt), 'x'.repeat(11))
  for (const [name, bad] of Object.entries(cases)) t.equal(refusal(() => openCipher(bad)).code, 'WECOM_ERR_DECRYPT', name)
})

t.test('blocks of 16 bytes with padding to match are refused', async t => {
  t.equal(refusal(() => openLayout({ text: 'x'.repeat(12), padding: Buffer.alloc(16, 16) })).code, 'WECOM_ERR_DECRYPT')
})

t.test('a signature has to be the right one, in length and case too', async t => {
  const envelope = createEnvelope(keys)
  const sealed = seal(keys, secret, at, 'nonce')
  const { signature } = sealed
  t.equal(envelope.open(sealed), secret)
  const bad = [
    '', signature.slice(1), signature + '0', signature.toUpperCase(), '0'.repeat(40), ' ' + signature, '签'.repeat(40), '签'.repeat(13) + '0'
  ]
  for (const wrong of bad) t.equal(refusal(() => envelope.open({ ...sealed, signature: wrong })).code, 'WECOM_ERR_SIGNATURE', wrong)
  for (const field of ['timestamp', 'nonce', 'encrypt'] as const) {
    t.equal(refusal(() => envelope.open({ ...sealed, [field]: sealed[field] + '0' })).code, 'WECOM_ERR_SIGNATURE', field)
  }
  t.equal(refusal(() => createEnvelope({ ...keys, token: 'another' }).open(sealed)).code, 'WECOM_ERR_SIGNATURE', 'another token')
})

t.test('a wrong key is refused', async t => {
  const other = createEnvelope({ ...keys, encodingAESKey: 'B'.repeat(43) })
  // Fixed random bytes: one plaintext in some hundred would pass the padding by chance.
  const sealed = seal(keys, secret, at, 'nonce', Buffer.alloc(16, 7))
  t.equal(refusal(() => other.open(sealed)).code, 'WECOM_ERR_DECRYPT')
})

t.test('a timestamp is taken up to the window on both sides', async t => {
  const envelope = createEnvelope(keys)
  const sealed = seal(keys, secret, at, 'nonce')
  for (const [age, fresh] of [
    [-300_001, false], [-300_000, true], [-299_999, true], [0, true], [299_999, true], [300_000, true], [300_001, false]
  ] as const) {
    const attempt = (): string => envelope.open(sealed, { now: now + age, windowMs: 300_000 })
    if (fresh) t.equal(attempt(), secret, `${age} ms`)
    else t.equal(refusal(attempt).code, 'WECOM_ERR_TIMESTAMP', `${age} ms`)
  }
  t.equal(envelope.open(sealed), secret, 'any age without a window')
  t.match(refusal(() => envelope.open(sealed, { now: now + 500_000, windowMs: 300_000 })).message, /500 s old, beyond 300 s/)
})

t.test('a timestamp that is no number of seconds is refused', async t => {
  const envelope = createEnvelope(keys)
  for (const timestamp of [
    '', ' ', 'abc', '1.7e9', '1700000000.0', '+1700000000', '-1', ' 1700000000', '1700000000\n', '0x6553f100', '１７０００００００００', 'NaN',
    'Infinity', '9'.repeat(16), '1700000000000'
  ]) {
    const sealed = seal(keys, secret, timestamp, 'nonce')
    t.equal(refusal(() => envelope.open(sealed, { now, windowMs: 300_000 })).code, 'WECOM_ERR_TIMESTAMP', JSON.stringify(timestamp))
    t.equal(envelope.open(sealed), secret, 'without a window it is but a part of the signature')
  }
})

t.test('time and nonce in exchanged places are signed alike, and refused by their age', async t => {
  const sealed = seal(keys, secret, at, '1409659589')
  const swapped = { ...sealed, timestamp: sealed.nonce, nonce: sealed.timestamp }
  t.equal(refusal(() => createEnvelope(keys).open(swapped, { now, windowMs: 300_000 })).code, 'WECOM_ERR_TIMESTAMP')
})

t.test('a text that is not UTF-8 is refused, and spoils nothing after it', async t => {
  const bad = [[0xff], [0xc0, 0xaf], [0xe4, 0xbd], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0x80]]
  for (const bytes of bad) {
    t.equal(refusal(() => openLayout({ text: Buffer.from(bytes) })).code, 'WECOM_ERR_MESSAGE', Buffer.from(bytes).toString('hex'))
    t.equal(openLayout({}), secret)
  }
  t.equal(openLayout({ text: '\ufeff{}' }), '\ufeff{}', 'a byte order mark is kept for the parser to refuse')
})

t.test('what is wrong is told in the order of design: signature, age, plaintext', async t => {
  const envelope = createEnvelope(keys)
  const stale = { now: now + 1e9, windowMs: 1 }
  const bad = signed(keys.token, 'not base64', at, 'nonce')
  t.equal(refusal(() => envelope.open({ ...bad, signature: '' }, stale)).code, 'WECOM_ERR_SIGNATURE')
  t.equal(refusal(() => envelope.open(bad, stale)).code, 'WECOM_ERR_TIMESTAMP')
  t.equal(refusal(() => envelope.open(bad)).code, 'WECOM_ERR_DECRYPT')
  t.equal(refusal(() => openLayout({ text: Buffer.from([0xff]), receiveId: 'x' })).code, 'WECOM_ERR_RECEIVER')
})

t.test('no refusal tells the token, the key or the text', async t => {
  const envelope = createEnvelope(keys)
  const sealed = seal(keys, secret, at, 'nonce')
  const attempts: Array<() => unknown> = [
    () => envelope.open({ ...sealed, signature: '0'.repeat(40) }),
    () => envelope.open(sealed, { now: 0, windowMs: 1 }),
    () => openCipher('short'),
    () => openLayout({ padding: Buffer.alloc(17, 9) }),
    () => openLayout({ length: 0xffff }),
    () => openLayout({ receiveId: 'corp' }),
    () => openLayout({ text: Buffer.concat([Buffer.from(secret), Buffer.from([0xff])]) }),
    () => createEnvelope({ ...keys, encodingAESKey: keys.encodingAESKey + '=' })
  ]
  for (const attempt of attempts) {
    let told = ''
    try { attempt() } catch (error) {
      told = JSON.stringify(
        [(error as Error).message, (error as Error).stack, error, (error as Error).cause]
      )
    }
    t.not(told, '')
    for (const hidden of [keys.token, keys.encodingAESKey, secret, sealed.signature]) t.notMatch(told, hidden)
  }
})

const text = fc.oneof(
  fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary', minLength: 100, maxLength: 2000 })
)

t.test('any text of any script round-trips with another implementation, both ways', async () => {
  fc.assert(fc.property(text, fc.string(
    { unit: 'grapheme' }
  ), fc.string(), fc.string(), fc.string(), (text, receiveId, token, timestamp, nonce) => {
    const credentials = { ...keys, token, receiveId }
    const envelope = createEnvelope(credentials)
    const theirs = envelope.open(seal(credentials, text, timestamp, nonce))
    const ours = open(credentials, envelope.seal(text, timestamp, nonce))
    return theirs === text && ours === text && envelope.open(envelope.seal(text, timestamp, nonce)) === text
  }), { numRuns: 1000 })
})

t.test('any flipped bit is refused', async () => {
  const envelope = createEnvelope(keys)
  const fields = ['signature', 'timestamp', 'nonce', 'encrypt'] as const
  fc.assert(fc.property(text, fc.constantFrom(...fields), fc.nat(), fc.nat(7), (text, field, place, bit) => {
    const sealed: Sealed = envelope.seal(text, at, '1320562132')
    const bytes = Buffer.from(sealed[field], 'latin1')
    const index = place % bytes.length
    bytes[index] = (bytes[index] as number) ^ (1 << bit)
    return refusal(() => envelope.open({ ...sealed, [field]: bytes.toString('latin1') })).code === 'WECOM_ERR_SIGNATURE'
  }), { numRuns: 2000 })
})
