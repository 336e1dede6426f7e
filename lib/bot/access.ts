import type { Turn } from '../sources/source.ts'
import type { OpenStream } from '../streams/contract.ts'
import type { Logger } from '../util/logger.ts'
import type { UserMessage } from '../wecom/content.ts'
import { turnOf } from '../wecom/message.ts'
import type { Message } from '../wecom/message.ts'
import type { AccessLists, ListName } from './access-lists.ts'
import type { HostContext, RunHostCode } from './hooks/host-code.ts'
import type { UserLimits } from './user-limits.ts'

/** A host that takes longer refuses. */
const DECIDE_MS = 10_000

/** Who asks, as a source is told. */
export type Requester = Pick<Turn, 'sender' | 'chat' | 'bot' | 'message'>

/** The host's own decision: true lets in, false refuses, and so does a sentence, which the user is shown. */
export type AccessDecision = (who: Requester, context: HostContext) => boolean | string | Promise<boolean | string>

export interface AccessOptions {
  log: Logger
  run: RunHostCode
  lists: AccessLists
  limits: UserLimits
  decide: AccessDecision | undefined
}

/** A message, with the stream that was opened for it. */
export interface OpenedMessage {
  stream: OpenStream
  message: Message
  inbound: UserMessage
}

/** Who may talk to the bot, and how much. */
export interface Access {
  /** The list that refuses a message; undefined if none does. */
  refusedBy (message: Message): ListName | undefined
  /** The lists alone: an event opens no stream. */
  admitsEvent (message: Message): boolean
  /** Asks the host. False if it refuses, and the stream has ended with a sentence. Rejects if the stream ends before. */
  admitsCommand (asked: OpenedMessage, signal: AbortSignal): Promise<boolean>
  /** As for a command, with the limits besides: the question counts until it leaves. */
  admitsQuestion (asked: OpenedMessage, signal: AbortSignal): Promise<boolean>
  leave (asked: OpenedMessage): Promise<void>
}

export function createAccess ({ log, run, lists, limits, decide }: AccessOptions): Access {
  async function admitsCommand (asked: OpenedMessage, signal: AbortSignal): Promise<boolean> {
    const verdict = await decided(asked, signal)
    if (verdict === true) return true
    log.info({ streamId: asked.stream.id, why: 'decide' }, 'message refused')
    asked.stream.refuse('DENIED', verdict === false ? '' : verdict)
    return false
  }

  /** Fails closed. */
  async function decided (asked: OpenedMessage, signal: AbortSignal): Promise<boolean | string> {
    if (decide === undefined) return true
    const { stream: { id }, message } = asked
    const verdict = await run({
      hook: 'access.decide',
      about: [message, asked.inbound],
      streamId: id,
      maxMs: DECIDE_MS,
      signal,
      call: async context => checked(await decide(turnOf(message), context))
    })
    signal.throwIfAborted()
    return verdict?.value ?? false
  }

  return {
    refusedBy: lists,
    admitsEvent (message) {
      const why = lists(message)
      if (why !== undefined) log.info({ why }, 'event refused')
      return why === undefined
    },
    admitsCommand,
    async admitsQuestion (asked, signal) {
      if (!await admitsCommand(asked, signal)) return false
      const why = await limits.exceededBy(asked.stream.id, asked.message, asked.stream.deadline, signal)
      if (why === undefined) return true
      log.info({ streamId: asked.stream.id, why }, 'message refused')
      asked.stream.refuse('LIMITED')
      return false
    },
    leave: async ({ stream: { id, deadline }, message }) => await limits.leave(id, message, deadline)
  }
}

function checked (verdict: unknown): boolean | string {
  if (typeof verdict === 'boolean' || typeof verdict === 'string') return verdict
  throw new TypeError('access.decide gives true, false or a sentence')
}
