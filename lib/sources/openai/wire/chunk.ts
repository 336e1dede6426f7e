import type { Usage } from '../../source.ts'
import { readText } from './chunk-text.ts'
import type { ChunkText } from './chunk-text.ts'
import { isFinishReason } from './endings.ts'
import type { ProviderFault } from './upstream-error.ts'

/** What one parsed event of a chat completion stream holds for us. */
export interface ChunkFacts extends ChunkText {
  /** It came as a message, and not as a delta. */
  whole: boolean
  toolCalls: boolean
  /** Why the model stopped, in the provider's word; undefined while it goes on. */
  finish: string | undefined
  usage: Usage | undefined
  /** The event reports a failure and is no chunk at all. */
  error: ProviderFault | undefined
}

type Fields = Record<string, unknown>

/** Takes any value: servers that call themselves compatible send almost every one. */
export function readChunk (chunk: unknown): ChunkFacts {
  const fields = asFields(chunk)
  const choice = firstChoice(fields['choices'])
  const delta = asFields(choice['delta'])
  const message = asFields(choice['message'])
  const whole = isObject(choice['message']) && isSilent(delta)
  const said = whole ? message : delta
  const word = choice['finish_reason']
  return {
    ...readText(isSilent(said) ? { content: choice['text'] } : said),
    whole,
    toolCalls: isFilled(said['tool_calls']) || isObject(said['function_call']),
    finish: isFinishReason(word) ? word : undefined,
    usage: readUsage(fields['usage']) ?? readUsage(choice['usage']) ?? readUsage(asFields(fields['x_groq'])['usage']),
    error: readFault(fields)
  }
}

/** Besides its role, it has nothing. */
const isSilent = (delta: Fields): boolean => Object.entries(delta).every(([name, value]) => name === 'role' || isEmpty(value))

/** The failure that an event or a body reports, if it does. */
export function readFault (value: unknown): ProviderFault | undefined {
  const fields = asFields(value)
  const error = fields['error']
  if (isObject(error)) return error
  if (error) return { message: error }

  const { status_code: code, status_msg: message } = asFields(fields['base_resp'])
  if (code) return { code, message }

  // Nought is a success.
  const hasCode = 'code' in fields && !/^0+$/.test(String(fields['code']))
  const isBare = !Array.isArray(fields['choices']) && typeof fields['message'] === 'string' && hasCode
  return fields['type'] === 'error' || fields['object'] === 'error' || isBare ? fields : undefined
}

function readUsage (value: unknown): Usage | undefined {
  const fields = asFields(value)
  const input = fields['prompt_tokens'] ?? fields['input_tokens']
  const output = fields['completion_tokens'] ?? fields['output_tokens']
  const usage: Usage = {}
  if (isCount(input)) usage.inputTokens = input
  if (isCount(output)) usage.outputTokens = output
  return Object.keys(usage).length > 0 ? usage : undefined
}

function firstChoice (choices: unknown): Fields {
  if (!Array.isArray(choices)) return {}
  return choices.map(asFields).find(choice => Number(choice['index'] ?? 0) === 0) ?? {}
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isEmpty = (value: unknown): boolean => value === '' || value === null || (isObject(value) && Object.keys(value).length === 0)
const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const asFields = (value: unknown): Fields => isObject(value) ? value : {}
