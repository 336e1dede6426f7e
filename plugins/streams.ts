import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { MediaPool } from '../lib/bot/attachments/budget.ts'
import { createHostCodeRunner } from '../lib/bot/hooks/host-code.ts'
import type { HostContext } from '../lib/bot/hooks/host-code.ts'
import { configOf, readConfig } from '../lib/config/config.ts'
import type { ConfigReading } from '../lib/config/config.ts'
import { isProduction } from '../lib/config/environment.ts'
import type { Env } from '../lib/config/environment.ts'
import { streamsExtraOptions } from '../lib/config/extra-options.ts'
import type { KnownOption } from '../lib/config/options.ts'
import { streamsSettings } from '../lib/config/settings.ts'
import type { StreamsConfig } from '../lib/config/settings.ts'
import { chosenName, createSources, sourceFaults } from '../lib/config/sources.ts'
import type { SourceOptions } from '../lib/config/sources.ts'
import type { BotStores } from '../lib/config/stores.ts'
import { createStores } from '../lib/config/stores.ts'
import { warnOfSuspects } from '../lib/config/suspects.ts'
import type { Loopback } from '../lib/outbound/loopback.ts'
import { viewOf, viewsOf } from '../lib/replies/state-view.ts'
import type { StreamState } from '../lib/replies/state-view.ts'
import { createHealth } from '../lib/signals/health.ts'
import type { WecomHealth } from '../lib/signals/health.ts'
import type { HistoryLimits } from '../lib/stores/history.ts'
import type { RedisClient } from '../lib/stores/redis/connection.ts'
import { clientFaults } from '../lib/stores/redis/host-client.ts'
import type { StreamInput } from '../lib/streams/contract.ts'
import { PATIENCE_MS } from '../lib/streams/last-frames.ts'
import type { ImageToFit } from '../lib/streams/media/image-fit.ts'
import { createStreams } from '../lib/streams/streams.ts'
import type { Streams } from '../lib/streams/streams.ts'
import { loadTexts, textFaults } from '../lib/texts/texts.ts'
import type { Language, TextOverrides } from '../lib/texts/texts.ts'
import { systemClock } from '../lib/util/clock.ts'
import type { Clock } from '../lib/util/clock.ts'
import { createId } from '../lib/util/ids.ts'

export interface StreamsPluginOptions extends SourceOptions {
  /** Milliseconds from the user's message to the forced end of its stream. `STREAM_DEADLINE_MS`. */
  deadlineMs?: number
  /**
   * Milliseconds from the user's message to the forced end of a stream whose answer can be delivered behind its bubble;
   * `STREAM_LATE_DEADLINE_MS`. What is not above `deadlineMs` lets no source go on.
   */
  lateDeadlineMs?: number
  /** Milliseconds that a source may take to its first piece, thinking included. `STREAM_FIRST_TOKEN_TIMEOUT_MS`. */
  firstTokenTimeoutMs?: number
  /** Milliseconds that a source may be silent after its first piece. `STREAM_IDLE_TIMEOUT_MS`. */
  idleTimeoutMs?: number
  /** Milliseconds that running streams are given at shutdown. `STREAM_SHUTDOWN_GRACE_MS`. */
  shutdownGraceMs?: number
  /** Milliseconds that an ended stream stays readable. `STREAM_RETENTION_MS`. */
  retentionMs?: number
  /** `STREAM_MAX_RUNNING` */
  maxRunning?: number
  /** `STREAM_MAX_QUEUED` */
  maxQueued?: number
  /** `STREAM_MAX_FINISHED` */
  maxFinished?: number
  /** `STREAM_MAX_FINISHED_BYTES` */
  maxFinishedBytes?: number
  /** Of answers. */
  images?: {
    /** All images of an answer together, before base64. `STREAM_IMAGES_MAX_BYTES`. */
    maxBytes?: number
    /**
     * Called when the images of an answer are larger together, with each of them that is larger than its share. Gives a PNG or JPG of
     * `maxBytes` at most: its bytes, or base64. Has five seconds for all images of an answer.
     */
    fit?: (image: ImageToFit, context: ImageFitContext) => Uint8Array | string | Promise<Uint8Array | string>
  }
  /** `STREAM_MAX_CONTENT_BYTES` */
  maxContentBytes?: number
  /** Where state is kept when several processes share it; default: in this process. */
  redis?: {
    /** `REDIS_URL`; needs the package `redis`. */
    url?: string
    /** A client of yours (`redis` or `ioredis`, cluster or not) in place of the URL. It stays open. */
    client?: RedisClient
    /** What all keys begin with. `REDIS_PREFIX`. */
    prefix?: string
    /** Milliseconds that a command may take. `REDIS_COMMAND_TIMEOUT_MS`. */
    commandTimeoutMs?: number
  }
  /** What becomes of a stream whose process has died: its turn is run again, or it ends. `STREAM_ON_OWNER_LOST`. */
  onOwnerLost?: 'restart' | 'finish'
  /** What is remembered of a conversation. `turns: 0` switches it off. `STREAM_HISTORY_*`. */
  history?: Partial<HistoryLimits>
  /** Path of a route for probes: 200 if the app is ready, else 503. Default: there is none. `STREAM_HEALTH_PATH`. */
  healthPath?: string
  /** Of the sentences; default `zh-CN`. `WECOM_LANGUAGE`. */
  language?: Language
  /** Sentences of yours in place of ours. */
  texts?: TextOverrides
  /** Variables to read what is not among the options from. Default: none; the composed plugin reads the environment. */
  env?: Env
  /** The time, for tests. */
  clock?: Clock
}

