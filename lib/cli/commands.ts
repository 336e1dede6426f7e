import { ConfigError, InputError } from '../util/errors.ts'
import { HelpRequest, UsageError } from './arguments.ts'
import { EXIT } from './io.ts'
import type { Command, Io } from './io.ts'

interface Entry {
  about: string
  /** A command that is not called is not loaded. */
  load: () => Promise<Command>
}

const COMMANDS: Record<string, Entry> = {
  chat: {
    about: 'talk with a bot in the terminal',
    load: async () => await import('./chat/index.ts')
  },
  doctor: {
    about: 'find out why WeCom refuses a callback URL, or why a bot stays silent',
    load: async () => await import('./doctor/index.ts')
  },
  check: {
    about: 'check a callback against the protocol, and report',
    load: async () => await import('./check/index.ts')
  },
  playground: {
    about: 'talk with a bot in the browser, and see what goes over the wire',
    load: async () => await import('./playground/index.ts')
  }
}

/** Runs `fastify-wecom-stream <command> [options]`, and returns the exit code. */
export async function runCommand ([name, ...argv]: readonly string[], io: Io): Promise<number> {
  const say = (text: string): void => { io.stderr.write(`${text}\n`) }
  if (name === undefined || name === '--help' || name === '-h') {
    io.stdout.write(`${usage()}\n`)
    return name === undefined ? EXIT.USAGE : EXIT.OK
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (entry === undefined) {
    say(`There is no command ${JSON.stringify(name)}.\n\n${usage()}`)
    return EXIT.USAGE
  }
  try {
    const { run } = await entry.load()
    return await run(argv, io)
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) return EXIT.FAILED
    if (error instanceof HelpRequest) {
      io.stdout.write(`${error.message}\n`)
      return EXIT.OK
    }
    const sentence = sentenceOf(error)
    if (sentence === undefined) throw error
    say(error instanceof UsageError ? `${sentence}\nTry: fastify-wecom-stream ${name} --help` : sentence)
    return EXIT.USAGE
  }
}

/** What is wrong with the call or with where it was made; undefined for what was not foreseen. */
export function sentenceOf (error: unknown): string | undefined {
  if (error instanceof UsageError || error instanceof InputError) return error.message
  const { name, code, message } = error as NodeJS.ErrnoException
  // Of another bundle, so that its class is not this one's.
  if (error instanceof ConfigError || name === 'ConfigError') return message
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined
  const missing = /'([^']+)'/.exec(message)?.[1]
  return `${missing} is not installed, and this command needs it: npm install ${missing}`
}

const usage = (): string => [
  'Usage: fastify-wecom-stream <command> [options]',
  '',
  ...Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(12)}${about}`),
  '',
  'Each has --help.'
].join('\n')
