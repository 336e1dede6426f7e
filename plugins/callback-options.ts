import type { FastifyContextConfig, FastifySchema, LogLevel, RouteShorthandOptions } from 'fastify'
import type { AccessDecision } from '../lib/bot/access.ts'
import type { MediaOptions } from '../lib/bot/attachments/attachments.ts'
import type { CommandOptions } from '../lib/bot/commands/command-options.ts'
import type { ConversationScope } from '../lib/bot/conversations.ts'
import type { UnfetchedMode } from '../lib/bot/follow-up.ts'
import type { AnswerHooks } from '../lib/bot/hooks/answer-hooks.ts'
import type { EventHooks } from '../lib/bot/hooks/event-hooks.ts'
import type { Env } from '../lib/config/environment.ts'
import type { ActiveReplyOptions } from '../lib/replies/active-reply.ts'
import type { CardDeliveryMode } from '../lib/replies/card-delivery.ts'
import type { Source } from '../lib/sources/source.ts'
import type { ReasoningMode } from '../lib/streams/contract.ts'
import type { Language, TextOverrides } from '../lib/texts/texts.ts'
import type { Clock } from '../lib/util/clock.ts'

/** Who may talk to the bot, and how much. Lists hold ids, in an array or with commas between them. */
export interface CallbackAccessOptions {
  /** Where it is not empty, only these may. `WECOM_ALLOW_USERS`. */
  allowUsers?: readonly string[] | string
  /** A deny list wins over the allow list. `WECOM_DENY_USERS`. */
  denyUsers?: readonly string[] | string
  /** Of groups; a single chat is its user. `WECOM_ALLOW_CHATS`. */
  allowChats?: readonly string[] | string
  /** `WECOM_DENY_CHATS` */
  denyChats?: readonly string[] | string
  /** Of `aibotid`. `WECOM_ALLOW_BOTS`. */
  allowBots?: readonly string[] | string
  /** `WECOM_DENY_BOTS` */
  denyBots?: readonly string[] | string
  /** Questions of each user; default 0, which is no limit. `WECOM_USER_MESSAGES_PER_MINUTE`. */
  messagesPerMinute?: number
  /** Questions of each user that may be open at once, the waiting ones included; default 0. `WECOM_USER_MAX_RUNNING`. */
  maxRunning?: number
  /** Your own decision about each message, after the lists: true lets in, false or a sentence refuses. */
  decide?: AccessDecision
}

/** What the routes of a callback take besides what makes them one. */
export interface CallbackRouteOptions extends Pick<RouteShorthandOptions,
'constraints' | 'onRequest' | 'onSend' | 'onResponse' | 'onTimeout'> {
  /** For hooks and plugins that look for it, beside `wecom: true`. */
  config?: FastifyContextConfig & Record<string, unknown>
  /** For documentation; default `{ hide: true }`. */
  schema?: Omit<FastifySchema, 'body' | 'querystring' | 'response'>
}

export interface CallbackPluginOptions extends AnswerHooks, EventHooks {
  /** `Token` of the bot. `WECOM_TOKEN`. */
  token?: string
  /** `EncodingAESKey` of the bot. `WECOM_ENCODING_AES_KEY`. */
  encodingAESKey?: string
  /** The Token before, while you change it. `WECOM_TOKEN_OLD`. */
  tokenOld?: string
  /** The EncodingAESKey before, likewise. One of the two alone means that the other did not change. `WECOM_ENCODING_AES_KEY_OLD`. */
  encodingAESKeyOld?: string
  /** Key of the hashes by which logs and signals name users and chats; default: made of the Token. `STREAM_HASH_SECRET`. */
  hashSecret?: string
  /** Default empty, as it is for a bot that the company made itself. `WECOM_RECEIVE_ID`. */
  receiveId?: string
  /** Default `/wecom/callback`. `WECOM_CALLBACK_PATH`. */
  path?: string
  /** The bot's display name, to take its mention off what is said in groups. `WECOM_BOT_NAME`. */
  botName?: string
  /** The source of this bot, or the name of one; default: that of the streams. */
  source?: string | Source
  /** Milliseconds that the first answer waits for text; 0 answers at once. `STREAM_FIRST_REPLY_GRACE_MS`. */
  firstReplyGraceMs?: number
  /** What becomes of the thinking of a model: nothing, WeCom's thinking area, or a sentence that it thinks. `STREAM_REASONING`. */
  reasoning?: ReasoningMode
  /** Whose conversation a message of a group belongs to: its sender's, that of all, or none. `WECOM_CONVERSATION_SCOPE`. */
  conversationScope?: ConversationScope
  /** Answers the messages of a conversation side by side instead of one after the other. `WECOM_PARALLEL_TURNS`. */
  parallelTurns?: boolean
  /** Who may talk to the bot, and how much. */
  access?: CallbackAccessOptions
  /** Said to who opens the chat, if no hook says something else. Default: nothing. `WECOM_WELCOME_TEXT`. */
  welcomeText?: string
  /** The words of the commands in the chat, and commands of yours. */
  commands?: CommandOptions
  /** How the files of users are fetched. `WECOM_MEDIA_*`. */
  media?: MediaOptions
  /** How the `response_url` of a message is called. */
  activeReply?: Omit<ActiveReplyOptions, 'clock'>
  /** What becomes of an answer whose end WeCom has not fetched five seconds later. Default `deliver`. `WECOM_UNFETCHED`. */
  unfetched?: UnfetchedMode
  /** What becomes of a card that is not there with the first reply. Default `auto`. `WECOM_CARD_DELIVERY`. */
  cardDelivery?: CardDeliveryMode
  /** Of the sentences; default `zh-CN`. `WECOM_LANGUAGE`. */
  language?: Language
  /** Milliseconds from a message for which WeCom asks for its answer. `WECOM_WINDOW_MS`. */
  windowMs?: number
  /** How old or early a callback may be, in milliseconds. `WECOM_TIMESTAMP_WINDOW_MS`. */
  timestampWindowMs?: number
  /** `WECOM_BODY_LIMIT_BYTES` */
  bodyLimitBytes?: number
  /** Sentences of yours in place of ours. */
  texts?: TextOverrides
  /** More options of the routes, GET and POST. */
  routeOptions?: CallbackRouteOptions
  /** Goes before the path, as with any plugin. */
  prefix?: string
  /** Of the requests of this route; WeCom sends about one a second for every open reply. */
  logLevel?: LogLevel
  /** Variables to read what is not among the options from. Default: none; the composed plugin reads the environment. */
  env?: Env
  /** The time, for tests. */
  clock?: Clock
}