export interface ImageFitContext extends HostContext {
  maxBytes: number
}

const MARGIN_MS = 500

/** Where the callback plugin finds the streams of its app. */
export const kStreams: unique symbol = Symbol.for('fastify-wecom-stream.streams')

/** And what is kept of conversations and users. */
export const kStores: unique symbol = Symbol.for('fastify-wecom-stream.stores')

/** And what all callbacks hold of the files of users. */
export const kMediaPool: unique symbol = Symbol.for('fastify-wecom-stream.mediaPool')

/** And where it says which path is its own. */
export const kCallbacks: unique symbol = Symbol.for('fastify-wecom-stream.callbacks')

/** Where an app of ours has put a transport to itself. No host can name this symbol. */
export const kLoopback: unique symbol = Symbol('fastify-wecom-stream.loopback')

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Creates a stream and starts its source in the background. Gives its id: 32 lower-case hex digits. Rejects with
     * `WECOM_ERR_BUSY`, `WECOM_ERR_CLOSED`, or `WECOM_ERR_INPUT` for an input or a source that cannot be. Like the methods below
     * with `WECOM_ERR_UNAVAILABLE` if Redis is away.
     */
    startStream (input: string | StreamInput): Promise<string>
    /**
     * What a stream is now; an unknown or forgotten id gives the status `missing`. With `from`, the cursor of an earlier
     * state, also the `delta` since then. Rejects with `WECOM_ERR_INPUT` where `from` can be no cursor.
     */
    getStreamState (id: string, options?: { from?: number }): Promise<StreamState>
    /**
     * Asks a stream to stop and returns its state at once, normally `stopping`; it then ends as `done` with the text it
     * had. Unknown and ended streams are left as they are. A source of this process is stopped also if Redis is away.
     */
    stopStream (id: string): Promise<StreamState>
    /**
     * States as they change, the newest only for a slow reader; ends with the terminal one, or when the signal is
     * aborted. An unknown id gives one state, `missing`.
     */
    followStream (id: string, options?: { signal?: AbortSignal }): AsyncIterable<StreamState>
    /**
     * Takes no new stream; resolves when the running ones have ended, by force after `shutdownGraceMs`, and WeCom has
     * fetched how, for which it has three seconds. To be called before `close()`.
     */
    drainStreams (): Promise<void>
    /** What is known of the bot's parts, without asking any of them. Never throws. */
    wecomHealth (): WecomHealth
    [kStreams]: Streams
    [kStores]: BotStores
    [kCallbacks]: string[]
    [kLoopback]?: Loopback
    [kMediaPool]: MediaPool
  }
}

/** The settings of this half with all their faults. */
export const readStreamsConfig = (
  options: StreamsPluginOptions, env: Env, elsewhere: readonly KnownOption[] = []
): ConfigReading<StreamsConfig> =>
  readConfig(streamsSettings, { options: namedSource(options), env, extraOptions: streamsExtraOptions, elsewhere }, input =>
    [...sourceFaults(options, input), ...textFaults(options.texts), ...clientFaults(options.redis?.client)])

// A source that is a function is no setting.
const namedSource = (options: StreamsPluginOptions): object =>
  typeof options.source === 'function' ? { ...options, source: undefined } : options

