import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import { InputError } from '../../util/errors.ts'
import { isObject } from '../../util/objects.ts'
import type { CumulativeDeltas } from './cumulative.ts'

export const DEFAULT_MODEL = 'gpt-5-mini'

// The first of each is the default; that of the image's detail is not to send any.
export const SYSTEM_ROLES = ['system', 'developer'] as const
export const MAX_TOKENS_FIELDS = ['max_completion_tokens', 'max_tokens'] as const
export const CUMULATIVE_DELTAS = ['auto', 'on', 'off'] as const
export const IMAGE_DETAILS = ['auto', 'low', 'high'] as const
type SystemRole = typeof SYSTEM_ROLES[number]
type MaxTokensField = typeof MAX_TOKENS_FIELDS[number]
type ImageDetail = typeof IMAGE_DETAILS[number]

/** What the numbers may be, and what they are by default. The table of settings has its bounds from here. */
export const OPENAI_NUMBERS = {
  maxTokens: { min: 1, max: 1_000_000 },
  temperature: { min: 0, max: 2 },
  maxRetries: { min: 0, max: 10, default: 2 },
  // The longest delay that a timer of Node takes.
  requestTimeoutMs: { min: 1, max: 2 ** 31 - 1, default: 60_000 },
  idleTimeoutMs: { min: 1, max: 2 ** 31 - 1, default: 45_000 },
  maxConcurrency: { min: 1, max: 1_000_000 },
  maxResponseBytes: { min: 1024, max: Number.MAX_SAFE_INTEGER, default: 4 * 1024 * 1024 },
  // With 0 a model is told of files, and reads nothing of them.
  maxFileTextBytes: { min: 0, max: Number.MAX_SAFE_INTEGER, default: 100 * 1024 }
} as const

