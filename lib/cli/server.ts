import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { readCallbackConfig } from '../../plugins/callback.ts'
import wecomStream from '../../plugins/index.ts'
import type { PlaygroundOptions } from '../../plugins/playground.ts'
import { kLoopback, readStreamsConfig } from '../../plugins/streams.ts'
import { readConfig } from '../config/config.ts'
import type { Env } from '../config/environment.ts'
import { serverSettings } from '../config/settings.ts'
import type { ServerConfig } from '../config/settings.ts'
import { chosenName } from '../config/sources.ts'
import { createLoopback } from '../outbound/loopback.ts'
import type { Loopback } from '../outbound/loopback.ts'
import { ConfigError } from '../util/errors.ts'

export interface BotServer {
  app: FastifyInstance
  server: ServerConfig
  credentials: { token: string, encodingAESKey: string, receiveId: string }
  /** Whether the credentials were made up for this run. */
  throwAway: boolean
  path: string
  /** The name of the source that answers. */
  source: string
}

export interface BotServerParts {
  playground?: PlaygroundOptions
  /** Where the bot fetches files from this process; a playground makes its own. */
  loopback?: Loopback | undefined
}

const SLOW_CLIENT_MS = 10_000

/** A server with the bot and nothing else, in the settings that a WeCom callback wants. Not listening yet. */
export async function createBotServer (env: Env, parts: BotServerParts = {}): Promise<BotServer> {
  const { playground: wanted, loopback = wanted && createLoopback() } = parts
  const throwAway = env['WECOM_TOKEN'] === undefined && env['WECOM_ENCODING_AES_KEY'] === undefined
  const all = throwAway ? { ...env, ...throwAwayCredentials() } : env
  const server = readConfig(serverSettings, { options: {}, env: all, extraOptions: [] })
  const streams = readStreamsConfig({}, all)
  const callback = readCallbackConfig({}, all, streams.input['STREAM_DEADLINE_MS'])
  const faults = [...server.faults, ...callback.faults, ...streams.faults]
  if (faults.length > 0) throw new ConfigError(faults)

  const app = Fastify({
    logger: { level: server.config.LOG_LEVEL },
    // Node looks for slow clients only every 30 s unless told otherwise.
    requestTimeout: SLOW_CLIENT_MS,
    http: { headersTimeout: SLOW_CLIENT_MS, connectionsCheckingInterval: 1000 },
    // While replies end during shutdown, WeCom still has to be able to fetch them.
    return503OnClosing: false
  })
  if (loopback !== undefined) app.decorate(kLoopback, loopback)
  await app.register(wecomStream, { env: all, logLevel: server.config.LOG_LEVEL === 'silent' ? 'silent' : 'warn' })
  const { WECOM_TOKEN: token, WECOM_ENCODING_AES_KEY: encodingAESKey, WECOM_RECEIVE_ID: receiveId } = callback.config
  const credentials = { token, encodingAESKey, receiveId }
  if (wanted !== undefined) {
    const { default: playground } = await import('../../plugins/playground.ts')
    await app.register(playground, { ...credentials, env: all, print () {}, ...wanted })
  }
  return {
    app,
    server: server.config,
    credentials,
    throwAway,
    path: callback.config.WECOM_CALLBACK_PATH,
    source: chosenName({ ...streams.config })
  }
}

const throwAwayCredentials = (): Env => ({
  WECOM_TOKEN: randomBytes(12).toString('hex'),
  WECOM_ENCODING_AES_KEY: randomBytes(32).toString('base64').slice(0, 43)
})
