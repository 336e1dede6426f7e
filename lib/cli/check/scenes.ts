import { freshMsgid, freshResponseUrl } from '../../simulator/message.ts'
import type { SimulatedSender } from '../../simulator/message.ts'
import type { Clock } from '../../util/clock.ts'
import { sleep } from '../../util/waiting.ts'
import { isFinal, streamOf } from './bot.ts'
import type { Bot, Wire } from './bot.ts'

/** A message, and its refreshes up to the end or to the end of patience. */
export interface Conversation {
  message: Record<string, unknown>
  sender: SimulatedSender
  /** Whatever the bot gave as `stream.id`. */
  id: unknown
  first: Wire
  refreshes: Wire[]
  /** The answers to the message and to its refreshes. */
  wires: Wire[]
  finished: boolean
}

/** What checks look at. Each is played once, when the first check asks for it. */
export interface Scenes {
  /** The URL, verified once. */
  verification (): Promise<Wire>
  /** A refresh of a stream that nobody knows, which is a callback without consequences. */
  probe (): Promise<Wire>
  /** The prompt in a single chat. */
  conversation (): Promise<Conversation>
  /** Two refreshes of it at the same time, and two more one after the other, all after its end. */
  afterwards (): Promise<{ parallel: Wire[], serial: Wire[] }>
  /** The message of the conversation, delivered again after its end. */
  repetition (): Promise<Wire>
  /** A message that is delivered twice at the same time. */
  twins (): Promise<Wire[]>
  /** Three messages of one user at the same time. */
  three (): Promise<Wire[]>
  group (): Promise<Wire>
  quote (): Promise<Wire>
  image (): Promise<Wire>
  mixed (): Promise<Wire>
  voice (): Promise<Wire>
  file (): Promise<Wire>
  video (): Promise<Wire>
  unknownType (): Promise<Wire>
  /** A prompt of many alphabets. */
  multibyte (): Promise<Conversation>
}

export type SceneName = keyof Scenes

/** How many messages a bot may count in each, one that forgets what it has seen included. */
export const MESSAGES: Record<SceneName, number> = {
  verification: 0,
  probe: 0,
  conversation: 1,
  afterwards: 0,
  repetition: 1,
  twins: 2,
  three: 3,
  group: 1,
  quote: 1,
  image: 1,
  mixed: 1,
  voice: 1,
  file: 1,
  video: 1,
  unknownType: 1,
  multibyte: 1
}

/** Nobody knows this stream. */
export const PROBE = { msgtype: 'stream', stream: { id: 'simulated-unknown-stream' } }
export const PROBER = { user: 'simulated-prober' }

export interface SceneOptions {
  bot: Bot
  clock: Clock
  prompt: string
  /** From an answer to the next refresh. */
  intervalMs: number
  /** How long an answer may take as a whole. */
  timeoutMs: number
  signal: AbortSignal
}

/** Of alphabets of one to four bytes in UTF-8, with what JSON, HTML and URLs escape. */
export const MULTIBYTE = 'naïve "Ω" 你好，世界 😀 a+b%2B \\n <b>&amp;</b>'

const text = (content: string): Record<string, unknown> => ({ msgtype: 'text', text: { content } })
const MEDIA = { url: 'https://wecom.invalid/media/simulated' }

export function createScenes ({ bot, clock, prompt, intervalMs, timeoutMs, signal }: SceneOptions): Scenes {
  const say = async (message: Record<string, unknown>, sender: SimulatedSender): Promise<Wire> =>
    await bot.post({ response_url: freshResponseUrl(), ...message }, sender)
  const refresh = async ({ id, sender }: Conversation): Promise<Wire> => await bot.post({ msgtype: 'stream', stream: { id } }, sender)

  async function converse (content: string, sender: SimulatedSender): Promise<Conversation> {
    const message = { msgid: freshMsgid(), ...text(content) }
    const startedAt = clock.now()
    const first = await say(message, sender)
    const id = streamOf(first)?.['id']
    const refreshes: Wire[] = []
    const conversation: Conversation = {
      message, sender, id, first, refreshes, wires: [first], finished: isFinal(first)
    }
    while (conversation.id !== undefined && !conversation.finished && clock.now() - startedAt < timeoutMs) {
      await sleep(clock, intervalMs, signal)
      const wire = await refresh(conversation)
      refreshes.push(wire)
      conversation.wires.push(wire)
      conversation.finished = isFinal(wire)
    }
    return conversation
  }

  const alone = (name: string, message: Record<string, unknown>) => async () => await say(message, { user: `simulated-${name}` })
  const both = async (ask: () => Promise<Wire>): Promise<Wire[]> => await Promise.all([ask(), ask()])

  const scenes: Scenes = {
    verification: async () => await bot.get('1616140317555161061'),
    probe: async () => await bot.post(PROBE, PROBER),
    conversation: async () => await converse(prompt, { user: 'simulated-user' }),
    async afterwards () {
      const conversation = await shared.conversation()
      const parallel = await both(async () => await refresh(conversation))
      return { parallel, serial: [await refresh(conversation), await refresh(conversation)] }
    },
    async repetition () {
      const { message, sender } = await shared.conversation()
      return await say(message, sender)
    },
    async twins () {
      const message = { msgid: freshMsgid(), ...text(prompt) }
      return await both(async () => await say(message, { user: 'simulated-twins' }))
    },
    three: async () => await Promise.all([1, 2, 3].map(async () => await say(text(prompt), { user: 'simulated-hurry' }))),
    group: async () => await say(text(`@Bot ${prompt}`), { user: 'simulated-member', chat: 'simulated-group' }),
    quote: alone('quote', { ...text(prompt), quote: text('what was said before') }),
    image: alone('image', { msgtype: 'image', image: MEDIA }),
    mixed: alone('mixed', {
      msgtype: 'mixed', mixed: { msg_item: [{ msgtype: 'text', text: { content: prompt } }, { msgtype: 'image', image: MEDIA }] }
    }),
    voice: alone('voice', { msgtype: 'voice', voice: { content: prompt } }),
    file: alone('file', { msgtype: 'file', file: MEDIA }),
    video: alone('video', { msgtype: 'video', video: MEDIA }),
    unknownType: alone('newcomer', { msgtype: 'simulated', simulated: { content: prompt } }),
    multibyte: async () => await converse(MULTIBYTE, { user: 'simulated-polyglot' })
  }
  const shared = onceEach(scenes)
  return shared
}

/** Each function is called at most once; its result is everybody's. */
function onceEach (scenes: Scenes): Scenes {
  const played = new Map<string, unknown>()
  return Object.fromEntries(Object.entries(scenes).map(([name, play]) => [name, () => {
    if (!played.has(name)) played.set(name, play())
    return played.get(name)
  }])) as unknown as Scenes
}
