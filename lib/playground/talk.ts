import type { SendOptions, SimulatedMessage } from '../simulator/conversation.ts'
import type { SimulatedEvent } from '../simulator/event.ts'
import { createSimulator } from '../simulator/simulator.ts'
import type { Simulator, VerifyResult } from '../simulator/simulator.ts'
import { ConnectionError } from '../simulator/transport.ts'
import type { Deliver } from '../simulator/transport.ts'
import type { Clock } from '../util/clock.ts'
import { createId } from '../util/ids.ts'
import { isObject } from '../util/objects.ts'
import { sleep } from '../util/waiting.ts'
import type { Credentials } from '../wecom/envelope.ts'
import { createGrowingAnswer, emptyAnswer, warn } from './answer.ts'
import type { GrowingAnswer } from './answer.ts'
import type { Archive } from './archive.ts'
import { createExchangeReader } from './exchanges.ts'
import type { BotEntry, Conversation, EventEntry, Json, StoredFile, UserEntry } from './model.ts'
import type { SwitchBoard } from './switches.ts'
import { cardWarnings } from './warnings.ts'

const LATE_MS = 10_000
const CLOCK_OFF_S = 3600

export interface TalkOptions {
  archive: Archive
  switches: SwitchBoard
  credentials: Credentials
  bot: string
  clock: Clock
  deliver: Deliver
  /** Where an active reply may go; undefined if it can reach nobody here. */
  responseUrl: (conversation: Conversation, entry: UserEntry | EventEntry) => string | undefined
  /** Each `task_id` that has been seen. */
  used: Set<string>
}

export interface Talk {
  /** Adds the message to the conversation; `done` resolves when its answer has ended, and never rejects. */
  send (conversation: Conversation, user: string, message: Json, files: StoredFile[]): { entry: UserEntry, done: Promise<void> }
  tell (conversation: Conversation, user: string, event: Json, about?: string): { entry: EventEntry, done: Promise<void> }
  /** Saves the callback settings, as it were; the lines of the inspector go to the conversation. */
  verify (conversation: Conversation): Promise<VerifyResult>
  /** Ends what still goes on in a conversation, or in all. */
  leave (conversation?: string): void
}

