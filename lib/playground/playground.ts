import type { VerifyResult } from '../simulator/simulator.ts'
import { createTransport } from '../simulator/transport.ts'
import type { SimulatorTarget } from '../simulator/transport.ts'
import type { Clock } from '../util/clock.ts'
import { InputError } from '../util/errors.ts'
import { createId } from '../util/ids.ts'
import { isObject } from '../util/objects.ts'
import type { Credentials } from '../wecom/envelope.ts'
import { createActiveReplies } from './active-replies.ts'
import type { ActiveAnswer, Opening } from './active-replies.ts'
import { emptyAnswer } from './answer.ts'
import { createArchive } from './archive.ts'
import { testOf } from './as-test.ts'
import { EXAMPLES } from './examples.ts'
import { createMediaBox, MAX_FILE_BYTES } from './media-box.ts'
import type { SealedMedia, StoredMedia } from './media-box.ts'
import type {
  BotEntry, Conversation, ConversationHead, EventEntry, ExchangeDetail, ExchangeHead, FeedEvent, Json, Recording, Snapshot, StoredFile,
  Switches, UserEntry
} from './model.ts'
import { readRecording, recordingOf, taskIdsOf } from './recording.ts'
import { createSwitchBoard } from './switches.ts'
import { createTalk } from './talk.ts'
import { cardWarnings } from './warnings.ts'

export interface PlaygroundParts {
  target: SimulatorTarget
  /** What the page calls it; undefined for the app's own callback. */
  targetName?: string
  credentials: Credentials
  bot: string
  clock: Clock
  /** Where the bot finds media and `response_url`s, without a slash at its end; undefined if it cannot reach us. */
  address: () => string | undefined
  maxConversations?: number
  maxBytes?: number
}

export interface NewConversation {
  kind: 'single' | 'group'
  name: string
  members: string[]
}

/** What the page may ask for. Everything that it sees comes by `subscribe`. Methods throw an `InputError` for what cannot be done. */
export interface Playground {
  snapshot (): Snapshot
  /** The returned function ends it. */
  subscribe (listener: (event: FeedEvent) => void): () => void
  create (conversation: NewConversation): { id: string }
  remove (id: string): void
  send (conversation: string, user: string, message: Json, files: readonly string[]): { id: string }
  tell (conversation: string, user: string, event: Json, about?: string): { id: string }
  verify (conversation: string): Promise<VerifyResult>
  set (changes: Partial<Switches>): void
  upload (name: string, data: Buffer): StoredFile
  file (id: string): StoredMedia
  detail (n: number): ExchangeDetail
  record (conversation: string): Recording
  asTest (conversation: string): string
  load (recording: unknown): { id: string }
  /** Does again, in a new conversation, what users did in one. */
  replay (conversation: string): { id: string, done: Promise<void> }
  /** What the bot asks for by itself. */
  sealedMedia (id: string): SealedMedia | undefined
  activeReply (code: string, body: string): ActiveAnswer
  close (): void
}

