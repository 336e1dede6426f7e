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
  read.reasoning = textOf(delta['reasoning_content']) || textOf(delta['reasoning']) || textOf(delta['thinking']) || detailsOf(
    delta['reasoning_details']
  ) || read.reasoning
  return read
}

function readContent (content: unknown, read: ChunkText): void {
  if (typeof content === 'string') read.text += content
  else if (Array.isArray(content)) for (const part of content) readPart(part, read)
  else if (isObject(content)) readPart(content, read)
}

function readPart (part: unknown, read: ChunkText): void {
  if (typeof part === 'string') read.text += part
  else if (!isObject(part)) read.unknownParts++
  else {
    const { type } = part
    if (type === 'text' || type === 'output_text' || type === 'refusal' || type === undefined) {
      read.text += textOf(part['text']) ||
      textOf(part['refusal'])
    } else if (type === 'thinking' || type === 'reasoning') {
      read.reasoning += textOf(part['thinking']) || textOf(part['reasoning']) ||
      textOf(part['text'])
    } else read.unknownParts++
  }
}

const detailsOf = (details: unknown): string => Array.isArray(details)
  ? details.filter(isObject).map(detail => textOf(detail['text']) || textOf(detail['summary'])).join('')
  : ''

/** Text as it stands, in an object or in a list of those. */
function textOf (value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join('')
  return isObject(value) ? textOf(value['text'] ?? value['value']) : ''
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
