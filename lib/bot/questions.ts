import { viewOf } from '../replies/state-view.ts'
import type { Attachment, HistoryTurn, LostAttachment, Quote, Source, Turn } from '../sources/source.ts'
import type { History } from '../stores/history.ts'
import type { StreamRecord } from '../stores/store.ts'
import type { Measures, OpenStream, ReasoningMode, StreamExit } from '../streams/contract.ts'
import type { HistoryUse } from '../streams/history-use.ts'
import type { Streams } from '../streams/streams.ts'
import type { Texts } from '../texts/texts.ts'
import { callOnce } from '../util/insist.ts'
import type { Insist } from '../util/insist.ts'
import type { Logger } from '../util/logger.ts'
import { privateTextsIn } from '../util/private-texts.ts'
import { describeError } from '../util/redact.ts'
import type { UserMessage, MessageContent } from '../wecom/content.ts'
import { turnOf } from '../wecom/message.ts'
import type { Message } from '../wecom/message.ts'
import type { Access } from './access.ts'
import type { FilesOfMessage, OpenFiles } from './attachments/attachments.ts'
import { NO_HISTORY } from './conversations.ts'
import type { Conversation } from './conversations.ts'
import type { Ends } from './ends.ts'
import type { FollowUps } from './follow-up.ts'
import { idsOfGiven } from './given-history.ts'
import type { AnswerHooksRunner, Delivery, FinishEvent, MessageDecision } from './hooks/answer-hooks.ts'

export interface QuestionsOptions {
  streams: Streams
  access: Access
  attachments: OpenFiles
  source: string | Source | undefined
  reasoning: ReasoningMode
  followUps: Pick<FollowUps, 'deliver'>
  ends: Pick<Ends, 'begin' | 'over'>
  hooks: AnswerHooksRunner
  texts: Texts
  /** Calls again what failed because the stores were away. */
  insist?: Insist
  log: Logger
}

export interface OpenQuestion {
  /** The one that was opened for it. */
  stream: OpenStream
  message: Message
  inbound: UserMessage
  conversation: Conversation
  /** It was let in by another process, which is gone. */
  adopted?: true
}

/** Answers a question in the background, from its attachments to what is remembered of it. Never rejects. */
export type Answering = (question: OpenQuestion) => Promise<void>

