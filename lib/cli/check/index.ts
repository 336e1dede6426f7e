import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { readArguments, UsageError } from '../arguments.ts'
import type { CommandSpec } from '../arguments.ts'
import { withoutControls } from '../controls.ts'
import { credentialOptions, environmentOf, readCredentials } from '../credentials.ts'
import { EXIT } from '../io.ts'
import type { Io } from '../io.ts'
import { readTarget, targetOptions } from '../target.ts'
import { createBot } from './bot.ts'
import type { CheckContext } from './check.ts'
import { CHECKS } from './checks.ts'
import { isDenied } from './denied.ts'
import { chosenChecks, readExpected } from './expected.ts'
import { isBad, judge } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { obstacle } from './preflight.ts'
import { outcomeLines, reportJson, reportJunit, summaryLine } from './report.ts'
import { createScenes, MESSAGES } from './scenes.ts'
import type { SceneName } from './scenes.ts'

const SPEC: CommandSpec = {
  name: 'check',
  usage: 'URL [options]',
  about: 'Checks a callback of an AI bot against the protocol of WeCom: exits with 0 if it keeps to it, 1 if not, 2 if it cannot be asked.',
  positionals: { min: 0, max: 1 },
  options: {
    ...credentialOptions,
    ...targetOptions,
    list: { type: 'boolean', help: 'says which checks there are' },
    only: { type: 'string', multiple: true, value: 'NAME', help: 'these checks or groups alone, with commas or repeated' },
    strict: { type: 'boolean', help: 'what is skipped has failed' },
    echo: { type: 'boolean', help: 'the bot repeats its prompt, which is then checked, too' },
    prompt: { type: 'string', value: 'TEXT', help: 'what to ask; default hello' },
    timeout: { type: 'string', value: 'MS', help: 'how long a whole answer may take; default 60000' },
    interval: { type: 'string', value: 'MS', help: 'from an answer to the next refresh; default 1000, as WeCom does' },
    'expected-failures': { type: 'string', value: 'FILE', help: 'names of checks that are known to fail, one a line' },
    json: { type: 'boolean', help: 'the report as JSON' },
    junit: { type: 'string', value: 'FILE', help: 'writes the report as XML of JUnit, too' }
  }
}

export async function run (argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(SPEC, argv)
  const print = (lines: readonly string[]): void => { io.stdout.write(withoutControls(lines.map(line => `${line}\n`).join(''))) }
  if (args.flag('list')) {
    print(CHECKS.map(({ name, document, about }) => `${name.padEnd(26)}${document}  ${about}`))
    return EXIT.OK
  }
  if (args.positionals.length === 0) throw new UsageError('check needs a URL')
  const { address, deliver } = readTarget(args, io)
  const credentials = readCredentials(args, environmentOf(io))
  const checks = chosenChecks(args.list('only'), CHECKS)
  const judging = { strict: args.flag('strict'), expected: readExpected(args.text('expected-failures'), io.cwd, CHECKS) }
  const patience = { max: 3_600_000 }
  const timeoutMs = args.number('timeout', { ...patience, min: 1, default: 60_000 })
  const intervalMs = args.number('interval', { ...patience, min: 0, default: 1000 })
  const { clock, signal } = io
  const prompt = args.text('prompt') ?? 'hello'
  const bot = createBot({ deliver, credentials, clock, signal })
  const scenes = createScenes({ bot, clock, prompt, intervalMs, timeoutMs, signal })
  const context: CheckContext = { ...scenes, bot, prompt, echo: args.flag('echo') }

  const tell = args.flag('json') ? () => {} : print
  const startedAt = clock.now()
  const played = new Set(checks.flatMap(check => check.scenes).filter(scene => scene !== 'multibyte' || context.echo))
  tell([`Checking ${address.href}`, warning(played), ''])
  const obstructed = await obstacle(context, address)
  if (obstructed !== undefined) {
    io.stderr.write(`${obstructed.cause}\n  ${obstructed.cure}\n`)
    return EXIT.USAGE
  }

  const outcomes: Outcome[] = []
  for (const check of checks) {
    const checkedAt = clock.now()
    const outcome = judge(check, await check.run(context), clock.now() - checkedAt, judging)
    outcomes.push(outcome)
    tell(outcomeLines(outcome, address.href))
  }
  tell([
    '',
    ...(played.has('conversation') && isDenied(await context.conversation()) ? [DENIED, ''] : []),
    summaryLine(outcomes, clock.now() - startedAt)
  ])
  if (args.flag('json')) print([reportJson(outcomes, address.href)])
  const junit = args.text('junit')
  if (junit !== undefined) writeFileSync(resolve(io.cwd, junit), reportJunit(outcomes, address.href))
  return outcomes.some(isBad) ? EXIT.FAILED : EXIT.OK
}

function warning (played: ReadonlySet<SceneName>): string {
  const messages = [...played].reduce((sum, scene) => sum + MESSAGES[scene], 0)
  return messages === 0
    ? 'It sends no message.'
    : `It sends at most ${messages} messages, each of which may cost a call of the model. Their senders begin with simulated-.`
}

const DENIED = 'The bot refuses simulated-user by its access lists, so that little could be seen: let simulated-user in for the check.'
