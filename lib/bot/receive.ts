import type { CallbackContext } from '../diagnostics/contexts.ts'
import type { Frames } from '../replies/frames.ts'
import type { Notice } from '../stores/store.ts'
import type { OpenStream, Opening } from '../streams/contract.ts'
import type { Streams } from '../streams/streams.ts'
import { levelOf } from '../util/errors.ts'
import { createId, hashOf } from '../util/ids.ts'
import { callOnce } from '../util/insist.ts'
import type { Insist } from '../util/insist.ts'
import type { Logger } from '../util/logger.ts'
import { describeError, safeName } from '../util/redact.ts'
import { readUserMessage } from '../wecom/content.ts'
import type { UserMessage } from '../wecom/content.ts'
import { chatOf, readMessage } from '../wecom/message.ts'
import type { Chat, Message, RawMessage } from '../wecom/message.ts'
import type { ListName } from './access-lists.ts'
import type { Access } from './access.ts'
import type { Command } from './commands/commands.ts'
import type { Conversation } from './conversations.ts'
import type { Events } from './events.ts'
import { canBeRated } from './feedback.ts'
import type { FeedbackLinks } from './feedback.ts'
import { hintAtName } from './name-hint.ts'
import type { Answering } from './questions.ts'
import type { Refresh } from './refresh.ts'
import { storeIsAway } from './show.ts'
import type { Reply, Show } from './show.ts'

export interface ReceiveOptions {
  streams: Streams
  frames: Frames
  show: Show
  refresh: Refresh
  log: Logger
  /** Keeps the messages and streams of this bot apart from those of another in the same app. */
  scope: string
  botName: string
  access: Access
  answering: Answering
  events: Events
  /** Undefined if nobody wants to know of feedback. */
  feedback: FeedbackLinks | undefined
  conversationOf: (chat: Chat, sender: string | undefined) => Conversation
  commandOf: (text: string) => Command | undefined
  /** Calls again what failed because the stores were away. */
  insist?: Insist
  /** How long the first answer waits for text, in milliseconds. */
  firstReplyGraceMs: number
  /** Whether there is a way to the user besides the bubble of a message. */
  isDeliverable: (message: Message) => boolean
}

/** A command asks no model: its answer is there with the first frame. */
const COMMAND_GRACE_MS = 200

/** Joins messages and streams. Gives the reply; undefined is the empty one. */
export type Receive = (message: Message, callback?: CallbackContext) => Promise<Reply | undefined>

export function createReceive (options: ReceiveOptions): Receive {
  const {
    streams, frames, show, refresh, log, scope, botName, access, answering, events, feedback, conversationOf, commandOf, firstReplyGraceMs,
    isDeliverable, insist = callOnce
  } = options

  streams.adoptFor(scope, (stream, stored) => {
    const message = readMessage(stored as RawMessage)
    const inbound = readUserMessage(message, botName) as UserMessage
    void answering({ stream, message, inbound, conversation: conversationFor(message), adopted: true })
  })

  const hint = hintAtName(botName, log)

  return async (message, callback) => {
    switch (message.kind) {
      case 'event': return await answerEvent(message)
      case 'stream': return await refresh(message)
      default: return await answer(message, callback)
    }
  }

  async function answerEvent (message: Message): Promise<Reply | undefined> {
    const text = access.admitsEvent(message) ? await events(message) : undefined
    return text === undefined ? undefined : { text }
  }

  async function answer (message: Message, callback: CallbackContext | undefined): Promise<Reply> {
    const opened: { id?: string } = {}
    const reply = await replyTo(message, callback, opened)
    if (opened.id !== undefined) streams.replied(opened.id)
    return reply
  }

  /** Names the stream as soon as there is one. */
  async function replyTo (message: Message, callback: CallbackContext | undefined, opened: { id?: string }): Promise<Reply> {
    try {
      const inbound = readUserMessage(message, botName)
      if (inbound === undefined) log.info({ msgtype: safeName(message.kind) }, 'a message is of a kind that cannot be read')
      if (inbound !== undefined) hint(message, inbound)
      const command = inbound && commandOf(inbound.text)
      const { id, stream, runnable } = await streams.open({
        ...openingFor(message, inbound, command, access.refusedBy(message)), sender: message.sender, callback, awaitsReply: true
      })
      opened.id = id
      if (callback !== undefined) callback.streamId = id
      if (stream !== undefined && runnable) start(stream, message, inbound as UserMessage, command)
      await stream?.untilEnded(command === undefined ? firstReplyGraceMs : Math.max(firstReplyGraceMs, COMMAND_GRACE_MS))
      const record = await streams.read(id).catch((error: unknown) => {
        log[levelOf(error)]({ streamId: id, cause: describeError(error) }, 'a stream could not be read')
        return undefined
      })
      // It is there, as it was opened just now.
      if (record === undefined) return { text: frames.waiting(id) }
      const rated = feedback !== undefined && command === undefined && canBeRated(record)
      return await show(id, record, message, { feedbackId: rated ? id : undefined })
    } catch (error) {
      // Any other status than 200 would only make WeCom send the message again.
      const failure = { ...storeIsAway(), ...(!streams.shared && { code: 'INTERNAL' as const }) }
      log.error({ ...failure, cause: describeError(error) }, 'a message could not be answered')
      return { text: frames.failure(createId(), failure) }
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
      ...(command
        ? { always: true }
        : { work: { scope, message: message.raw }, deliverable: isDeliverable(message), bubbleBytes: frames.bubbleBytes })
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
      return await command({
        id: stream.id,
        sender,
        conversation,
        stop: other => streams.stop(other),
        insist: call => insist(call, stream.deadline, signal)
      })
    })
      .then(text => { if (text !== undefined) stream.answer(text) })
  }
}

function noticeFor (inbound: UserMessage | undefined): Notice | undefined {
  if (inbound === undefined) return 'UNSUPPORTED'
  return inbound.text === '' && inbound.media.length === 0 && inbound.quote === undefined ? 'NO_PROMPT' : undefined
}
