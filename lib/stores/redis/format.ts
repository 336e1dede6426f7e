import { Buffer } from 'node:buffer'
import type { HistoryTurn } from '../../sources/source.ts'
import { hashOf } from '../../util/ids.ts'
import type { StoredStatus } from '../status.ts'
import type { Channel, Outcome, StreamMetadata } from '../store.ts'
import type { SeenStream } from './recent-streams.ts'

/*
 * What stands in Redis. Two versions share one during a deployment, so this may be extended, and not changed: what is there is read by
 * the version before, and it writes less. `test/fixtures/redis-format` holds what older builds have written.
 *
 * A stream is a hash, the strings of its two texts, a hash of its notes (each note as JSON), and the work for another process. All but
 * the work share one time to live. Fields of the hash:
 *   b  birth, in microseconds      v  version                    n  version of the notes
 *   e  epoch of the owner          t  epoch that wrote the text  s  status
 *   c  length of the content       r  length of the reasoning, both in UTF-16 units
 *   l  end of the lease, 0 once the owner has given it up        h  chat, o outcome: JSON, or empty
 *   m  key of the claim, or empty
 * Fields that may be missing, as older versions write none of them:
 *   xc xr  bytes of content and reasoning, behind the epoch whose text that is: those of another epoch say nothing
 *   q  epoch of the last owner that has called its source
 *   a  epoch and token of an adoption
 *   k  the looks that have found its owner silent: `since last lease` (when they began, when the latest was, the lease that they saw)
 *   p  since when it is stopping
 *
 * A claim is the id of the message's stream. A line is two sorted sets: who stands in it by the order of coming, and by the time at
 * which the place is given up. A conversation is the time at which it was cleared, in microseconds, and the list of its turns, each as
 * its bytes, an id and JSON, with colons between. A fact is a string. A count is a number, and each attempt at counting has a key of
 * its own behind it with what was answered, so that it may be repeated.
 */

/** Where keys begin and how they are told apart from those of others. */
export const DEFAULT_PREFIX = 'wecom:'

/** A hash tag for a name of any length and content. Ids of ours stay readable. */
export const hashTag = (name: string): string => `{${/^[\da-f]{32}$/.test(name) ? name : hashOf(name)}}`

export type StreamKeys = [stream: string, content: string, reasoning: string, metadata: string, work: string]

export function streamKeys (prefix: string, id: string): StreamKeys {
  const stream = `${prefix}s:${hashTag(id)}`
  return [stream, `${stream}:c`, `${stream}:r`, `${stream}:n`, `${stream}:w`]
}

export const claimKey = (prefix: string, claim: string): string => `${prefix}m:${hashTag(claim)}`

export function queueKeys (prefix: string, key: string): [order: string, ends: string] {
  const order = `${prefix}l:${hashTag(key)}`
  return [order, `${order}:e`]
}

export function historyKeys (prefix: string, key: string): [cleared: string, turns: string] {
  const cleared = `${prefix}h:${hashTag(key)}`
  return [cleared, `${cleared}:t`]
}

export const factKey = (prefix: string, key: string): string => `${prefix}f:${hashTag(key)}`

export function countKeys (prefix: string, key: string, attempt: string): [count: string, answer: string] {
  const count = `${prefix}n:${hashTag(key)}`
  return [count, `${count}:${attempt}`]
}

/** Written to see whether the node takes writes that a key leads to. */
export const lookKey = (prefix: string, key: string): string => `${prefix}p:${/\{.+?\}/.exec(key)?.[0] ?? '{p}'}`

/** A turn, as it stands in the list of a conversation. */
export const turnText = (turn: HistoryTurn, id: string): string =>
  `${Buffer.byteLength(turn.prompt) + Buffer.byteLength(turn.reply)}:${id}:${JSON.stringify(turn)}`

export const idOfTurn = (text: string): string => text.split(':', 2)[1] as string
export const turnOf = (text: string): HistoryTurn => JSON.parse(text.slice(text.indexOf('{'))) as HistoryTurn

/** `base` is what the reply was asked with: what the reply leaves out stands there. */
export function seenStream (id: string, reply: unknown[], base: SeenStream | undefined): SeenStream {
  const [
    birth, version, notesVersion, textEpoch, status, chat, outcome, grown, content, reasoning
  ] = reply.slice(0, 10).map(String) as Fields
  const head = grown === '1' ? base : undefined
  const { failure, notice }: Partial<Outcome> = outcome === '' ? {} : JSON.parse(outcome)
  const { metadata, metadataBytes } = Array.isArray(reply[10])
    ? metadataOf(reply[10].map(String))
    : { ...base as SeenStream, metadata: (base as SeenStream).record.metadata }
  return {
    birth,
    version: Number(version),
    notesVersion,
    textEpoch,
    contentBytes: (head?.contentBytes ?? 0) + Buffer.byteLength(content),
    reasoningBytes: (head?.reasoningBytes ?? 0) + Buffer.byteLength(reasoning),
    metadataBytes,
    createdAt: 0,
    readAt: 0,
    record: Object.freeze({
      id,
      status: status as StoredStatus,
      content: (head?.record.content ?? '') + content,
      reasoning: (head?.record.reasoning ?? '') + reasoning,
      chat: chat === '' ? undefined : JSON.parse(chat),
      failure,
      notice,
      metadata
    })
  }
}

/** What a read is asked with: what is known already need not come again. */
export function knownOf (base: SeenStream | undefined): string[] {
  if (base === undefined) return ['', '', '', '', '0', '0']
  const { birth, version, notesVersion, textEpoch, contentBytes, reasoningBytes, isAhead } = base
  if (isAhead === true) return [birth, '', notesVersion, '', '0', '0']
  return [birth, String(version), notesVersion, textEpoch, String(contentBytes), String(reasoningBytes)]
}

/** A failover, or a server that evicts keys, may have cost the end of a text that was shown. It is known here, if it is of the same run. */
export function withAllText (seen: SeenStream, latest: SeenStream | undefined): SeenStream {
  if (latest?.birth !== seen.birth || latest.textEpoch !== seen.textEpoch) return seen
  const isShorter = (channel: Channel): boolean => {
    const [now, before] = [seen.record[channel], latest.record[channel]]
    return now.length < before.length && before.startsWith(now)
  }
  const [content, reasoning] = [isShorter('content') ? latest : seen, isShorter('reasoning') ? latest : seen]
  if (content === seen && reasoning === seen) return seen
  return {
    ...seen,
    contentBytes: content.contentBytes,
    reasoningBytes: reasoning.reasoningBytes,
    isAhead: true,
    record: Object.freeze({ ...seen.record, content: content.record.content, reasoning: reasoning.record.reasoning })
  }
}

type Fields = [string, string, string, string, string, string, string, string, string, string]

function metadataOf (fields: readonly string[]): { metadata: StreamMetadata, metadataBytes: number } {
  const entries: Array<[string, unknown]> = []
  let metadataBytes = 0
  for (let index = 0; index < fields.length; index += 2) {
    const [name, json] = fields.slice(index, index + 2) as [string, string]
    entries.push([name, JSON.parse(json)])
    metadataBytes += json.length
  }
  return { metadata: Object.freeze(Object.fromEntries(entries)), metadataBytes }
}

/** Metadata as it is written: names and JSON in turn. */
export const fieldsOf = (metadata: StreamMetadata): string[] =>
  Object.entries(metadata).flatMap(([name, note]) => [name, JSON.stringify(note)])

/** Nothing is written as empty text. */
export const jsonOf = (value: object | undefined): string => value === undefined ? '' : JSON.stringify(value)
