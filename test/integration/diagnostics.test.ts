import { channel } from 'node:diagnostics_channel'
import t from 'tap'
import { CHANNELS, FIELDS } from '../../lib/diagnostics/channels.ts'
import { createPseudonyms } from '../../lib/diagnostics/pseudonyms.ts'
import { SourceError } from '../../plugins/index.ts'
import type { ReplyPart } from '../../plugins/index.ts'
import { buildApp, follow, keys, post, refreshMessage, textMessage } from '../fixtures/app.ts'
import { listen } from '../fixtures/signals.ts'
import { throwing } from '../fixtures/sources.ts'
import { until } from '../fixtures/waiting.ts'

const EVENTS = ['start', 'end', 'error', 'asyncStart', 'asyncEnd']
const LIB = new URL('../../lib/', import.meta.url).pathname
const SECRETS = /canary|user-of-the-tests|group-of-the-tests|a-token-of-the-tests|kWxPEV2UEDy/
const pseudonymOf = createPseudonyms(keys.token)

const chat = { from: { userid: 'user-of-the-tests' }, chattype: 'group', chatid: 'group-of-the-tests' }

async function * canary (): AsyncGenerator<string | ReplyPart> {
  yield 'the canary '
  yield 'sings'
  yield { type: 'end', reason: 'stop', usage: { inputTokens: 3, outputTokens: 4 } }
}

const summariesOf = (lines: Array<Record<string, unknown>>) => lines.filter(({ msg }) => msg === 'stream summary')

/** How often a context is made: each reads the clock of the process once. */
async function contextsMadeIn (work: () => Promise<void>): Promise<number> {
  const { now } = performance
  let made = 0
  performance.now = () => {
    const caller = new Error('where').stack?.split('\n')[2] ?? ''
    if (caller.includes(LIB) && !caller.includes('/util/clock.ts')) made++
    return now.call(performance)
  }
  try {
    await work()
  } finally {
    performance.now = now
  }
  return made
}

t.test('without a subscriber no context is made and nothing is published', async t => {
  const { app, lines } = await buildApp(t, { source: canary })
  let published = 0
  for (const name of Object.values(CHANNELS)) {
    for (const event of EVENTS) {
      const one = channel(`tracing:${name}:${event}`)
      t.notOk(one.hasSubscribers)
      one.publish = () => { published++ }
      t.teardown(() => { Reflect.deleteProperty(one, 'publish') })
    }
  }
  const talk = async (): Promise<void> => {
    const { stream } = await post(app, textMessage('hi', chat))
    await follow(app, stream.id as string, chat)
    await post(app, textMessage('hi'), { keys: { ...keys, token: 'wrong' } })
    await until(() => summariesOf(lines).length > 0)
  }
  t.equal(await contextsMadeIn(talk), 0)
  t.equal(published, 0)
  const told = listen(t)
  lines.length = 0
  t.ok(await contextsMadeIn(talk) >= 5, 'they are with one')
  t.equal(told.length > 0 || published > 0, true)
})

