import t from 'tap'
import { SourceError } from '../../plugins/index.ts'
import type { Source, WecomStreamOptions } from '../../plugins/index.ts'
import { buildApp, post } from '../fixtures/app.ts'

/** What a host can throw, and what of it should be in the log. Each is made anew: a description must not change it. */
const ODD: Record<string, () => unknown> = {
  'a message getter that throws': () => Object.defineProperty(new Error('x'), 'message', { get () { throw new Error('no message') } }),
  'a cause getter that throws': () => Object.defineProperty(new Error('x'), 'cause', { get () { throw new Error('no cause') } }),
  'a code getter that throws': () => Object.defineProperty(new Error('x'), 'code', { get () { throw new Error('no code') } }),
  'a stack getter that throws': () => Object.defineProperty(new Error('x'), 'stack', { get () { throw new Error('no stack') } }),
  'a stack that is no string': () => Object.defineProperty(new Error('x'), 'stack', { value: [{ file: 'a' }] }),
  'a message that is no string': () =>
    Object.defineProperty(new Error('x'), 'message', { value: { toString () { throw new Error('no text') } } }),
  'no constructor': () => Object.defineProperty(new Error('x'), 'constructor', { value: undefined }),
  'an error without a prototype': () => Object.setPrototypeOf(new Error('x'), null),
  'an object without a prototype': () => Object.create(null),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
    revoke()
    return proxy
  },
  'a proxy whose every trap throws': () => new Proxy(new Error('x'), new Proxy({}, { get () { throw new Error('trapped') } })),
  'a cause that is a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return new Error('x', { cause: proxy })
  },
  'a class that is none': () => Object.assign(new SourceError({ class: 'BUSY' }), { class: 'NONSENSE' }),
  'a class that is inherited by every object': () => Object.assign(new SourceError({ class: 'BUSY' }), { class: 'constructor' }),
  'a class getter that throws': () =>
    Object.defineProperty(new SourceError({ class: 'BUSY' }), 'class', { get () { throw new Error('no class') } }),
  'details that throw': () =>
    Object.defineProperty(new SourceError({ class: 'BUSY' }), 'details', { get () { throw new Error('no details') } }),
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('x')
}

/** What a host may have set for all errors of its process. */
const STACK_TRACES: Record<string, typeof Error.prepareStackTrace> = {
  'call sites in place of a stack': (_error, sites) => sites,
  'a stack trace that throws': () => { throw new Error('no stack') }
}

let rejections = 0
process.on('unhandledRejection', () => { rejections++ })

const MESSAGE = { msgtype: 'text', aibotid: 'bot', chattype: 'single', from: { userid: 'zhang' }, text: { content: 'hello' } }

/** Asks one question with the given options, and waits until the answer has ended, the app is closed, and nothing is left. */
async function ask (options: WecomStreamOptions, message: object = MESSAGE) {
  const finished: string[] = []
  const { app, lines } = await buildApp(t, {
    maxRunning: 1,
    maxQueued: 0,
    onFinish: ({ state }) => { finished.push(state.status) },
    ...options
  })
  const first = await post(app, { msgid: 'one', ...message })
  const id = first.stream.id
  let last = first
  if (id !== undefined) {
    for await (const { status } of app.followStream(id)) if (status === 'done' || status === 'error') break
    last = await post(app, { ...MESSAGE, msgid: 'refresh', msgtype: 'stream', stream: { id } })
  }
  // There is one place: if the first answer kept it, the second is told that there is none.
  const second = await post(app, { ...MESSAGE, msgid: 'two', from: { userid: 'another' } })
  await app.close()
  return { statusCode: first.statusCode, last, second, lines, finished }
}

const failing = (make: () => unknown): Source => async function * () {
  yield 'some text'
  throw make()
}

async function withStackTraces<T> (prepare: typeof Error.prepareStackTrace, work: () => Promise<T>): Promise<T> {
  const before = Error.prepareStackTrace
  Error.prepareStackTrace = prepare
  try {
    return await work()
  } finally {
    Error.prepareStackTrace = before
  }
}

const busy = /当前使用人数较多/

t.test('a stream ends, and the app closes, whatever its source throws', async t => {
  const rows: Array<[name: string, run: () => ReturnType<typeof ask>]> = [
    ...Object.entries(ODD).map(([name, make]): [string, () => ReturnType<typeof ask>] => [name, () => ask({ source: failing(make) })]),
    ...Object.entries(STACK_TRACES).map(([name, prepare]): [string, () => ReturnType<typeof ask>] =>
      [name, () => withStackTraces(prepare, () => ask({ source: failing(() => new Error('x')) }))])
  ]
  for (const [name, run] of rows) {
    const { last, second, lines } = await run()
    t.equal(last.stream.finish, true, `${name}: the bubble is finished`)
    t.ok(last.stream.content?.startsWith('some text'), `${name}: the text is kept`)
    t.notMatch(String(second.stream.content), busy, `${name}: the place is free again`)
    t.equal(lines.filter(({ msg }) => msg === 'stream failed').length >= 1, true, `${name}: the failure is logged`)
  }
  t.equal(rejections, 0, 'no rejection is left unhandled')
})

t.test('a hook may throw anything, too', async t => {
  const hooks: Record<string, { options: (make: () => unknown) => WecomStreamOptions, message?: object, line: string }> = {
    onMessage: { options: make => ({ onMessage () { throw make() } }), line: 'a hook failed' },
    onFinish: { options: make => ({ onFinish () { throw make() } }), line: 'a hook failed' },
    'access.decide': { options: make => ({ access: { decide () { throw make() } } }), line: 'a hook failed' },
    onEnterChat: {
      options: make => ({ onEnterChat () { throw make() } }),
      message: { ...MESSAGE, msgtype: 'event', event: { eventtype: 'enter_chat' } },
      line: 'a hook failed'
    },
    onCardEvent: {
      options: make => ({ onCardEvent () { throw make() } }),
      message: {
        ...MESSAGE,
        msgtype: 'event',
        event: {
          eventtype: 'template_card_event', template_card_event: { card_type: 'vote_interaction', event_key: 'k', task_id: 't' }
        }
      },
      line: 'a hook failed'
    },
    onFeedback: {
      options: make => ({ onFeedback () { throw make() } }),
      message: { ...MESSAGE, msgtype: 'event', event: { eventtype: 'feedback_event', feedback_event: { id: 'f', type: 1 } } },
      line: 'a hook failed'
    },
    'a command': {
      options: make => ({ commands: { more: [{ words: ['/odd'], description: 'odd', run () { throw make() } }] } }),
      message: { ...MESSAGE, text: { content: '/odd' } },
      line: 'stream failed'
    }
  }
  for (const [hook, { options, message, line }] of Object.entries(hooks)) {
    const rows: Array<[string, () => ReturnType<typeof ask>]> = [
      ...Object.entries(ODD).map(([name, make]): [string, () => ReturnType<typeof ask>] => [name, () => ask(options(make), message)]),
      ...Object.entries(STACK_TRACES).map(([name, prepare]): [string, () => ReturnType<typeof ask>] =>
        [name, () => withStackTraces(prepare, () => ask(options(() => new Error('x')), message))])
    ]
    for (const [name, run] of rows) {
      const { statusCode, lines, second } = await run()
      t.equal(statusCode, 200, `${hook}, ${name}: WeCom gets its answer`)
      t.ok(lines.some(({ msg }) => msg === line), `${hook}, ${name}: the failure is logged`)
      t.notMatch(String(second.stream.content), busy, `${hook}, ${name}: the place is free again`)
    }
  }
  t.equal(rejections, 0, 'no rejection is left unhandled')
})
