import { isObject } from '../util/objects.ts'
import { withoutMention } from './mention.ts'
import { stringAt } from './message.ts'
import type { Message } from './message.ts'

export type AttachmentKind = 'image' | 'file' | 'video'

/** A file that WeCom keeps for five minutes (document 100719). */
export interface MediaReference {
  kind: AttachmentKind
  url: string
  /** The key of this file alone; without it the bot's own key is meant. */
  aeskey?: string
}

export interface MessageContent {
  text: string
  media: MediaReference[]
}

export interface UserMessage extends MessageContent {
  quote?: MessageContent
}

/** What a user's message says and refers to; undefined for a kind of message that is not known. */
export function readUserMessage ({ raw, isGroup }: Message, botName: string): UserMessage | undefined {
  const said = saidIn(raw, raw.msgtype)
  if (said === undefined) return undefined
  const quote = quoteIn(raw['quote'])
  const text = isGroup ? withoutMention(said.text, botName) : said.text
  return { text: text.trim(), media: said.media, ...(quote && { quote }) }
}

function quoteIn (quote: unknown): MessageContent | undefined {
  const said = isObject(quote) ? saidIn(quote, quote['msgtype']) : undefined
  // A quote that says nothing is no quote.
  return said === undefined || (said.text.trim() === '' && said.media.length === 0) ? undefined : said
}

function saidIn (message: Record<string, unknown>, msgtype: unknown): MessageContent | undefined {
  switch (msgtype) {
    case 'text':
    case 'voice': return textIn(stringAt(message, msgtype, 'content'))
    case 'image':
    case 'file':
    case 'video': return mediaIn(msgtype, message[msgtype])
    case 'mixed': return mixedIn(message['mixed'])
    default: return undefined
  }
}

const textIn = (text: string | undefined): MessageContent | undefined => text === undefined ? undefined : { text, media: [] }

function mediaIn (kind: AttachmentKind, media: unknown): MessageContent | undefined {
  const url = stringAt(media, 'url')
  const aeskey = stringAt(media, 'aeskey')
  return url === undefined ? undefined : { text: '', media: [{ kind, url, ...(aeskey !== undefined && { aeskey }) }] }
}

function mixedIn (mixed: unknown): MessageContent | undefined {
  const items: unknown = isObject(mixed) ? mixed['msg_item'] : undefined
  if (!Array.isArray(items)) return undefined
  const known = items.filter(isObject).map(item => saidIn(item, item['msgtype'])).filter(said => said !== undefined)
  if (known.length === 0) return undefined
  return {
    text: known.map(({ text }) => text).filter(text => text !== '').join('\n'),
    media: known.flatMap(({ media }) => media)
  }
}
