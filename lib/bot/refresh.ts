import { isBubbleOver } from '../replies/frames.ts'
import type { Frames } from '../replies/frames.ts'
import type { StreamRecord } from '../stores/store.ts'
import type { Streams } from '../streams/streams.ts'
import { levelOf } from '../util/errors.ts'
import type { Logger } from '../util/logger.ts'
import { describeError } from '../util/redact.ts'
import { isVisible } from '../util/visible.ts'
import { chatOf } from '../wecom/message.ts'
import type { Chat, Message } from '../wecom/message.ts'
import type { Ends } from './ends.ts'
import type { Reply, Show } from './show.ts'

export interface RefreshOptions {
  streams: Streams
  frames: Frames
  show: Show
  ends: Pick<Ends, 'fetched'>
  log: Logger
  scope: string
}

/** Answers a refresh, which only reads (document 100719). Undefined is the empty reply. */
export type Refresh = (message: Message) => Promise<Reply | undefined>

export function createRefresh ({ streams, frames, show, ends, log, scope }: RefreshOptions): Refresh {
  return async message => {
    const id = message.streamId ?? ''
    const reply = await answer(id, message)
    streams.refreshed(id, reply !== undefined)
    return reply
  }

  async function answer (id: string, message: Message): Promise<Reply | undefined> {
    try {
      const record = await streams.read(id)
      // Its owner, if it still has one, is about to write it anew.
      if (record === undefined && streams.isRecovering()) return fromMemory(id, message)
      return await show(id, belongsTo(record, message, scope) ? record : undefined, message)
    } catch (error) {
      log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'a refresh could not be answered')
      return fromMemory(id, message)
    }
  }

  /** What this process knows of a stream whose store is away. */
  function fromMemory (id: string, message: Message): Reply | undefined {
    const record = streams.lastRead(id)
    if (record === undefined || !belongsTo(record, message, scope)) return undefined
    if (isBubbleOver(record)) return { text: frames.reply(id, record), written: () => ends.fetched(record) }
    // Another process may have shown text that is not known here.
    return isVisible(record.content) ? { text: frames.reply(id, record) } : undefined
  }
}

/** A field that the refresh lacks is not compared; one without `chattype` and `chatid` may come from a group, too. */
function belongsTo (record: StreamRecord | undefined, message: Message, scope: string): boolean {
  const chat = record?.chat
  if (chat === undefined) return false
  const asking = chatOf(message, scope)
  const fits = (field: keyof Chat): boolean => asking[field] === undefined || asking[field] === chat[field]
  if (message.chatType === 'group' && chat.user !== undefined) return false
  const maybeGroup = chat.group !== undefined && message.chatType !== 'single'
  return fits('scope') && fits('bot') && fits('group') && (maybeGroup || fits('user'))
}
