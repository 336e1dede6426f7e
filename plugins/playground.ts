import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { configOf, readConfig } from '../lib/config/config.ts'
import { isProduction, readEnvironment } from '../lib/config/environment.ts'
import type { Env } from '../lib/config/environment.ts'
import { playgroundExtraOptions } from '../lib/config/extra-options.ts'
import { playgroundSettings } from '../lib/config/settings.ts'
import { createGuard } from '../lib/playground/guard.ts'
import type { GuardRefusal, Incoming } from '../lib/playground/guard.ts'
import { createPlayground } from '../lib/playground/playground.ts'
import type { Playground } from '../lib/playground/playground.ts'
import { wallClock } from '../lib/util/clock.ts'
import type { Clock } from '../lib/util/clock.ts'
import { ConfigError, InputError } from '../lib/util/errors.ts'
import { sleep } from '../lib/util/waiting.ts'
import { addActions } from './playground/actions.ts'
import { botRequest } from './playground/bot-request.ts'
import { openFeed } from './playground/feed.ts'
import { readPage } from './playground/page-files.ts'
import { kCallbacks, kLoopback } from './streams.ts'

export interface PlaygroundOptions {
  /** `Token` of the bot. `WECOM_TOKEN`. */
  token?: string
  /** `EncodingAESKey` of the bot. `WECOM_ENCODING_AES_KEY`. */
  encodingAESKey?: string
  /** Default empty, as it is for a bot that the company made itself. `WECOM_RECEIVE_ID`. */
  receiveId?: string
  /** The callback of another server, in any language; default: that of the app. */
  target?: string
  /** Which callback of the app, if it has several; default: its first. */
  callbackPath?: string
  /** Where the bot of `target` reaches this server. Without it, it gets no files, and no active reply of it arrives. */
  publicUrl?: string
  /** The `aibotid` of every message; default `simulated-bot`. */
  bot?: string
  /** Serves other machines too. The token is needed all the same. */
  allowRemote?: boolean
  /** Serves under `NODE_ENV=production` too. */
  allowProduction?: boolean
  /** Told the address of the page when the app listens; default `console.log`. */
  print?: (line: string) => void
  /** Goes before `/playground/`, as with any plugin. */
  prefix?: string
  /** Default: the environment and `.env`. */
  env?: Env
  /** The time, for tests. */
  clock?: Clock
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The address of the page, with the token of this start; undefined until the app listens. */
    playgroundAddress?: () => string | undefined
  }
  interface FastifyContextConfig {
    /** A file of the page, or what the bot itself may ask for; everything else of the playground needs origin and token. */
    playground?: 'file' | 'bot'
  }
}

const BASE = '/playground'
const LOOPBACK_MS = 20
const FILES = [['/', 'index.html', 'text/html'], ['/app.js', 'app.js', 'text/javascript'], ['/app.css', 'app.css', 'text/css']] as const

const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify",
  'cache-control': 'no-store, no-transform',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY'
}

const SENTENCES: Record<GuardRefusal, string> = {
  peer: 'the playground answers this machine only',
  forwarded: 'the playground answers no proxy',
  host: 'the playground answers to a loopback name or address with its port only',
  origin: 'the request does not come from the page of this playground',
  token: 'the token is not that of this start: open the address that was printed'
}

async function playgroundPlugin (fastify: FastifyInstance, options: PlaygroundOptions): Promise<void> {
  const env = options.env ?? readEnvironment()
  if (isProduction(options.env) && options.allowProduction !== true) {
    throw new ConfigError([{
      name: 'option allowProduction', problem: 'is not true, and NODE_ENV is production: who reaches the playground can speak as WeCom'
    }])
  }
  const given = { options, env, extraOptions: playgroundExtraOptions }
  const config = configOf(readConfig(playgroundSettings, given, () => publicUrlFaults(options)))
  const { clock = wallClock } = options
  const token = randomBytes(24).toString('base64url')
  const prefix = (options.prefix ?? '') + BASE
  const base = fastify.prefix + prefix
  const loopback = options.target === undefined ? fastify[kLoopback] : undefined
  const publicUrl = options.publicUrl?.replace(/\/+$/, '')
  const playground = createPlayground({
    target: options.target ?? ownCallback(fastify, options.callbackPath),
    ...(options.target !== undefined && { targetName: options.target }),
    credentials: { token: config.WECOM_TOKEN, encodingAESKey: config.WECOM_ENCODING_AES_KEY, receiveId: config.WECOM_RECEIVE_ID },
    bot: options.bot ?? 'simulated-bot',
    clock,
    address: () => {
      const origin = publicUrl ?? loopback?.origin
      return origin === undefined ? undefined : `${origin}${base}/bot`
    }
  })
  const guard = createGuard({ token, allowRemote: options.allowRemote === true })

  let origin: string | undefined
  fastify.addHook('onListen', async () => {
    origin = originOf(fastify)
    if (loopback !== undefined) {
      loopback.origin = origin
      loopback.answer = async request => {
        // As over a network: what the bot sends behind the end of an answer comes behind it.
        await sleep(clock, LOOPBACK_MS)
        return botRequest(playground, `${base}/bot`, request)
      }
    }
    const { print = console.log } = options
    print(`Playground: ${fastify.playgroundAddress?.()}`)
  })
  fastify.decorate('playgroundAddress', () => origin === undefined ? undefined : `${origin}${base}/#${token}`)

  await fastify.register(async scope => {
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers(HEADERS)
      const { playground: access } = request.routeOptions.config
      const refusal = access === 'bot' ? undefined : guard(incomingOf(request.raw), access === 'file')
      if (refusal !== undefined) return await reply.code(403).send({ error: SENTENCES[refusal] })
    })
    scope.setErrorHandler(async (error: Error & { validation?: unknown, statusCode?: number }, _request, reply) => {
      const { message, statusCode = 500 } = error
      if (error instanceof InputError || statusCode < 500) return await reply.code(statusCode).send({ error: message })
      throw error
    })
    addFiles(scope)
    addFeed(scope, playground)
    addActions(scope, playground)
    if (publicUrl !== undefined) addBotRoutes(scope, playground, `${base}/bot`)
  }, { prefix })
}

