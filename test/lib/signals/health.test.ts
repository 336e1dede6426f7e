import t from 'tap'
import { createHealth } from '../../../lib/signals/health.ts'
import type { HealthOptions } from '../../../lib/signals/health.ts'
import type { StoreHealth } from '../../../lib/stores/health.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { idle } from '../../fixtures/waiting.ts'

const START = 1_700_000_000_000

function setUp (store: StoreHealth = { kind: 'memory' }, shared = false) {
  const clock = createManualClock(START)
  const load = { draining: false, open: 0, running: 1, queued: 2, oldestMs: 3, bytes: 4 }
  const known: { source: ReturnType<HealthOptions['streams']['sourceHealth']> } = { source: {} }
  const health = createHealth({
    streams: { instance: 'i', load: () => load, sourceHealth: () => known.source, shared }, store, clock
  })
  return { clock, load, known, health }
}

t.test('what is known is told at once', async t => {
  const { health } = setUp()
  health.booted()
  t.strictSame(health.read(), {
    instance: 'i',
    live: true,
    ready: true,
    degraded: [],
    shuttingDown: false,
    source: {},
    store: { kind: 'memory' },
    running: 1,
    queued: 2,
    oldestMs: 3,
    bytes: 4
  })
})

t.test('an app is ready when it has booted, and until it leaves its work to other replicas', async t => {
  for (const shared of [false, true]) {
    const { health, load } = setUp(undefined, shared)
    t.hasStrict(health.read(), { ready: false, live: true })
    health.booted()
    t.hasStrict(health.read(), { ready: true, shuttingDown: false })
    load.draining = true
    t.hasStrict(health.read(), { ready: !shared, shuttingDown: true, live: true })
    health.closed()
    t.hasStrict(health.read(), { ready: false, live: false })
  }
})

t.test('a source that fails is degraded until one answers, unless it was the question, and never unready', async t => {
  const { health, known } = setUp()
  health.booted()
  const failure = (reason: 'BUSY' | 'FILTERED' | 'BAD_REQUEST', at: number) => ({ lastFailure: { class: reason, at } })
  for (const [source, degraded] of [
    [failure('BUSY', 5), ['source']],
    [{ ...failure('BUSY', 5), lastSuccessAt: 6 }, []],
    [{ ...failure('BUSY', 7), lastSuccessAt: 6 }, ['source']],
    [failure('FILTERED', 5), []],
    [failure('BAD_REQUEST', 5), []]
  ] as const) {
    known.source = source
    t.hasStrict(health.read(), { degraded, source, ready: true })
  }
})

t.test('a shared store is asked every ten seconds at most, and nobody waits for it', async t => {
  let checks = 0
  const answer: { check: () => Promise<unknown> } = { check: async () => {} }
  const known: { policy: string | undefined, disrupted: number } = { policy: undefined, disrupted: -Infinity }
  const { health, clock } = setUp({
    kind: 'redis',
    check: async () => { checks++; await answer.check() },
    evictionPolicy: () => known.policy,
    lastDisruptionAt: () => known.disrupted
  }, true)
  health.booted()
  answer.check = async () => { await new Promise<void>(resolve => { clock.setTimeout(resolve, 7) }) }
  t.strictSame(health.read().store, { kind: 'redis', evictionPolicy: 'unknown' })
  await clock.advance(7)
  t.strictSame(health.read().store, { kind: 'redis', roundTripMs: 7, evictionPolicy: 'unknown' })
  t.equal(checks, 1)
  answer.check = async () => { throw new Error('away') }
  known.policy = 'noeviction'
  known.disrupted = START + 5.4
  await clock.advance(9993)
  health.read()
  await idle()
  t.equal(checks, 2)
  t.hasStrict(health.read(), {
    ready: true, degraded: ['store'], store: { kind: 'redis', lastDisruptionAt: START + 5, evictionPolicy: 'noeviction' }
  })
  t.notOk('roundTripMs' in health.read().store)
  answer.check = async () => {}
  await clock.advance(10_000)
  health.read()
  await idle()
  t.hasStrict(health.read(), { degraded: [], store: { roundTripMs: 0 } })
  health.closed()
  await clock.advance(10_000)
  health.read()
  t.equal(checks, 3, 'a closed one is asked no more')
})
