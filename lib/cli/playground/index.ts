import { readArguments } from '../arguments.ts'
import type { CommandSpec } from '../arguments.ts'
import { credentialOptions, environmentOf, readCredentials } from '../credentials.ts'
import { EXIT } from '../io.ts'
import type { Io } from '../io.ts'

const SPEC: CommandSpec = {
  name: 'playground',
  usage: '[options]',
  about: 'A page on this machine to talk with a bot as in WeCom, and to see what goes over the wire.',
  options: {
    target: { type: 'string', value: 'URL', help: 'callback of the bot, in any language; else the bot of npm start, begun on the spot' },
    ...credentialOptions,
    'public-url': { type: 'string', value: 'URL', help: 'where the bot of --target reaches this page, for files and active replies' },
    port: { type: 'string', value: 'PORT', help: 'port of the page; else any free one' },
    'allow-remote': { type: 'boolean', help: 'lets other machines in that have the token' }
  },
  positionals: { min: 0, max: 0 }
}

interface App {
  listen (options: { host: string, port: number }): Promise<string>
  close (): Promise<unknown>
  playgroundAddress?: () => string | undefined
}

/** Serves the page until the command is to leave. */
export async function run (argv: readonly string[], io: Io): Promise<number> {
  const args = readArguments(SPEC, argv)
  const port = args.number('port', { min: 0, max: 65535, default: 0 })
  const host = args.flag('allow-remote') ? '0.0.0.0' : '127.0.0.1'
  const env = environmentOf(io)
  const target = args.text('target')
  const publicUrl = args.text('public-url')

  const app: App = target === undefined
    ? await ownBot()
    : await otherBot({
      target,
      ...readCredentials(args, env),
      env,
      ...(publicUrl !== undefined && { publicUrl }),
      allowRemote: args.flag('allow-remote')
    })
  try {
    await app.listen({ host, port })
    io.stdout.write(`Playground: ${app.playgroundAddress?.()}\n`)
    await new Promise<void>(resolve => {
      if (io.signal.aborted) resolve()
      io.signal.addEventListener('abort', () => resolve(), { once: true })
    })
  } finally {
    await app.close()
  }
  return EXIT.OK

  async function ownBot (): Promise<App> {
    const { createBotServer } = await import('../server.ts')
    const { app } = await createBotServer({ LOG_LEVEL: 'warn', ...env }, { playground: { allowRemote: args.flag('allow-remote') } })
    return app
  }
}

async function otherBot (options: object): Promise<App> {
  const { default: Fastify } = await import('fastify')
  const { default: playground } = await import('../../../plugins/playground.ts')
  const app = Fastify({ forceCloseConnections: true })
  await app.register(playground, { ...options, print () {} })
  return app
}
