import crypto, { createDecipheriv, hash } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'
import { RefusalError } from '../../../lib/util/errors.ts'
import type { Sealed } from '../../../lib/wecom/envelope.ts'
import { createOpenEnvelope } from '../../../lib/wecom/key-pairs.ts'
import type { OpenEnvelope } from '../../../lib/wecom/key-pairs.ts'
import { createRefusals } from '../../../lib/wecom/refusals.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { encryptLayout, open, seal, signed } from '../../fixtures/wecom-crypto.ts'
import type { WecomKeys } from '../../fixtures/wecom-crypto.ts'

const present: WecomKeys = { token: 'present-token', encodingAESKey: 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR', receiveId: '' }
const old: WecomKeys = { token: 'old-token', encodingAESKey: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq', receiveId: '' }
const strange: WecomKeys = { token: 'strange-token', encodingAESKey: 'Z'.repeat(42) + 'A', receiveId: '' }

const AT = '1700000000'
const freshness = { now: Number(AT) * 1000, windowMs: 300_000 }
const TEXT = 'x'.repeat(1000)

const sealedBy = (keys: WecomKeys, at = AT): Sealed => seal(keys, TEXT, at, 'nonce')

interface Counted {
  sha1: number
  aes: number
  code?: string
  reply?: unknown
}

/** How often the two are called, and what comes of it. */
function countCalls (opening: OpenEnvelope, sealed: Sealed): Counted {
  const calls: Counted = { sha1: 0, aes: 0 }
  crypto.hash = ((...call: Parameters<typeof hash>) => {
    if (call[0] === 'sha1') calls.sha1++
    return hashBefore(...call)
  }) as typeof hash
  crypto.createDecipheriv = ((...call: Parameters<typeof createDecipheriv>) => {
    calls.aes++
    return createDecipherivBefore(...call)
  }) as typeof createDecipheriv
  syncBuiltinESMExports()
  try {
    opening(sealed, freshness)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    const { statusCode, body } = createRefusals(createManualClock())(error, createLog())
    Object.assign(calls, { code: error.code, reply: { statusCode, body } })
  } finally {
    crypto.hash = hashBefore
    crypto.createDecipheriv = createDecipherivBefore
    syncBuiltinESMExports()
  }
  return calls
}

const hashBefore = hash
const createDecipherivBefore = createDecipheriv

t.test('a message is opened by the pair that has sealed it, and its reply is sealed with that pair', async t => {
  const opening = createOpenEnvelope(present, old)
  for (const [pair, keys] of [['present', present], ['old', old]] as const) {
    const { text, pair: opened, seal } = opening(sealedBy(keys), freshness)
    t.equal(text, TEXT)
    t.equal(opened, pair)
    t.equal(open(keys, seal('a reply', AT, 'nonce')), 'a reply')
  }
})

t.test('token and key go in pairs: new with new, and old with old', async t => {
  const opening = createOpenEnvelope(present, old)
  for (const keys of [{ ...present, encodingAESKey: old.encodingAESKey }, { ...old, encodingAESKey: present.encodingAESKey }]) {
    t.throws(() => opening(sealedBy(keys), freshness), { code: 'WECOM_ERR_DECRYPT' })
  }
})

t.test('a half that did not change opens with either of the other half', async t => {
  for (const before of [{ ...present, encodingAESKey: old.encodingAESKey }, { ...present, token: old.token }]) {
    const opening = createOpenEnvelope(present, before)
    t.equal(opening(sealedBy(present), freshness).pair, 'present')
    t.equal(opening(sealedBy(before), freshness).pair, 'old')
    t.equal(open(before, opening(sealedBy(before), freshness).seal('a reply', AT, 'nonce')), 'a reply')
  }
})

const refused: Array<[string, Sealed, string]> = [
  ['a strange token', sealedBy(strange), 'WECOM_ERR_SIGNATURE'],
  ['the present token and a strange key', sealedBy({ ...strange, token: present.token }), 'WECOM_ERR_DECRYPT'],
  ['the old token and a strange key', sealedBy({ ...strange, token: old.token }), 'WECOM_ERR_DECRYPT'],
  ['the present token and the old key', sealedBy({ ...old, token: present.token }), 'WECOM_ERR_DECRYPT'],
  ['the old token and the present key', sealedBy({ ...present, token: old.token }), 'WECOM_ERR_DECRYPT'],
  ['the present pair, an hour ago', sealedBy(present, String(Number(AT) - 3600)), 'WECOM_ERR_TIMESTAMP'],
  ['the old pair, an hour ago', sealedBy(old, String(Number(AT) - 3600)), 'WECOM_ERR_TIMESTAMP'],
  ['the present pair and another receiver', sealedBy({ ...present, receiveId: 'corp' }), 'WECOM_ERR_RECEIVER'],
  ['the old pair and another receiver', sealedBy({ ...old, receiveId: 'corp' }), 'WECOM_ERR_RECEIVER'],
  ['the present pair and wrong padding', signed(
    present.token, encryptLayout(present.encodingAESKey, { text: 'x'.repeat(44), padding: Buffer.alloc(0) }), AT, 'nonce'
  ), 'WECOM_ERR_DECRYPT'],
  ['the present token and no ciphertext', signed(present.token, 'abc', AT, 'nonce'), 'WECOM_ERR_DECRYPT'],
  ['the old token and no ciphertext', signed(old.token, 'abc', AT, 'nonce'), 'WECOM_ERR_DECRYPT'],
  ['a strange token and no ciphertext', signed(strange.token, 'abc', AT, 'nonce'), 'WECOM_ERR_SIGNATURE']
]

t.test('a refusal is the same and costs the same, whatever failed', async t => {
  const opening = createOpenEnvelope(present, old)
  const reply = { statusCode: 403, body: '{"error":"Forbidden"}' }
  for (const [what, sealed, code] of refused) t.strictSame(countCalls(opening, sealed), { sha1: 2, aes: 2, code, reply }, what)
})

t.test('so it is if a half did not change', async t => {
  const keyChanged = createOpenEnvelope(present, { ...present, encodingAESKey: old.encodingAESKey })
  const tokenChanged = createOpenEnvelope(present, { ...present, token: old.token })
  for (const opening of [keyChanged, tokenChanged]) {
    for (const [what, sealed] of refused) {
      const counted = countCalls(opening, sealed)
      if (counted.code !== undefined) t.hasStrict(counted, { sha1: 2, aes: 2 }, what)
    }
  }
  t.equal(countCalls(keyChanged, sealedBy({ ...present, receiveId: 'corp' })).code, 'WECOM_ERR_RECEIVER', 'not that the other key is wrong')
})

t.test('both signatures are compared, also if the first is right', async t => {
  const opening = createOpenEnvelope(present, old)
  t.strictSame(countCalls(opening, sealedBy(present)), { sha1: 2, aes: 1 })
  t.hasStrict(countCalls(opening, sealedBy(old)), { sha1: 2 })
})

t.test('a bot without an old pair pays nothing for it', async t => {
  const opening = createOpenEnvelope(present)
  t.strictSame(countCalls(opening, sealedBy(present)), { sha1: 1, aes: 1 })
  t.equal(opening(sealedBy(present), freshness).pair, 'present')
  const [wrongToken, wrongKey] = [sealedBy(strange), sealedBy({ ...strange, token: present.token })]
  t.hasStrict(countCalls(opening, wrongToken), { sha1: 1, aes: 0, code: 'WECOM_ERR_SIGNATURE' })
  t.hasStrict(countCalls(opening, wrongKey), { sha1: 1, aes: 1, code: 'WECOM_ERR_DECRYPT' })
  t.hasStrict(countCalls(opening, signed(present.token, 'abc', AT, 'nonce')), { sha1: 1, aes: 0, code: 'WECOM_ERR_DECRYPT' })
  t.throws(() => opening(wrongToken, freshness), { message: 'the signature does not match: check WECOM_TOKEN' })
})

t.test('the log is told of both tokens', async t => {
  t.throws(() => createOpenEnvelope(present, old)(sealedBy(strange), freshness), {
    message: 'the signature matches neither token: check WECOM_TOKEN and WECOM_TOKEN_OLD'
  })
})
