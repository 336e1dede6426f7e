import type { Logger } from '../util/logger.ts'
import type { UserMessage } from '../wecom/content.ts'
import { firstMention } from '../wecom/mention.ts'
import type { Message } from '../wecom/message.ts'

/** Of a name that may be somebody else's. */
const MAX_CHARS = 32

/** Says once, with the first message of a group, that the name of the bot is not configured, and what it may be. */
export function hintAtName (botName: string, log: Logger): (message: Message, inbound: UserMessage) => void {
  let isOver = botName !== ''

  return ({ isGroup }, { text }) => {
    if (isOver || !isGroup) return
    isOver = true
    const word = firstMention(text)
    log.info(
      { ...(word !== undefined && { mention: [...word].slice(0, MAX_CHARS).join('') }) },
      'the mention of the bot stays in what groups ask: set WECOM_BOT_NAME to its display name, which may have more words ' +
        'than the mention here'
    )
  }
}
