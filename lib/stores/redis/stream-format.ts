import { Buffer } from 'node:buffer'
import type { StoredStatus } from '../status.ts'
import type { Channel, Outcome, StreamMetadata } from '../store.ts'
import type { SeenStream } from './recent-streams.ts'

// How a stream stands in what scripts are given and what they reply. Replicas of other versions read and write the same.

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