/** What users do, as it reaches the bot: sealed, by the same callback as in production. */
export function createTalk ({ archive, switches, credentials, bot, clock, deliver, responseUrl, used }: TalkOptions): Talk {
  const running = new Map<AbortController, string>()

  const network: Deliver = async (request, signal) => {
    if (switches.state.offline) throw new ConnectionError('the connection failed (ENETDOWN)')
    return await deliver(request, signal)
  }

  /** One of its own for each entry, so that what it sends is known to belong there. */
  function simulatorFor (conversation: Conversation, entry?: string): Simulator {
    const read = createExchangeReader(entry)
    return createSimulator({
      target: network,
      ...credentials,
      bot,
      clock,
      refreshMs: switches.state.refreshMs,
      onExchange: exchange => archive.record(conversation.id, ...read(exchange))
    })
  }

  async function whileOpen (
    conversation: Conversation, entry: UserEntry | EventEntry, work: (signal: AbortSignal) => Promise<void>
  ): Promise<void> {
    const open = new AbortController()
    running.set(open, conversation.id)
    try {
      await work(open.signal)
    } catch (error) {
      Object.assign(entry, { ...(entry.kind === 'user' ? { state: 'failed' } : { outcome: 'failed' }), problems: [String(error)] })
      archive.put(conversation.id, entry)
    } finally {
      running.delete(open)
    }
  }

  const sender = ({ chat }: Conversation, user: string) => ({ user, ...(chat !== undefined && { chat }) })

  function sendOptions (conversation: Conversation, entry: UserEntry): SendOptions {
    const url = responseUrl(conversation, entry)
    return {
      ...sender(conversation, entry.user),
      ...(url !== undefined && { responseUrl: url }),
      ...(switches.use('repeat') && { repeat: 2 }),
      drop: () => switches.use('dropReply'),
      overrides: {
        ...(switches.use('wrongSignature') && { query: { msg_signature: '0'.repeat(40) } }),
        ...(switches.use('clockOff') && { timestamp: Math.floor(clock.now() / 1000) - CLOCK_OFF_S })
      },
      async pace (_n, signal) {
        await sleep(clock, switches.state.refreshMs, signal)
        await switches.running(signal)
        return switches.state.twice ? 2 : 1
      }
    }
  }

  async function converse (conversation: Conversation, entry: UserEntry, signal: AbortSignal): Promise<void> {
    if (entry.state === 'late') {
      await sleep(clock, LATE_MS, signal)
      entry.state = 'waiting'
      archive.put(conversation.id, entry)
    }
    let answer: GrowingAnswer | undefined
    const { problems, gaveUp } = await simulatorFor(conversation, entry.id).send(entry.message as SimulatedMessage, {
      ...sendOptions(conversation, entry),
      signal,
      onFrame (frame) {
        answer ??= createGrowingAnswer(emptyAnswer(createId(), clock.now(), 'stream', entry.id), used)
        answer.take(frame)
        if (answer.entry.frames === 0) return
        archive.put(conversation.id, answer.entry)
        if (entry.state === 'delivered') return
        entry.state = 'delivered'
        archive.put(conversation.id, entry)
      }
    })
    const shown = answer?.entry
    if (shown === undefined || shown.frames === 0) {
      Object.assign(entry, { state: 'failed', problems })
      archive.put(conversation.id, entry)
    } else {
      Object.assign(shown, { running: false, gaveUp, problems })
      archive.put(conversation.id, shown)
    }
  }

  async function report (conversation: Conversation, entry: EventEntry, about: string | undefined, signal: AbortSignal): Promise<void> {
    const url = responseUrl(conversation, entry)
    const options = { ...sender(conversation, entry.user), signal, ...(url !== undefined && { responseUrl: url }) }
    const { reply, statusCode, problems } = await simulatorFor(conversation, entry.id).event(entry.event as SimulatedEvent, options)
    entry.problems = problems
    entry.outcome = statusCode !== 200 ? 'failed' : reply === undefined ? 'empty' : takeReply(conversation, entry, reply)
    const rated = conversation.entries.find((one): one is BotEntry => one.kind === 'bot' && one.id === about)
    if (rated !== undefined && rate(rated, entry.event)) archive.put(conversation.id, rated)
    archive.put(conversation.id, entry)
  }

  /** Documents 101027 and 101031: a welcome, or another card in place of the one that was used. */
  function takeReply (conversation: Conversation, entry: EventEntry, reply: Json): EventEntry['outcome'] {
    const { msgtype, text, template_card: card, response_type: responseType, userids } = reply
    if (entry.event['eventtype'] === 'enter_chat') {
      const shown = emptyAnswer(createId(), clock.now(), 'welcome', entry.id)
      if (msgtype === 'text' && isObject(text)) {
        shown.content = String(text['content'])
      } else if (msgtype === 'template_card' && isObject(card)) {
        shown.card = card
        warn(shown, cardWarnings(card, { via: 'welcome', used }))
      } else {
        return 'failed'
      }
      archive.put(conversation.id, shown)
      return 'shown'
    }
    if (responseType !== 'update_template_card' || !isObject(card)) return 'failed'
    const replaced = conversation.entries.find((one): one is BotEntry =>
      one.kind === 'bot' && one.card?.['task_id'] !== undefined && one.card['task_id'] === card['task_id'])
    if (replaced === undefined) return 'failed'
    if (Array.isArray(userids)) {
      replaced.cardOf = { ...replaced.cardOf, ...Object.fromEntries(userids.map(user => [String(user), card])) }
    } else {
      replaced.card = card
      delete replaced.cardOf
    }
    warn(replaced, cardWarnings(card, { via: 'update', used }))
    archive.put(conversation.id, replaced)
    return 'updated'
  }

  return {
    send (conversation, user, message, files) {
      const entry: UserEntry = {
        kind: 'user', id: createId(), at: clock.now(), user, message, files, state: switches.use('late') ? 'late' : 'waiting', problems: []
      }
      archive.put(conversation.id, entry)
      return { entry, done: whileOpen(conversation, entry, async signal => await converse(conversation, entry, signal)) }
    },
    tell (conversation, user, event, about) {
      const entry: EventEntry = { kind: 'event', id: createId(), at: clock.now(), user, event, outcome: 'waiting', problems: [] }
      archive.put(conversation.id, entry)
      return { entry, done: whileOpen(conversation, entry, async signal => await report(conversation, entry, about, signal)) }
    },
    verify: async conversation => await simulatorFor(conversation).verify(),
    leave (conversation) {
      for (const [open, id] of running) if (conversation === undefined || id === conversation) open.abort()
    }
  }
}

/** Whether the event is a rating that can be shown. */
function rate (entry: BotEntry, { eventtype, feedback_event: feedback }: Json): boolean {
  if (eventtype !== 'feedback_event' || !isObject(feedback)) return false
  const { type, inaccurate_reason_list: reasons, content } = feedback
  if (type !== 1 && type !== 2 && type !== 3) return false
  entry.vote = {
    type,
    reasons: Array.isArray(reasons) ? reasons.filter(reason => typeof reason === 'number') : [],
    content: typeof content === 'string' ? content : ''
  }
  return true
}
