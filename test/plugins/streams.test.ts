import t from 'tap'
import callback from '../../plugins/callback.ts'
import wecomStream, { SourceError } from '../../plugins/index.ts'
import type { Source, StreamState } from '../../plugins/index.ts'
import streams from '../../plugins/streams.ts'
import type { StreamsPluginOptions } from '../../plugins/streams.ts'
import { createApp, keys, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import { createManualClock } from '../fixtures/clock.ts'
import { createHandSource, throwing, yielding } from '../fixtures/sources.ts'
import { idle } from '../fixtures/waiting.ts'

const ID = /^[0-9a-f]{32}$/

async function build (options: StreamsPluginOptions = {}) {
  const built = createApp(t)
  const hand = createHandSource()
  await built.app.register(streams, { source: hand.source, shutdownGraceMs: 0, ...options })
  return { ...built, hand }
}

t.test('a stream is started, read as it grows, and kept when it is done', async t => {
  const { app, hand } = await build()
  const id = await app.startStream('hi')
  t.match(id, ID)
  t.same(await app.getStreamState(id), { status: 'running', content: '', cursor: 0 })
  t.hasStrict(hand.call().turn, { prompt: 'hi' })
  await hand.call().push('Hello')
  t.same(await app.getStreamState(id), { status: 'running', content: 'Hello', cursor: 5 })
  await hand.call().end()
  t.same(await app.getStreamState(id), { status: 'done', content: 'Hello', cursor: 5 })
})

t.test('a state with a cursor has what came since', async t => {
  const { app, hand } = await build()
  const id = await app.startStream('hi')
  await hand.call().push('Hello')
  const { cursor } = await app.getStreamState(id)
  await hand.call().push(' 😀')
  t.hasStrict(await app.getStreamState(id, { from: cursor }), { delta: ' 😀', cursor: 8 })
  t.hasStrict(await app.getStreamState(id, { from: 0 }), { delta: 'Hello 😀' })
  t.hasStrict(await app.getStreamState(id, { from: 99 }), { delta: '' })
  t.notOk('delta' in await app.getStreamState(id, {}))
  for (const from of [-1, 0.5, NaN, Infinity, '1' as unknown as number]) {
    await t.rejects(app.getStreamState(id, { from }), { code: 'WECOM_ERR_INPUT' }, String(from))
  }
})

t.test('an unknown stream is missing', async t => {
  const { app } = await build()
  const missing = { status: 'missing', content: '', cursor: 0 }
  t.same(await app.getStreamState('nobody'), missing)
  t.same(await app.getStreamState('nobody', { from: 3 }), { ...missing, delta: '' })
  t.same(await app.stopStream('nobody'), missing)
  const states: StreamState[] = []
  for await (const state of app.followStream('nobody')) states.push(state)
  t.same(states, [missing])
})

t.test('a stopped stream is stopping at once, and ends done with the text it had', async t => {
  const { app, hand } = await build()
  const id = await app.startStream('hi')
  await hand.call().push('half')
  t.same(await app.stopStream(id), { status: 'stopping', content: 'half', cursor: 4 })
  t.equal(hand.call().context.signal.aborted, true)
  await idle()
  const done = { status: 'done', content: 'half', cursor: 4 }
  t.same(await app.getStreamState(id), done)
  t.same(await app.stopStream(id), done, 'stopping again changes nothing')
})

t.test('a failed stream tells its class, its sentence and its reference', async t => {
  const { app, lines } = await build({ source: throwing(new Error('the cause'), 'half'), texts: { failures: { INTERNAL: 'sorry' } } })
  const id = await app.startStream('hi')
  await idle()
  await idle()
  const state = await app.getStreamState(id)
  t.match(state, { status: 'error', content: 'half', cursor: 4, error: { code: 'INTERNAL', text: 'sorry', reference: /^[0-9a-f]{8}$/ } })
  t.equal(lines.filter(line => line['reference'] === state.error?.reference).length, 1)
})

t.test('a stream is followed to its end, or until one has enough', async t => {
  const { app, hand } = await build()
  const id = await app.startStream('hi')
  const contents: string[] = []
  const following = (async () => {
    for await (const { content, status } of app.followStream(id)) contents.push(`${status} ${content}`)
  })()
  await idle()
  await hand.call().push('a')
  await hand.call().push('b')
  await hand.call().end()
  await following
  t.same(contents, ['running ', 'running a', 'running ab', 'done ab'])

  const other = await app.startStream('hi')
  const abort = new AbortController()
  const seen: string[] = []
  for await (const { status } of app.followStream(other, { signal: abort.signal })) {
    seen.push(status)
    abort.abort()
  }
  t.same(seen, ['running'])
})

t.test('a stream may have a source of its own', async t => {
  const { app, hand } = await build({ sources: { mine: yielding('mine') } })
  for (const [source, content] of [['mine', 'mine'], [yielding('its own'), 'its own']] as const) {
    const id = await app.startStream({ prompt: 'hi', source, sender: 'me' })
    await idle()
    t.hasStrict(await app.getStreamState(id), { status: 'done', content })
  }
  t.equal(hand.calls.length, 0)
  await t.rejects(app.startStream({ prompt: 'hi', source: 'nobody' }), { code: 'WECOM_ERR_INPUT', message: /mock, mine/ })
  for (const bad of [undefined, null, 5, {}, { prompt: 5 }]) {
    await t.rejects(app.startStream(bad as unknown as string), { code: 'WECOM_ERR_INPUT' })
  }
})

t.test('the limits of the settings hold', async t => {
  const clock = createManualClock()
  const { app, hand } = await build({
    clock,
    maxRunning: 1,
    maxQueued: 1,
    deadlineMs: 1000,
    firstTokenTimeoutMs: 300,
    idleTimeoutMs: 200,
    maxContentBytes: 4,
    retentionMs: 5000,
    maxFinished: 2
  })
  const first = await app.startStream('1')
  const queued = await app.startStream('2')
  t.equal(hand.calls.length, 1, 'one runs, one waits')
  await t.rejects(app.startStream('3'), { code: 'WECOM_ERR_BUSY', statusCode: 503 })

  await clock.advance(300)
  t.hasStrict(await app.getStreamState(first), { status: 'error', error: { code: 'TIMEOUT' } }, 'first token')
  await hand.call().push('ab')
  await clock.advance(200)
  t.hasStrict(await app.getStreamState(queued), { status: 'error', content: 'ab' }, 'idle')

  const long = await app.startStream('4')
  await hand.call().push('abcdef')
  t.hasStrict(await app.getStreamState(long), { status: 'done', content: 'abcd' }, 'content')
  t.hasStrict(await app.getStreamState(first), { status: 'missing' }, 'how many are kept')

  const slow = await app.startStream('5')
  await hand.call().push('a')
  for (let n = 0; n < 6; n++) {
    await hand.call().push('')
    await clock.advance(150)
  }
  t.hasStrict(await app.getStreamState(slow), { status: 'running' }, 'alive')
  await clock.advance(100)
  t.hasStrict(await app.getStreamState(slow), { status: 'error', error: { code: 'TIMEOUT' } }, 'the deadline')
  await clock.advance(5001)
  t.hasStrict(await app.getStreamState(slow), { status: 'missing' }, 'retention')
})

t.test('the deadline and the bytes kept are settings', async t => {
  const clock = createManualClock()
  const { app, hand } = await build({ clock, deadlineMs: 1000, maxFinishedBytes: 10 })
  const late = await app.startStream('hi')
  for (let n = 0; n < 10; n++) {
    await hand.call().push('x')
    await clock.advance(100)
  }
  t.hasStrict(await app.getStreamState(late), { status: 'error', content: 'xxxxxxxxxx', error: { code: 'TIMEOUT' } })
  const other = await app.startStream('hi')
  await hand.call().push('y')
  await hand.call().end()
  t.hasStrict(await app.getStreamState(other), { status: 'done' })
  t.hasStrict(await app.getStreamState(late), { status: 'missing' })
})

t.test('draining takes no new stream, waits for those under way, and ends them by force after the grace', async t => {
  const clock = createManualClock()
  const { app, hand } = await build({ clock, shutdownGraceMs: 1000 })
  const [first, second] = [await app.startStream('1'), await app.startStream('2')]
  const drained = app.drainStreams()
  await t.rejects(app.startStream('3'), { code: 'WECOM_ERR_CLOSED', statusCode: 503 })
  await hand.call(0).push('whole')
  await hand.call(0).end()
  t.hasStrict(await app.getStreamState(first), { status: 'done', content: 'whole' }, 'still readable')
  await hand.call(1).push('half')
  await clock.advance(999)
  t.hasStrict(await app.getStreamState(second), { status: 'running' })
  await clock.advance(1)
  await drained
  t.hasStrict(await app.getStreamState(second), { status: 'error', content: 'half' })
})

t.test('closing drains, and leaves no timer', async t => {
  const clock = createManualClock()
  const { app, hand } = await build({ clock, shutdownGraceMs: 1000 })
  const id = await app.startStream('1')
  let closed = false
  const closing = app.close().then(() => { closed = true })
  await idle()
  await hand.call().push('a')
  t.hasStrict(await app.getStreamState(id), { status: 'running', content: 'a' })
  t.equal(closed, false)
  await hand.call().end()
  await closing
  t.equal(clock.pending, 0)
  t.hasStrict(await app.getStreamState(id), { status: 'missing' })
})

t.test('all faults of the settings, the source and the texts come in one error', async t => {
  const { app } = createApp(t)
  const options = {
    deadlineMs: 0,
    openai: {
      temperature: 3
    },
    mock: { chunks: 'x' },
    sources: { mine: 5 },
    source: 'gpt',
    texts: { expird: 'x' },
    token: 'x'
  }
  await t.rejects(async () => { await app.register(streams, options as unknown as StreamsPluginOptions) }, {
    code: 'WECOM_ERR_CONFIG',
    faults: [
      {
        name: 'option openai.temperature'
      }, { name: 'option deadlineMs' }, { name: 'option token' }, { name: 'option mock.chunks' }, { name: 'option sources.mine' },
      { name: 'option source' }, { name: 'option texts.expird' }
    ]
  })
})

t.test('the environment is read where it is given, and no other', async t => {
  process.env['STREAM_MAX_RUNNING'] = 'nonsense'
  t.teardown(() => delete process.env['STREAM_MAX_RUNNING'])
  await build()
  await t.rejects(build({ env: { STREAM_MAX_RUNNING: 'nonsense' } }), { code: 'WECOM_ERR_CONFIG' })
})

t.test('without settings the mock is asked, by the clock of the system', async t => {
  const { app } = createApp(t)
  await app.register(streams, { mock: { chunkDelayMs: 1 } })
  const id = await app.startStream('hi')
  const states: StreamState[] = []
  for await (const state of app.followStream(id)) states.push(state)
  t.hasStrict(states.at(-1), { status: 'done', content: 'Q: hi\nHello world! This is a stream.' })
})

t.test('a follower can leave while it waits for something to happen', async t => {
  const { app, hand } = await build()
  const id = await app.startStream('hi')
  const states = app.followStream(id)[Symbol.asyncIterator]()
  t.hasStrict(await states.next(), { done: false, value: { status: 'running' } })
  const waiting = states.next()
  await idle()
  await states.return?.()
  t.hasStrict(await waiting, { done: true })
  t.same(await states.next(), { done: true, value: undefined })
  await hand.call().end()
})

t.test('when the app is ready, the log says which source is asked, where state is kept, and the paths of all callbacks', async t => {
  const { app, lines } = await build()
  await app.ready()
  t.hasStrict(lines, [{ level: 30, source: 'of the host', state: 'in this process', callbacks: [], msg: 'streams are ready' }])
  const bots = createApp(t)
  await bots.app.register(wecomStream, { ...keys, env: {}, prefix: '/v1' })
  await bots.app.register(callback, { ...keys, path: '/two' })
  t.strictSame(bots.lines, [])
  await bots.app.ready()
  t.hasStrict(bots.lines, [{ source: 'mock', state: 'in this process', callbacks: ['/v1/wecom/callback', '/two'] }])
  t.equal(bots.lines.length, 1)
})

t.test('the mock in production is a warning, unless it is one of the host', async t => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const warnings = async (options: StreamsPluginOptions): Promise<unknown[]> => {
    const { app, lines } = createApp(t)
    await app.register(streams, options)
    await app.ready()
    return lines.filter(({ level }) => level === 40).map(({ msg }) => msg)
  }
  const warning = ['the mock answers in production: set OPENAI_API_KEY, or give a source of yours']
  t.strictSame(await warnings({ env: { NODE_ENV: 'production' } }), warning)
  process.env['NODE_ENV'] = 'production'
  for (const options of [{}, { env: {} }, { source: 'mock' }]) t.strictSame(await warnings(options), warning)
  for (const options of [
    { env: { NODE_ENV: 'test' } }, { source: yielding('x') }, { sources: { mock: yielding('x') } }, { openai: { apiKey: 'k' } }
  ]) t.strictSame(await warnings(options), [])
})

