import { originOf } from '../wecom/message.ts'
import type { EventOrigin, Message, RawMessage } from '../wecom/message.ts'

/** What a source or a hook is told of a message besides what it says. */
export const turnOf = (message: Message): EventOrigin & { message: RawMessage } => ({ ...originOf(message), message: message.raw })
