// What the page shows and the server keeps. No types of Node here: the page is compiled against this file.

export type Json = Record<string, unknown>

/** Something that real clients would not show as the page does, or that WeCom refuses. The page has the sentences. */
export interface Warning {
  code:
    | 'late-card' | 'card-on-stream' | 'card-refused' | 'task-id-used' | 'notice-update' | 'images-over-budget' | 'image-broken'
    | 'frame-lost'
  /** A fault by its path, or a number of bytes. */
  detail?: string
}

export interface UserEntry {
  kind: 'user'
  id: string
  at: number
  user: string
  /** `msgtype`, its payload, perhaps a quote. */
  message: Json
  /** What was uploaded for it. */
  files: StoredFile[]
  /** `waiting` until the first answer, `delivered` after it, `failed` if none came that can be shown. */
  state: 'late' | 'waiting' | 'delivered' | 'failed'
  problems: string[]
}

export interface StoredFile {
  id: string
  name: string
  type: string
  bytes: number
  url: string
}

export interface BotEntry {
  kind: 'bot'
  id: string
  at: number
  /** A bubble that grows, the welcome, or a message of its own through the `response_url`. */
  via: 'stream' | 'welcome' | 'active' | 'event'
  /** The entry that it answers. */
  to?: string
  content: string
  running: boolean
  /** Whether the time was over before the end. */
  gaveUp: boolean
  frames: number
  /** Raw base64, as in the frame. */
  images: string[]
  card?: Json
  /** What single users see in place of `card`, by their ids. */
  cardOf?: Record<string, Json>
  feedbackId?: string
  vote?: { type: 1 | 2 | 3, reasons: number[], content: string }
  problems: string[]
  warnings: Warning[]
}

export interface EventEntry {
  kind: 'event'
  id: string
  at: number
  user: string
  event: Json
  /** What was replied, if that is nothing that the conversation shows. */
  outcome: 'waiting' | 'empty' | 'shown' | 'updated' | 'failed'
  problems: string[]
}

export type Entry = UserEntry | BotEntry | EventEntry

export interface ConversationHead {
  id: string
  kind: 'single' | 'group'
  name: string
  members: string[]
  /** The `chatid` of a group. */
  chat?: string
  createdAt: number
  updatedAt: number
  /** Read from a file: it shows what was, and can be played again. */
  loaded?: boolean
}

export interface Conversation extends ConversationHead {
  entries: Entry[]
  exchanges: ExchangeHead[]
}

/** A line of the inspector. */
export interface ExchangeHead {
  n: number
  at: number
  tookMs: number
  kind: 'message' | 'refresh' | 'event' | 'verify' | 'active' | 'media'
  /** Who asked: WeCom, or the bot. */
  from: 'wecom' | 'bot'
  /** The entry that it belongs to. */
  entry?: string
  tries: number
  /** 0 if nobody answered. */
  status: number
  requestBytes: number
  replyBytes: number
  /** Bytes of `content`, and by how much it grew since the frame before. */
  contentBytes?: number
  grewBytes?: number
  finish?: boolean
  problems: string[]
}

/** What went over the wire; not kept for ever. */
export interface ExchangeDetail {
  query: Record<string, string>
  /** As sent: the envelope. */
  requestBody: string
  requestText: string
  replyBody: string
  replyText: string
}

export interface Switches {
  dropReply: boolean
  repeat: boolean
  late: boolean
  wrongSignature: boolean
  clockOff: boolean
  twice: boolean
  stopped: boolean
  offline: boolean
  refreshMs: number
}

export interface Facts {
  /** Absent if it is the callback of the app itself. */
  target?: string
  bot: string
  /** Why neither media nor active replies can be tried; absent if they can. */
  noAddress?: true
  examples: Example[]
}

export interface Example {
  name: string
  kind: 'message' | 'event' | 'card'
  json: Json
}

export interface Snapshot {
  facts: Facts
  switches: Switches
  conversations: Conversation[]
}

export type FeedEvent =
  | { type: 'snapshot', snapshot: Snapshot }
  | { type: 'conversation', head: ConversationHead }
  | { type: 'removed', id: string }
  | { type: 'entry', conversation: string, entry: Entry }
  | { type: 'exchange', conversation: string, exchange: ExchangeHead }
  | { type: 'switches', switches: Switches }

export type Step = { at: number, user: string, message: Json } | { at: number, user: string, event: Json }

/** A conversation as a file. It holds neither token nor key nor what was sealed with them. */
export interface Recording {
  format: 'fastify-wecom-stream/conversation@1'
  kind: 'single' | 'group'
  name: string
  members: string[]
  steps: Step[]
  entries: Entry[]
}
