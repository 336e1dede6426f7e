import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { isObject } from '../util/objects.ts'
import type { Json } from './model.ts'

/** How long a `response_url` is valid (document 101138). */
const VALID_MS = 60 * 60_000
const MAX_CONTENT_BYTES = 20480
const MAX_KEPT = 1000

/** What WeCom says; the texts are ours. */
export interface ActiveAnswer { errcode: number, errmsg: string }

export interface Opening {
  isGroup: boolean
  onReply: (message: Json, body: string, answer: ActiveAnswer) => void
}

export interface ActiveReplies {
  /** The code of a new `response_url`. */
  open (opening: Opening): string
  receive (code: string, body: string): ActiveAnswer
}

const USED: ActiveAnswer = { errcode: 60140, errmsg: 'response_code has been used, has expired, or never was' }
const TAKEN: ActiveAnswer = { errcode: 0, errmsg: 'ok' }

/** Plays the address that takes active replies: one call each, within an hour. */
export function createActiveReplies (now: () => number): ActiveReplies {
  const open = new Map<string, Opening & { at: number }>()

  return {
    open (opening) {
      const code = randomBytes(16).toString('hex')
      open.set(code, { ...opening, at: now() })
      const [oldest = ''] = open.keys()
      if (open.size > MAX_KEPT) open.delete(oldest)
      return code
    },
    receive (code, body) {
      const opening = open.get(code)
      if (opening === undefined || now() - opening.at > VALID_MS) return USED
      const message = parse(body)
      const answer = judge(message, opening.isGroup)
      // A call that is refused may be made again: nobody has seen otherwise.
      if (answer.errcode === 0) open.delete(code)
      opening.onReply(message ?? {}, body, answer)
      return answer
    }
  }
}

function parse (body: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function judge (message: Json | undefined, isGroup: boolean): ActiveAnswer {
  const refused = (errmsg: string): ActiveAnswer => ({ errcode: 40008, errmsg })
  if (message === undefined) return refused('the body is no JSON object; an active reply is not sealed')
  const { msgtype, markdown, template_card: card } = message
  if (msgtype === 'template_card' && isObject(card)) return isGroup ? refused('a card can be sent in a single chat only') : TAKEN
  if (msgtype !== 'markdown' || !isObject(markdown)) return refused('msgtype must be markdown or template_card, with its field')
  const { content } = markdown
  if (typeof content !== 'string' || content === '') return refused('markdown.content must be a string that is not empty')
  return Buffer.byteLength(content) > MAX_CONTENT_BYTES ? refused(`markdown.content has more than ${MAX_CONTENT_BYTES} bytes`) : TAKEN
}
