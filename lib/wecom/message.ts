import { RefusalError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import type { KeyPair } from './key-pairs.ts'

/** A decrypted callback as WeCom sent it: its `msgtype` is certain, everything else is read with care (document 100719). */
export type RawMessage = { msgtype: string } & Record<string, unknown>

/** A callback, read once. Ids are opaque; what WeCom left out is undefined. */
export interface Message {
  /** Its `msgtype`. */
  kind: string
  /** Never empty: a delivery that is repeated has the same. */
  msgid: string | undefined
  bot: string | undefined
  sender: string | undefined
  /** As `chattype` says; undefined if it says nothing that is known. */
  chatType: 'single' | 'group' | undefined
  chatId: string | undefined
  /** What `chattype` says; if it says nothing, only a group has a `chatid`. */
  isGroup: boolean
  responseUrl: string | undefined
  /** Of the stream that a refresh asks for. */
  streamId: string | undefined
  /** Which pair of credentials has opened it; undefined if that was in another process. */
  pair: KeyPair | undefined
  raw: RawMessage
}

/** Who caused an event, and where. */
export interface EventOrigin {
  /** WeCom's userid, opaque. */
  sender?: string
  chat: { type: 'single' | 'group', id?: string }
  /** WeCom's `aibotid`. */
  bot?: string
}

/** The chat a stream may be shown in. `scope` keeps two bots of one app apart. */
export interface Chat {
  scope: string
  bot?: string
  group?: string
  user?: string
}

const CHAT_TYPES = ['single', 'group'] as const

const MAX_DEPTH = 64

/** Reads the text of an opened envelope. Throws a `RefusalError` where it is no message. */
export function parseMessage (text: string, pair?: KeyPair): Message {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw noMessage('it is not JSON')
  }
  checkShape(value)
  if (!isObject(value)) throw noMessage('it is not an object')
  const { msgtype } = value
  if (typeof msgtype !== 'string' || msgtype === '') throw noMessage('msgtype is not a non-empty string')
  return readMessage(value as RawMessage, pair)
}

/** Reads what is known to be a message: an opened envelope, or the stored work of a stream. */
export function readMessage (raw: RawMessage, pair?: KeyPair): Message {
  const chatId = stringAt(raw, 'chatid')
  const chatType = CHAT_TYPES.find(type => type === raw['chattype'])
  return {
    kind: raw.msgtype,
    msgid: stringAt(raw, 'msgid') || undefined,
    bot: stringAt(raw, 'aibotid'),
    sender: stringAt(raw, 'from', 'userid'),
    chatType,
    chatId,
    isGroup: chatType === 'group' || (chatType === undefined && chatId !== undefined),
    responseUrl: stringAt(raw, 'response_url'),
    streamId: stringAt(raw, 'stream', 'id'),
    pair,
    raw
  }
}

const noMessage = (why: string): RefusalError => new RefusalError('WECOM_ERR_MESSAGE', `the opened text is no message: ${why}`)

/** Refuses what would harm whoever copies, merges or serialises a message later. */
function checkShape (root: unknown): void {
  const open: Array<[value: unknown, depth: number]> = [[root, 1]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, depth] = next
    if (typeof value !== 'object' || value === null) continue
    if (depth > MAX_DEPTH) throw noMessage(`it is nested deeper than ${MAX_DEPTH}`)
    if (Object.hasOwn(value, '__proto__')) throw noMessage('it has a key __proto__')
    for (const child of Object.values(value)) open.push([child, depth + 1])
  }
}

/** The string at a path of keys; undefined where there is none. */
export function stringAt (value: unknown, ...path: string[]): string | undefined {
  let found = value
  for (const key of path) {
    if (!isObject(found)) return undefined
    found = found[key]
  }
  return typeof found === 'string' ? found : undefined
}

/** Where a message was written. A group is told by its `chatid`; a single chat is its user. */
export function chatOf ({ bot, sender, chatId, isGroup }: Message, scope: string): Chat {
  const [group, user] = isGroup ? [chatId, undefined] : [undefined, sender]
  return { scope, ...(bot !== undefined && { bot }), ...(group !== undefined && { group }), ...(user !== undefined && { user }) }
}

/** Who has sent a message, and where. */
export const originOf = ({ bot, sender, chatId, isGroup }: Message): EventOrigin => ({
  ...(sender !== undefined && { sender }),
  ...(bot !== undefined && { bot }),
  chat: isGroup ? { type: 'group', ...(chatId !== undefined && { id: chatId }) } : { type: 'single' }
})

/** What a source or a hook is told of a message besides what it says. */
export const turnOf = (message: Message): EventOrigin & { message: RawMessage } => ({ ...originOf(message), message: message.raw })