t.test('draining waits until WeCom has fetched how its streams have ended', async t => {
  const { app } = createApp(t)
  const clock = createManualClock()
  const hand = createHandSource()
  await app.register(wecomStream, { ...keys, env: {}, source: hand.source, clock, firstReplyGraceMs: 0 })
  const timestamp = String(Math.floor(clock.now() / 1000))
  const { stream } = await post(app, textMessage('hi'), { timestamp })
  let drained = false
  const draining = app.drainStreams().then(() => { drained = true })
  await hand.call().push('done')
  await hand.call().end()
  t.notOk(drained)
  const last = await post(app, refreshMessage(stream.id), { timestamp })
  t.hasStrict(last.stream, { finish: true, content: 'done' })
  await draining
  t.ok(drained)
  await app.close()
  t.equal(clock.pending, 0)
})

t.test('closing gives up no later than Fastify would, and leaves no timer', async t => {
  const { app } = createApp(t, { pluginTimeout: 3700 })
  const source = async function * () { yield 'x'; await new Promise(() => {}) }
  await app.register(wecomStream, { ...keys, env: {}, source, firstReplyGraceMs: 0 })
  const id = await app.startStream('hi')
  const states = app.followStream(id)
  await app.close()
  for await (const state of states) t.hasStrict(state, { status: 'missing' })
})

