import t from 'tap'
import { attemptFailed } from '../../../../lib/sources/attempts.ts'
import { nameSource } from '../../../../lib/sources/names.ts'
import type { Source } from '../../../../lib/sources/source.ts'
import type { Outcome } from '../../../../lib/stores/store.ts'
import { StreamReports } from '../../../../lib/streams/report/stream-reports.ts'
import { StreamSourceContext } from '../../../../lib/streams/source-context.ts'
import { Watchdog } from '../../../../lib/streams/watchdog.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { listen } from '../../../fixtures/signals.ts'

const watchdog = new Watchdog(createManualClock(), { firstTokenTimeoutMs: 1, idleTimeoutMs: 1 }, Infinity, () => {})
const measures = { durationMs: 900, firstPieceMs: 10, chunks: 3, bytes: 7, usage: { inputTokens: 1 } }
const chat = { scope: '/', user: 'li' }

function setUp () {
  const [clock, log] = [createManualClock(), createLog()]
  const reports = new StreamReports({ instance: 'i', clock, log })
  reports.nameBot('/', { bot: 'Robot', pseudonymOf: id => id && `hash of ${id}` })
  return { clock, log, reports }
}

t.test('a stream has one line that says all of it when its delivery is known', async t => {
  const { clock, log, reports } = setUp()
  const report = reports.open({ id: 's', chat: { scope: '/', group: 'g' } }, { sender: 'li', awaitsReply: true, restarts: 2 })
  report.isFollowed = true
  report.sourceCalled(nameSource((async function * () {}) as Source, { name: 'openai', model: 'm' }))
  await clock.advance(40)
  reports.replied('s')
  await clock.advance(40)
  reports.replied('s')
  for (const hasFrame of [true, true, false]) reports.refreshed('s', hasFrame)
  report.ended({ reason: 'END', outcome: { status: 'done' }, measures, firstTextMs: 20 })
  reports.left(report, { how: 'ended' })
  t.strictSame(log.summaries, [])
  reports.settle('s', 'delivered')
  reports.settle('s', 'fetched')
  reports.close()
  t.strictSame(log.summaries, [{
    level: 'info',
    message: 'stream summary',
    fields: {
      streamId: 's',
      bot: 'Robot',
      user: 'hash of li',
      chat: 'hash of g',
      source: 'openai',
      model: 'm',
      outcome: 'done',
      finishReason: 'END',
      class: undefined,
      firstReplyMs: 40,
      firstTextMs: 20,
      durationMs: 900,
      chunks: 3,
      bytes: 7,
      usage: { inputTokens: 1 },
      refreshes: 3,
      frames: 4,
      restarts: 2,
      delivery: 'delivered'
    }
  }])
})

t.test('what nobody follows is told when it has ended and its message has a reply, in either order', async t => {
  const { log, reports } = setUp()
  const end = { reason: 'END', outcome: { status: 'done' }, measures } as const
  const refused = reports.open({ id: 'refused', chat }, { awaitsReply: true })
  reports.bornEnded(refused, { status: 'done', notice: 'DENIED' })
  t.strictSame(log.summaries, [])
  reports.replied('refused')
  const slow = reports.open({ id: 'slow', chat }, { awaitsReply: true })
  reports.replied('slow')
  slow.ended(end)
  reports.left(slow, { how: 'ended' })
  const own = reports.open({ id: 'own' }, {})
  own.ended(end)
  reports.left(own, { how: 'ended' })
  const busy = reports.open({ id: 'busy' }, {})
  reports.bornEnded(busy, { status: 'error', failure: { code: 'BUSY', reference: 'r' } })
  const empty = reports.open({ id: 'empty' }, {})
  reports.bornEnded(empty, { status: 'done' })
  t.strictSame(log.summaries.map(({ fields: { streamId, user, finishReason, class: failure, delivery } }) =>
    [streamId, user, finishReason, failure, delivery]), [
    ['refused', 'hash of li', 'DENIED', undefined, 'none'], ['slow', 'hash of li', 'END', undefined, 'none'],
    ['own', undefined, 'END', undefined, 'none'], ['busy', undefined, 'BUSY', 'BUSY', 'none'],
    ['empty', undefined, 'END', undefined, 'none']
  ])
})

t.test('at shutdown what is not known is unknown; what was left to others, or never was, is not told', async t => {
  const { log, reports } = setUp()
  for (const [id, how] of [['kept', 'ended'], ['handed', 'handed-over'], ['fenced', 'fenced'], ['never', 'discarded']] as const) {
    const report = reports.open({ id, chat }, {})
    report.isFollowed = true
    reports.left(report, { how })
  }
  reports.replied('never')
  reports.refreshed('never', true)
  reports.close()
  t.strictSame(log.summaries.map(({ fields: { streamId, delivery } }) => [streamId, delivery]), [['kept', 'unknown']])
})

