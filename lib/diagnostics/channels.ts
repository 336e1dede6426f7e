import { tracingChannel } from 'node:diagnostics_channel'
import type { TracingChannel } from 'node:diagnostics_channel'
import type { Contexts } from './contexts.ts'

/** The names of the tracing channels of the package. */
export const CHANNELS = {
  callback: 'fastify-wecom-stream:callback',
  turn: 'fastify-wecom-stream:turn',
  source: 'fastify-wecom-stream:source',
  store: 'fastify-wecom-stream:store',
  delivery: 'fastify-wecom-stream:delivery'
} as const

export type ChannelName = keyof typeof CHANNELS

type FieldsOf = { readonly [Name in ChannelName]: ReadonlyArray<keyof Contexts[Name]> }

/** All that a context can have, in the order of the documents. */
export const FIELDS = {
  callback: [
    'instance', 'bot', 'kind', 'outcome', 'code', 'status', 'pair', 'streamId', 'user', 'chat', 'requestBytes', 'replyBytes', 'startedAt',
    'durationMs'
  ],
  turn: [
    'instance', 'bot', 'streamId', 'user', 'chat', 'callback', 'restarts', 'traceparent', 'linkedTo', 'source', 'model', 'exit', 'outcome',
    'finishReason', 'failure', 'firstPieceMs', 'firstTextMs', 'chunks', 'bytes', 'inputTokens', 'outputTokens', 'startedAt', 'durationMs'
  ],
  source: [
    'instance', 'bot', 'streamId', 'turn', 'source', 'model', 'outcome', 'finishReason', 'failure', 'failedAttempts', 'firstPieceMs',
    'chunks', 'inputTokens', 'outputTokens', 'startedAt', 'durationMs'
  ],
  store: ['instance', 'bot', 'kind', 'operation', 'outcome', 'startedAt', 'durationMs'],
  delivery: ['instance', 'bot', 'streamId', 'user', 'chat', 'outcome', 'sent', 'bytes', 'reason', 'startedAt', 'durationMs']
} as const satisfies FieldsOf

type Channels = { readonly [Name in ChannelName]: TracingChannel<object, Contexts[Name]> }

/** Ask for `hasSubscribers` before a context is made: without them nothing is to be paid. */
export const channels: Channels = {
  callback: tracingChannel(CHANNELS.callback),
  turn: tracingChannel(CHANNELS.turn),
  source: tracingChannel(CHANNELS.source),
  store: tracingChannel(CHANNELS.store),
  delivery: tracingChannel(CHANNELS.delivery)
}

/** Tells that something has begun. What it has of the loop's present turn is over with it, hence `end`. */
export function publishStart<Name extends ChannelName> (name: Name, context: Contexts[Name]): Contexts[Name] {
  const channel: TracingChannel<object, Contexts[Name]> = channels[name]
  channel.start.publish(context)
  channel.end.publish(context)
  return context
}

/** Tells that it is over, after `error` if it has failed. */
export function publishEnd<Name extends ChannelName> (name: Name, context: Contexts[Name], failed: boolean): void {
  const channel: TracingChannel<object, Contexts[Name]> = channels[name]
  context.durationMs = performance.now() - context.startedAt
  if (failed) channel.error.publish(context)
  channel.asyncStart.publish(context)
  channel.asyncEnd.publish(context)
}
