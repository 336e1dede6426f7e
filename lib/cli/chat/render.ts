import stringWidth from 'string-width'
import { isObject } from '../../util/objects.ts'
import { withoutControls } from '../controls.ts'
import { renderMarkdown } from './markdown.ts'

export interface View {
  /** Undefined in a pipe: then nothing is coloured, and markdown stays as it is. */
  columns: number | undefined
}

const dim = (text: string): string => `\u001b[2m${text}\u001b[22m`

/** The text of a reply as a terminal shows it, with what stands beside it named. */
export function renderReply (reply: Record<string, unknown>, { columns }: View): string {
  const stream = isObject(reply['stream']) ? reply['stream'] : {}
  const content = typeof stream['content'] === 'string' ? withoutControls(stream['content']) : ''
  const [, thinking = '', text = ''] = /^(?:<think>([^]*?)(?:<\/think>|$))?([^]*)$/.exec(content) as RegExpExecArray
  const mark = columns === undefined ? (line: string) => line : dim
  return [
    ...(thinking.trim() === '' ? [] : [mark(thinking.trim())]),
    ...(text.trim() === '' ? [] : [columns === undefined ? text.trim() : renderMarkdown(text.trim(), columns)]),
    ...imagesOf(stream['msg_item']).map(mark),
    ...(isObject(reply['template_card']) ? [mark(nameCard(reply['template_card']))] : [])
  ].join('\n')
}

function imagesOf (items: unknown): string[] {
  if (!Array.isArray(items)) return []
  return items.map((item, index) => `[image ${index + 1}, ${Math.round(String(item?.image?.base64).length * 3 / 4)} bytes]`)
}

function nameCard (card: Record<string, unknown>): string {
  const title = isObject(card['main_title']) ? card['main_title']['title'] : undefined
  return withoutControls(`[card ${String(card['card_type'])}${title === undefined ? '' : `: ${String(title)}`}]`)
}

/** How many rows of a terminal the text takes; wide characters count two. */
export const rowsOf = (text: string, columns: number): number =>
  text.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0)
