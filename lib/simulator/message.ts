import { randomBytes } from 'node:crypto'

/** Who writes, and where. */
export interface SimulatedSender {
  /** The sender's `userid`; default `simulated-user`. */
  user?: string
  /** The `chatid` of a group; without it the chat is a single one. */
  chat?: string
}

/** The fields that every callback has (documents 100719 and 101027). */
export const commonFields = (bot: string, { user = 'simulated-user', chat }: SimulatedSender): object => ({
  aibotid: bot,
  ...(chat === undefined ? { chattype: 'single' } : { chatid: chat, chattype: 'group' }),
  from: { userid: user }
})

/** As WeCom's look: base64, so that a slash or a plus in a key does not go unnoticed. */
export const freshMsgid = (): string => randomBytes(24).toString('base64')

/** Under a top-level domain that never resolves (RFC 2606): a bot that posts there reaches nobody. */
export const freshResponseUrl = (): string =>
  `https://wecom.invalid/cgi-bin/aibot/response?response_code=${randomBytes(16).toString('hex')}`
