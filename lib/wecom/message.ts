import { RefusalError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'

/** A decrypted callback: its `msgtype` is certain, everything else is read with care (document 100719). */
export type Message = { msgtype: string } & Record<string, unknown>

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

const MAX_DEPTH = 64

/** Reads the text of an opened envelope. Throws a `RefusalError` where it is no message. */
export function parseMessage (text: string): Message {
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
  return value as Message
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
export function chatOf (message: Message, scope: string): Chat {
  const bot = stringAt(message, 'aibotid')
  const [group, user] = isGroup(message) ? [stringAt(message, 'chatid')] : [undefined, stringAt(message, 'from', 'userid')]
  return { scope, ...(bot !== undefined && { bot }), ...(group !== undefined && { group }), ...(user !== undefined && { user }) }
}

/** What `chattype` says; where it says nothing, only a group has a `chatid`. */
export const isGroup = (message: Message): boolean =>
  message['chattype'] === 'group' || (message['chattype'] !== 'single' && stringAt(message, 'chatid') !== undefined)

/** Who has sent a message, and where. */
export function originOf (message: Message): EventOrigin {
  const sender = stringAt(message, 'from', 'userid')
  const bot = stringAt(message, 'aibotid')
  const group = stringAt(message, 'chatid')
  return {
    ...(sender !== undefined && { sender }),
    ...(bot !== undefined && { bot }),
    chat: isGroup(message) ? { type: 'group', ...(group !== undefined && { id: group }) } : { type: 'single' }
  }
}
