import { isBubbleOver } from '../replies/frames.ts'
import type { Frames } from '../replies/frames.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import type { Notice, Outcome, StreamRecord } from '../stores/store.ts'
import type { OpenStream } from '../streams/running-stream.ts'
import type { Opening, Streams } from '../streams/streams.ts'
import { levelOf } from '../util/errors.ts'
import { createId, hashOf } from '../util/ids.ts'
import type { Logger } from '../util/logger.ts'
import { describeError, safeName } from '../util/redact.ts'
import { isVisible } from '../util/visible.ts'
import { readUserMessage } from '../wecom/content.ts'
import type { UserMessage } from '../wecom/content.ts'
import { chatOf, readMessage } from '../wecom/message.ts'
import type { Chat, Message, RawMessage } from '../wecom/message.ts'
import type { ListName } from './access-lists.ts'
import type { Access } from './access.ts'
import type { Command } from './commands.ts'
import type { Conversation } from './conversations.ts'
import type { Events } from './events.ts'
import { canBeRated } from './feedback.ts'
import type { FeedbackLinks } from './feedback.ts'
import { hintAtName } from './name-hint.ts'
import type { Answering } from './questions.ts'

export interface ReceiveOptions {
  streams: Streams
  frames: Frames
  log: Logger
  /** Keeps the messages and streams of this bot apart from those of another in the same app. */
  scope: string
  botName: string
  access: Access
  answering: Answering
  events: Events
  /** Undefined where nobody wants to know of feedback. */
  feedback: FeedbackLinks | undefined
  conversationOf: (chat: Chat, sender: string | undefined) => Conversation
  commandOf: (text: string) => Command | undefined
  /** How long the first answer waits for text, in milliseconds. */
  firstReplyGraceMs: number
  /** Whether there is a way to the user besides the bubble of a message. */
  isDeliverable: (message: Message) => boolean
  facts: KeyValueStore
}

/** A command asks no model: its answer is there with the first frame. */
const COMMAND_GRACE_MS = 200

/** As long as WeCom may come back for an ended stream, and longer. */
const CARD_MS = 60 * 60_000

/** Joins messages and streams. Gives the plaintext of the reply; undefined is the empty reply. */
export type Receive = (message: Message) => Promise<string | undefined>

export function createReceive (options: ReceiveOptions): Receive {
  const {
    streams, frames, log, scope, botName, access, answering, events, feedback, conversationOf, commandOf, firstReplyGraceMs, isDeliverable,
    facts
  } = options

  streams.adoptFor(scope, (stream, stored) => {
    const message = readMessage(stored as RawMessage)
    const inbound = readUserMessage(message, botName) as UserMessage
    void answering({ stream, message, inbound, conversation: conversationFor(message), adopted: true })
  })

  const hint = hintAtName(botName, log)

  return async message => {
    switch (message.kind) {
      case 'event': return access.admitsEvent(message) ? await events(message) : undefined
      case 'stream': return await refresh(message)
      default: return await answer(message)
    }
  }

  /** A refresh only reads (document 100719). */
  async function refresh (message: Message): Promise<string | undefined> {
    const id = message.streamId ?? ''
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
  function fromMemory (id: string, message: Message): string | undefined {
    const known = streams.lastRead(id)
    if (known === undefined || !belongsTo(known.record, message, scope)) return undefined
    if (known.isLate) return frames.failure(id, excuse())
    // Another process may have shown text that is not known here.
    return isBubbleOver(known.record) || isVisible(known.record.content) ? frames.reply(id, known.record) : undefined
  }

  /** A store that is elsewhere is away at times. */
  function excuse (): NonNullable<Outcome['failure']> {
    return { code: 'BUSY', reference: createId().slice(0, 8) }
  }

  async function answer (message: Message): Promise<string> {
    try {
      const inbound = readUserMessage(message, botName)
      if (inbound === undefined) log.info({ msgtype: safeName(message.kind) }, 'a message is of a kind that cannot be read')
      if (inbound !== undefined) hint(message, inbound)
      const command = inbound && commandOf(inbound.text)
      const { id, stream, runnable } = await streams.open(openingFor(message, inbound, command, access.refusedBy(message)))
      if (stream !== undefined && runnable) start(stream, message, inbound as UserMessage, command)
      await stream?.untilEnded(command === undefined ? firstReplyGraceMs : Math.max(firstReplyGraceMs, COMMAND_GRACE_MS))
      const record = await streams.read(id).catch((error: unknown) => {
        log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'a stream could not be read')
        return undefined
      })
      // It is there, as it was opened just now.
      if (record === undefined) return frames.waiting(id)
      const rated = feedback !== undefined && command === undefined && canBeRated(record)
      return await show(id, record, message, rated ? id : undefined)
    } catch (error) {
      // Any other status than 200 would only make WeCom send the message again.
      const failure = { ...excuse(), ...(!streams.shared && { code: 'INTERNAL' as const }) }
      log.error({ ...failure, cause: describeError(error) }, 'a message could not be answered')
      return frames.failure(createId(), failure)
    }
  }

  async function show (id: string, record: StreamRecord | undefined, message: Message, feedbackId?: string): Promise<string> {
    if (record === undefined || !isBubbleOver(record)) return frames.reply(id, record, { feedbackId })
    streams.lastFrameFetched(id)
    return frames.reply(id, record, { feedbackId, card: await bringsCard(record, message) })
  }

  /** WeCom takes a card once for each answer (document 101031): from the callback that asked first, however often that is delivered. */
  async function bringsCard ({ id, metadata }: StreamRecord, message: Message): Promise<boolean> {
    if (metadata.card === undefined) return false
    const callback = hashOf(message.msgid ?? createId())
    try {
      return await facts.putIfAbsent(`card:${id}`, callback, CARD_MS) === callback
    } catch (error) {
      log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'a card could not be shown')
      return false
    }
  }

  function openingFor (
    message: Message, inbound: UserMessage | undefined, command: Command | undefined, why: ListName | undefined
  ): Opening {
    const notice = why === undefined ? noticeFor(inbound) : 'DENIED'
    return {
      chat: chatOf(message, scope),
      ...(message.msgid !== undefined && { claim: hashOf(scope, message.bot ?? '', message.msgid) }),
      ...(notice && { outcome: { status: 'done', notice } }),
      ...(why && { why }),
      ...(command ? { always: true } : { work: { scope, message: message.raw }, deliverable: isDeliverable(message) })
    }
  }

  function conversationFor (message: Message): Conversation {
    return conversationOf(chatOf(message, scope), message.sender)
  }

  /** Goes on in the background. */
  function start (stream: OpenStream, message: Message, inbound: UserMessage, command: Command | undefined): void {
    const { sender } = message
    const conversation = conversationFor(message)
    if (command === undefined) {
      feedback?.keep(stream.id, message)
      void answering({ stream, message, inbound, conversation })
      return
    }
    void stream.prepare(async signal => {
      if (!await access.admitsCommand({ stream, message, inbound }, signal)) return undefined
      return await command({ id: stream.id, sender, conversation, stop: other => streams.stop(other) })
    })
      .then(text => { if (text !== undefined) stream.answer(text) })
  }
}

function noticeFor (inbound: UserMessage | undefined): Notice | undefined {
  if (inbound === undefined) return 'UNSUPPORTED'
  return inbound.text === '' && inbound.media.length === 0 && inbound.quote === undefined ? 'NO_PROMPT' : undefined
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
