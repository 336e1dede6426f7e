import {
  API_KEY_WORDS, BASE_URL_WORDS, CUMULATIVE_DELTAS, DEFAULT_MODEL, isApiKey, isBaseURL, MAX_TOKENS_FIELDS, OPENAI_NUMBERS, SYSTEM_ROLES
} from '../sources/openai/options.ts'
import { isEncodingAESKey } from '../wecom/envelope.ts'
import {
  DEFAULT_MEDIA_MAX_BYTES, DEFAULT_MEDIA_MESSAGE_MAX_BYTES, DEFAULT_MEDIA_TIMEOUT_MS, DEFAULT_MEDIA_TOTAL_MAX_BYTES
} from '../wecom/media/media.ts'
import { DEFAULT_IMAGES_MAX_BYTES } from '../wecom/reply-images.ts'
import { bytes, choice, flag, fraction, list, ms, number, requiredText, SPACE_OR_QUOTE, text } from './setting.ts'
import type { ConfigOf, Setting } from './setting.ts'

// A new setting is one entry here: the types of the config, the checks, the reference and `.env.example` follow from it.

const isPath = (value: unknown): boolean => /^\/[^\s?#:*%\\]*$/.test(String(value))

const bot = {
  WECOM_TOKEN: requiredText('token', '`Token` of the bot in the admin console', {
    expected: 'the Token of the bot in the WeCom admin console, without white space and quotes',
    check: value => !SPACE_OR_QUOTE.test(String(value))
  }),
  WECOM_ENCODING_AES_KEY: requiredText('encodingAESKey', '`EncodingAESKey` of the bot: 43 characters of base64', {
    aliases: ['WECOM_AES_KEY'],
    expected: 'the EncodingAESKey of the bot: 43 characters of the base64 alphabet',
    check: value => isEncodingAESKey(String(value))
  }),
  WECOM_TOKEN_OLD: text('tokenOld', 'The Token before, while you [change it](../wecom/README.md#change-token-and-key)', {
    expected: 'the Token that the bot had before, without white space and quotes, or nothing',
    check: value => !SPACE_OR_QUOTE.test(String(value))
  }),
  WECOM_ENCODING_AES_KEY_OLD: text('encodingAESKeyOld', 'The EncodingAESKey before, likewise', {
    expected: 'the EncodingAESKey that the bot had before: 43 characters of the base64 alphabet, or nothing',
    check: value => isEncodingAESKey(String(value))
  }),
  STREAM_HASH_SECRET: text(
    'hashSecret', '[Logs and signals](../diagnostics/README.md) name users and chats by a hash; this is its key. Unset: made of the Token'
  ),
  WECOM_RECEIVE_ID: text('receiveId', 'Leave it unset for a bot that your company made itself', { default: '' }),
  WECOM_CALLBACK_PATH: text('path', 'Path of the route, behind the `prefix` of `register` if there is one', {
    default: '/wecom/callback',
    expected: 'a path that begins with a slash, without spaces, backslashes, escapes, query, parameters or wildcards',
    check: isPath,
    printable: true
  }),
  WECOM_BOT_NAME: text(
    'botName', 'Display name of the bot, in any letter case; its mention is taken off what is said in groups', { default: '' }
  ),
  WECOM_TIMESTAMP_WINDOW_MS: ms(
    'timestampWindowMs', 'How old or early the timestamp of a callback may be', { min: 1000, default: 300_000 }
  ),
  WECOM_WINDOW_MS: ms('windowMs', 'How long WeCom asks for an answer, from the message', { default: 360_000 }),
  WECOM_BODY_LIMIT_BYTES: bytes('bodyLimitBytes', 'Largest callback body', { min: 1024, default: 256 * 1024 })
} satisfies Record<string, Setting>

const sources = {
  STREAM_SOURCE: text('source', '`mock`, `openai` or a name of yours. Unset: `openai` if a key is set, else `mock`', {
    expected: 'a source, which is a function, or the name of one'
  }),
  MOCK_CHUNK_DELAY_MS: ms('mock.chunkDelayMs', 'Pause of the mock before each chunk', { min: 0, default: 500 }),
  OPENAI_API_KEY: text('openai.apiKey', 'Key of OpenAI, or of a compatible server', {
    aliases: ['OPENAI_KEY'], expected: API_KEY_WORDS, check: isApiKey
  }),
  OPENAI_BASE_URL: text('openai.baseURL', 'Address of a compatible server, with its version path; unset is OpenAI', {
    aliases: ['OPENAI_API_BASE'],
    expected: BASE_URL_WORDS,
    check: isBaseURL
  }),
  OPENAI_MODEL: text('openai.model', 'Model to ask', { default: DEFAULT_MODEL }),
  OPENAI_SYSTEM_PROMPT: text('openai.systemPrompt', 'Put before each question'),
  OPENAI_SYSTEM_ROLE: choice('openai.systemRole', 'Role of the system prompt; compatible servers know `system`', SYSTEM_ROLES),
  OPENAI_MAX_TOKENS: number('openai.maxTokens', 'Token limit of an answer; unset sends no limit', OPENAI_NUMBERS.maxTokens),
  OPENAI_MAX_TOKENS_FIELD: choice('openai.maxTokensField', 'Name of that field in the request', MAX_TOKENS_FIELDS),
  OPENAI_TEMPERATURE: fraction('openai.temperature', 'Unset sends none: reasoning models refuse it', OPENAI_NUMBERS.temperature),
  OPENAI_INCLUDE_USAGE: flag('openai.includeUsage', 'Asks for token counts; `false` for servers that refuse `stream_options`', true),
  OPENAI_ALLOW_MISSING_FINISH: flag(
    'openai.allowMissingFinish', 'Takes an end without a finish reason for success; a cut answer then looks whole', false
  ),
  OPENAI_CUMULATIVE_DELTAS: choice(
    'openai.cumulativeDeltas', 'Whether each delta holds all the text so far, as with some proxies; `auto` finds out', CUMULATIVE_DELTAS
  ),
  OPENAI_REASONING_AS_ANSWER: flag(
    'openai.reasoningAsAnswer', 'Shows an answer that came as thinking alone; else it ends as broken', false
  ),
  OPENAI_MAX_RETRIES: number(
    'openai.maxRetries', 'Retries before the first chunk; never after it. A question costs at most four requests', OPENAI_NUMBERS.maxRetries
  ),
  OPENAI_REQUEST_TIMEOUT_MS: ms('openai.requestTimeoutMs', 'Until the response headers of one attempt', OPENAI_NUMBERS.requestTimeoutMs),
  OPENAI_MAX_CONCURRENCY: number(
    'openai.maxConcurrency', 'Requests at once; more wait, and their first-token clock stands still. Unset: no limit',
    OPENAI_NUMBERS.maxConcurrency
  ),
  OPENAI_PDF_AS_FILE: flag('openai.pdfAsFile', 'Sends PDF files as they are, for servers that read them', false),
  OPENAI_MAX_FILE_TEXT_BYTES: bytes(
    'openai.maxFileTextBytes', 'Text of the files of one question; with `0` a model is told of files, and reads nothing of them',
    OPENAI_NUMBERS.maxFileTextBytes
  ),
  OPENAI_MAX_RESPONSE_BYTES: bytes('openai.maxResponseBytes', 'Largest response, in bytes on the wire', OPENAI_NUMBERS.maxResponseBytes)
} satisfies Record<string, Setting>

const streams = {
  STREAM_DEADLINE_MS: ms(
    'deadlineMs',
    'From the message to the forced end of its bubble, and of its answer if nothing can be ' +
      '[delivered late](../replies/README.md#long-and-late-answers); with a callback `WECOM_WINDOW_MS` at most',
    { default: 330_000 }
  ),
  // A response_url is valid for an hour (document 101138).
  STREAM_LATE_DEADLINE_MS: ms(
    'lateDeadlineMs',
    'From the message to the forced end of an answer that outlives its bubble; a value not above `STREAM_DEADLINE_MS` ends ' +
      'every answer with its bubble',
    { min: 0, max: 59 * 60_000, default: 30 * 60_000 }
  ),
  STREAM_FIRST_TOKEN_TIMEOUT_MS: ms(
    'firstTokenTimeoutMs', 'How long a source may take to its first piece; thinking counts', { default: 60_000 }
  ),
  STREAM_IDLE_TIMEOUT_MS: ms('idleTimeoutMs', 'How long a source may be silent after that', { default: 45_000 }),
  STREAM_SHUTDOWN_GRACE_MS: ms('shutdownGraceMs', 'How long running answers are waited for at shutdown', { min: 0, default: 10_000 }),
  STREAM_RETENTION_MS: ms('retentionMs', 'How long a finished answer stays readable', { default: 15 * 60_000 }),
  STREAM_MAX_RUNNING: number('maxRunning', 'Sources at work at once', { default: 500 }),
  STREAM_MAX_QUEUED: number(
    'maxQueued', 'Messages that may wait for one to end; beyond that users are told that the bot is busy', { min: 0, default: 500 }
  ),
  STREAM_MAX_FINISHED: number('maxFinished', 'Finished answers that are kept; the oldest go first', { default: 20_000 }),
  STREAM_MAX_FINISHED_BYTES: bytes('maxFinishedBytes', 'Text that they may hold together', { default: 256 * 1024 * 1024 }),
  STREAM_IMAGES_MAX_BYTES: bytes(
    'images.maxBytes', 'All images of an answer together, before base64: WeCom refuses frames of more than 1 MiB',
    { default: DEFAULT_IMAGES_MAX_BYTES }
  ),
  STREAM_HEALTH_PATH: text('healthPath', 'Path of a [route](../signals/README.md#health) for probes; unset: there is none', {
    expected: 'a path that begins with a slash, without spaces, backslashes, escapes, query, parameters or wildcards',
    check: isPath,
    printable: true
  }),
  STREAM_MAX_CONTENT_BYTES: bytes('maxContentBytes', 'Text of one answer; a source that goes on is stopped', { default: 1024 * 1024 })
} satisfies Record<string, Setting>

const replicas = {
  REDIS_URL: text('redis.url', 'Redis or Valkey for [several replicas](../stores/redis/README.md): `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS', {
    aliases: ['REDIS_URI'],
    expected: 'the address of a Redis or Valkey server: redis://[user:password@]host[:port][/database], or rediss:// with TLS',
    check: value => /^rediss?:\/\/[^/?#]/.test(String(value)) && URL.canParse(String(value))
  }),
  REDIS_PREFIX: text('redis.prefix', 'What all keys begin with; without braces', {
    default: 'wecom:',
    expected: 'what all keys begin with, without braces',
    check: value => !/[{}]/.test(String(value)),
    printable: true
  }),
  REDIS_COMMAND_TIMEOUT_MS: ms('redis.commandTimeoutMs', 'How long a command may take', { default: 300 }),
  STREAM_ON_OWNER_LOST: choice(
    'onOwnerLost', 'What becomes of an answer whose replica has died: it is begun anew, or ends with a notice', ['restart', 'finish']
  )
} satisfies Record<string, Setting>

const replies = {
  // WeCom gives up on an answer after 5 s; no grace may come near it.
  STREAM_FIRST_REPLY_GRACE_MS: ms('firstReplyGraceMs', 'How long the first answer waits for the stream to end; `0` answers at once', {
    min: 0, max: 3000, default: 200
  }),
  STREAM_REASONING: choice(
    'reasoning', 'What becomes of the [reasoning](../replies/README.md#reasoning) of a model', ['hide', 'show', 'placeholder']
  ),
  WECOM_CONVERSATION_SCOPE: choice(
    'conversationScope', 'Whose [conversation](../bot/README.md#conversations) a message of a group belongs to', ['member', 'chat', 'none']
  ),
  WECOM_PARALLEL_TURNS: flag('parallelTurns', 'Answers the messages of a conversation side by side', false),
  WECOM_UNFETCHED: choice(
    'unfetched',
    'What becomes of an answer [whose end WeCom does not fetch](../replies/README.md#when-nobody-comes-for-the-end): it goes out through ' +
      'the `response_url`, or nothing does',
    ['deliver', 'off']
  ),
  WECOM_CARD_DELIVERY: choice(
    'cardDelivery',
    'How a [card](../wecom/cards/README.md) comes that is not there with the first reply: `auto` sends it alone through the ' +
      '`response_url` if that is possible, `frame` always with the last frame',
    ['auto', 'frame']
  ),
  WECOM_WELCOME_TEXT: text(
    'welcomeText', 'Said to whoever opens the chat, if no [hook](../bot/README.md#events) says something else', { default: '' }
  )
} satisfies Record<string, Setting>

const language = {
  WECOM_LANGUAGE: choice(
    'language', 'Language of the [sentences of the bot](../texts/README.md#sentences), and of what a model is told about files',
    ['zh-CN', 'en']
  )
} satisfies Record<string, Setting>

const history = {
  STREAM_HISTORY_TURNS: number('history.turns', 'Turns of a conversation that are remembered; `0` remembers nothing', {
    min: 0, max: 1000, default: 10
  }),
  STREAM_HISTORY_BYTES: bytes('history.bytes', 'Text of a conversation that is remembered', { default: 32 * 1024 }),
  STREAM_HISTORY_IDLE_MS: ms('history.idleMs', 'After this silence a conversation is forgotten', { default: 30 * 60_000 })
} satisfies Record<string, Setting>

const access = {
  WECOM_ALLOW_USERS: list('access.allowUsers', 'Only these users [may talk](../bot/README.md#access-control-and-rate-limits) to the bot'),
  WECOM_DENY_USERS: list('access.denyUsers', 'These may not, whatever the other list says'),
  WECOM_ALLOW_CHATS: list('access.allowChats', 'Only in these groups; single chats are not concerned'),
  WECOM_DENY_CHATS: list('access.denyChats', 'Not in these groups'),
  WECOM_ALLOW_BOTS: list('access.allowBots', 'Only messages to these bots (`aibotid`)'),
  WECOM_DENY_BOTS: list('access.denyBots', 'No messages to these bots'),
  WECOM_USER_MESSAGES_PER_MINUTE: number(
    'access.messagesPerMinute', 'Questions of each user in a minute; `0` is no limit', { min: 0, default: 0 }
  ),
  WECOM_USER_MAX_RUNNING: number(
    'access.maxRunning', 'Questions of each user that may be open at once, the waiting ones included; `0` is no limit', {
      min: 0, default: 0
    }
  )
} satisfies Record<string, Setting>

const media = {
  WECOM_MEDIA_MAX_BYTES: bytes(
    'media.maxBytes', 'Largest [file](../bot/README.md#images-and-files) of a user that is fetched', { default: DEFAULT_MEDIA_MAX_BYTES }
  ),
  WECOM_MEDIA_MESSAGE_MAX_BYTES: bytes(
    'media.messageMaxBytes', 'All files of one message together, with those that it quotes; never below `WECOM_MEDIA_MAX_BYTES`',
    { default: DEFAULT_MEDIA_MESSAGE_MAX_BYTES }
  ),
  WECOM_MEDIA_TOTAL_MAX_BYTES: bytes(
    'media.totalMaxBytes',
    'All files that a process holds, from the download to the end of the turn, a quarter of it for one sender; memory takes a third more',
    { default: DEFAULT_MEDIA_TOTAL_MAX_BYTES }
  ),
  WECOM_MEDIA_TIMEOUT_MS: ms('media.timeoutMs', 'How long a download may take', { default: DEFAULT_MEDIA_TIMEOUT_MS }),
  WECOM_MEDIA_ALLOW_PRIVATE: flag(
    'media.allowPrivateAddresses',
    'Lets the allowed hosts have addresses that are not public: `true` inside Tencent Cloud and in private deployments of WeCom', false
  )
} satisfies Record<string, Setting>

/** What only the server of `npm start` reads; the plugin knows none of it, and there is no such option. */
export const serverSettings = {
  HOST: text('host', 'Address to listen on', { default: '127.0.0.1', expected: 'an address to listen on', printable: true }),
  PORT: {
    ...number(
      'port', 'Port to listen on; `0` is any free one', { min: 0, max: 65535, default: 3000 }
    ),
    expected: 'a whole number from 0 (any free port) to 65535'
  },
  LOG_LEVEL: choice('logLevel', 'Least level that is logged', ['info', 'fatal', 'error', 'warn', 'debug', 'trace', 'silent'])
} satisfies Record<string, Setting>

/** What the callback plugin needs. */
export const callbackSettings = { ...bot, ...replies, ...language, ...access, ...media }

/** What the playground needs to speak as WeCom. */
export const playgroundSettings = {
  WECOM_TOKEN: bot.WECOM_TOKEN, WECOM_ENCODING_AES_KEY: bot.WECOM_ENCODING_AES_KEY, WECOM_RECEIVE_ID: bot.WECOM_RECEIVE_ID
}

/** What the streams plugin and its sources need. The sentences of failures stand in stream states, hence the language. */
export const streamsSettings = { ...sources, ...streams, ...replicas, ...language, ...history }

export type CallbackConfig = ConfigOf<typeof callbackSettings>
export type StreamsConfig = ConfigOf<typeof streamsSettings>
export type ServerConfig = ConfigOf<typeof serverSettings>

/** Every setting, in the order of the documents. */
export const settingSections: ReadonlyArray<{ title: string, settings: Readonly<Record<string, Setting>> }> = [
  { title: 'The bot, from its callback settings in the WeCom admin console', settings: bot },
  { title: 'Who answers', settings: sources },
  { title: 'Replies and conversations', settings: { ...replies, ...language, ...history } },
  { title: 'Streams', settings: streams },
  { title: 'Several replicas: Redis or Valkey (`npm install redis`)', settings: replicas },
  { title: 'Who may talk: ids, separated by commas. Unset: everybody', settings: access },
  { title: 'Files of users', settings: media },
  { title: 'Only for `npm start`', settings: serverSettings }
]
