import type { FastifyInstance, FastifyPluginAsync, FastifySchema } from 'fastify'
import fp from 'fastify-plugin'
import { createAttachments } from '../lib/bot/attachments/attachments.ts'
import { createMediaBudget, mediaLimits } from '../lib/bot/attachments/budget.ts'
import { assembleBot } from '../lib/bot/bot.ts'
import { commandFaults } from '../lib/bot/commands/command-options.ts'
import { configOf, readConfig } from '../lib/config/config.ts'
import type { ConfigReading } from '../lib/config/config.ts'
import type { Env } from '../lib/config/environment.ts'
import { callbackExtraOptions } from '../lib/config/extra-options.ts'
import { oldPairFaults, oldPairOf } from '../lib/config/old-pair.ts'
import { routeOptionFaults } from '../lib/config/route-options.ts'
import { callbackSettings } from '../lib/config/settings.ts'
import type { CallbackConfig } from '../lib/config/settings.ts'
import { windowFaults } from '../lib/config/window.ts'
import { createPseudonyms } from '../lib/diagnostics/pseudonyms.ts'
import { createActiveReply } from '../lib/replies/active-reply.ts'
import { prepareSource } from '../lib/sources/prepare.ts'
import type { Source } from '../lib/sources/source.ts'
import type { Streams } from '../lib/streams/streams.ts'
import { loadTexts, textFaults } from '../lib/texts/texts.ts'
import { systemClock, wallClock } from '../lib/util/clock.ts'
import { ConfigError, RefusalError } from '../lib/util/errors.ts'
import { createLimiter } from '../lib/util/limiter.ts'
import { readPost, readVerification } from '../lib/wecom/callback-request.ts'
import { createCallbackSignals } from '../lib/wecom/callback-signals.ts'
import type { Sealed } from '../lib/wecom/envelope.ts'
import { createOpenEnvelope } from '../lib/wecom/key-pairs.ts'
import type { OpenedEnvelope } from '../lib/wecom/key-pairs.ts'
import { createMediaFetcher } from '../lib/wecom/media/media.ts'
import { parseMessage } from '../lib/wecom/message.ts'
import { createPairCount } from '../lib/wecom/pair-count.ts'
import { createRefusals } from '../lib/wecom/refusals.ts'
import type { CallbackPluginOptions } from './callback-options.ts'
import { kCallbacks, kLoopback, kMediaPool, kStores, kStreams } from './streams.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True on the callback routes: a hook of the host can leave them out. */
    wecom?: boolean
  }
}

/** Connections to hosts of files at once. */
const MAX_DOWNLOADS = 8

/** The settings of this half with all their faults, among them that it does not suit the deadline of the streams. */
export const readCallbackConfig = (options: CallbackPluginOptions, env: Env, deadlineMs: unknown): ConfigReading<CallbackConfig> =>
  readConfig(callbackSettings, { options, env, extraOptions: callbackExtraOptions }, input =>
    [
      ...commandFaults(options.commands), ...routeOptionFaults(options.routeOptions), ...textFaults(options.texts),
      ...windowFaults(deadlineMs, input['WECOM_WINDOW_MS']), ...oldPairFaults(input)
    ])