const publicUrlFaults = ({ publicUrl, target }: PlaygroundOptions) => {
  if (publicUrl === undefined) return []
  if (target === undefined) return [{ name: 'option publicUrl', problem: 'is for a bot elsewhere, expected option target beside it' }]
  // No face of ours plays with addresses of the real one.
  const isWecom = URL.canParse(publicUrl) && /(?:^|\.)(?:qq|myqcloud|weixin)\.com$/i.test(new URL(publicUrl).hostname)
  return isWecom ? [{ name: 'option publicUrl', problem: 'is an address of WeCom, expected one of yours' }] : []
}

/** Called without a socket, by the same sealed route. */
function ownCallback (fastify: FastifyInstance, chosen: string | undefined) {
  const path = chosen ?? fastify[kCallbacks]?.[0]
  if (path === undefined) {
    throw new ConfigError([{
      name: 'option target', problem: 'is not set, and the app has no callback: register fastify-wecom-stream before the playground'
    }])
  }
  return { app: fastify, path }
}

/** The socket's own facts: what the host has set for proxies does not count here. */
const incomingOf = ({ headers, socket }: IncomingMessage): Incoming => ({
  headers, peer: socket.remoteAddress, localPort: socket.localPort, encrypted: (socket as TLSSocket).encrypted === true
})

function originOf (fastify: FastifyInstance): string {
  const url = new URL(fastify.listeningOrigin)
  if (/^(?:0\.0\.0\.0|\[::\])$/.test(url.hostname)) url.hostname = '127.0.0.1'
  return url.origin
}

function addFiles (scope: FastifyInstance): void {
  const config = { playground: 'file' as const }
  scope.get('', { config }, async (_request, reply) => await reply.redirect(`${scope.prefix}/`))
  for (const [path, name, type] of FILES) {
    scope.get(path, { config, prefixTrailingSlash: 'slash' }, async (_request, reply) =>
      await reply.type(`${type}; charset=utf-8`).send(await readPage(name)))
  }
}

function addFeed (scope: FastifyInstance, playground: Playground): void {
  const feeds = new Set<Readable>()
  const sockets = new Set<Socket>()
  scope.server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  scope.addHook('preClose', async () => {
    playground.close()
    for (const feed of feeds) feed.destroy()
    // Browsers connect in advance. Such a connection, on which nothing has come yet, would hold up close().
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  })
  // By POST, because a browser names the origin of a GET to its own one not.
  scope.post('/api/feed', async (request, reply) => {
    const feed = openFeed(playground)
    feeds.add(feed)
    feed.on('close', () => {
      feeds.delete(feed)
      // A connection that is left half-way, or kept, would hold up close().
      request.raw.socket.destroy()
    })
    return await reply.type('text/event-stream').send(feed)
  })
}

/** For a bot elsewhere: who knows an id that nobody can guess may fetch, or reply once. */
function addBotRoutes (scope: FastifyInstance, playground: Playground, path: string): void {
  const config = { playground: 'bot' as const }
  scope.register(async open => {
    open.removeAllContentTypeParsers()
    open.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    open.route({
      method: ['GET', 'POST'],
      url: '/bot/*',
      config,
      handler: async (request, reply) => {
        const method = request.method === 'GET' ? 'GET' : 'POST'
        const answer = botRequest(playground, path, { method, path: request.url, body: request.body as Buffer | undefined })
        if (answer === undefined) return await reply.code(404).send()
        return await reply.headers(answer.headers).send(answer.body)
      }
    })
  })
}

/** A page to try a bot in, as its users would in WeCom. It holds the bot's key: see its README for who is let in. */
const playground: FastifyPluginAsync<PlaygroundOptions> = fp(playgroundPlugin, { name: 'wecom-playground', fastify: '5.x' })
export default playground
export { playground as 'module.exports' }
