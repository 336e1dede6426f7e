import { InputError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import type { BotEntry, Conversation, Entry, Json, Recording, Step } from './model.ts'

const FORMAT = 'fastify-wecom-stream/conversation@1'
const MAX_ENTRIES = 2000
const MAX_MEMBERS = 50

export function recordingOf ({ kind, name, members, entries }: Conversation): Recording {
  return { format: FORMAT, kind, name, members, steps: entries.flatMap(stepOf), entries }
}

function stepOf (entry: Entry): Step[] {
  if (entry.kind === 'user') return [{ at: entry.at, user: entry.user, message: entry.message }]
  return entry.kind === 'event' ? [{ at: entry.at, user: entry.user, event: entry.event }] : []
}

/** A file may come from anywhere: what the page relies on is checked, all else is left out. */
export function readRecording (value: unknown): Recording {
  if (!isObject(value) || value['format'] !== FORMAT) throw new InputError(`this is no recorded conversation: format must be ${FORMAT}`)
  const { kind, name, members, entries } = value
  if (kind !== 'single' && kind !== 'group') throw new InputError('kind must be single or group')
  if (!isTextList(members) || members.length === 0 || members.length > MAX_MEMBERS) {
    throw new InputError('members must be a list of user ids')
  }
  if (!Array.isArray(entries) || entries.length > MAX_ENTRIES) throw new InputError(`entries must be a list of at most ${MAX_ENTRIES}`)
  const read = entries.map(readEntry)
  return { format: FORMAT, kind, name: String(name), members, steps: read.flatMap(stepOf), entries: read }
}

function readEntry (value: unknown, index: number): Entry {
  const wrong = (): InputError => new InputError(`entries[${index}] is none`)
  if (!isObject(value)) throw wrong()
  const { kind, at, user, problems } = value
  const common = { id: `entry-${index}`, at: Number(at), problems: isTextList(problems) ? problems : [] }
  if (kind === 'user' && isObject(value['message']) && typeof user === 'string') {
    return { ...common, kind, user, message: value['message'], files: [], state: value['state'] === 'failed' ? 'failed' : 'delivered' }
  }
  if (kind === 'event' && isObject(value['event']) && typeof user === 'string') {
    const outcome = (['empty', 'shown', 'updated', 'failed'] as const).find(one => one === value['outcome']) ?? 'failed'
    return { ...common, kind, user, event: value['event'], outcome }
  }
  if (kind !== 'bot') throw wrong()
  return { ...common, ...readAnswer(value) }
}

function readAnswer (value: Json): Omit<BotEntry, 'id' | 'at' | 'problems'> {
  const { via, content, frames, images, card, gaveUp } = value
  return {
    kind: 'bot',
    via: (['stream', 'welcome', 'active', 'event'] as const).find(one => one === via) ?? 'stream',
    content: String(content),
    running: false,
    gaveUp: gaveUp === true,
    frames: Number(frames),
    images: isTextList(images) ? images : [],
    ...(isObject(card) && { card }),
    warnings: []
  }
}

const isTextList = (value: unknown): value is string[] => Array.isArray(value) && value.every(one => typeof one === 'string')

/** The `task_id` of the cards in the order of their coming, by which a card that is used again is found in a replay. */
export const taskIdsOf = (entries: readonly Entry[]): string[] => entries.flatMap(entry => {
  const taskId = entry.kind === 'bot' ? entry.card?.['task_id'] : undefined
  return typeof taskId === 'string' ? [taskId] : []
})