async function streamsPlugin (fastify: FastifyInstance, options: StreamsPluginOptions): Promise<void> {
  if (options.env !== undefined) warnOfSuspects(options.env, fastify.log)
  const config = configOf(readStreamsConfig(options, options.env ?? {}))
  const texts = loadTexts(options.texts, config.WECOM_LANGUAGE)
  const clock = options.clock ?? systemClock
  // Before the stores: what fails here leaves no connection behind.
  const sources = await createSources(options, config, clock)
  const instance = createId().slice(0, 8)
  const { store, health: storeHealth, close, ...stores } = await createStores(
    { config, client: options.redis?.client, clock, log: fastify.log, instance }
  )
  const fit = options.images?.fit
  const run = createHostCodeRunner({ clock, log: fastify.log })
  const streams = createStreams({
    ...sources,
    images: {
      maxBytes: config.STREAM_IMAGES_MAX_BYTES,
      fit: fit && (async ({ image, streamId, maxBytes, maxMs }) => {
        const call = { hook: 'images.fit', about: undefined, streamId, maxMs }
        return (await run({ ...call, call: async context => await fit(image, { ...context, maxBytes }) }))?.value
      })
    },
    store,
    onOwnerLost: config.STREAM_ON_OWNER_LOST,
    clock,
    log: fastify.log,
    createId,
    instance,
    limits: {
      deadlineMs: config.STREAM_DEADLINE_MS,
      lateDeadlineMs: config.STREAM_LATE_DEADLINE_MS,
      firstTokenTimeoutMs: config.STREAM_FIRST_TOKEN_TIMEOUT_MS,
      idleTimeoutMs: config.STREAM_IDLE_TIMEOUT_MS,
      shutdownGraceMs: config.STREAM_SHUTDOWN_GRACE_MS,
      maxContentBytes: config.STREAM_MAX_CONTENT_BYTES,
      maxRunning: config.STREAM_MAX_RUNNING,
      maxQueued: config.STREAM_MAX_QUEUED
    }
  })

  const source = typeof options.source === 'function' ? 'of the host' : chosenName({ ...config })
  const state = config.REDIS_URL === undefined && options.redis?.client === undefined ? 'in this process' : 'in Redis'
  const callbacks: string[] = []
  // Callbacks are registered behind this.
  fastify.addHook('onReady', async () => {
    health.booted()
    fastify.log.info({ source, state, callbacks }, 'streams are ready')
    if (source === 'mock' && options.sources?.['mock'] === undefined && isProduction(options.env)) {
      fastify.log.warn('the mock answers in production: set OPENAI_API_KEY, or give a source of yours')
    }
  })

  const health = createHealth({ streams, store: storeHealth, clock })
  fastify.decorate(kStreams, streams)
  fastify.decorate(kStores, stores)
  fastify.decorate(kMediaPool, new MediaPool())
  fastify.decorate(kCallbacks, callbacks)
  fastify.decorate('startStream', input => streams.start(input))
  fastify.decorate('getStreamState', async (id, { from } = {}) => viewOf(await streams.read(id), texts, from))
  fastify.decorate('stopStream', async id => viewOf(await streams.stop(id), texts))
  fastify.decorate('followStream', (id, { signal } = {}) => viewsOf(streams.follow(id, signal), texts))
  fastify.decorate('drainStreams', async () => {
    await streams.drain()
    if (config.STREAM_SHUTDOWN_GRACE_MS > 0) await streams.allFetched()
  })

  fastify.decorate('wecomHealth', () => health.read())
  if (config.STREAM_HEALTH_PATH !== undefined) {
    fastify.get(config.STREAM_HEALTH_PATH, { logLevel: 'warn' }, async (_request, reply) => {
      const { instance: _, ...told } = health.read()
      return await reply.code(told.ready ? 200 : 503).header('cache-control', 'no-store').send(told)
    })
  }

  // The last moment at which this server may still answer a refresh (where the host has set return503OnClosing: false).
  // Fastify rejects a close() that takes longer than its pluginTimeout, 0 being no limit.
  const roomMs = Math.max(0, (fastify.initialConfig.pluginTimeout || Infinity) - MARGIN_MS - PATIENCE_MS)
  fastify.addHook('preClose', async () => {
    await streams.drain(Math.min(config.STREAM_SHUTDOWN_GRACE_MS, roomMs))
    if (config.STREAM_SHUTDOWN_GRACE_MS > 0 && roomMs > 0) await streams.allFetched()
  })
  fastify.addHook('onClose', async () => {
    await streams.close()
    await Promise.all(Object.values(stores).map(async kept => await kept.close()))
    await close()
    health.closed()
  })
}

/** The streams and the methods of the app, without a callback. */
const streams: FastifyPluginAsync<StreamsPluginOptions> = fp(streamsPlugin, { name: 'wecom-streams', fastify: '5.x' })
export default streams
