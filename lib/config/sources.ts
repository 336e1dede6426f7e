import { createMockSource } from '../sources/mock.ts'
import type { MockOptions } from '../sources/mock.ts'
import { nameSource } from '../sources/names.ts'
import { createOpenAISource } from '../sources/openai/openai.ts'
import type { OpenAIOptions } from '../sources/openai/openai.ts'
import { prepareSource } from '../sources/prepare.ts'
import type { Source } from '../sources/source.ts'
import type { Clock } from '../util/clock.ts'
import type { ConfigFault } from '../util/errors.ts'
import { typeOf } from './options.ts'
import type { StreamsConfig } from './settings.ts'

export interface SourceOptions {
  /** The source that is asked by default: one of yours, or the name of one. `STREAM_SOURCE`. */
  source?: string | Source
  /** Sources of yours by name, besides `mock` and `openai`. */
  sources?: Record<string, Source>
  /** How OpenAI, or a compatible server, is asked. `OPENAI_*`. */
  openai?: Partial<OpenAIOptions>
  /** What the mock says. `MOCK_*`. */
  mock?: Omit<MockOptions, 'chunkDelayMs'> & { chunkDelayMs?: number }
}

type Input = Readonly<Record<string, unknown>>

/** The name of the source that settings choose, if it is not given as a function. */
export function chosenName ({ STREAM_SOURCE: name, OPENAI_API_KEY: key }: Input): string {
  return typeof name === 'string' ? name : key === undefined ? 'mock' : 'openai'
}

/** What is wrong with the choice of a source. */
export function sourceFaults ({ source, sources }: SourceOptions, input: Input): ConfigFault[] {
  const own = new Map(Object.entries(sources ?? {}))
  const faults = [...own]
    .filter(([, candidate]) => typeof candidate !== 'function')
    .map(([name, candidate]) => ({
      name: `option sources.${name}`, problem: `is of type ${typeOf(candidate)}, expected a source, which is a function`
    }))
  if (typeof source === 'function') return faults
  const setting = source === undefined ? 'STREAM_SOURCE' : 'option source'
  const name = chosenName(input)
  const known = new Set(['mock', 'openai', ...own.keys()])
  if (!known.has(name)) {
    faults.push({ name: setting, problem: `is ${JSON.stringify(name.slice(0, 80))}, expected one of ${[...known].join(', ')}` })
  }
  if (name === 'openai' && !own.has('openai') && input['OPENAI_API_KEY'] === undefined) {
    faults.push({ name: 'OPENAI_API_KEY', problem: 'is not set, expected a key, because the source is openai' })
  }
  return faults
}

export interface Sources {
  /** The one that is asked by default. */
  source: Source
  sources: Map<string, Source>
}

/** The sources by name. Those that the host has chosen are prepared: a package that one of them needs is loaded at boot. */
export async function createSources (options: SourceOptions, config: StreamsConfig, clock: Clock): Promise<Sources> {
  const sources = new Map<string, Source>([
    ['mock', createMockSource({ clock, ...options.mock, chunkDelayMs: config.MOCK_CHUNK_DELAY_MS })],
    ...openaiSource(options, config, clock),
    ...Object.entries(options.sources ?? {})
  ])
  for (const [name, source] of sources) nameSource(source, { name })
  const source = (typeof options.source === 'function' ? options.source : sources.get(chosenName({ ...config }))) as Source
  await Promise.all([source, ...Object.values(options.sources ?? {})].map(prepareSource))
  return { source, sources }
}

function openaiSource (options: SourceOptions, config: StreamsConfig, clock: Clock): Array<[string, Source]> {
  if (config.OPENAI_API_KEY === undefined) return []
  return [['openai', createOpenAISource({
    clock,
    ...options.openai,
    apiKey: config.OPENAI_API_KEY,
    baseURL: config.OPENAI_BASE_URL,
    model: config.OPENAI_MODEL,
    systemPrompt: config.OPENAI_SYSTEM_PROMPT,
    systemRole: config.OPENAI_SYSTEM_ROLE,
    maxTokens: config.OPENAI_MAX_TOKENS,
    maxTokensField: config.OPENAI_MAX_TOKENS_FIELD,
    temperature: config.OPENAI_TEMPERATURE,
    includeUsage: config.OPENAI_INCLUDE_USAGE,
    allowMissingFinish: config.OPENAI_ALLOW_MISSING_FINISH,
    cumulativeDeltas: config.OPENAI_CUMULATIVE_DELTAS,
    reasoningAsAnswer: config.OPENAI_REASONING_AS_ANSWER,
    idleTimeoutMs: config.STREAM_IDLE_TIMEOUT_MS,
    maxRetries: config.OPENAI_MAX_RETRIES,
    requestTimeoutMs: config.OPENAI_REQUEST_TIMEOUT_MS,
    maxConcurrency: config.OPENAI_MAX_CONCURRENCY,
    maxResponseBytes: config.OPENAI_MAX_RESPONSE_BYTES,
    maxFileTextBytes: config.OPENAI_MAX_FILE_TEXT_BYTES,
    pdfAsFile: config.OPENAI_PDF_AS_FILE,
    language: config.WECOM_LANGUAGE
  })]]
}