export const API_KEY_WORDS = 'visible ASCII characters, without quotes, spaces or line breaks'
/** A header takes nothing else, and the error that it throws shows the key. */
export const isApiKey = (value: unknown): boolean => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && !/["'`]/.test(value)

export const BASE_URL_WORDS = 'an http or https URL without user name, password, query and fragment, and without ' +
  '/chat/completions at its end'
/** Without what would end up in a log, or come between the address and a path that is appended, or be appended twice. */
export function isBaseURL (value: unknown): boolean {
  if (typeof value !== 'string' || !/^https?:[^\s?#]+$/i.test(value) || !URL.canParse(value)) return false
  const { username, password, pathname } = new URL(value)
  return `${username}${password}` === '' && !/\/chat\/completions\/*$/i.test(pathname)
}

export interface OpenAIOptions {
  apiKey: string
  /** Of any OpenAI-compatible server, with its version path; default OpenAI's own. */
  baseURL?: string | undefined
  /** Default `gpt-5-mini`. */
  model?: string | undefined
  systemPrompt?: string | undefined
  /** Default `system`, which compatible servers know; OpenAI's newer models also take `developer`. */
  systemRole?: SystemRole | undefined
  /** Default: no limit is sent. */
  maxTokens?: number | undefined
  /** Default `max_completion_tokens`; Ollama and DeepSeek want `max_tokens`. */
  maxTokensField?: MaxTokensField | undefined
  /** Default: not sent, because reasoning models refuse any. */
  temperature?: number | undefined
  /** More fields of the request body. `stream` and `messages` stay ours. */
  extraBody?: Record<string, unknown> | undefined
  /** Default true; false for servers that refuse `stream_options`. */
  includeUsage?: boolean | undefined
  /** Default false. True for servers that never send a finish reason: a cut answer then looks like a whole one. */
  allowMissingFinish?: boolean | undefined
  /** Default `auto`, which finds out. `on` for servers whose deltas each hold all the text so far, `off` to take every delta as it is. */
  cumulativeDeltas?: CumulativeDeltas | undefined
  /** Default false. True shows an answer that came as thinking alone; else it fails. */
  reasoningAsAnswer?: boolean | undefined
  /** Of the streams, for a provider whose finish reason proves nothing; default 45 s. */
  idleTimeoutMs?: number | undefined
  /** Before the first chunk; default 2. There are at most four requests for a question, whatever they are for. */
  maxRetries?: number | undefined
  /** Until the response headers of one attempt; default 60 s. */
  requestTimeoutMs?: number | undefined
  /** Requests of this source at once; more wait. Default: no limit. */
  maxConcurrency?: number | undefined
  /** Of one response; default 4 MiB. */
  maxResponseBytes?: number | undefined
  /** Of the text of all files of a question together, in UTF-8; default 100 KiB. */
  maxFileTextBytes?: number | undefined
  /** Default false. True for servers that read PDF: it is then sent as a `file` part. */
  pdfAsFile?: boolean | undefined
  /** How closely the model is to look at images; default: not sent, because not every server knows it. */
  imageDetail?: ImageDetail | undefined
  /** Of what the model is told about files; default `zh-CN`. */
  language?: 'zh-CN' | 'en' | undefined
  /** Default false. True if the template of the chat opens the thinking, so that an answer begins with it and only closes it. */
  thinkingFirst?: boolean | undefined
  clock?: Clock | undefined
  random?: (() => number) | undefined
  fetch?: typeof fetch | undefined
}

export interface OpenAISettings {
  apiKey: string
  baseURL: string | null
  model: string
  systemPrompt: string
  systemRole: SystemRole
  maxTokens: number | undefined
  maxTokensField: MaxTokensField
  temperature: number | undefined
  extraBody: Record<string, unknown>
  includeUsage: boolean
  allowMissingFinish: boolean
  cumulativeDeltas: CumulativeDeltas
  reasoningAsAnswer: boolean
  idleTimeoutMs: number
  maxRetries: number
  requestTimeoutMs: number
  maxConcurrency: number | undefined
  maxResponseBytes: number
  maxFileTextBytes: number
  pdfAsFile: boolean
  imageDetail: ImageDetail | undefined
  language: 'zh-CN' | 'en'
  thinkingFirst: boolean
  clock: Clock
  random: () => number
  fetch: typeof fetch
}

/** Every default in its place. Throws an `InputError` that names each option that cannot be used, never its value. */
export function readOpenAIOptions (options: OpenAIOptions): OpenAISettings {
  const faults = [...findFaults(options)]
  if (faults.length > 0) throw new InputError(`createOpenAISource: ${faults.join('; ')}`)
  return {
    apiKey: options.apiKey,
    baseURL: options.baseURL || null,
    model: options.model ?? DEFAULT_MODEL,
    systemPrompt: options.systemPrompt ?? '',
    systemRole: options.systemRole ?? SYSTEM_ROLES[0],
    maxTokens: options.maxTokens,
    maxTokensField: options.maxTokensField ?? MAX_TOKENS_FIELDS[0],
    temperature: options.temperature,
    extraBody: options.extraBody ?? {},
    includeUsage: options.includeUsage ?? true,
    allowMissingFinish: options.allowMissingFinish ?? false,
    cumulativeDeltas: options.cumulativeDeltas ?? CUMULATIVE_DELTAS[0],
    reasoningAsAnswer: options.reasoningAsAnswer ?? false,
    idleTimeoutMs: options.idleTimeoutMs ?? OPENAI_NUMBERS.idleTimeoutMs.default,
    maxRetries: options.maxRetries ?? OPENAI_NUMBERS.maxRetries.default,
    requestTimeoutMs: options.requestTimeoutMs ?? OPENAI_NUMBERS.requestTimeoutMs.default,
    maxConcurrency: options.maxConcurrency,
    maxResponseBytes: options.maxResponseBytes ?? OPENAI_NUMBERS.maxResponseBytes.default,
    maxFileTextBytes: options.maxFileTextBytes ?? OPENAI_NUMBERS.maxFileTextBytes.default,
    pdfAsFile: options.pdfAsFile ?? false,
    imageDetail: options.imageDetail,
    language: options.language ?? 'zh-CN',
    thinkingFirst: options.thinkingFirst ?? false,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    // Looked up for each request, so that instrumentation which replaces the global one is used.
    fetch: options.fetch ?? ((...request) => fetch(...request))
  }
}

function * findFaults (options: OpenAIOptions): Generator<string> {
  const { apiKey, baseURL, model, systemPrompt, extraBody } = options
  if (!isApiKey(apiKey)) yield `apiKey is required: ${API_KEY_WORDS}`
  if (baseURL !== undefined && baseURL !== '' && !isBaseURL(baseURL)) yield `baseURL must be ${BASE_URL_WORDS}`
  if (model !== undefined && (typeof model !== 'string' || model.trim() === '')) yield 'model must be a string that is not blank'
  if (systemPrompt !== undefined && typeof systemPrompt !== 'string') yield 'systemPrompt must be a string'
  yield * findChoiceFault(options, 'systemRole', SYSTEM_ROLES)
  yield * findChoiceFault(options, 'imageDetail', IMAGE_DETAILS)
  yield * findChoiceFault(options, 'cumulativeDeltas', CUMULATIVE_DELTAS)
  yield * findChoiceFault(options, 'language', ['zh-CN', 'en'])
  yield * findChoiceFault(options, 'maxTokensField', MAX_TOKENS_FIELDS)
  if (extraBody !== undefined && !isObject(extraBody)) yield 'extraBody must be an object'
  for (const [name, bounds] of Object.entries(OPENAI_NUMBERS)) yield * findNumberFault(options, name as NumberName, bounds)
}

function * findChoiceFault (options: OpenAIOptions, name: keyof OpenAIOptions, choices: readonly string[]): Generator<string> {
  const value = options[name]
  if (value !== undefined && !choices.some(choice => choice === value)) yield `${name} must be ${choices.join(' or ')}`
}

type NumberName = keyof typeof OPENAI_NUMBERS

function * findNumberFault (options: OpenAIOptions, name: NumberName, { min, max }: { min: number, max: number }): Generator<string> {
  const value = options[name]
  const isWhole = name !== 'temperature'
  if (value === undefined || ((isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)) && value >= min && value <= max)) return
  yield `${name} must be a ${isWhole ? 'whole number' : 'number'} from ${min} to ${max}`
}
