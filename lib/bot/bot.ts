import type { BotStores } from '../config/stores.ts'
import type { PseudonymOf } from '../diagnostics/pseudonyms.ts'
import type { ActiveReply } from '../replies/active-reply.ts'
import { createCardDelivery } from '../replies/card-delivery.ts'
import type { CardDeliveryMode } from '../replies/card-delivery.ts'
import { createFrames } from '../replies/frames.ts'
import type { Source } from '../sources/source.ts'
import type { KeyValueStore } from '../stores/key-values.ts'
import { isTerminal } from '../stores/status.ts'
import type { StreamRecord } from '../stores/store.ts'
import type { ReasoningMode } from '../streams/contract.ts'
import type { Streams } from '../streams/streams.ts'
import type { Texts } from '../texts/texts.ts'
import type { Clock } from '../util/clock.ts'
import { insist } from '../util/insist.ts'
import type { Insist } from '../util/insist.ts'
import type { Logger } from '../util/logger.ts'
import { createAccessLists } from './access-lists.ts'
import type { AccessListsOptions } from './access-lists.ts'
import { createAccess } from './access.ts'
import type { AccessDecision } from './access.ts'
import type { OpenFiles } from './attachments/attachments.ts'
import { DEFAULT_WORDS } from './commands/command-options.ts'
import type { CommandOptions } from './commands/command-options.ts'
import { createCommands } from './commands/commands.ts'
import { createConversations } from './conversations.ts'
import type { ConversationScope } from './conversations.ts'
import { createEnds } from './ends.ts'
import { createEvents } from './events.ts'
import { createFeedbackLinks } from './feedback.ts'
import { createFollowUps } from './follow-up.ts'
import type { UnfetchedMode } from './follow-up.ts'
import { createAnswerHooks } from './hooks/answer-hooks.ts'
import type { AnswerHooks } from './hooks/answer-hooks.ts'
import type { EventHooks } from './hooks/event-hooks.ts'
import { createHostCodeRunner } from './hooks/host-code.ts'
import { createAnswering } from './questions.ts'
import { watchQueue } from './queue-watch.ts'
import { createReceive } from './receive.ts'
import type { Receive } from './receive.ts'
import { createRefresh } from './refresh.ts'
import { createShow } from './show.ts'
import { createUserLimits } from './user-limits.ts'

export interface BotOptions {
  streams: Streams
  stores: BotStores
  texts: Texts
  clock: Clock
  log: Logger
  /** Keeps this bot apart from another in the same app. */
  scope: string
  botName: string
  /** Stands for users and chats in what is told of the bot's streams. Default: they are left out. */
  pseudonymOf?: PseudonymOf
  /** Undefined is that of the streams. */
  source: Source | undefined
  reasoning: ReasoningMode
  attachments: OpenFiles
  activeReply: ActiveReply
  unfetched: UnfetchedMode
  cardDelivery: CardDeliveryMode
  access: BotAccess
  conversationScope: ConversationScope
  parallel: boolean
  commands: CommandOptions
  hooks: AnswerHooks & EventHooks
  welcomeText: string
  firstReplyGraceMs: number
}

export interface BotAccess {
  lists: AccessListsOptions
  messagesPerMinute: number
  maxRunning: number
  decide: AccessDecision | undefined
}

/** A store that does not come back within that time is away, and does not only lose a reply. */
const CLAIM_PATIENCE_MS = 5000

/** Puts a bot together: all that is between an opened message and the plaintext of its reply. */
export function assembleBot (options: BotOptions): Receive {
  const { streams, stores, texts, clock, log, scope, hooks, pseudonymOf = NOBODY } = options
  streams.nameBot(scope, { bot: options.botName, pseudonymOf })
  const { facts } = stores
  const again: Insist = (call, until, signal) => insist(clock, call, until, signal)
  const insistForMoment = <T>(call: () => Promise<T>): Promise<T> => again(call, clock.now() + CLAIM_PATIENCE_MS)
  // For what no reply waits for: whoever claims again claims the same.
  const claims: KeyValueStore = { ...facts, putIfAbsent: (...claim) => insistForMoment(() => facts.putIfAbsent(...claim)) }
  const { lists, messagesPerMinute, maxRunning, decide } = options.access
  const frames = createFrames(texts, { newCommand: (options.commands.new ?? DEFAULT_WORDS.new)[0] })
  const ends = createEnds({ facts: claims, shared: streams.shared, clock, log })
  // What is due goes out before the stores close.
  streams.beforeClose(() => ends.close())
  const cards = createCardDelivery({ mode: options.cardDelivery, frames, facts })
  const followUps = createFollowUps({
    activeReply: options.activeReply,
    frames,
    cards: createCardDelivery({
      mode: options.cardDelivery, frames, facts: { ...claims, get: key => insistForMoment(() => facts.get(key)) }
    }),
    ends,
    facts: claims,
    unfetched: options.unfetched,
    log,
    identity: { instance: streams.instance, bot: options.botName },
    pseudonymOf
  })
  const feedback = createFeedbackLinks({ facts: claims, log })
  const run = createHostCodeRunner({ clock, log })
  const access = createAccess({
    log,
    run,
    lists: createAccessLists(lists),
    limits: createUserLimits({ ...stores, scope, messagesPerMinute, maxRunning, insist: again }),
    decide
  })
  const show = createShow({ streams, frames, cards, ends, log })
  return createReceive({
    streams,
    frames,
    show,
    refresh: createRefresh({ streams, frames, show, ends, log, scope }),
    log,
    scope,
    botName: options.botName,
    access,
    answering: createAnswering({
      streams,
      access,
      attachments: options.attachments,
      source: options.source,
      reasoning: options.reasoning,
      followUps,
      ends,
      hooks: createAnswerHooks(hooks, run),
      texts,
      insist: again,
      log
    }),
    events: createEvents({ hooks, welcomeText: options.welcomeText, feedback, facts, clock, log, run, scope }),
    feedback: hooks.onFeedback && feedback,
    conversationOf: createConversations({
      ...stores,
      scope: options.conversationScope,
      parallel: options.parallel,
      insist: again,
      ...(streams.shared && {
        watchLine: (key: string) => watchQueue({ clock, lines: stores.lines, isOver: async id => hasEnded(await streams.read(id)) }, key)
      })
    }),
    commandOf: createCommands(options.commands, texts),
    insist: again,
    firstReplyGraceMs: options.firstReplyGraceMs,
    isDeliverable: followUps.accepts
  })
}

const NOBODY: PseudonymOf = () => undefined

const hasEnded = (record: StreamRecord | undefined): boolean => record === undefined || isTerminal(record.status)
