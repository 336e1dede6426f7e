import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Requester, AccessDecision } from '../lib/bot/access.ts'
import type { CommandOptions, HostCommand } from '../lib/bot/commands/command-options.ts'
import type { ConversationScope } from '../lib/bot/conversations.ts'
import type { AnswerHooks, FinishEvent, MessageContext, MessageDecision } from '../lib/bot/hooks/answer-hooks.ts'
import type {
  CardEvent, EnterChatEvent, EventContext, EventHooks, FeedbackEvent, FeedbackReason, FeedbackVote, SelectedOptions
} from '../lib/bot/hooks/event-hooks.ts'
import { readEnvironment } from '../lib/config/environment.ts'
import type { Env } from '../lib/config/environment.ts'
import { callbackExtraOptions, fastifyOptions, streamsExtraOptions } from '../lib/config/extra-options.ts'
import { knownOptions, topNames } from '../lib/config/options.ts'
import { callbackSettings, streamsSettings } from '../lib/config/settings.ts'
import type { SourceOptions } from '../lib/config/sources.ts'
import { warnOfSuspects } from '../lib/config/suspects.ts'
import { CHANNELS as channels } from '../lib/diagnostics/channels.ts'
import type { Contexts as WecomContexts } from '../lib/diagnostics/contexts.ts'
import type { StreamFailure, StreamState } from '../lib/replies/state-view.ts'
import type { WecomHealth } from '../lib/signals/health.ts'
import { createMockSource } from '../lib/sources/mock.ts'
import type { MockOptions } from '../lib/sources/mock.ts'
import { createOpenAISource } from '../lib/sources/openai/openai.ts'
import type { OpenAIOptions } from '../lib/sources/openai/openai.ts'
import type {
  Attachment, HistoryTurn, LostAttachment, Quote, ReplyPart, Source, SourceContext, Turn, Usage
} from '../lib/sources/source.ts'
import { StreamStatus } from '../lib/stores/status.ts'
import type { ReasoningMode, StreamInput } from '../lib/streams/contract.ts'
import type { ImageToFit } from '../lib/streams/media/image-fit.ts'
import type { Language, TextOverrides, Texts } from '../lib/texts/texts.ts'
import type { Clock } from '../lib/util/clock.ts'
import { BusyError, ClosedError, ConfigError, InputError, SourceError, UnavailableError } from '../lib/util/errors.ts'
import type { ConfigFault, FailureClass, SourceErrorOptions } from '../lib/util/errors.ts'
import type { ContextLogger, Logger } from '../lib/util/logger.ts'
import { checkNode } from '../lib/util/node-version.ts'
import * as builders from '../lib/wecom/cards/build-card.ts'
import type { TemplateCard } from '../lib/wecom/cards/card-types.ts'
import { checkCard } from '../lib/wecom/cards/check-card.ts'
import { done, taskId } from '../lib/wecom/cards/done-card.ts'
import { updateTemplateCard } from '../lib/wecom/cards/update-card.ts'
import type { CardUpdate } from '../lib/wecom/cards/update-card.ts'
import type { EventOrigin } from '../lib/wecom/message.ts'
import type { CallbackAccessOptions, CallbackPluginOptions, CallbackRouteOptions } from './callback-options.ts'
import callback, { readCallbackConfig } from './callback.ts'
import streams, { kStreams, readStreamsConfig } from './streams.ts'
import type { ImageFitContext, StreamsPluginOptions } from './streams.ts'

export interface WecomStreamOptions extends StreamsPluginOptions, Omit<CallbackPluginOptions, keyof StreamsPluginOptions> {
  /** Variables to read in place of `process.env` and the file `.env`. */
  env?: Env
}