export function createPlayground (parts: PlaygroundParts): Playground {
  const { clock, credentials, bot, target, targetName, address, maxConversations = 50, maxBytes = 64 * 1024 * 1024 } = parts
  const now = (): number => Math.round(clock.now())
  const listeners = new Set<(event: FeedEvent) => void>()
  const publish = (event: FeedEvent): void => { for (const listener of listeners) listener(event) }
  const used = new Set<string>()
  const switches = createSwitchBoard(clock, state => publish({ type: 'switches', switches: state }))
  const media = createMediaBox({
    encodingAESKey: credentials.encodingAESKey, maxFileBytes: MAX_FILE_BYTES, maxBytes: maxBytes / 2, now
  })
  const active = createActiveReplies(now)
  const archive = createArchive({ maxConversations, maxBytes: maxBytes / 2, publish, now, onGone: id => talk.leave(id) })
  const talk = createTalk({
    archive, switches, credentials, bot, clock, used, deliver: createTransport(target), responseUrl
  })

  function responseUrl (conversation: Conversation, entry: UserEntry | EventEntry): string | undefined {
    const base = address()
    return base === undefined ? undefined : `${base}/response?code=${active.open(openingFor(conversation, entry))}`
  }

  const openingFor = (conversation: Conversation, asked: UserEntry | EventEntry): Opening => ({
    isGroup: conversation.kind === 'group',
    onReply (message, body, answer) {
      const reply = JSON.stringify(answer)
      let entry = asked.id
      if (answer.errcode === 0) {
        const shown = activeEntry(message, asked.id)
        archive.put(conversation.id, shown)
        entry = shown.id
      }
      const head: Omit<ExchangeHead, 'n'> = {
        at: now(),
        tookMs: 0,
        kind: 'active',
        from: 'bot',
        entry,
        tries: 1,
        status: 200,
        requestBytes: Buffer.byteLength(body),
        replyBytes: reply.length,
        problems: answer.errcode === 0 ? [] : [`${answer.errcode}: ${answer.errmsg}`]
      }
      archive.record(conversation.id, head, { query: {}, requestBody: body, requestText: body, replyBody: reply, replyText: reply })
    }
  })

  function activeEntry ({ markdown, template_card: card }: Json, to: string): BotEntry {
    const entry = emptyAnswer(createId(), now(), 'active', to)
    if (isObject(card)) return { ...entry, card, warnings: cardWarnings(card, { via: 'active', used }) }
    const { content, feedback } = markdown as Json
    entry.content = String(content)
    if (isObject(feedback) && typeof feedback['id'] === 'string') entry.feedbackId = feedback['id']
    return entry
  }

  function find (id: string): Conversation {
    const found = archive.get(id)
    if (found === undefined) throw new InputError('there is no such conversation')
    return found
  }

  function open (id: string, user: string): Conversation {
    const found = find(id)
    if (found.loaded === true) throw new InputError('a conversation that was loaded can be replayed, and not be continued')
    if (!found.members.includes(user)) throw new InputError('the user is no member of this conversation')
    return found
  }

  function create ({ kind, name, members }: NewConversation, loaded = false): string {
    const id = createId()
    const head: ConversationHead = {
      id,
      kind,
      name,
      members,
      ...(kind === 'group' && { chat: `group-${id.slice(0, 8)}` }),
      createdAt: now(),
      updatedAt: now(),
      ...(loaded && { loaded })
    }
    archive.add(head)
    return id
  }

  const filesOf = (ids: readonly string[]): StoredFile[] => ids.map(id => asFile(file(id)))

  function file (id: string): StoredMedia {
    const found = media.get(id)
    if (found === undefined) throw new InputError('the file is not kept any more')
    return found
  }

  function asFile ({ id, name, type, data }: StoredMedia): StoredFile {
    const base = address()
    if (base === undefined) throw new InputError('the bot cannot reach this playground, so that no file can be sent: give --public-url')
    return { id, name, type, bytes: data.length, url: `${base}/media/${id}` }
  }

  async function replaySteps (from: Conversation, to: Conversation): Promise<void> {
    const [entries, known] = [[...from.entries], taskIdsOf(from.entries)]
    const fresh = (json: Json): Json => {
      const seen = taskIdsOf(to.entries)
      return JSON.parse(JSON.stringify(json), (key, value: unknown) =>
        key === 'task_id' && known.includes(String(value)) ? seen[known.indexOf(String(value))] ?? value : value) as Json
    }
    for (const entry of entries) {
      if (archive.get(to.id) === undefined) return
      if (entry.kind === 'user') for (const { id } of entry.files) media.renew(id)
      if (entry.kind === 'user') await talk.send(to, entry.user, entry.message, entry.files).done
      if (entry.kind === 'event') await talk.tell(to, entry.user, fresh(entry.event)).done
    }
  }

  return {
    snapshot: () => ({
      facts: {
        ...(targetName !== undefined && { target: targetName }),
        bot,
        ...(address() === undefined && { noAddress: true as const }),
        examples: [...EXAMPLES]
      },
      switches: { ...switches.state },
      conversations: archive.list()
    }),
    subscribe (listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    },
    create: conversation => ({ id: create(conversation) }),
    remove: id => archive.remove(find(id).id),
    send (id, user, message, files) {
      const { entry } = talk.send(open(id, user), user, message, filesOf(files))
      return { id: entry.id }
    },
    tell (id, user, event, about) {
      const { entry } = talk.tell(open(id, user), user, event, about)
      return { id: entry.id }
    },
    verify: async id => await talk.verify(find(id)),
    set: changes => switches.set(changes),
    upload: (name, data) => asFile(media.put(name, data)),
    file,
    detail (n) {
      const found = archive.detail(n)
      if (found === undefined) throw new InputError('what went over the wire there is not kept any more')
      return found
    },
    record: id => recordingOf(find(id)),
    asTest: id => testOf(find(id)),
    load (value) {
      const recording = readRecording(value)
      const id = create(recording, true)
      for (const entry of recording.entries) archive.put(id, entry)
      return { id }
    },
    replay (id) {
      const from = find(id)
      const to = create(from)
      return { id: to, done: replaySteps(from, find(to)) }
    },
    sealedMedia: id => media.sealed(id),
    activeReply: (code, body) => active.receive(code, body),
    close () {
      talk.leave()
      switches.close()
      listeners.clear()
    }
  }
}