t.test('closing takes its whole grace where Fastify sets no limit', async t => {
  const { app } = createApp(t, { pluginTimeout: 0 })
  const clock = createManualClock()
  await app.register(
    wecomStream, { ...keys, env: {}, source: async function * () { await new Promise(() => {}) }, clock, shutdownGraceMs: 20_000 }
  )
  await app.startStream('hi')
  let closed = false
  const closing = app.close().then(() => { closed = true })
  await idle()
  await clock.advance(19_999)
  t.notOk(closed)
  await clock.advance(1)
  await closing
})

t.test('closing without a fetch leaves no timer', async t => {
  const { app } = createApp(t)
  const clock = createManualClock()
  await app.register(wecomStream, { ...keys, env: {}, source: yielding('x'), clock, firstReplyGraceMs: 0, shutdownGraceMs: 0 })
  await post(app, textMessage('hi'), { timestamp: String(Math.floor(clock.now() / 1000)) })
  await idle()
  await app.close()
  t.equal(clock.pending, 0)
})

t.test('with a client of Redis streams are kept there, and the client is left open', async t => {
  const asked: string[] = []
  const client = {
    sendCommand: async (args: string[]): Promise<never> => {
      asked.push(...args.filter(arg => arg.startsWith('mine:')))
      throw new Error('away')
    },
    destroy: () => t.fail('it is the host\'s')
  }
  const { app } = await build({ redis: { client, prefix: 'mine:' }, onOwnerLost: 'finish' })
  await t.rejects(app.startStream('hi'), { code: 'WECOM_ERR_UNAVAILABLE', cause: { message: 'away' } })
  t.not(asked.length, 0)
  await app.close()
})

