import { Marked } from 'marked'
// @ts-expect-error: it comes without types
import { markedTerminal } from 'marked-terminal'

/** The door to `marked` and `marked-terminal`. */
export function renderMarkdown (text: string, columns: number): string {
  const marked = new Marked(markedTerminal({ width: columns, reflowText: false, showSectionPrefix: false, emoji: false }) as object)
  return (marked.parse(text, { async: false })).trimEnd()
}
