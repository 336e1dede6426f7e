import t from 'tap'
import { configOf, readConfig } from '../../../lib/config/config.ts'
import { oldPairFaults, oldPairOf } from '../../../lib/config/old-pair.ts'
import { callbackSettings } from '../../../lib/config/settings.ts'
import type { Credentials } from '../../../lib/wecom/envelope.ts'

const KEY = 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR'
const OLD_KEY = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq'
const present = { WECOM_TOKEN: 'token', WECOM_ENCODING_AES_KEY: KEY, WECOM_RECEIVE_ID: 'corp' }

const read = (env: Record<string, string>) =>
  readConfig(callbackSettings, { options: {}, env: { ...present, ...env }, extraOptions: [] }, oldPairFaults)
const pairOf = (env: Record<string, string>): Credentials | undefined => oldPairOf(configOf(read(env)))
const faultsOf = (env: Record<string, string>): string[] => read(env).faults.map(({ name, problem }) => `${name}: ${problem}`)

t.test('a bot without old credentials has one pair', async t => {
  t.equal(pairOf({}), undefined)
  t.equal(pairOf({ WECOM_TOKEN_OLD: '  ', WECOM_ENCODING_AES_KEY_OLD: '' }), undefined, 'a blank one is none')
})

t.test('one of the two alone means that the other did not change', async t => {
  const before = { WECOM_TOKEN_OLD: 'old', WECOM_ENCODING_AES_KEY_OLD: OLD_KEY }
  t.strictSame(pairOf(before), { token: 'old', encodingAESKey: OLD_KEY, receiveId: 'corp' })
  t.strictSame(pairOf({ WECOM_TOKEN_OLD: 'old' }), { token: 'old', encodingAESKey: KEY, receiveId: 'corp' })
  t.strictSame(pairOf({ WECOM_ENCODING_AES_KEY_OLD: OLD_KEY }), { token: 'token', encodingAESKey: OLD_KEY, receiveId: 'corp' })
})

const SAME_TOKEN = 'WECOM_TOKEN_OLD: is that of WECOM_TOKEN (option tokenOld), expected what it was before, or nothing'
const SAME_KEY = SAME_TOKEN.replaceAll('TOKEN', 'ENCODING_AES_KEY').replace('tokenOld', 'encodingAESKeyOld')

t.test('old credentials that are the present ones are refused', async t => {
  t.strictSame(faultsOf({ WECOM_TOKEN_OLD: 'token' }), [SAME_TOKEN])
  t.strictSame(faultsOf({ WECOM_ENCODING_AES_KEY_OLD: KEY }), [SAME_KEY])
  t.strictSame(faultsOf({ WECOM_TOKEN_OLD: 'token', WECOM_ENCODING_AES_KEY_OLD: KEY }), [SAME_TOKEN, SAME_KEY])
  t.strictSame(faultsOf({ WECOM_ENCODING_AES_KEY_OLD: `${KEY.slice(0, -1)}Q` }), [SAME_KEY], 'the last two bits mean nothing')
  t.strictSame(faultsOf({ WECOM_TOKEN_OLD: 'token', WECOM_ENCODING_AES_KEY_OLD: OLD_KEY }), [], 'a pair of which one half is another')
})

t.test('an old half that cannot be one is refused by name, and not shown', async t => {
  t.strictSame(faultsOf({ WECOM_TOKEN_OLD: 'two words', WECOM_ENCODING_AES_KEY_OLD: 'short' }), [
    'WECOM_TOKEN_OLD: has white space, a line break or a quote in it, expected the Token that the bot had before, ' +
      'without white space and quotes, or nothing',
    'WECOM_ENCODING_AES_KEY_OLD: has 5 characters that do not fit, expected the EncodingAESKey that the bot had before: 43 characters of ' +
      'the base64 alphabet, or nothing'
  ])
})