t.test('a server of Redis that is away keeps no app from starting', async t => {
  const { app, lines } = await build({ redis: { url: 'redis://127.0.0.1:1' } })
  await t.rejects(app.startStream('hi'))
  t.hasStrict(lines.filter(({ level }) => level === 50), [{ msg: 'Redis is away' }])
  await app.close()
})

t.test('the app tells its health, and a route does if one is asked for', async t => {
  const { app } = createApp(t)
  await app.register(streams, { source: yielding('hello'), healthPath: '/healthz' })
  t.hasStrict(app.wecomHealth(), { ready: false, live: true, store: { kind: 'memory' }, running: 0, bytes: 0 })
  await app.ready()
  await app.startStream('hi')
  await idle()
  await idle()
  t.hasStrict(app.wecomHealth(), { ready: true, degraded: [], bytes: 5 })
  t.strictSame(Object.keys(app.wecomHealth().source), ['lastSuccessAt'])
  const { statusCode, headers, body } = await app.inject('/healthz')
  t.equal(statusCode, 200)
  t.equal(headers['cache-control'], 'no-store')
  const { instance, ...told } = app.wecomHealth()
  t.match(instance, /^[0-9a-f]{8}$/)
  t.strictSame(JSON.parse(body), told)
  await app.drainStreams()
  t.equal((await app.inject('/healthz')).statusCode, 200, 'nobody else has what this process has')
  await app.close()
  t.hasStrict(app.wecomHealth(), { live: false })

  const { app: other } = createApp(t)
  await other.register(streams, { source: yielding('hello') })
  t.equal((await other.inject('/healthz')).statusCode, 404)
})

t.test('a source that fails is degraded', async t => {
  const { app } = await build({ source: throwing(new SourceError({ class: 'AUTH' })) })
  await app.startStream('hi')
  await idle()
  await idle()
  await app.ready()
  t.hasStrict(app.wecomHealth(), { degraded: ['source'], source: { lastFailure: { class: 'AUTH' } }, ready: true })
})

t.test('health tells what is under way, and a replica that leaves its work to others is not ready', async t => {
  const { app } = createApp(t)
  const source: Source = async function * () {
    yield 'abc'
    await new Promise(() => {})
  }
  await app.register(streams, { source })
  await app.ready()
  await app.startStream('hi')
  await idle()
  t.hasStrict(app.wecomHealth(), { running: 1, queued: 0, bytes: 3 })
  await app.close()

  const { app: replica } = createApp(t)
  await replica.register(streams, { source, redis: { url: 'redis://127.0.0.1:1' }, healthPath: '/healthz' })
  await replica.ready()
  t.equal((await replica.inject('/healthz')).statusCode, 200, 'a store that is away takes no replica away')
  await replica.drainStreams()
  t.equal((await replica.inject('/healthz')).statusCode, 503)
  t.hasStrict(replica.wecomHealth(), { ready: false, shuttingDown: true, live: true, bytes: 0 })
  await replica.close()
})
