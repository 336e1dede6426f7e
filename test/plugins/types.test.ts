import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import promClient from 'prom-client'
import t from 'tap'
import wecomStream, {
  callback, cards, channels, createMockSource, createOpenAISource, SourceError, streams, StreamStatus
} from '../../plugins/index.ts'
import type {
  ContextLogger, EventHooks, HistoryTurn, HostCommand, Logger, ReplyPart, Source, StreamState, Turn, WecomContexts, WecomHealth,
  WecomStreamOptions
} from '../../plugins/index.ts'
import wecomMetrics from '../../plugins/metrics.ts'
import playground from '../../plugins/playground.ts'

// Compiled with the other tests and never called: what stands here has to compile, and what is marked must not.

export async function methods (app: FastifyInstance): Promise<void> {
  const id: string = await app.startStream('hi')
  await app.startStream({ prompt: 'hi', source: 'mock', sender: 'user', chat: { type: 'group', id: 'g' } })
  await app.startStream({ prompt: 'hi', source: async function * () { yield 'hello' } })
  const state: StreamState = await app.getStreamState(id, { from: 0 })
  const status: 'running' | 'done' | 'stopping' | 'error' | 'missing' = state.status
  const delta: string | undefined = state.delta
  const stopped: StreamState = await app.stopStream(id)
  for await (const { content } of app.followStream(id, { signal: AbortSignal.timeout(1) })) content.toUpperCase()
  await app.drainStreams()
  if (status === StreamStatus.DONE && delta === stopped.content) return

  // @ts-expect-error a prompt is text
  await app.startStream(5)
  // @ts-expect-error a prompt is needed
  await app.startStream({ sender: 'user' })
  // @ts-expect-error the deadline is not the caller's to choose
  await app.startStream({ prompt: 'hi', deadline: 5 })
  // @ts-expect-error an id is text
  await app.getStreamState(5)
  // @ts-expect-error a cursor is a number
  await app.getStreamState(id, { from: '0' })
  // @ts-expect-error a state is awaited
  app.stopStream(id).content.toUpperCase()
  // @ts-expect-error a status is one of five
  if (status === 'finished') return
  // @ts-expect-error what the user may see of a failure has no cause
  state.error?.cause.toString()
}

export async function signals (app: FastifyInstance): Promise<number | undefined> {
  const health: WecomHealth = app.wecomHealth()
  await app.register(wecomMetrics, { client: promClient })
  await app.register(wecomMetrics, { client: promClient, registry: new promClient.Registry() })
  // @ts-expect-error the client is the host's
  await app.register(wecomMetrics, {})
  const name: 'fastify-wecom-stream:turn' = channels.turn
  const turn: WecomContexts['turn'] = { instance: health.instance, streamId: name, restarts: 0, startedAt: 0 }
  // @ts-expect-error a context has no text
  return turn.content
}

export async function page (app: FastifyInstance): Promise<string | undefined> {
  await app.register(playground)
  await app.register(playground, { prefix: '/dev', target: 'https://bot.example/callback', publicUrl: 'https://me.example', allowRemote: true })
  // @ts-expect-error the rules of addresses are lifted or not
  await app.register(playground, { allowRemote: 'yes' })
  // @ts-expect-error the token of the page is of its own making
  await app.register(playground, { pageToken: 'x' })
  // @ts-expect-error an app without a playground has no address of one
  app.playgroundAddress().toUpperCase()
  return app.playgroundAddress?.()
}

export async function options (app: FastifyInstance): Promise<void> {
  await app.register(wecomStream)
  await app.register(wecomStream, {
    token: 't',
    encodingAESKey: 'k',
    source: 'mock',
    openai: {
      model: 'gpt-5-mini'
    },
    mock: { chunkDelayMs: 5 },
    texts: { failures: { BUSY: 'full' } }
  })
  await app.register(streams, { sources: { mine: createMockSource(), other: createOpenAISource({ apiKey: 'k' }) }, maxRunning: 5 })
  await app.register(callback, {
    token: 't',
    path: '/two',
    prefix: '/bots',
    source: 'mine',
    reasoning: 'show',
    activeReply: {
      allowedHosts: ['wecom.corp.example'], timeoutMs: 5000
    }
  })

  await app.register(callback, {
    access: {
      allowUsers: ['a', 'b'],
      denyUsers: 'c, d',
      maxRunning: 2,
      decide: async ({
        sender, chat
      }, { signal }) => sender !== undefined && chat?.type === 'single' && !signal.aborted
    }
  })

  await app.register(wecomStream, {
    routeOptions: {
      config: { rateLimit: false },
      constraints: { host: 'a' },
      onRequest: async request => { request.log.info('x') },
      schema: { headers: {} }
    }
  })
  // @ts-expect-error the body of a callback has no schema
  await app.register(callback, { routeOptions: { schema: { body: {} } } })
  // @ts-expect-error the handler is ours
  await app.register(callback, { routeOptions: { handler: async () => '' } })

  // @ts-expect-error a decision is true, false or a sentence
  await app.register(callback, { access: { decide: () => undefined } })
  // @ts-expect-error ids are text
  await app.register(callback, { access: { allowUsers: [5] } })
  // @ts-expect-error milliseconds are a number
  await app.register(wecomStream, { deadlineMs: '5' })
  // @ts-expect-error there is no such option
  await app.register(wecomStream, { nonsense: 1 })
  // @ts-expect-error thinking is hidden or shown
  await app.register(callback, { reasoning: 'maybe' })
  // @ts-expect-error the callback half has no limits
  await app.register(callback, { maxRunning: 5 })
  // @ts-expect-error the clock is that of the whole plugin
  await app.register(callback, { activeReply: { clock: { now: () => 0, setTimeout: () => () => {} } } })
  // @ts-expect-error the streams half has no credentials
  await app.register(streams, { token: 't' })
  // @ts-expect-error there is no such failure
  const wrong: WecomStreamOptions = { texts: { failures: { OOPS: 'x' } } }
  if (wrong.texts === undefined) await app.close()
}

