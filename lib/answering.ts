import type { FetchAttachments } from './attachments.ts'
import type { Conversation } from './conversations.ts'
import type { Inbound, Said } from './inbound.ts'
import type { Logger } from './logger.ts'
import { turnOf } from './messages.ts'
import type { Message } from './messages.ts'
import { describeError } from './redact.ts'
import type { ReasoningMode } from './run.ts'
import type { Attachment, HistoryTurn, LostAttachment, Quote, Source } from './sources/source.ts'
import type { StreamRecord } from './stores/store.ts'
import type { StreamInput, Streams } from './streams.ts'

export interface AnsweringOptions {
  streams: Streams
  attachments: FetchAttachments
  source: string | Source | undefined
  reasoning: ReasoningMode
  log: Logger
}

export interface Question {
  /** The stream that was opened for it. */
  id: string
  message: Message
  inbound: Inbound
  conversation: Conversation
}

/** Answers a question in the background, from its attachments to what is remembered of it. Never rejects. */
export type Answering = (question: Question) => Promise<void>

export function createAnswering (options: AnsweringOptions): Answering {
  const { streams, source, reasoning, log } = options

  return async question => {
    const { id, conversation } = question
    try {
      const generation = await ask(question)
      await streams.ended(id)
      if (generation !== undefined) await remember(question, generation)
    } catch (error) {
      log.error({ streamId: id, cause: describeError(error, [question.inbound.text]) }, 'a question could not be seen through')
    } finally {
      await conversation.leave(id).catch((error: unknown) => log.error({ streamId: id, cause: describeError(error) }, 'a place in the line could not be given up'))
    }
  }

  /** Gives the generation of the history that the question was asked with; undefined where it was not asked. */
  async function ask (question: Question): Promise<number | undefined> {
    const prepared = await streams.prepare(question.id, (signal, deadline) => prepare(question, signal, deadline))
    if (prepared === undefined) return undefined
    streams.run(question.id, { ...prepared.input, ...(source && { source }) }, reasoning)
    return prepared.generation
  }

  async function prepare ({ id, message, inbound, conversation }: Question, signal: AbortSignal, deadline: number): Promise<Prepared> {
    // The place is taken before anything else, so that questions keep their order.
    await conversation.join(id, deadline)
    // What WeCom keeps for five minutes cannot wait in a line.
    const fetching = fetchAll(inbound, signal)
    fetching.catch(() => {})
    let waited = false
    await conversation.turn(id, signal, () => {
      waited = true
      streams.note(id, { waiting: true })
    })
    if (waited) streams.note(id, { waiting: false })
    const { turns: history, generation } = await conversation.history()
    const { attachments, quote } = await fetching
    const lost = [...attachments, ...quote?.attachments ?? []].flatMap(attachment => 'lost' in attachment ? [attachment.lost] : [])
    if (lost.length > 0) streams.note(id, { lost })
    return {
      generation,
      input: {
        ...turnOf(message),
        prompt: inbound.text,
        ...(attachments.length > 0 && { attachments }),
        ...(quote && { quote }),
        ...(history.length > 0 && { history })
      }
    }
  }

  async function fetchAll (inbound: Inbound, signal: AbortSignal): Promise<{ attachments: Array<Attachment | LostAttachment>, quote: Quote | undefined }> {
    const [attachments, quote] = await Promise.all([options.attachments(inbound.media, signal), quoteOf(inbound.quote, signal)])
    return { attachments, quote }
  }

  async function quoteOf (quote: Said | undefined, signal: AbortSignal): Promise<Quote | undefined> {
    if (quote === undefined) return undefined
    const attachments = await options.attachments(quote.media, signal)
    return { ...(quote.text !== '' && { text: quote.text }), ...(attachments.length > 0 && { attachments }) }
  }

  async function remember ({ id, inbound, conversation }: Question, generation: number): Promise<void> {
    const record = await streams.read(id)
    const turn = record && turnToRemember(inbound, record)
    if (turn !== undefined) await conversation.remember(generation, turn)
  }
}

interface Prepared {
  input: Omit<StreamInput, 'source'>
  /** Of the history that the question was asked with. */
  generation: number
}

/** Undefined where nothing was said that could be referred to. */
function turnToRemember ({ text, media }: Inbound, { content, status, notice }: StreamRecord): HistoryTurn | undefined {
  if (content === '') return undefined
  const files = media.map(({ kind }) => `[${kind}]`).join(' ')
  const prompt = [text, files].filter(part => part !== '').join('\n')
  return { prompt, reply: content, ...((status === 'error' || notice !== undefined) && { cut: true }) }
}
