import { setMaxListeners } from 'node:events'
import type { Clock } from '../util/clock.ts'
import { abortable, sleep } from '../util/waiting.ts'
import { checkFrames, placeholdersOf } from './frame-check.ts'
import type { Placeholders } from './frame-check.ts'
import { commonFields, freshMsgid, freshResponseUrl } from './message.ts'
import type { SimulatedSender } from './message.ts'
import type { PostOverrides, PostResult } from './post.ts'

/** What a user sends: `msgtype`, its payload, perhaps a `quote` (document 100719). The common fields are added. */
export interface SimulatedMessage {
  msgtype: string
  [field: string]: unknown
}

export interface SendOptions extends SimulatedSender {
  /** Default: a fresh one. The same one again is the same message, delivered once more. */
  msgid?: string
  /** How often the message is delivered, all at the same time; default 1. */
  repeat?: number
  /** True loses the n-th answer (from 1) on its way: WeCom does not see it, and tries again. */
  drop?: (n: number) => boolean
  /** How many more refreshes come after `finish: true`; default 0. */
  late?: number
  /** From an answer to the next refresh; default: that of the simulator. */
  refreshMs?: number
  /**
   * Waits before the n-th refresh (from 1) in place of `refreshMs`, until the signal is aborted at the latest, and says how many are
   * posted at once; default 1.
   */
  pace?: (n: number, signal: AbortSignal) => Promise<number | void>
  /** What is sent otherwise with the message; refreshes are sent as WeCom does. */
  overrides?: Omit<PostOverrides, 'lose' | 'signal'>
  /** Sent with the message, never with a refresh. The default is an address that leads nowhere. */
  responseUrl?: string
  /** Leaves the conversation: the transcript ends there. */
  signal?: AbortSignal
  /** Called with every frame as it arrives. What it throws rejects `send`. */
  onFrame?: (frame: TranscriptFrame) => void
}

export interface TranscriptFrame {
  /** When it arrived: milliseconds since the message was sent. */
  at: number
  /** From the post to its answer, in milliseconds. */
  tookMs: number
  finish: boolean
  content: string
  /** The whole plaintext. */
  reply: Record<string, unknown>
  /** It was lost on the way: WeCom has not seen it. */
  lost?: true
}

export interface Transcript {
  /** The `stream.id`; `''` if there never was one. */
  id: string
  /** In the order of arrival; the answers to a repeated message in the order of their growth. */
  frames: TranscriptFrame[]
  /** A frame with `finish: true` was seen. */
  finished: boolean
  /** The time was over before. */
  gaveUp: boolean
  /** What the user sees in the end. */
  content: string
  /** Everything that breaks the protocol or the frame contract, in sentences; empty if all is well. */
  problems: string[]
}

/** The side of WeCom that a conversation needs. */
export interface Wecom {
  post (message: object, overrides: PostOverrides): Promise<PostResult>
  clock: Clock
  bot: string
  giveUpMs: number
  texts: Placeholders | undefined
}

/** Why a conversation ends that nobody waits for any more; not a failure. */
const LEFT = new Error('the conversation was left')