export function createAnswering (options: QuestionsOptions): Answering {
  const { streams, access, source, reasoning, followUps, ends, hooks, texts, insist = callOnce, log } = options

  return async question => {
    const { stream: { id, ended: left }, conversation } = question
    let ended: EndedQuestion | undefined
    const files = filesOf(question)
    ends.begin(id)
    question.stream.report.isFollowed = true
    question.stream.report.sender ??= question.message.sender
    try {
      const asked = await ask(question, files)
      // One function in all until here: what waits for a source is there a thousand times.
      const exit = await left
      // Another process has the stream by now, and sees to all of this.
      if (exit.how !== 'ended') return ends.over(id)
      ended = await readEnded(question, asked, exit)
    } catch (error) {
      log.error({
        streamId: id, cause: describeError(error, privateTextsIn([question.message, question.inbound]))
      }, 'a question could not be seen through')
    } finally {
      const { how } = await left
      files.release()
      if (how === 'ended') {
        // What is left of the answer does not wait for a store that is away.
        Promise.all([conversation.leave(id, question.stream.deadline), access.leave(question)])
          .catch((error: unknown) => log.error({ streamId: id, cause: describeError(error) }, 'a place in the line could not be given up'))
      }
    }
    // The next question of the conversation does not wait for any of this.
    const delivery = ended?.record && await followUps.deliver(question.message, ended.record)
    streams.settle(id, delivery ?? 'unknown')
    ends.over(id)
    if (ended !== undefined) await hooks.onFinish(finishOf(question, ended, delivery))
  }

  function filesOf ({ stream, message, inbound }: OpenQuestion): FilesOfMessage {
    if (inbound.media.length === 0 && (inbound.quote?.media.length ?? 0) === 0) return NO_FILES
    return options.attachments({ sender: message.sender, since: stream.askedAt, pair: message.pair })
  }

  async function readEnded (question: OpenQuestion, asked: Asked | undefined, { measures, historyUse }: EndedHere): Promise<EndedQuestion> {
    const { id, deadline } = question.stream
    const record = await insist(() => streams.readOnly(id), deadline)
    if (asked !== undefined && historyUse !== undefined) await forget(question, asked, historyUse)
    if (asked !== undefined && record !== undefined) await remember(question, record, asked.generation)
    return { measures, record }
  }

  function finishOf (
    { stream: { id }, message, inbound: { text: prompt } }: OpenQuestion,
    { measures, record }: EndedQuestion,
    delivery: Delivery | undefined
  ): FinishEvent {
    const question = { ...turnOf(message), prompt }
    return { streamId: id, state: viewOf(record, texts), question, ...measures, ...(delivery && { delivery }) }
  }

  /** Undefined if the question was not asked. */
  async function ask (question: OpenQuestion, files: FilesOfMessage): Promise<Asked | undefined> {
    const { stream } = question
    const prepared = await stream.prepare(signal => prepare(question, files, signal))
    if (prepared === undefined) return undefined
    const { turn, history, decision } = prepared
    if (decision === false) {
      stream.refuse('REFUSED')
      return undefined
    }
    if (typeof decision === 'string') {
      stream.answer(decision)
      return { generation: history.generation, historyIds: [] }
    }
    const given = decision ?? turn
    const chosen = decision?.source ?? source
    const asked = { generation: history.generation, historyIds: idsOfGiven(history, given) }
    streams.run(stream, { ...given, ...(chosen && { source: chosen }) }, reasoning)
    return asked
  }

  /** Undefined if the question is refused. */
  async function prepare (question: OpenQuestion, files: FilesOfMessage, signal: AbortSignal): Promise<Prepared | undefined> {
    const { stream, message, inbound, conversation } = question
    const { id, deadline } = stream
    // The place is taken before anything else, so that questions keep their order.
    await conversation.join(id, deadline, signal)
    if (question.adopted !== true && !await access.admitsQuestion(question, signal)) return undefined
    // What WeCom keeps for five minutes cannot wait in a line.
    const fetching = fetchAll(inbound, files, signal)
    fetching.catch(() => {})
    let waited = false
    await conversation.waitForPlace(id, signal, () => {
      waited = true
      stream.setMetadata({ waiting: true })
    })
    if (waited) stream.setMetadata({ waiting: false })
    const history = await conversation.history().catch((error: unknown) => {
      log.warn({ streamId: id, cause: describeError(error) }, 'a history could not be had, and is left out')
      return NO_HISTORY
    })
    const { attachments, quote } = await fetching
    const lost = [...attachments, ...quote?.attachments ?? []].flatMap(attachment => 'lost' in attachment ? [attachment.lost] : [])
    if (lost.length > 0) stream.setMetadata({ lost })
    const turn: Turn = {
      ...turnOf(message),
      prompt: inbound.text,
      ...(attachments.length > 0 && { attachments }),
      ...(quote && { quote }),
      // A hook may do with it what it likes.
      ...(history.turns.length > 0 && { history: [...history.turns] }),
      deadline
    }
    const decision = await hooks.onMessage(id, turn, signal)
    // Here a name that stands for no source ends the stream with a sentence.
    if (typeof decision === 'object') streams.resolveSource(decision.source)
    return { turn, history, decision }
  }

  async function fetchAll (
    inbound: UserMessage, files: FilesOfMessage, signal: AbortSignal
  ): Promise<{ attachments: Array<Attachment | LostAttachment>, quote: Quote | undefined }> {
    const [attachments, quote] = await Promise.all([files.fetch(inbound.media, signal), quoteOf(inbound.quote, files, signal)])
    return { attachments, quote }
  }

  async function quoteOf (
    quote: MessageContent | undefined, files: FilesOfMessage, signal: AbortSignal
  ): Promise<Quote | undefined> {
    if (quote === undefined) return undefined
    const attachments = await files.fetch(quote.media, signal)
    return { ...(quote.text !== '' && { text: quote.text }), ...(attachments.length > 0 && { attachments }) }
  }

  /** What was left out would be refused again with the next question. */
  async function forget (
    { stream: { id, deadline }, conversation }: OpenQuestion, { historyIds }: Asked, { given, used }: HistoryUse
  ): Promise<void> {
    const ids = historyIds.slice(0, given - used).filter(id => id !== undefined)
    await conversation.forget(ids, deadline).catch((error: unknown) => {
      log.error({ streamId: id, cause: describeError(error) }, 'what was left out of a question could not be forgotten')
    })
  }

  async function remember (
    { stream: { id, deadline }, inbound, conversation }: OpenQuestion, record: StreamRecord, generation: number
  ): Promise<void> {
    const turn = turnToRemember(inbound, record)
    if (turn === undefined) return
    // What is left of the answer is delivered all the same.
    await conversation.remember(generation, turn, id, deadline).catch((error: unknown) => {
      log.error({ streamId: id, cause: describeError(error, [inbound.text]) }, 'an answer could not be remembered')
    })
  }
}

/** One for all: most questions come without. */
const NO_FILES: FilesOfMessage = { fetch: async () => [], release: () => {} }

interface EndedQuestion {
  measures: Measures
  record: StreamRecord | undefined
}

type EndedHere = Extract<StreamExit, { how: 'ended' }>

interface Asked {
  /** Of the history that the question was asked with. */
  generation: number
  /** Of the turns that its source was given, in their order. */
  historyIds: ReadonlyArray<string | undefined>
}

interface Prepared {
  turn: Turn
  history: History
  decision: MessageDecision
}

/** Undefined if nothing was said that could be referred to. */
function turnToRemember ({ text, media }: UserMessage, { content, status, notice }: StreamRecord): HistoryTurn | undefined {
  if (content === '') return undefined
  const files = media.map(({ kind }) => `[${kind}]`).join(' ')
  const prompt = [text, files].filter(part => part !== '').join('\n')
  return { prompt, reply: content, ...((status === 'error' || notice !== undefined) && { cut: true }) }
}