t.test('a source is told by its name, how it ended, and which of its requests had failed', async t => {
  const told = listen(t, ['source', 'turn'])
  const { log, reports } = setUp()
  const source = nameSource((async function * () {}) as Source, { name: 'openai', model: 'm' })
  for (const [reason, failure, outcome] of [
    ['END', undefined, 'ended'], ['LENGTH', undefined, 'ended'], ['FAILED', 'BUSY', 'failed'], ['STOP', undefined, 'left'],
    ['IDLE', 'TIMEOUT', 'left'], [undefined, undefined, 'left']
  ] as const) {
    const report = reports.open({ id: 's', chat }, {})
    report.sourceCalled(source)
    attemptFailed(new StreamSourceContext(new AbortController().signal, log, report, watchdog), 'BUSY')
    report.sourceLeft(reason, failure, measures)
    report.sourceLeft('END', undefined, measures)
    const ends = told.splice(0)
      .filter(({ channel, event }) => channel === 'source' && (event === 'error' || event === 'asyncEnd'))
    t.strictSame(ends.map(({ event }) => event), failure === undefined ? ['asyncEnd'] : ['error', 'asyncEnd'])
    t.hasStrict(ends[0]?.fields, {
      instance: 'i', bot: 'Robot', source: 'openai', model: 'm', outcome, failure, failedAttempts: ['BUSY'], chunks: 3, inputTokens: 1
    })
  }
})

t.test('a context of the host takes no note of attempts, nor does a report to which nobody listens', async t => {
  const { log, reports } = setUp()
  attemptFailed({}, 'BUSY')
  const report = reports.open({ id: 's' }, {})
  report.sourceCalled((async function * () {}) as Source)
  attemptFailed(new StreamSourceContext(new AbortController().signal, log, report, watchdog), 'BUSY')
  report.sourceLeft('END')
  reports.left(report, { how: 'ended' })
  t.hasStrict(log.lines, [])
})

t.test('it is known when a source has last answered, and when and how one has last failed', async t => {
  const { clock, reports } = setUp()
  const end = (reason: string, outcome: Outcome, source = true): void => {
    const report = reports.open({ id: reason }, {})
    if (source) report.sourceCalled((async function * () {}) as Source)
    report.ended({ reason, outcome, measures })
    reports.left(report, { how: 'ended' })
  }
  const failed = (code: 'BUSY' | 'BROKEN'): Outcome => ({ status: 'error', failure: { code, reference: 'r' } })
  end('END', { status: 'done' }, false)
  end('STOP', { status: 'done' })
  end('SHUTDOWN', failed('BROKEN'))
  end('OWNER_LOST', failed('BROKEN'))
  t.strictSame(reports.sourceHealth(), {})
  const at = clock.now()
  end('END', { status: 'done' })
  await clock.advance(5)
  end('FAILED', failed('BUSY'))
  t.strictSame(reports.sourceHealth(), { lastSuccessAt: at, lastFailure: { class: 'BUSY', at: at + 5 } })
})

t.test('a source and a turn that were left before they had said anything are told with nothing said', async t => {
  const told = listen(t, ['source', 'turn'])
  const { reports } = setUp()
  const report = reports.open({ id: 's', chat }, {})
  report.sourceCalled((async function * () {}) as Source)
  report.sourceLeft()
  reports.left(report, { how: 'handed-over' })
  t.hasStrict(told.filter(({ event }) => event === 'asyncEnd').map(({ context }) => context), [
    { outcome: 'left', chunks: 0, finishReason: undefined }, { exit: 'handed-over', chunks: 0, bytes: 0, outcome: undefined }
  ])
})

t.test('a line that nobody reads is not made: no id is hashed for it', async t => {
  const [clock, log] = [createManualClock(), createLog()]
  let hashed = 0
  const reports = new StreamReports({ instance: 'i', clock, log: { ...log, isLevelEnabled: level => level === 'warn' } })
  reports.nameBot('/', { bot: 'Robot', pseudonymOf: id => { hashed++; return id } })
  const report = reports.open({ id: 's', chat }, {})
  report.ended({ reason: 'END', outcome: { status: 'done' }, measures })
  reports.left(report, { how: 'ended' })
  t.strictSame([log.summaries, hashed], [[], 0])
})