const callbackOptionsKnown = knownOptions(callbackSettings, callbackExtraOptions)
const callbackNames = topNames([...Object.values(callbackSettings), ...callbackExtraOptions])
const streamsNames = topNames([...Object.values(streamsSettings), ...streamsExtraOptions])
const fastifyNames = topNames(fastifyOptions)
const SHARED_OPTIONS = new Set(['texts', 'clock', 'language'])
const isCallbackOption = (name: string): boolean => fastifyNames.has(name) || (callbackNames.has(name) && !streamsNames.has(name))

const pick = (options: object, belongs: (name: string) => boolean): object =>
  Object.fromEntries(Object.entries(options).filter(([name]) => belongs(name)))

/** A variable that both halves read has one fault. */
const withoutRepeats = (faults: readonly ConfigFault[]): ConfigFault[] =>
  [...new Map(faults.map(fault => [`${fault.name}: ${fault.problem}`, fault])).values()]

async function wecomStream (fastify: FastifyInstance, options: WecomStreamOptions): Promise<void> {
  if (fastify.hasDecorator(kStreams)) {
    throw new ConfigError(
      [{ name: 'register', problem: 'has been called with this plugin before: register its `callback` for a further bot' }]
    )
  }
  const env = options.env ?? readEnvironment()
  warnOfSuspects(env, fastify.log)
  const callbackOptions = pick(options, isCallbackOption)
  // What both halves take is looked at once, and what neither knows: the streams refuse it.
  const streamsOptions = pick(options, name => !isCallbackOption(name))
  const streamsReading = readStreamsConfig(streamsOptions, env, callbackOptionsKnown)
  const callbackReading = readCallbackConfig(callbackOptions, env, streamsReading.input['STREAM_DEADLINE_MS'])
  const faults = withoutRepeats([...callbackReading.faults, ...streamsReading.faults])
  if (faults.length > 0) throw new ConfigError(faults)
  await fastify.register(streams, { ...streamsOptions, env })
  await fastify.register(callback, { ...callbackOptions, ...pick(options, name => SHARED_OPTIONS.has(name)), env })
}

/** Builders of template cards for what your code sends itself, with the limits of document 101032 checked as they are built. */
const cards = { ...builders, done, taskId, checkCard, updateTemplateCard }

const named = {
  streams,
  callback,
  createMockSource,
  createOpenAISource,
  cards,
  channels,
  StreamStatus,
  ConfigError,
  InputError,
  BusyError,
  ClosedError,
  SourceError,
  UnavailableError
}

checkNode()

/** A WeCom AI bot for the app: its streams, its methods and its callback route. Reads the environment and `.env`. */
const plugin: FastifyPluginAsync<WecomStreamOptions> & typeof named =
  Object.assign(fp(wecomStream, { name: 'fastify-wecom-stream', fastify: '5.x' }), named)

export default plugin
// `require()` gives this very function, which is why it carries the named exports too.
export { plugin as 'module.exports' }
export {
  streams, callback, createMockSource, createOpenAISource, cards, channels, StreamStatus, ConfigError, InputError, BusyError, ClosedError,
  SourceError, UnavailableError
}
export type {
  AnswerHooks, Requester, Attachment, CallbackAccessOptions, CallbackPluginOptions, CallbackRouteOptions, CardEvent, CardUpdate, Clock,
  CommandOptions, ConfigFault, ContextLogger, ConversationScope, AccessDecision,
  EnterChatEvent, Env, EventContext, EventHooks, EventOrigin, FailureClass, FeedbackEvent, FeedbackReason, FeedbackVote, FinishEvent,
  HistoryTurn, HostCommand, ImageFitContext, ImageToFit, Language, Logger,
  LostAttachment, MessageContext, MessageDecision, MockOptions, OpenAIOptions, Quote, ReasoningMode, ReplyPart, SelectedOptions, Source,
  SourceContext, SourceErrorOptions,
  SourceOptions,
  StreamFailure, StreamInput, StreamsPluginOptions, StreamState, TemplateCard, TextOverrides, Texts, Turn, Usage,
  WecomContexts, WecomHealth
}
