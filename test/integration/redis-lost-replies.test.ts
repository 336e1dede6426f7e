import { createClient } from 'redis'
import t from 'tap'
import type { Test } from 'tap'
import type { ReplyPart, Turn, WecomStreamOptions } from '../../plugins/index.ts'
import { startActiveReplyServer } from '../fixtures/active-reply-server.ts'
import { buildApp, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import type { TestApp } from '../fixtures/app.ts'
import { TEXT_NOTICE } from '../fixtures/cards.ts'
import { scripts } from '../fixtures/redis-scripts.ts'
import { hasRedisServer, startRedisServer } from '../fixtures/redis-server.ts'
import { until } from '../fixtures/waiting.ts'

/** How the one reply is lost: with its connection, or for longer than anybody waits. */
const WAYS = ['reset', 'time-out'] as const
interface Loss {
  moment: string
  way: typeof WAYS[number]
}

const TIMEOUT_MS = 250
/** Of what comes several times in one scenario, so many are lost in turn. */
const MAX_OCCURRENCES = 3

const nameOfScript = new Map(scripts.map(({ sha, name }) => [sha, name]))
const nameOf = ([command = '', sha = '']: string[]): string => nameOfScript.get(sha) ?? command

/** Looks whether Redis is there, and which one, are no part of an answer. */
const ASIDE = new Set(['SET', 'INFO', 'EVAL'])

/** A client that loses the reply of one command, which was carried out. */
function losing (real: { sendCommand (args: string[]): Promise<unknown> }) {
  const seen: string[] = []
  let armed: Loss | undefined
  let recording = false
  let [lost, infos] = [0, 0]
  return {
    seen,
    get lost () { return lost },
    /** The connection was tried: two INFO are the last of it. */
    untilTried: () => until(() => infos >= 2),
    begin (loss?: Loss) {
      seen.length = 0
      armed = loss
      recording = true
    },
    end () { recording = false },
    client: {
      async sendCommand (args: string[]): Promise<unknown> {
        const name = nameOf(args)
        if (recording && !ASIDE.has(name)) seen.push(`${name} ${seen.filter(one => one.startsWith(`${name} `)).length}`)
        const isLost = armed !== undefined && recording && !ASIDE.has(name) && seen.at(-1) === armed.moment
        const reply = await real.sendCommand(args)
        if (name === 'INFO') infos++
        if (!isLost) return reply
        const way = armed?.way
        armed = undefined
        lost++
        if (way === 'reset') throw new Error('read ECONNRESET')
        return await new Promise(() => {})
      }
    }
  }
}

type Losing = ReturnType<typeof losing>

interface Scene {
  options: (more?: WecomStreamOptions) => WecomStreamOptions
  lossy: Losing
  apps: TestApp[]
  open: (t: Test, options: WecomStreamOptions) => Promise<TestApp>
  /** From here on one reply is lost. */
  begin (): void
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Refreshes until the bubble is over. */
async function untilOver ({ app }: TestApp, id: string): Promise<string> {
  for (const patience = Date.now() + 20_000; Date.now() < patience; await pause(20)) {
    const { stream } = await post(app, refreshMessage(id))
    if (stream.finish === true) return stream.content ?? ''
  }
  return 'never over'
}

async function ask (by: TestApp, text: string, more: object = {}): Promise<string> {
  const { stream } = await post(by.app, textMessage(text, more))
  return stream.finish === true ? stream.content ?? '' : await untilOver(by, stream.id as string)
}

/** Answers each question, and keeps what it was asked with. `held` waits for its `release`. */
function createSource () {
  const asked: Array<{ prompt: string, history: string[] }> = []
  let release = (): void => {}
  const released = new Promise<void>(resolve => { release = resolve })
  return {
    asked,
    release: () => release(),
    async * source ({ prompt, history = [] }: Turn): AsyncGenerator<string | ReplyPart> {
      asked.push({ prompt, history: history.map(turn => turn.prompt) })
      yield 'an answer '
      if (prompt === 'held') await released
      yield `to ${prompt}`
      if (prompt === 'unfetched') yield { type: 'card', card: { card_type: 'text_notice', ...TEXT_NOTICE } }
      if (prompt === 'forgetting') yield { type: 'end', reason: 'stop', historyUsed: 0 }
    }
  }
}

interface Scenario {
  name: string
  /** The moments that are its own; default all. */
  own?: RegExp
  /** Throws, or tells `t`, if something is not as it should be. */
  play (t: Test, scene: Scene, loss: Loss | undefined): Promise<void>
}

const scenarios: Scenario[] = [
  {
    name: 'a question',
    async play (t, { options, open, lossy, begin }, loss) {
      const { source, asked } = createSource()
      let finished = 0
      const bot = await open(t, options({
        source, access: { messagesPerMinute: 4, maxRunning: 1 }, onFeedback: () => {}, onFinish: () => { finished++ }
      }))
      t.equal(await ask(bot, 'before'), 'an answer to before')
      await until(() => finished === 1)
      begin()
      const answer = await ask(bot, 'forgetting')
      t.match(answer, /^an answer to forgetting(?:\n|$)/)
      await until(() => finished === 2)
      await pause(50)
      lossy.end()
      const hadNone = loss?.moment === 'history.read 0'
      const used = [{ prompt: 'forgetting', history: hadNone && asked[1]?.history.length === 0 ? [] : ['before'] }]
      t.strictSame(asked, [{ prompt: 'before', history: [] }, ...used], 'each source is called once')
      t.equal(await ask(bot, 'after'), 'an answer to after')
      t.strictSame(asked.at(-1)?.history.filter(prompt => prompt === 'forgetting').length, 1, 'it is remembered once')
      if (!hadNone) t.strictSame(asked.at(-1)?.history, ['forgetting'], 'what was left out is forgotten')
      t.equal(await ask(bot, 'the fourth'), 'an answer to the fourth')
      t.notMatch(await ask(bot, 'the fifth'), /^an answer/, 'each was counted once')
    }
  },
  {
    name: 'a question that waits behind another',
    async play (t, { options, open, lossy, begin }, loss) {
      const { source, asked, release } = createSource()
      let finished = 0
      const bot = await open(t, options({ source, onFinish: () => { finished++ } }))
      const first = ask(bot, 'held')
      await until(() => asked.length === 1)
      begin()
      let answered = false
      const second = ask(bot, 'waiting').finally(() => { answered = true })
      await until(() => answered || lossy.seen.some(moment => moment.startsWith('queues.read')))
      await pause(50)
      release()
      t.equal(await first, 'an answer to held')
      const answer = await second
      t.equal(answer, 'an answer to waiting')
      await until(() => finished === 2)
      lossy.end()
      const isHeld = loss?.moment.startsWith('history.read') !== true
      t.strictSame(asked, [
        { prompt: 'held', history: [] }, { prompt: 'waiting', history: isHeld || asked[1]?.history.length === 1 ? ['held'] : [] }
      ], 'each source is called once, in their order')
    }
  },
  {
    name: 'an adoption',
    async play (t, { options, open, lossy, begin }) {
      const gone = createSource()
      const { client: _, ...redis } = options().redis as { client: unknown, prefix: string }
      const owner = await buildApp(t, { ...options({ source: gone.source }), redis: { ...redis, url: String(server?.url) } })
      const { stream: { id = '' } } = await post(owner.app, textMessage('held'))
      await until(() => gone.asked.length === 1)
      const { source, asked, release } = createSource()
      let finished = 0
      const bot = await open(t, options({ source, onFinish: () => { finished++ } }))
      await owner.app.close()
      gone.release()
      release()
      begin()
      t.equal(await untilOver(bot, id), 'an answer to held')
      await until(() => finished === 1)
      lossy.end()
      t.strictSame(asked, [{ prompt: 'held', history: [] }], 'its source is called once')
      t.equal(Number(await admin.sendCommand(['HGET', `${redis.prefix}s:{${id}}`, 'e'])), 2, 'it is adopted once')
    }
  },
  {
    name: 'the claim of a late answer',
    // It takes five seconds.
    own: /^(?:keyValues|GET)/,
    async play (t, { options, open, lossy, begin }) {
      const wecom = await startActiveReplyServer()
      t.teardown(() => wecom.close())
      const { source } = createSource()
      const deliveries: string[] = []
      const bot = await open(t, options({
        source, activeReply: wecom.trust, onFinish: ({ delivery = '' }) => { deliveries.push(delivery) }
      }))
      begin()
      const { stream: { finish } } = await post(bot.app, textMessage('unfetched', { response_url: wecom.url() }))
      await until(() => deliveries.length === 1)
      lossy.end()
      // On a busy machine its first reply may be its last.
      t.strictSame(deliveries, [finish === true ? 'fetched' : 'delivered'])
      t.equal(wecom.calls.length, finish === true ? 0 : 1, 'it is told once')
    }
  },
  {
    name: '/new',
    async play (t, { options, open, lossy, begin }) {
      const { source, asked } = createSource()
      let finished = 0
      const bot = await open(t, options({ source, onFinish: () => { finished++ } }))
      await ask(bot, 'before')
      await until(() => finished === 1)
      begin()
      const answer = await ask(bot, '/new')
      lossy.end()
      t.equal(answer, '已开始新对话')
      await ask(bot, 'after')
      t.strictSame(asked.at(-1), { prompt: 'after', history: [] })
    }
  }
]

const server = hasRedisServer() ? await startRedisServer() : undefined
const admin = createClient({ url: server?.url ?? 'redis://127.0.0.1' })
let prefixes = 0

/** Plays a scenario, and gives the moments at which it has asked Redis. */
async function play (t: Test, { play }: Scenario, loss?: Loss): Promise<{ moments: string[], lost: number }> {
  const lossy = losing(admin)
  const apps: TestApp[] = []
  const prefix = `lost:${prefixes++}:`
  await play(t, {
    lossy,
    apps,
    begin: () => lossy.begin(loss),
    options: (more = {}) => ({ redis: { client: lossy.client, prefix, commandTimeoutMs: TIMEOUT_MS }, ...more }),
    async open (t, options) {
      const built = await buildApp(t, options)
      apps.push(built)
      await lossy.untilTried()
      return built
    }
  }, loss)
  for (const { app, lines } of apps) {
    t.notMatch(JSON.stringify(lines), /INTERNAL/, 'nothing ends as INTERNAL')
    await app.close()
  }
  return { moments: [...lossy.seen], lost: lossy.lost }
}

if (server !== undefined) {
  t.teardown(() => server.stop())
  await admin.connect()
  t.teardown(() => admin.destroy())
  t.setTimeout(120_000)
  const momentsOf = new Map<Scenario, string[]>()
  for (const scenario of scenarios) {
    await t.test(`${scenario.name}, with every reply`, async t => {
      const { moments } = await play(t, scenario)
      const isOwn = (moment: string): boolean =>
        Number(moment.split(' ')[1]) < MAX_OCCURRENCES && scenario.own?.test(moment) !== false
      momentsOf.set(scenario, [...new Set(moments)].filter(isOwn))
      t.not(momentsOf.get(scenario)?.length, 0)
    })
  }

  // Each waits most of the time.
  t.jobs = 6
  for (const [scenario, moments] of momentsOf) {
    for (const moment of moments) {
      for (const way of WAYS) {
        t.test(`${scenario.name}: the reply to ${moment} is lost by a ${way}`, { timeout: 60_000 }, async t => {
          const { lost } = await play(t, scenario, { moment, way })
          if (lost === 0) t.comment('it was not asked this time')
        })
      }
    }
  }
} else {
  t.test('there is no redis-server', { skip: process.env['CI'] !== 'true' }, t => {
    t.fail('CI needs a redis-server')
    t.end()
  })
}
