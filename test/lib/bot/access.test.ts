import t from 'tap'
import type { ListName } from '../../../lib/bot/access-lists.ts'
import { createAccess } from '../../../lib/bot/access.ts'
import type { Requester, AccessDecision } from '../../../lib/bot/access.ts'
import { createHostCodeRunner } from '../../../lib/bot/hooks/host-code.ts'
import type { UserLimits } from '../../../lib/bot/user-limits.ts'
import type { OpenStream } from '../../../lib/streams/contract.ts'
import type { Logger } from '../../../lib/util/logger.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { idle } from '../../fixtures/waiting.ts'

const ENDED = new DOMException('The stream has ended', 'AbortError')

interface Setup {
  decide?: unknown
  list?: ListName
  limits?: Partial<UserLimits>
}

function setUp ({ decide, list, limits = {} }: Setup = {}) {
  const clock = createManualClock()
  const log = createLog()
  const refused: unknown[][] = []
  const access = createAccess({
    log,
    run: createHostCodeRunner({ clock, log }),
    lists: () => list,
    limits: { exceededBy: async () => undefined, leave: async () => {}, ...limits },
    decide: decide as AccessDecision | undefined
  })
  const stream = new AbortController()
  const opened = { id: 's', deadline: 12_345, refuse: (...args: unknown[]) => { refused.push(['s', ...args]) } } as unknown as OpenStream
  const message = readMessage({
    msgtype: 'mixed',
    msgid: 'm',
    aibotid: 'bot',
    chattype: 'group',
    chatid: 'group-id',
    from: {
      userid: 'zhang-san'
    },
    response_url: 'https://my-response-url',
    text: { content: '@Robot my-raw-words' }
  })
  const asked = {
    stream: opened,
    message,
    inbound: {
      text: 'my-prompt',
      media: [{ kind: 'image', url: 'https://my-media-url' }],
      quote: {
        text: 'my-quote', media: [{ kind: 'file', url: 'https://my-cited-url' }]
      }
    } as const
  }
  const inquire = async () => await access.admitsCommand(asked as never, stream.signal)
  const question = async () => await access.admitsQuestion(asked as never, stream.signal)
  return { access, clock, log, refused, opened, stream, message, asked, inquire, question }
}

t.test('where nothing is configured everybody is let in, and no timer is armed', async t => {
  const { inquire, question, refused, log, clock } = setUp()
  t.strictSame([await inquire(), await question()], [true, true])
  t.strictSame([refused, log.lines, clock.pending], [[], [], 0])
})

t.test('the host is told who asks, once, and given a logger and a signal', async t => {
  const calls: Array<[Requester, { log: Logger, signal: AbortSignal }]> = []
  const { inquire, message, log, clock, stream } = setUp(
    { decide: (who: Requester, context: { log: Logger, signal: AbortSignal }) => { calls.push([who, context]); return true } }
  )
  t.equal(await inquire(), true)
  t.strictSame(
    calls.map(([who]) => who), [{ sender: 'zhang-san', bot: 'bot', chat: { type: 'group', id: 'group-id' }, message: message.raw }]
  )
  t.equal(clock.pending, 0)
  const [, context] = calls[0] ?? []
  t.equal(context?.signal.aborted, false)
  context?.log.info({}, 'decided')
  t.strictSame(log.lines, [{ level: 'info', message: 'decided', fields: { streamId: 's', hook: 'access.decide' } }])
  stream.abort(ENDED)
  t.equal(context?.signal.aborted, true)
})

t.test('true lets in; false and sentences refuse, at once or later', async t => {
  for (const wrap of [(value: unknown) => value, async (value: unknown) => { await idle(); return value }, (value: unknown) => ({
    then: (resolve: (value: unknown) => void) => resolve(value)
  })]) {
    for (const [given, admitted, told] of [[true, true, []], [false, false, [['s', 'DENIED', '']]], [
      'Not you.', false, [['s', 'DENIED', 'Not you.']]
    ], ['', false, [['s', 'DENIED', '']]]] as const) {
      for (const method of ['inquire', 'question'] as const) {
        const { refused, log, clock, ...ask } = setUp({ decide: () => wrap(given) })
        t.equal(await ask[method](), admitted)
        t.strictSame(refused, told)
        t.strictSame(log.lines, admitted ? [] : [{ level: 'info', message: 'message refused', fields: { streamId: 's', why: 'decide' } }])
        t.equal(clock.pending, 0)
      }
    }
  }
})

