import t from 'tap'
import type { Test } from 'tap'
import { createHostCodeRunner } from '../../../../lib/bot/hooks/host-code.ts'
import type { HostCall } from '../../../../lib/bot/hooks/host-code.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { idle } from '../../../fixtures/waiting.ts'

const EVENT = { chat: { type: 'single' as const }, message: {} }

function setUp () {
  const clock = createManualClock()
  const log = createLog()
  const runHostCode = createHostCodeRunner({ clock, log })
  const run = <T>(hook: string, call: HostCall<T>['call'], about: object, more: Partial<HostCall<T>> = {}) =>
    runHostCode({ hook, about, maxMs: 3000, call, ...more })
  return { clock, log, run }
}

t.test('what a hook gives is given, at once or later', async t => {
  const { run, log, clock } = setUp()
  t.same(await run('onEnterChat', () => 'hi', EVENT), { value: 'hi' })
  t.same(await run('onCardEvent', async () => undefined, EVENT), { value: undefined })
  t.strictSame(log.lines, [])
  t.equal(clock.pending, 0)
})

t.test('a hook has a logger that says whose it is', async t => {
  const { run, log } = setUp()
  await run('onFeedback', ({ log }) => { log.info({ a: 1 }, 'mine') }, EVENT)
  t.strictSame(log.lines, [{ level: 'info', message: 'mine', fields: { hook: 'onFeedback', a: 1 } }])
})

const failing: Array<[name: string, hook: () => unknown]> = [
  ['throws', () => { throw new Error('bad comment, sk-secret1234') }],
  ['rejects', async () => { throw new Error('bad comment, sk-secret1234') }]
]
for (const [name, hook] of failing) {
  t.test(`a hook that ${name} costs a line without content`, async t => {
    const { run, log, clock } = setUp()
    t.equal(await run('onFeedback', hook, { ...EVENT, message: { event: { feedback_event: { content: 'comment' } } } }), undefined)
    t.hasStrict(log.lines, [
      { level: 'error', message: 'a hook failed', fields: { hook: 'onFeedback', cause: { message: 'bad [redacted], [redacted]' } } }
    ])
    t.equal(log.lines.length, 1)
    t.equal(clock.pending, 0)
  })
}

async function callSlow (t: Test, settleIt: (resolve: (value: string) => void, reject: (error: Error) => void) => void): Promise<void> {
  const { run, log, clock } = setUp()
  let end = (): void => {}
  let given: unknown = 'not yet'
  run('onEnterChat', () => new Promise<string>((resolve, reject) => { end = () => settleIt(resolve, reject) }), EVENT).then(
    value => { given = value }, t.fail
  )
  await clock.advance(2999)
  t.equal(given, 'not yet')
  await clock.advance(1)
  t.equal(given, undefined)
  end()
  await idle()
  t.strictSame(log.lines, [{ level: 'warn', message: 'a hook takes too long', fields: { hook: 'onEnterChat', waitedMs: 3000 } }])
}

t.test('a hook that takes too long is not waited for', async t => await callSlow(t, resolve => resolve('too late')))
t.test('and may fail after that', async t => await callSlow(t, (_resolve, reject) => reject(new Error('too late'))))

t.test('what takes too long is told so by its signal', async t => {
  const { run, clock } = setUp()
  let signal: AbortSignal | undefined
  const given = run('onMessage', async context => { signal = context.signal; await new Promise(() => {}) }, EVENT)
  await clock.advance(2999)
  t.equal(signal?.aborted, false)
  await clock.advance(1)
  t.equal(signal?.aborted, true)
  t.equal(await given, undefined)
})

t.test('what is of no use without its stream is left when that ends, without a line', async t => {
  for (const end of [() => new Promise<never>(() => {}), (signal: AbortSignal) => new Promise<never>(
    (_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))
  )]) {
    const { run, log, clock } = setUp()
    const stream = new AbortController()
    let signal: AbortSignal | undefined
    const given = run(
      'onMessage', async context => { signal = context.signal; await end(context.signal) }, EVENT, { signal: stream.signal, streamId: 's' }
    )
    await idle()
    stream.abort(new Error('over'))
    t.equal(await given, undefined)
    t.equal(signal?.aborted, true)
    t.strictSame(log.lines, [])
    t.equal(clock.pending, 0)
  }
})

t.test('without a time, host code may take as long as it does', async t => {
  const log = createLog()
  const clock = createManualClock()
  const run = createHostCodeRunner({ clock, log })
  t.same(await run({ hook: 'onFinish', about: {}, streamId: 's', call: async () => { await idle(); return 1 } }), { value: 1 })
  t.equal(clock.pending, 0)
})
