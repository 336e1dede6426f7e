import type { ConfigFault } from '../util/errors.ts'
import type { Credentials } from '../wecom/envelope.ts'
import { callbackSettings } from './settings.ts'
import type { CallbackConfig } from './settings.ts'

type Input = Readonly<Record<string, unknown>>

/** The credentials that a bot had before; undefined if it has none. The half that is not set did not change. */
export function oldPairOf (config: CallbackConfig): Credentials | undefined {
  const { WECOM_TOKEN_OLD: token, WECOM_ENCODING_AES_KEY_OLD: key } = config
  if (token === undefined && key === undefined) return undefined
  return {
    token: token ?? config.WECOM_TOKEN, encodingAESKey: key ?? config.WECOM_ENCODING_AES_KEY, receiveId: config.WECOM_RECEIVE_ID
  }
}

/** What is wrong with them: a pair that is the present one changes nothing, and whoever set it meant another. */
export function oldPairFaults (input: Input): ConfigFault[] {
  const halves = [
    { variable: 'WECOM_TOKEN_OLD', present: 'WECOM_TOKEN', same: isSame },
    { variable: 'WECOM_ENCODING_AES_KEY_OLD', present: 'WECOM_ENCODING_AES_KEY', same: isSameKey }
  ] as const
  const set = halves.filter(({ variable }) => input[variable] !== undefined)
  if (!set.every(({ variable, present, same }) => same(input[variable], input[present]))) return []
  return set.map(({ variable, present }) => ({
    name: variable,
    problem: `is that of ${present} (option ${callbackSettings[variable].option}), expected what it was before, or nothing`
  }))
}

const isSame = (a: unknown, b: unknown): boolean => a === b

/** The last two bits of the 43 characters mean nothing. */
const isSameKey = (a: unknown, b: unknown): boolean => Buffer.from(String(a), 'base64').equals(Buffer.from(String(b), 'base64'))
