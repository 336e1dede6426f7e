import { isProduction } from '../config/environment.ts'
import type { Env } from '../config/environment.ts'
import { createEnvelope } from '../wecom/envelope.ts'
import { createBotServer } from './server.ts'
import type { BotServer } from './server.ts'
import { onShutdown } from './shutdown.ts'
import type { Signals } from './shutdown.ts'

export interface ServeOptions {
  env: Env
  print: (text: string) => void
  signals: Signals
}

/** Serves the bot until a signal ends it, and prints how to reach it. */
export async function serve ({ env, print, signals }: ServeOptions): Promise<BotServer> {
  const leftOut = playgroundIsLeftOut(env)
  const bot = await createBotServer(env, leftOut === undefined ? { playground: {} } : {})
  onShutdown(signals, async () => {
    await bot.app.drainStreams()
    await bot.app.close()
  })
  const address = await bot.app.listen({ host: bot.server.HOST, port: bot.server.PORT })
  print(greeting(bot, address + bot.path, bot.app.playgroundAddress?.() ?? leftOut))
  return bot
}

/** Why there is none; undefined if there is one. Who reaches it speaks as WeCom, so that it is for a try on this machine. */
function playgroundIsLeftOut (env: Env): string | undefined {
  if (isProduction(env)) return 'left out: NODE_ENV is production'
  return /^(?:127\.|::1$|localhost$)/.test(env['HOST'] ?? '127.0.0.1') ? undefined : 'left out: HOST is more than this machine'
}

function greeting ({ credentials, throwAway, source }: BotServer, url: string, playground: string | undefined): string {
  return [
    'The bot is listening.',
    '',
    `  Callback URL    ${url}`,
    ...(throwAway
      ? [`  Token           ${credentials.token}`, `  EncodingAESKey  ${credentials.encodingAESKey}`]
      : ['  Token           from WECOM_TOKEN', '  EncodingAESKey  from WECOM_ENCODING_AES_KEY']),
    `  Source          ${source}${source === 'mock' ? ' (set OPENAI_API_KEY to let a model answer)' : ''}`,
    `  Playground      ${playground}`,
    '',
    ...(throwAway
      ? ['Token and key were made up for this run: set WECOM_TOKEN and WECOM_ENCODING_AES_KEY to those of your bot.', '']
      : []),
    'Try next, within five minutes, what WeCom does when the callback settings are saved; it answers 1616140317555161061:',
    '',
    `  curl '${verificationUrl(credentials, url)}'`,
    '',
    'Then see a whole conversation with `npm run demo`, and connect a real bot as the README says.',
    ''
  ].join('\n')
}

function verificationUrl (credentials: BotServer['credentials'], url: string): string {
  const { signature, timestamp, nonce, encrypt } = createEnvelope(credentials)
    .seal('1616140317555161061', String(Math.floor(Date.now() / 1000)), '263014780')
  return `${url}?${new URLSearchParams({ msg_signature: signature, timestamp, nonce, echostr: encrypt })}`
}
