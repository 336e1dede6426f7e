import { overHttp } from '../../simulator/transport.ts'
import type { Credentials } from '../../wecom/envelope.ts'
import { readArguments, UsageError } from '../arguments.ts'
import type { CommandSpec } from '../arguments.ts'
import { createBot } from '../check/bot.ts'
import { credentialOptions, environmentOf, givenCredentials } from '../credentials.ts'
import { EXIT } from '../io.ts'
import type { Io } from '../io.ts'
import { readTarget, targetOptions } from '../target.ts'
import type { Explanation } from '../unreachable.ts'
import { examineConversation } from './conversation.ts'
import { findPath } from './path.ts'
import { differences, valueFaults } from './values.ts'
import { examineVerification } from './verification.ts'

const SPEC: CommandSpec = {
  name: 'doctor',
  usage: 'URL [options]',
  about: 'Finds out why WeCom refuses a callback URL, or why a bot stays silent: exits with 0 if all is well, 1 if a cause was found.',
  positionals: { min: 0, max: 1 },
  options: {
    ...credentialOptions,
    ...targetOptions,
    'get-only': { type: 'boolean', help: 'verifies the URL, and sends no message' },
    local: { type: 'boolean', help: 'compares the given values with those of .env, and sends nothing' }
  }
}

export async function run (argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(SPEC, argv)
  const say = (line: string): void => { io.stdout.write(`${line}\n`) }
  const tell = (found: readonly Explanation[]): number => {
    for (const { cause, cure } of found) say(`cause: ${cause}\ncure:  ${cure}`)
    return found.length === 0 ? EXIT.OK : EXIT.FAILED
  }

  if (args.flag('local')) {
    const own = givenCredentials({ ...args, text: () => undefined }, environmentOf(io))
    const given = givenCredentials(args, {})
    const code = tell([...differences(given, own), ...valueFaults({ ...NO_VALUES, ...own })])
    if (code === EXIT.OK) say('The values of the app have the right form, and those that were given are the same.')
    return code
  }

  if (args.positionals.length === 0) throw new UsageError('doctor needs a URL, or --local')
  const { address, secureContext, deliver } = readTarget(args, io)
  const given = givenCredentials(args, environmentOf(io))
  if (given.token === undefined || given.encodingAESKey === undefined) {
    throw new UsageError('doctor needs --token and --key, or WECOM_TOKEN and WECOM_ENCODING_AES_KEY')
  }
  const credentials: Credentials = { ...NO_VALUES, ...given }
  const faults = valueFaults(credentials)
  if (faults.length > 0) return tell(faults)

  const { clock, signal } = io
  const patient = { deliver, credentials, clock, signal, address }
  const refused = await examineVerification(patient)
  if (refused !== undefined) {
    const answering = /status is 404/.test(refused.cause)
      ? await findPath(address.pathname, async path =>
        await createBot({ ...patient, deliver: overHttp(new URL(path, address), secureContext) }).get('1616140317555161061'))
      : undefined
    return tell([answering === undefined
      ? refused
      : { cause: `${refused.cause}, and ${answering} answers`, cure: `enter ${new URL(answering, address).href}` }])
  }
  say('The URL passes the verification of WeCom.')
  if (args.flag('get-only')) return EXIT.OK

  say('Sending one message, which may cost a call of the model; its sender is simulated-user.')
  const code = tell([await examineConversation(patient)].filter(found => found !== undefined))
  if (code === EXIT.OK) say('The bot answers, and its refreshes are served.')
  return code
}

const NO_VALUES: Credentials = { token: '', encodingAESKey: '', receiveId: '' }