/** What is to be echoed is a decimal number of some 19 digits (document 101033); messages and replies are JSON objects. */
const isMessage = (text: string): boolean => /^\s*\{/.test(text)

async function callbackPlugin (fastify: FastifyInstance, options: CallbackPluginOptions): Promise<void> {
  const streams = fastify[kStreams]
  const config = configOf(readCallbackConfig(options, options.env ?? {}, streams.deadlineMs))
  const clock = options.clock ?? wallClock
  // That of the streams, which say when a message came.
  const mediaClock = options.clock ?? systemClock
  const path = config.WECOM_CALLBACK_PATH
  const { config: routeConfig, schema = hidden(), constraints = {}, ...hooks } = options.routeOptions ?? {}
  const { WECOM_TOKEN: token, WECOM_ENCODING_AES_KEY: encodingAESKey, WECOM_RECEIVE_ID: receiveId } = config
  const oldPair = oldPairOf(config)
  const openEnvelope = createOpenEnvelope({ token, encodingAESKey, receiveId }, oldPair)
  const { log } = fastify
  const pseudonymOf = createPseudonyms(config.STREAM_HASH_SECRET ?? token)
  const signals = createCallbackSignals({ instance: streams.instance, bot: config.WECOM_BOT_NAME }, pseudonymOf)
  const receive = assembleBot({
    streams,
    stores: fastify[kStores],
    texts: loadTexts(options.texts, config.WECOM_LANGUAGE),
    clock,
    log,
    scope: fastify.prefix + path + asText(constraints),
    botName: config.WECOM_BOT_NAME,
    pseudonymOf,
    source: await sourceOf(options, streams),
    reasoning: config.STREAM_REASONING,
    attachments: createAttachments({
      fetch: createMediaFetcher({
        ...options.media,
        maxBytes: config.WECOM_MEDIA_MAX_BYTES,
        timeoutMs: config.WECOM_MEDIA_TIMEOUT_MS,
        allowPrivateAddresses: config.WECOM_MEDIA_ALLOW_PRIVATE,
        clock: mediaClock
      }, fastify[kLoopback]),
      botKeys: { present: encodingAESKey, old: oldPair?.encodingAESKey },
      limiter: createLimiter({ clock: mediaClock, max: MAX_DOWNLOADS }),
      budgetFor: createMediaBudget({ pool: fastify[kMediaPool], limits: mediaLimits(config), clock: mediaClock }),
      log
    }),
    activeReply: createActiveReply({ ...options.activeReply, clock }, fastify[kLoopback]),
    unfetched: config.WECOM_UNFETCHED,
    cardDelivery: config.WECOM_CARD_DELIVERY,
    access: {
      lists: {
        users: { allow: config.WECOM_ALLOW_USERS, deny: config.WECOM_DENY_USERS },
        chats: { allow: config.WECOM_ALLOW_CHATS, deny: config.WECOM_DENY_CHATS },
        bots: { allow: config.WECOM_ALLOW_BOTS, deny: config.WECOM_DENY_BOTS }
      },
      messagesPerMinute: config.WECOM_USER_MESSAGES_PER_MINUTE,
      maxRunning: config.WECOM_USER_MAX_RUNNING,
      decide: options.access?.decide
    },
    conversationScope: config.WECOM_CONVERSATION_SCOPE,
    parallel: config.WECOM_PARALLEL_TURNS,
    commands: options.commands ?? {},
    hooks: options,
    welcomeText: config.WECOM_WELCOME_TEXT,
    firstReplyGraceMs: config.STREAM_FIRST_REPLY_GRACE_MS
  })
  const refuse = createRefusals(clock)
  fastify[kCallbacks].push(fastify.prefix + path)
  const pairs = oldPair && createPairCount(clock, log)
  if (pairs !== undefined) fastify.addHook('onClose', async () => pairs.close())

  function open (sealed: Sealed): OpenedEnvelope {
    const opened = openEnvelope(sealed, { now: clock.now(), windowMs: config.WECOM_TIMESTAMP_WINDOW_MS })
    pairs?.count(opened.pair)
    return opened
  }

  // All of this concerns this route alone: nothing of the host's is seen or changed by it.
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  fastify.setErrorHandler(async (error, request, reply) => {
    const refused = asRefusal(error, () => signals.failed(request))
    const refusal = refuse(refused, request.log)
    signals.refused(request, refused.code, refusal.statusCode)
    return await reply.code(refusal.statusCode).type('application/json').send(refusal.body)
  })

  const shared = { ...hooks, schema, constraints, config: { ...routeConfig, wecom: true }, bodyLimit: config.WECOM_BODY_LIMIT_BYTES }

  // URL verification: the bare text within 1 s, nothing around it (document 101033).
  fastify.get(path, { ...shared, exposeHeadRoute: false }, async (request, reply) => {
    const context = signals.start(request, 'verification', 0)
    const { text: echo } = open(readVerification(request.raw.url as string))
    // The seal of a message fits here, too: who has only seen one go by must not have it opened.
    if (isMessage(echo)) throw new RefusalError('WECOM_ERR_MESSAGE', 'what is to be echoed is a message')
    if (context !== undefined) signals.answered(context, 200, echo.length)
    return await reply.type('text/plain').send(echo)
  })

  fastify.post(path, shared, async (request, reply) => {
    const body = request.body as Buffer | undefined
    const context = signals.start(request, 'unknown', body?.length ?? 0)
    const sealed = readPost(request.raw.url as string, body)
    const { text, pair, seal } = open(sealed)
    const message = parseMessage(text, pair)
    if (context !== undefined) signals.opened(context, message)
    const answer = await receive(message, context)
    if (answer === undefined) {
      if (context !== undefined) signals.answered(context, 200, 0)
      return await reply.send('')
    }
    if (answer.written !== undefined) reply.raw.once('finish', answer.written)
    const { encrypt, signature, timestamp, nonce } = seal(answer.text, String(Math.floor(clock.now() / 1000)), sealed.nonce)
    // Base64 and hex need no escapes, and are long enough not to be looked through for some.
    const sent = `{"encrypt":"${encrypt}","msgsignature":"${signature}","timestamp":${timestamp},"nonce":${JSON.stringify(nonce)}}`
    if (context !== undefined) signals.answered(context, 200, sent.length)
    return await reply.type('application/json').send(sent)
  })
}

/** What generators of API documentation go by. */
const hidden = (): FastifySchema & { hide: boolean } => ({ hide: true })

/** Two bots may share a path if something else tells their requests apart. */
const asText = (constraints: object): string => Object.keys(constraints).length === 0
  ? ''
  : JSON.stringify(constraints, (_key, value: unknown) => value instanceof RegExp ? String(value) : value)

async function sourceOf ({ source: chosen }: CallbackPluginOptions, streams: Streams): Promise<Source | undefined> {
  if (chosen === undefined) return undefined
  const source = resolveSource(chosen, streams)
  await prepareSource(source)
  return source
}

function resolveSource (source: string | Source, streams: Streams): Source {
  try {
    return streams.resolveSource(source)
  } catch (error) {
    throw new ConfigError([{ name: 'option source', problem: (error as Error).message }])
  }
}

/** What Fastify says of a body that it could not read is a refusal; anything else is for the host's own error handler. */
function asRefusal (error: unknown, orElse: () => void): RefusalError {
  if (error instanceof RefusalError) return error
  const { code, message } = error as { code?: unknown, message?: string }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new RefusalError('WECOM_ERR_BODY_TOO_LARGE', 'the body is larger than WECOM_BODY_LIMIT_BYTES')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH') {
    return new RefusalError('WECOM_ERR_BODY', `the body cannot be read: ${message}`)
  }
  orElse()
  throw error
}

/** The callback route of one bot on the streams of the app. Registered once for each bot. */
const callback: FastifyPluginAsync<CallbackPluginOptions> = fp(callbackPlugin, {
  name: 'wecom-callback', fastify: '5.x', encapsulate: true, dependencies: ['wecom-streams']
})
export default callback