t.test('a conversation is told from its request to its delivery, with no word of what was said', async t => {
  const told = listen(t)
  const { app, lines } = await buildApp(t, { source: canary, sources: { canary }, botName: 'Robot' })
  const { stream } = await post(app, textMessage('hi canary', chat))
  const id = stream.id as string
  const frames = await follow(app, id, chat)
  await until(() => summariesOf(lines).length === 1)
  const user = pseudonymOf('user-of-the-tests')
  const people = { user, chat: pseudonymOf('group-of-the-tests') }

  const ofTurn = told.filter(({ channel, fields }) => channel !== 'callback' || fields['kind'] !== 'refresh')
  t.strictSame(ofTurn.filter(({ event, context }) => !(event === 'start' && context['kind'] === 'refresh') &&
    !(event === 'end' && context['kind'] === 'refresh')).map(({ channel, event }) => `${channel}.${event}`).sort(), [
    'callback', 'turn', 'source', 'delivery'
  ].flatMap(name => ['start', 'end', 'asyncStart', 'asyncEnd'].map(event => `${name}.${event}`)).sort())
  const last = (name: string) => told.findLast(({ channel, event }) => channel === name && event === 'asyncEnd')?.context
  const first = told.find(({ channel, event }) => channel === 'callback' && event === 'asyncEnd')?.context
  t.hasStrict(first, { kind: 'message', outcome: 'answered', status: 200, bot: 'Robot', pair: 'present', streamId: id, ...people })
  t.hasStrict(last('callback'), { kind: 'refresh', outcome: 'answered', streamId: id, ...people })
  t.hasStrict(last('turn'), {
    streamId: id,
    ...people,
    exit: 'ended',
    outcome: 'done',
    finishReason: 'END',
    source: 'canary',
    chunks: 2,
    bytes: 16,
    restarts: 0,
    inputTokens: 3,
    outputTokens: 4,
    failure: undefined
  })
  t.equal(last('turn')?.['callback'], first)
  t.hasStrict(last('source'), { streamId: id, source: 'canary', outcome: 'ended', finishReason: 'END', chunks: 2, failedAttempts: [] })
  t.equal(last('source')?.['turn'], last('turn'))
  t.hasStrict(last('delivery'), { streamId: id, ...people, outcome: 'fetched', bot: 'Robot' })

  for (const { channel, context } of told) {
    const unknown = Object.keys(context).filter(field => !(FIELDS[channel] as readonly string[]).includes(field))
    t.strictSame(unknown, [], `${channel} has no field that the page does not name`)
  }
  t.notMatch(JSON.stringify(told.map(({ context }) => context)).replaceAll('"canary"', ''), SECRETS)
  const [summary] = summariesOf(lines)
  t.hasStrict(summary, {
    level: 30,
    streamId: id,
    bot: 'Robot',
    ...people,
    source: 'canary',
    outcome: 'done',
    finishReason: 'END',
    chunks: 2,
    bytes: 16,
    usage: { inputTokens: 3, outputTokens: 4 },
    refreshes: frames.length,
    frames: frames.length + 1,
    restarts: 0,
    delivery: 'fetched'
  })
  for (const field of ['firstReplyMs', 'firstTextMs', 'durationMs']) t.type(summary?.[field], 'number', field)
  t.notMatch(JSON.stringify(summary).replace('"canary"', ''), SECRETS)
  t.strictSame(lines.filter(({ level, msg, ...fields }) => level >= 30 && fields['streamId'] === id && msg !== 'stream summary'), [])
})

t.test('what fails is told as an error with its class', async t => {
  const told = listen(t)
  const { app, lines } = await buildApp(t, { source: throwing(new SourceError({ class: 'QUOTA', cause: new Error('canary') }), 'a') })
  const { stream } = await post(app, textMessage('hi', chat))
  await follow(app, stream.id as string, chat)
  await until(() => summariesOf(lines).length === 1)
  const errors = told.filter(({ event }) => event === 'error')
  t.strictSame(errors.map(({ channel, fields }) => [channel, fields['failure'], fields['outcome']]), [
    ['source', 'QUOTA', 'failed'], ['turn', 'QUOTA', 'error']
  ])
  t.notMatch(JSON.stringify(told.map(({ context }) => context)), SECRETS)
  t.hasStrict(summariesOf(lines)[0], { outcome: 'error', class: 'QUOTA', finishReason: 'FAILED', source: 'host', delivery: 'fetched' })
})

t.test('a refused request is told with its code, also one whose body was never read', async t => {
  const told = listen(t, ['callback'])
  const { app } = await buildApp(t, { bodyLimitBytes: 2000 })
  await post(app, textMessage('hi'), { keys: { ...keys, token: 'wrong' } })
  await post(app, textMessage('x'.repeat(5000)))
  await post(app, { msgtype: 'event', msgid: 'e', event: { eventtype: 'enter_chat' } })
  await post(app, refreshMessage('no id'))
  const ends = told.filter(({ event }) => event === 'asyncEnd').map(({ fields: { kind, outcome, code, status } }) => ({
    kind, outcome, ...(code !== undefined && { code }), status
  }))
  t.strictSame(ends, [
    { kind: 'unknown', outcome: 'refused', code: 'WECOM_ERR_SIGNATURE', status: 403 },
    { kind: 'unknown', outcome: 'refused', code: 'WECOM_ERR_BODY_TOO_LARGE', status: 413 },
    { kind: 'event', outcome: 'empty', status: 200 },
    { kind: 'refresh', outcome: 'answered', status: 200 }
  ])
  t.equal(told.filter(({ event }) => event === 'error').length, 2)
  t.equal(told.at(-1)?.context['streamId'], undefined, 'what is no id of ours is not told')
})

t.test('hashes have a key of their own if one is set, and two apps are told apart', async t => {
  const told = listen(t, ['turn'])
  for (let apps = 0; apps < 2; apps++) {
    const { app } = await buildApp(t, { source: canary, hashSecret: 'a secret' })
    await post(app, textMessage('hi', chat))
    await app.startStream('hi')
  }
  const starts = told.filter(({ event }) => event === 'start').map(({ fields }) => fields)
  t.strictSame(starts.map(({ user }) => user), Array(2).fill([createPseudonyms('a secret')('user-of-the-tests'), undefined]).flat())
  t.equal(new Set(starts.map(({ instance }) => instance)).size, 2)
})
