import { join } from 'node:path'
import { readEnvironment } from '../config/environment.ts'
import type { Env } from '../config/environment.ts'
import { isEncodingAESKey } from '../wecom/envelope.ts'
import type { Credentials } from '../wecom/envelope.ts'
import { UsageError } from './arguments.ts'
import type { Arguments, OptionSpec } from './arguments.ts'
import type { Io } from './io.ts'

/** Of every command that talks with a bot. */
export const credentialOptions: Record<'token' | 'key' | 'receive-id', OptionSpec> = {
  token: { type: 'string', value: 'TOKEN', help: 'Token of the bot; else WECOM_TOKEN of the environment or of .env' },
  key: { type: 'string', value: 'KEY', help: 'EncodingAESKey of the bot; else WECOM_ENCODING_AES_KEY' },
  'receive-id': { type: 'string', value: 'ID', help: 'receiver id; else WECOM_RECEIVE_ID, else none, as for a bot of the company itself' }
}

/** The environment over the `.env` of the working directory. */
export const environmentOf = ({ env, cwd }: Pick<Io, 'env' | 'cwd'>): Env => readEnvironment(join(cwd, '.env'), env)

/** What was given by flag, else by the environment. The values are never shown. */
export function givenCredentials (args: Arguments, env: Env): Partial<Credentials> {
  const given = {
    token: args.text('token') ?? env['WECOM_TOKEN'],
    encodingAESKey: args.text('key') ?? env['WECOM_ENCODING_AES_KEY'],
    receiveId: args.text('receive-id') ?? env['WECOM_RECEIVE_ID']
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** Token and key that can be used as they stand, or a `UsageError`. */
export function readCredentials (args: Arguments, env: Env): Credentials {
  const { token = '', encodingAESKey = '', receiveId = '' } = givenCredentials(args, env)
  if (token === '') throw new UsageError('There is no token: give --token, or set WECOM_TOKEN')
  if (encodingAESKey === '') throw new UsageError('There is no key: give --key, or set WECOM_ENCODING_AES_KEY')
  if (!isEncodingAESKey(encodingAESKey)) {
    throw new UsageError(`The key has ${encodingAESKey.length} characters, expected the 43 characters of base64 of EncodingAESKey`)
  }
  return { token, encodingAESKey, receiveId }
}
