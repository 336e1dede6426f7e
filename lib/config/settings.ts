import { FAILURE_CLASSES } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { isEncodingAESKey } from '../wecom/envelope.ts'

/** One variable of the environment, with the option of `register` that overrides it. */
export interface Setting {
  /** The path of the option, as in `openai.model`. */
  option: string
  /** JSON schema of the value. */
  schema: Record<string, unknown>
  /** Completes the sentence "expected …". */
  expected: string
  /** Makes what the schema describes of a value as it was given. */
  parse?: (value: unknown) => unknown
  /** What the schema cannot say, of the value as it was given. */
  check?: (value: unknown) => boolean
  /** Refused where it is unset. */
  required?: true
  /** The value may be told in an error. Everything else might hold a secret. */
  telling?: true
}

/** An option that no variable stands for, because it holds what no text can. */
export interface FurtherOption {
  /** Its path, as in `openai.fetch`. */
  option: string
  /** Completes the sentence "expected …". */
  expected: string
  check: (value: unknown) => boolean
}

// The longest delay that a timer of Node takes.
const MAX_MS = 2 ** 31 - 1

function number (unit: string, option: string, { min = 1, max, ...schema }: { min?: number, max: number, default?: number }): Setting {
  return {
    option,
    schema: { type: 'integer', minimum: min, maximum: max, ...schema },
    expected: `a whole number${unit} from ${min} to ${max}`,
    // Ajv takes Infinity for an integer within any bounds.
    check: value => Number.isSafeInteger(Number(value)),
    telling: true
  }
}

const ms = (option: string, value: number, bounds: { min?: number, max?: number } = {}): Setting =>
  number(' of milliseconds', option, { default: value, max: MAX_MS, ...bounds })

const bytes = (option: string, value: number, min = 1): Setting =>
  number(' of bytes', option, { default: value, min, max: Number.MAX_SAFE_INTEGER })

const count = (option: string, value?: number, min = 1): Setting =>
  number('', option, { min, max: 1_000_000, ...(value !== undefined && { default: value }) })

const text = (option: string, value?: string, expected = 'text'): Setting =>
  ({ option, schema: { type: 'string', ...(value !== undefined && { default: value }) }, expected })

const choice = (option: string, [value, ...others]: [string, ...string[]]): Setting =>
  ({ option, schema: { type: 'string', enum: [value, ...others], default: value }, expected: [value, ...others].join(' or '), telling: true })

const flag = (option: string, value: boolean): Setting =>
  ({ option, schema: { type: 'boolean', default: value }, expected: 'true or false', telling: true })

// A Chinese keyboard gives a wide comma, which stands in no id of WeCom's: a deny list must not miss because of it.
const itemsIn = (text: string): string[] => text.split(/[,，]/).map(item => item.trim()).filter(item => item !== '')

/** Ids, as a list or as a text with commas between them. */
const list = (option: string): Setting => ({
  option,
  schema: { type: 'array', default: [] },
  expected: 'ids, separated by commas',
  parse: value => typeof value === 'string' ? itemsIn(value) : value,
  // A text without an id is no empty list: whoever wrote it meant to let in somebody.
  check: value => typeof value === 'string' ? itemsIn(value).length > 0 : Array.isArray(value) && value.every(item => typeof item === 'string' && item.trim() !== '')
})

