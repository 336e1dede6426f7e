import { readFault } from './chunk.ts'
import type { ProviderFault } from './upstream-error.ts'

type Fields = Record<string, unknown>

/** The words of a failure in the body of an error, under whatever name it has them; undefined if it is a web page or empty. */
export function readErrorBody (text: string): ProviderFault | undefined {
  const body = parseJson(text)
  const value = Array.isArray(body) ? body[0] : body
  if (isObject(value)) return readFault(value) ?? readBare(value)
  return body !== undefined || text.trim() === '' || isPage(text) ? undefined : { message: text }
}

export const isPage = (text: string): boolean => text.trimStart().startsWith('<')

function readBare (fields: Fields): ProviderFault | undefined {
  const words = wordsOf(fields['message'] ?? fields['msg'] ?? fields['detail'] ?? fields['errors'] ?? fields['error_msg'])
  return words === '' ? undefined : { code: fields['code'] ?? fields['error_code'], type: fields['type'], message: words }
}

/** Without `input`, with which validators quote what was asked. */
function wordsOf (value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(wordsOf).join(' ')
  if (!isObject(value)) return ''
  const { loc, msg, message, type } = value
  return [Array.isArray(loc) ? loc.join('.') : '', msg, message, type].filter(word => typeof word === 'string').join(' ')
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

export function parseJson (text: string): unknown {
  try {
    return JSON.parse(text.trim().replace(/^\uFEFF/, ''))
  } catch {
    return undefined
  }
}
