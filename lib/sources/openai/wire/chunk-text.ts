export interface ChunkText {
  text: string
  reasoning: string
  /** Parts of the content that are neither. */
  unknownParts: number
}

type Fields = Record<string, unknown>

/** What a delta, or a message in its place, says: as text, in parts, and as thinking under the names that there are for it. */
export function readText (delta: Fields): ChunkText {
  const read: ChunkText = { text: '', reasoning: '', unknownParts: 0 }
  readContent(delta['content'], read)
  read.text += textOf(delta['refusal'])
  // Some gateways send the same thinking under several names.
  read.reasoning = firstOf(delta, THINKING_NAMES) || read.reasoning
  return read
}

function readContent (content: unknown, read: ChunkText): void {
  if (typeof content === 'string') read.text += content
  else if (Array.isArray(content)) for (const part of content) readPart(part, read)
  else if (content !== undefined && content !== null) readPart(content, read)
}

function readPart (part: unknown, read: ChunkText): void {
  if (typeof part === 'string') read.text += part
  else if (!isObject(part)) read.unknownParts++
  else {
    const { type } = part
    // An empty text is one, too.
    if ((!isText(type) && !isThinking(type)) || NAMES.every(name => part[name] === undefined)) read.unknownParts++
    else if (isText(type)) read.text += textOf(part)
    else read.reasoning += textOf(part)
  }
}

const isText = (type: unknown): boolean => type === undefined || type === 'text' || type === 'output_text' || type === 'refusal'
const isThinking = (type: unknown): boolean => /^(?:thinking|reasoning)(?:_content|_text)?$/.test(String(type))

const THINKING_NAMES = ['reasoning_content', 'reasoning', 'thinking', 'reasoning_text', 'reasoning_details', 'thinking_blocks']
/** Under which names a part has its text. */
const NAMES = ['text', 'value', 'content', 'refusal', 'thinking', 'reasoning', 'reasoning_content', 'summary']

/** Text as it stands, in an object or in a list of those. */
function textOf (value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join('')
  return isObject(value) ? firstOf(value, NAMES) : ''
}

function firstOf (fields: Fields, names: string[]): string {
  for (const name of names) {
    const text = textOf(fields[name])
    if (text !== '') return text
  }
  return ''
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