/** Without what would end up in a log, or come between the address and a path that is appended. */
function isPlainWebAddress (value: unknown): boolean {
  const address = String(value)
  if (!/^https?:[^\s?#]+$/i.test(address) || !URL.canParse(address)) return false
  const { username, password } = new URL(address)
  return username === '' && password === ''
}

/** What the callback plugin needs. */
export const callbackSettings = {
  WECOM_TOKEN: { ...text('token', undefined, 'the Token of the bot in the WeCom admin console'), required: true },
  WECOM_ENCODING_AES_KEY: {
    ...text('encodingAESKey', undefined, 'the EncodingAESKey of the bot: 43 characters of the base64 alphabet'),
    check: value => isEncodingAESKey(String(value)),
    required: true
  },
  WECOM_RECEIVE_ID: text('receiveId', ''),
  WECOM_CALLBACK_PATH: {
    ...text('path', '/wecom/callback', 'a path that begins with a slash, without spaces, backslashes, escapes, query, parameters or wildcards'),
    check: value => /^\/[^\s?#:*%\\]*$/.test(String(value)),
    telling: true
  },
  WECOM_BOT_NAME: text('botName', ''),
  WECOM_TIMESTAMP_WINDOW_MS: ms('timestampWindowMs', 300_000, { min: 1000 }),
  WECOM_BODY_LIMIT_BYTES: bytes('bodyLimitBytes', 256 * 1024, 1024),
  // WeCom gives up on an answer after 5 s; no grace may come near it.
  STREAM_FIRST_REPLY_GRACE_MS: ms('firstReplyGraceMs', 200, { min: 0, max: 3000 }),
  STREAM_REASONING: choice('reasoning', ['hide', 'show', 'placeholder']),
  WECOM_LANGUAGE: choice('language', ['zh-CN', 'en']),
  WECOM_CONVERSATION_SCOPE: choice('conversationScope', ['member', 'chat', 'none']),
  WECOM_PARALLEL_TURNS: flag('parallelTurns', false),
  WECOM_ALLOW_USERS: list('access.allowUsers'),
  WECOM_DENY_USERS: list('access.denyUsers'),
  WECOM_ALLOW_CHATS: list('access.allowChats'),
  WECOM_DENY_CHATS: list('access.denyChats'),
  WECOM_ALLOW_BOTS: list('access.allowBots'),
  WECOM_DENY_BOTS: list('access.denyBots'),
  WECOM_USER_MESSAGES_PER_MINUTE: count('access.messagesPerMinute', 0, 0),
  WECOM_USER_MAX_RUNNING: count('access.maxRunning', 0, 0),
  WECOM_WELCOME_TEXT: text('welcomeText', ''),
  WECOM_MEDIA_MAX_BYTES: bytes('media.maxBytes', 20 * 1024 * 1024),
  WECOM_MEDIA_TIMEOUT_MS: ms('media.timeoutMs', 60_000),
  WECOM_MEDIA_ALLOW_PRIVATE: flag('media.allowPrivateAddresses', false)
} satisfies Record<string, Setting>

/** What the streams plugin and its sources need. */
export const streamsSettings = {
  STREAM_SOURCE: text('source'),
  STREAM_DEADLINE_MS: ms('deadlineMs', 330_000),
  // A response_url is valid for an hour (document 101138).
  STREAM_LATE_DEADLINE_MS: ms('lateDeadlineMs', 30 * 60_000, { min: 0, max: 59 * 60_000 }),
  STREAM_FIRST_TOKEN_TIMEOUT_MS: ms('firstTokenTimeoutMs', 60_000),
  STREAM_IDLE_TIMEOUT_MS: ms('idleTimeoutMs', 45_000),
  STREAM_SHUTDOWN_GRACE_MS: ms('shutdownGraceMs', 10_000, { min: 0 }),
  STREAM_RETENTION_MS: ms('retentionMs', 15 * 60_000),
  STREAM_MAX_RUNNING: count('maxRunning', 500),
  STREAM_MAX_QUEUED: count('maxQueued', 500, 0),
  STREAM_MAX_FINISHED: count('maxFinished', 20_000),
  STREAM_MAX_FINISHED_BYTES: bytes('maxFinishedBytes', 256 * 1024 * 1024),
  STREAM_MAX_CONTENT_BYTES: bytes('maxContentBytes', 1024 * 1024),
  // The sentences of failures stand in stream states, too.
  WECOM_LANGUAGE: choice('language', ['zh-CN', 'en']),
  REDIS_URL: {
    ...text('redis.url', undefined, 'the address of a Redis or Valkey server: redis://[user:password@]host[:port][/database], or rediss:// with TLS'),
    check: value => /^rediss?:\/\/[^/?#]/.test(String(value)) && URL.canParse(String(value))
  },
  REDIS_PREFIX: { ...text('redis.prefix', 'wecom:', 'what all keys begin with, without braces'), check: value => !/[{}]/.test(String(value)), telling: true },
  REDIS_COMMAND_TIMEOUT_MS: ms('redis.commandTimeoutMs', 300),
  STREAM_ON_OWNER_LOST: choice('onOwnerLost', ['restart', 'finish']),
  STREAM_HISTORY_TURNS: number('', 'history.turns', { default: 10, min: 0, max: 1000 }),
  STREAM_HISTORY_BYTES: bytes('history.bytes', 32 * 1024),
  STREAM_HISTORY_IDLE_MS: ms('history.idleMs', 30 * 60_000),
  MOCK_CHUNK_DELAY_MS: ms('mock.chunkDelayMs', 500, { min: 0 }),
  OPENAI_API_KEY: {
    ...text('openai.apiKey', undefined, 'visible ASCII characters, without spaces or line breaks'),
    check: value => /^[\x21-\x7e]+$/.test(String(value))
  },
  OPENAI_BASE_URL: {
    ...text('openai.baseURL', undefined, 'an http or https URL without user name, password, query and fragment'),
    check: isPlainWebAddress
  },
  OPENAI_MODEL: text('openai.model', 'gpt-5-mini'),
  OPENAI_SYSTEM_PROMPT: text('openai.systemPrompt'),
  OPENAI_SYSTEM_ROLE: choice('openai.systemRole', ['system', 'developer']),
  OPENAI_MAX_TOKENS: count('openai.maxTokens'),
  OPENAI_MAX_TOKENS_FIELD: choice('openai.maxTokensField', ['max_completion_tokens', 'max_tokens']),
  OPENAI_TEMPERATURE: {
    option: 'openai.temperature',
    schema: { type: 'number', minimum: 0, maximum: 2 },
    expected: 'a number from 0 to 2',
    check: value => Number.isFinite(Number(value)),
    telling: true
  },
  OPENAI_INCLUDE_USAGE: flag('openai.includeUsage', true),
  OPENAI_ALLOW_MISSING_FINISH: flag('openai.allowMissingFinish', false),
  OPENAI_MAX_RETRIES: number('', 'openai.maxRetries', { default: 2, min: 0, max: 10 }),
  OPENAI_REQUEST_TIMEOUT_MS: ms('openai.requestTimeoutMs', 60_000),
  OPENAI_MAX_CONCURRENCY: count('openai.maxConcurrency'),
  OPENAI_PDF_AS_FILE: flag('openai.pdfAsFile', false),
  OPENAI_MAX_FILE_TEXT_BYTES: bytes('openai.maxFileTextBytes', 100 * 1024),
  OPENAI_MAX_RESPONSE_BYTES: bytes('openai.maxResponseBytes', 4 * 1024 * 1024, 1024)
} satisfies Record<string, Setting>

const object = (option: string): FurtherOption => ({ option, expected: 'an object', check: isObject })

const callable = (option: string): FurtherOption => ({ option, expected: 'a function', check: value => typeof value === 'function' })

const bool = (option: string): FurtherOption => ({ option, expected: 'true or false', check: value => typeof value === 'boolean' })

/** How URLs of messages are followed. */
const outboundOptions = (group: string): FurtherOption[] => [
  { option: `${group}.allowedHosts`, expected: 'a list of host names', check: Array.isArray },
  { option: `${group}.ca`, expected: 'certificates', check: value => typeof value === 'string' || Array.isArray(value) || Buffer.isBuffer(value) },
  callable(`${group}.lookup`)
]

const sharedOptions: readonly FurtherOption[] = [
  object('texts'),
  object('env'),
  object('clock'),
  // Those of Fastify, which takes care of them itself.
  ...['prefix', 'logLevel', 'logSerializers'].map(option => ({ option, expected: 'anything', check: () => true }))
]

/** What the callback plugin takes besides its settings. */
export const callbackFurtherOptions: readonly FurtherOption[] = [
  { option: 'source', expected: 'a source, or the name of one', check: value => typeof value === 'function' || typeof value === 'string' },
  ...outboundOptions('media'),
  ...outboundOptions('activeReply'),
  {
    option: 'activeReply.timeoutMs',
    expected: `a whole number of milliseconds from 1 to ${MAX_MS}`,
    check: value => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MAX_MS
  },
  bool('activeReply.allowPrivateAddresses'),
  object('commands'),
  ...['access.decide', 'onMessage', 'onFinish', 'onEnterChat', 'onCardEvent', 'onFeedback'].map(callable),
  ...sharedOptions
]

/** What the streams plugin takes besides its settings. */
export const streamsFurtherOptions: readonly FurtherOption[] = [
  object('sources'),
  object('redis.client'),
  object('openai.extraBody'),
  object('openai.clock'),
  { option: 'openai.imageDetail', expected: 'auto, low or high', check: value => ['auto', 'low', 'high'].includes(String(value)) },
  bool('openai.thinkingFirst'),
  callable('openai.random'),
  callable('openai.fetch'),
  { option: 'mock.chunks', expected: 'an array', check: Array.isArray },
  bool('mock.echo'),
  {
    option: 'mock.failure',
    expected: `an error, or one of ${FAILURE_CLASSES.join(', ')}`,
    check: value => value instanceof Error || FAILURE_CLASSES.some(failure => failure === value)
  },
  object('mock.clock'),
  ...sharedOptions
]
