import { channels, publishEnd, publishStart } from '../diagnostics/channels.ts'
import type { CallbackContext, CallbackKind, Identity } from '../diagnostics/contexts.ts'
import type { PseudonymOf } from '../diagnostics/pseudonyms.ts'
import type { Message } from './message.ts'

/** What is told of the requests to a callback. A context is undefined if nobody listens. */
export interface CallbackSignals {
  start (request: object, kind: CallbackKind, requestBytes: number): CallbackContext | undefined
  /** To be called when it is known what was asked. */
  opened (context: CallbackContext, message: Message): void
  answered (context: CallbackContext, status: number, replyBytes: number): void
  /** Also of a request that was refused before it was read. */
  refused (request: object, code: string, status: number): void
  /** Something else went wrong, for which the host has an answer. */
  failed (request: object): void
}

const KINDS: Readonly<Record<string, CallbackKind>> = { event: 'event', stream: 'refresh' }

export function createCallbackSignals (identity: Identity, pseudonymOf: PseudonymOf): CallbackSignals {
  const open = new WeakMap<object, CallbackContext>()

  function start (request: object, kind: CallbackKind, requestBytes: number): CallbackContext | undefined {
    if (!channels.callback.hasSubscribers) return undefined
    const context = publishStart('callback', { ...identity, kind, requestBytes, startedAt: performance.now() })
    open.set(request, context)
    return context
  }

  return {
    start,
    opened (context, { kind, pair, sender, isGroup, chatId, streamId }) {
      context.kind = Object.hasOwn(KINDS, kind) ? KINDS[kind] as CallbackKind : 'message'
      if (pair !== undefined) context.pair = pair
      // What a refresh names may be anything; only ids of ours are told.
      if (streamId !== undefined && STREAM_ID.test(streamId)) context.streamId = streamId
      context.user = pseudonymOf(sender)
      context.chat = pseudonymOf(isGroup ? chatId : sender)
    },
    answered (context, status, replyBytes) {
      context.outcome = replyBytes === 0 ? 'empty' : 'answered'
      context.status = status
      context.replyBytes = replyBytes
      publishEnd('callback', context, false)
    },
    refused (request, code, status) {
      const context = open.get(request) ?? start(request, 'unknown', 0)
      if (context === undefined) return
      Object.assign(context, { outcome: 'refused', code, status } satisfies Partial<CallbackContext>)
      publishEnd('callback', context, true)
    },
    failed (request) {
      const context = open.get(request)
      if (context === undefined) return
      context.outcome = 'failed'
      publishEnd('callback', context, true)
    }
  }
}

const STREAM_ID = /^[0-9a-f]{32}$/