export async function converse (
  wecom: Wecom, message: SimulatedMessage, options: SendOptions & { refreshMs: number }
): Promise<Transcript> {
  const { clock, giveUpMs } = wecom
  const { msgid = freshMsgid(), responseUrl = freshResponseUrl(), repeat = 1, late = 0 } = options
  const common = commonFields(wecom.bot, options)
  const startedAt = clock.now()
  const frames: TranscriptFrame[] = []
  const problems = createProblemList()
  const over = new AbortController()
  // Each of the parallel deliveries listens.
  setMaxListeners(0, over.signal)
  let answers = 0

  /** Tells whether the answer is lost on its way. */
  const take = (result: PostResult): boolean => {
    const lost = options.drop?.(++answers) === true
    const frame = toFrame(result, clock.now() - startedAt, lost)
    if (frame !== undefined) {
      frames.push(frame)
      options.onFrame?.(frame)
    }
    return lost
  }
  const ask = async (name: string, body: object, overrides?: PostOverrides): Promise<void> => {
    try {
      const result = await wecom.post(body, { ...overrides, signal: over.signal, lose: take })
      for (const problem of result.problems) problems.add(name, problem)
      if (result.reply !== undefined && streamOf(result) === undefined) problems.add(name, 'the reply has no stream')
    } catch (error) {
      // A failed delivery takes the parallel ones with it: none may outlive the call.
      over.abort(error)
      throw error
    }
  }

  // Which of parallel answers was computed first cannot be told from their arrival.
  const placeholders = placeholdersOf(wecom.texts ?? {})
  const sortFrom = (start: number): void => {
    frames.push(...frames.splice(start).sort((a, b) => growthOf(a, placeholders) - growthOf(b, placeholders)))
  }

  let gaveUp = false
  const cancel = clock.setTimeout(() => {
    gaveUp = !isFinished(frames)
    over.abort(LEFT)
  }, giveUpMs)
  const leave = (): void => over.abort(LEFT)
  options.signal?.addEventListener('abort', leave, { once: true })
  if (options.signal?.aborted === true) leave()

  try {
    const delivery = { msgid, ...common, response_url: responseUrl, ...message }
    await Promise.allSettled(Array.from({ length: repeat }, () => ask('the message', delivery, options.overrides)))
    if (repeat > 1) sortFrom(0)
    over.signal.throwIfAborted()

    const id = idOf(frames)
    let refreshes = 0
    const pace = options.pace ?? (async (_n, signal) => { await sleep(clock, options.refreshMs, signal) })
    const refresh = async (): Promise<void> => {
      const name = `refresh ${++refreshes}`
      const times = await abortable(pace(refreshes, over.signal), over.signal) ?? 1
      const before = frames.length
      await Promise.allSettled(Array.from({ length: times }, () =>
        ask(name, { msgid: freshMsgid(), ...common, msgtype: 'stream', stream: { id } })))
      if (times > 1) sortFrom(before)
      over.signal.throwIfAborted()
    }
    if (id === '') {
      problems.add('the message', 'it was not answered with a stream')
    } else {
      while (!isFinished(frames)) await refresh()
      cancel()
      for (let n = 0; n < late; n++) await refresh()
    }
  } catch (error) {
    if (error !== LEFT) throw error
    if (gaveUp) problems.add('the conversation', `no frame with finish: true within ${giveUpMs} ms`)
  } finally {
    cancel()
    options.signal?.removeEventListener('abort', leave)
  }

  return {
    id: idOf(frames),
    frames,
    finished: isFinished(frames),
    gaveUp,
    content: frames.findLast(isSeen)?.content ?? '',
    problems: [
      ...problems.list(), ...checkFrames(frames.map(frame => frame.reply), wecom.texts === undefined ? {} : { texts: wecom.texts })
    ]
  }
}

const isSeen = (frame: TranscriptFrame): boolean => frame.lost !== true
const isFinished = (frames: TranscriptFrame[]): boolean => frames.some(frame => isSeen(frame) && frame.finish)

function idOf (frames: TranscriptFrame[]): string {
  const id = frames.filter(isSeen).map(frame => (frame.reply['stream'] as Record<string, unknown>)['id']).find(id => typeof id === 'string')
  return typeof id === 'string' ? id : ''
}

function streamOf ({ reply }: PostResult): Record<string, unknown> | undefined {
  const stream = reply?.['stream']
  return typeof stream === 'object' && stream !== null ? stream as Record<string, unknown> : undefined
}

function toFrame (result: PostResult, at: number, lost: boolean): TranscriptFrame | undefined {
  const stream = streamOf(result)
  if (result.reply === undefined || stream === undefined) return undefined
  const { finish, content } = stream
  return {
    at,
    tookMs: result.tookMs,
    finish: finish === true,
    content: typeof content === 'string' ? content : '',
    reply: result.reply,
    ...(lost ? { lost } : {})
  }
}

/** What goes wrong at every refresh is told once. */
function createProblemList (): { add (name: string, problem: string): void, list (): string[] } {
  const found = new Map<string, { name: string, times: number }>()
  return {
    add (name, problem) {
      const known = found.get(problem)
      if (known === undefined) found.set(problem, { name, times: 1 })
      else known.times++
    },
    list: () => [...found].map(([problem, { name, times }]) => `${name}: ${problem}${times > 1 ? ` (${times} times)` : ''}`)
  }
}

/** Orders answers by how far their stream had come: still waiting, with some text, at its end. */
function growthOf ({ finish, content }: TranscriptFrame, placeholders: ReadonlySet<string>): number {
  if (finish) return Number.MAX_SAFE_INTEGER
  return placeholders.has(content) ? -1 : content.length
}