t.test('it fails closed, with a line that tells the operator and nothing of the message', async t => {
  const telling = 'my-prompt, @Robot my-raw-words, my-quote https://my-media-url https://my-cited-url https://my-response-url zhang-san sk-secret1234'
  for (const [decide, cause] of [
    [() => { throw new Error(telling) }, { type: 'Error' }],
    [async () => { throw new Error('@Robot my-raw-words') }, { type: 'Error' }],
    [async () => { await idle(); throw new TypeError('directory') }, { type: 'TypeError', message: 'directory' }],
    [() => { throw null }, { type: 'object' }], // eslint-disable-line no-throw-literal
    ...[undefined, null, 0, 1, {}, [], () => true, Symbol('x'), { ok: true }].map(
      given => [() => given, { message: 'access.decide gives true, false or a sentence' }] as const
    ),
    ['no function', { type: 'TypeError' }]
  ] as Array<[unknown, object]>) {
    const { inquire, refused, log, clock } = setUp({ decide })
    t.equal(await inquire(), false)
    t.strictSame(refused, [['s', 'DENIED', '']])
    t.hasStrict(log.lines, [
      { level: 'error', message: 'a hook failed', fields: { streamId: 's', hook: 'access.decide', cause } },
      { level: 'info', message: 'message refused', fields: { streamId: 's', why: 'decide' } }
    ])
    t.notMatch(JSON.stringify(log.lines), /my-|zhang-san|sk-secret/)
    t.equal(clock.pending, 0)
  }
})

t.test('it fails closed for a message that says little, too', async t => {
  const { access, refused, opened, log } = setUp({ decide: () => { throw new Error('the prompt was: prompt') } })
  t.equal(await access.admitsCommand(
    { stream: opened, message: readMessage({ msgtype: 'text' }), inbound: { text: 'prompt', media: [] } },
    new AbortController().signal
  ), false)
  t.equal(refused.length, 1)
  t.hasStrict(log.lines[0], { fields: { cause: { message: 'the [redacted] was: [redacted]' } } })
})

t.test('a host that takes longer than ten seconds refuses, and is told', async t => {
  let signal: AbortSignal | undefined
  const { inquire, refused, log, clock } = setUp(
    { decide: async (_who: Requester, context: { signal: AbortSignal }) => { signal = context.signal; return await new Promise(() => {}) } }
  )
  let admitted: boolean | undefined
  const asking = inquire().then(answer => { admitted = answer })
  await idle()
  await clock.advance(9999)
  t.equal(admitted, undefined)
  t.equal(signal?.aborted, false)
  await clock.advance(1)
  await asking
  t.equal(admitted, false)
  t.equal(signal?.aborted, true)
  t.strictSame(refused, [['s', 'DENIED', '']])
  t.hasStrict(
    log.lines, [{ level: 'warn', message: 'a hook takes too long', fields: { hook: 'access.decide', waitedMs: 10_000 } }, { level: 'info' }]
  )
})

t.test('what a late host says does not count, whatever it is', async t => {
  let settleIt!: { resolve: (value: unknown) => void, reject: (error: unknown) => void }
  for (const end of ['resolve', 'reject'] as const) {
    const { inquire, refused, clock } = setUp({ decide: () => new Promise((resolve, reject) => { settleIt = { resolve, reject } }) })
    const asking = inquire()
    await idle()
    await clock.advance(10_000)
    t.equal(await asking, false)
    settleIt[end](true)
    await idle()
    t.equal(refused.length, 1)
  }
})

t.test('a stream that ends while the host decides is left alone', async t => {
  const { question, refused, log, clock, stream } = setUp({ decide: () => new Promise(() => {}) })
  const asking = question()
  await idle()
  stream.abort(ENDED)
  await t.rejects(asking, ENDED)
  t.strictSame([refused, log.lines, clock.pending], [[], [], 0])
})

t.test('a limit is looked at after the host, for questions only', async t => {
  const counted: unknown[][] = []
  const exceededBy: UserLimits['exceededBy'] = async (...args) => { counted.push(args); return 'rate' }
  const strict = setUp({ limits: { exceededBy }, decide: () => false })
  t.equal(await strict.question(), false)
  t.strictSame(counted, [])
  const { inquire, question, refused, log, message } = setUp({ limits: { exceededBy }, decide: () => true })
  t.equal(await inquire(), true)
  t.strictSame(counted, [])
  t.equal(await question(), false)
  t.strictSame(counted.map(args => args.slice(0, 3)), [['s', message, 12_345]])
  t.type(counted[0]?.[3], AbortSignal, 'nobody waits for a store whose question is over')
  t.strictSame(refused, [['s', 'LIMITED']])
  t.strictSame(log.lines, [{ level: 'info', message: 'message refused', fields: { streamId: 's', why: 'rate' } }])
})

t.test('a limit that cannot be looked at lets nobody in', async t => {
  const { question } = setUp({ limits: { exceededBy: async () => { throw new Error('away') } } })
  await t.rejects(question(), { message: 'away' })
})

t.test('a question that is over leaves the limits', async t => {
  const left: unknown[][] = []
  const { access, asked, message } = setUp({ limits: { leave: async (...args) => { left.push(args) } } })
  await access.leave(asked as never)
  t.strictSame(left, [['s', message, 12_345]])
})

t.test('the lists refuse messages and events, and only an event is logged here', async t => {
  const { access, log, message } = setUp({ list: 'chat list' })
  t.equal(access.refusedBy(message), 'chat list')
  t.strictSame(log.lines, [])
  t.equal(access.admitsEvent(message), false)
  t.strictSame(log.lines, [{ level: 'info', message: 'event refused', fields: { why: 'chat list' } }])
  const open = setUp()
  t.equal(open.access.refusedBy(message), undefined)
  t.equal(open.access.admitsEvent(message), true)
  t.strictSame(open.log.lines, [])
})
