import type { Usage } from '../source.ts'
import { readText } from './chunk-text.ts'
import type { ChunkText } from './chunk-text.ts'
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
  const whole = !isObject(choice['delta'])
  const delta = asFields(whole ? choice['message'] : choice['delta'])
  return {
    ...readText(delta),
    whole,
    toolCalls: isFilled(delta['tool_calls']) || isObject(delta['function_call']),
    finish: text(choice['finish_reason']) || undefined,
    usage: readUsage(fields['usage']) ?? readUsage(choice['usage']),
    error: readFault(fields)
  }
}

/** The failure that an event or a body reports, if it does. */
export function readFault (value: unknown): ProviderFault | undefined {
  const fields = asFields(value)
  const error = fields['error']
  if (isObject(error)) return error
  if (error) return { message: error }

  const { status_code: code, status_msg: message } = asFields(fields['base_resp'])
  if (code) return { code, message }

  const isBare = !Array.isArray(fields['choices']) && typeof fields['message'] === 'string' && 'code' in fields
  return fields['type'] === 'error' || fields['object'] === 'error' || isBare ? fields : undefined
}

function readUsage (value: unknown): Usage | undefined {
  const fields = asFields(value)
  const usage: Usage = {}
  if (isCount(fields['prompt_tokens'])) usage.inputTokens = fields['prompt_tokens']
  if (isCount(fields['completion_tokens'])) usage.outputTokens = fields['completion_tokens']
  return Object.keys(usage).length > 0 ? usage : undefined
}

function firstChoice (choices: unknown): Fields {
  if (!Array.isArray(choices)) return {}
  return choices.map(asFields).find(choice => (choice['index'] ?? 0) === 0) ?? {}
}

const text = (value: unknown): string => typeof value === 'string' ? value : ''
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const asFields = (value: unknown): Fields => isObject(value) ? value : {}