const own: Source = async function * (turn, { signal, log, untimed }) {
  log.info({ sender: turn.sender }, 'asked')
  log.info('asked')
  log.info({})
  log.info({}, 'asked %s in %d', 'you', 5)
  log.warn('asked %s', 'you')
  log.error(new Error('x'))
  log.trace('asked')
  log.child({ tool: 'search' }).trace({ hits: 5 }, 'found')
  // @ts-expect-error a number is no line
  log.info(5)
  // @ts-expect-error pino has no such level of its own
  log.notice('asked')
  signal.throwIfAborted()
  yield await untimed(Promise.resolve('text'))
  yield { type: 'reasoning', text: 'hm' }
  yield { type: 'end', reason: 'length', usage: { inputTokens: 1 } }
  throw new SourceError({ class: 'BUSY', cause: new Error('x'), details: { attempt: 1 } })
}

const seeing: Source = async function * ({ attachments = [], quote, history = [] }: Turn) {
  for (const attachment of attachments) yield 'lost' in attachment ? attachment.lost : attachment.data
  for (const { prompt, reply, cut } of history satisfies HistoryTurn[]) yield `${prompt} ${reply} ${cut === true}`
  if (quote?.text !== undefined) yield { type: 'image', data: quote.text }
}
const hostCommand: HostCommand = {
  words: ['/who'], description: 'who', run: async ({ sender = '', conversation }) => sender + (await conversation.history()).turns.length
}

const card = () => cards.textNotice({ main_title: { title: 'x' }, card_action: { type: 1, url: 'https://example.com' } })
const hooks: EventHooks = {
  onEnterChat: async ({ sender, chat }, { log }) => {
    log.info({ type: chat.type }, 'entered')
    log.trace('entered')
    return sender === undefined ? undefined : card()
  },
  onCardEvent: ({ key, selected: [first] }) =>
    key === 'x' || first?.options.includes('y') === true ? cards.updateTemplateCard(card()) : card(),
  onFeedback ({ vote, reasons, comment = '', conversation }) {
    if (vote === 'inaccurate' && reasons.includes('wrong')) comment.concat(conversation?.chat.type ?? '')
  }
}
const silent: EventHooks = { onEnterChat () {}, onCardEvent: async () => {} }
/** A logger as the package asked for it before: these four methods, called in one way. */
interface FourMethods {
  debug (fields: object, message: string): void
  info (fields: object, message: string): void
  warn: (fields: object, message: string) => void
  error: (fields: object, message: string) => void
  child (bindings: Record<string, unknown>): FourMethods
}
const four: FourMethods = { debug () {}, info () {}, warn () {}, error () {}, child: () => four }
export function loggers (fastify: FastifyBaseLogger): Logger[] {
  createOpenAISource({ apiKey: 'k' })(
    { prompt: 'hi', deadline: 5 }, { signal: AbortSignal.abort(), log: four, untimed: async work => await work }
  )
  own({ prompt: 'hi', deadline: 5 }, { signal: AbortSignal.abort(), log: fastify, untimed: async work => await work })
  // @ts-expect-error a logger has children
  const childless: Logger = { debug () {}, info () {}, warn () {}, error () {} }
  const full: ContextLogger = fastify
  // @ts-expect-error code of the host can always trace
  const less: ContextLogger = four
  return [fastify, four, childless, full, less]
}

// @ts-expect-error a welcome is text or a card
const number: EventHooks = { onEnterChat: () => 5 }
// @ts-expect-error text takes the place of no card
const words: EventHooks = { onCardEvent: () => 'thanks' }
// @ts-expect-error there is no such vote
const misread: EventHooks = { onFeedback: ({ vote }) => vote === 'good' }

// @ts-expect-error a source yields text and parts
const numbers: Source = async function * () { yield 5 }
// @ts-expect-error a source is asynchronous
const synchronous: Source = function * () { yield 'x' }
// @ts-expect-error an answer ends with stop or length
const part: ReplyPart = { type: 'end', reason: 'bored' }
// @ts-expect-error there is no such class
const error = (): SourceError => new SourceError({ class: 'OOPS' })
// @ts-expect-error a turn has a deadline
const turn: Turn = { prompt: 'hi' }

t.test('the types say what is allowed', async t => {
  t.equal([own, seeing, hostCommand, hooks, silent, number, words, misread, numbers, synchronous, part, error, turn].length, 13)
  t.throws(error, { code: 'WECOM_ERR_INPUT' }, 'and what they forbid is refused without them')
})
