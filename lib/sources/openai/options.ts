import type { Clock } from '../../util/clock.ts'
import { systemClock } from '../../util/clock.ts'
import { InputError } from '../../util/errors.ts'

export interface OpenAIOptions {
  apiKey: string
  /** Of any OpenAI-compatible server, with its version path; default OpenAI's own. */
  baseURL?: string | undefined
  /** Default `gpt-5-mini`. */
  model?: string | undefined
  systemPrompt?: string | undefined
  /** Default `system`, which compatible servers know; OpenAI's newer models also take `developer`. */
  systemRole?: 'system' | 'developer' | undefined
  /** Default: no limit is sent. */
  maxTokens?: number | undefined
  /** Default `max_completion_tokens`; Ollama and DeepSeek want `max_tokens`. */
  maxTokensField?: 'max_tokens' | 'max_completion_tokens' | undefined
  /** Default: not sent, because reasoning models refuse any. */
  temperature?: number | undefined
  /** More fields of the request body. `stream` and `messages` stay ours. */
  extraBody?: Record<string, unknown> | undefined
  /** Default true; false for servers that refuse `stream_options`. */
  includeUsage?: boolean | undefined
  /** Default false. True for servers that never send a finish reason: a cut answer then looks like a whole one. */
  allowMissingFinish?: boolean | undefined
  /** Before the first chunk; default 2. */
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
  imageDetail?: 'auto' | 'low' | 'high' | undefined
  /** Of what the model is told about files; default `zh-CN`. */
  language?: 'zh-CN' | 'en' | undefined
  /** Default false. True where the template of the chat opens the thinking, so that an answer begins with it and only closes it. */
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
  systemRole: 'system' | 'developer'
  maxTokens: number | undefined
  maxTokensField: 'max_tokens' | 'max_completion_tokens'
  temperature: number | undefined
  extraBody: Record<string, unknown>
  includeUsage: boolean
  allowMissingFinish: boolean
  maxRetries: number
  requestTimeoutMs: number
  maxConcurrency: number | undefined
  maxResponseBytes: number
  maxFileTextBytes: number
  pdfAsFile: boolean
  imageDetail: 'auto' | 'low' | 'high' | undefined
  language: 'zh-CN' | 'en'
  thinkingFirst: boolean
  clock: Clock
  random: () => number
  fetch: typeof fetch
}

const MAX_TIMER_MS = 2 ** 31 - 1

/** Every default in its place. Throws an `InputError` that names each option that cannot be used, never its value. */
export function readOpenAIOptions (options: OpenAIOptions): OpenAISettings {
  const faults = [...findFaults(options)]
  if (faults.length > 0) throw new InputError(`createOpenAISource: ${faults.join('; ')}`)
  return {
    apiKey: options.apiKey,
    baseURL: options.baseURL || null,
    model: options.model ?? 'gpt-5-mini',
    systemPrompt: options.systemPrompt ?? '',
    systemRole: options.systemRole ?? 'system',
    maxTokens: options.maxTokens,
    maxTokensField: options.maxTokensField ?? 'max_completion_tokens',
    temperature: options.temperature,
    extraBody: options.extraBody ?? {},
    includeUsage: options.includeUsage ?? true,
    allowMissingFinish: options.allowMissingFinish ?? false,
    maxRetries: options.maxRetries ?? 2,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    maxConcurrency: options.maxConcurrency,
    maxResponseBytes: options.maxResponseBytes ?? 4 * 1024 * 1024,
    maxFileTextBytes: options.maxFileTextBytes ?? 100 * 1024,
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
  const { apiKey, baseURL, model, systemPrompt, systemRole, maxTokensField, temperature, extraBody, imageDetail, language } = options
  // A header takes nothing else, and the error it throws shows the key.
  if (!isString(apiKey) || !/^[\x21-\x7e]+$/.test(apiKey)) {
    yield 'apiKey is required: visible ASCII characters, without spaces or line breaks'
  }
  if (baseURL !== undefined && baseURL !== '' && !isPlainUrl(baseURL)) {
    yield 'baseURL must be an http or https URL without user name, password, query and fragment'
  }
  if (model !== undefined && (!isString(model) || model.trim() === '')) yield 'model must be a string that is not blank'
  if (systemPrompt !== undefined && !isString(systemPrompt)) yield 'systemPrompt must be a string'
  if (systemRole !== undefined && !['system', 'developer'].includes(systemRole)) {
    yield "systemRole must be 'system' or 'developer'"
  }
  if (imageDetail !== undefined && !['auto', 'low', 'high'].includes(imageDetail)) yield "imageDetail must be 'auto', 'low' or 'high'"
  if (language !== undefined && !['zh-CN', 'en'].includes(language)) yield "language must be 'zh-CN' or 'en'"
  if (maxTokensField !== undefined && !['max_tokens', 'max_completion_tokens'].includes(maxTokensField)) {
    yield "maxTokensField must be 'max_tokens' or 'max_completion_tokens'"
  }
  if (temperature !== undefined && !Number.isFinite(temperature)) yield 'temperature must be a number'
  if (extraBody !== undefined && (typeof extraBody !== 'object' || extraBody === null || Array.isArray(extraBody))) {
    yield 'extraBody must be an object'
  }
  yield * findWholeNumberFault(options, 'maxTokens', 1)
  yield * findWholeNumberFault(options, 'maxRetries', 0, 10)
  yield * findWholeNumberFault(options, 'requestTimeoutMs', 1, MAX_TIMER_MS)
  yield * findWholeNumberFault(options, 'maxConcurrency', 1)
  yield * findWholeNumberFault(options, 'maxResponseBytes', 1)
  yield * findWholeNumberFault(options, 'maxFileTextBytes', 0)
}

type WholeNumber = 'maxTokens' | 'maxRetries' | 'requestTimeoutMs' | 'maxConcurrency' | 'maxResponseBytes' | 'maxFileTextBytes'

function * findWholeNumberFault (options: OpenAIOptions, name: WholeNumber, min: number, max = Number.MAX_SAFE_INTEGER): Generator<string> {
  const value = options[name]
  if (value === undefined || (Number.isSafeInteger(value) && value >= min && value <= max)) return
  yield max === Number.MAX_SAFE_INTEGER
    ? `${name} must be a whole number of at least ${min}`
    : `${name} must be a whole number from ${min} to ${max}`
}

const isString = (value: unknown): value is string => typeof value === 'string'

function isPlainUrl (value: unknown): boolean {
  if (!isString(value) || !URL.canParse(value)) return false
  const { protocol, username, password, search, hash } = new URL(value)
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === ''
}
