import t from 'tap'
import { PolledWatchers } from '../../../../lib/stores/redis/polled-watchers.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { idle } from '../../../fixtures/waiting.ts'

function create () {
  const clock = createManualClock()
  const states = new Map<string, unknown>()
  const reads: string[] = []
  let failing = false
  const watchers: PolledWatchers = new PolledWatchers({
    clock,
    everyMs: 100,
    async read (key) {
      reads.push(key)
      if (failing) throw new Error('away')
      if (states.has(key)) watchers.see(key, states.get(key))
      else watchers.gone(key)
    }
  })
  const calls: string[] = []
  const watch = (key: string, name = key): () => void => watchers.watch(key, () => calls.push(name))
  return {
    clock,
    states,
    reads,
    watchers,
    calls,
    watch,
    fail: (value: boolean) => { failing = value },
    look: async () => {
      await clock.advance(0)
      await idle()
    }
  }
}

t.test('what is watched is read at once and at intervals, once for all who watch, until nobody does', async t => {
  const { clock, states, reads, watch, look } = create()
  states.set('k', 1)
  const options: unknown[] = []
  const { setTimeout } = clock
  clock.setTimeout = (callback, ms, given) => {
    options.push(given)
    return setTimeout(callback, ms, given)
  }
  const unwatch = [watch('k', 'a'), watch('k', 'b')]
  t.equal(reads.length, 1)
  await look()
  await clock.advance(99)
  t.equal(reads.length, 1)
  await clock.advance(1)
  t.equal(reads.length, 2)
  unwatch[0]?.()
  unwatch[0]?.()
  await clock.advance(100)
  t.equal(reads.length, 3)
  unwatch[1]?.()
  t.equal(clock.pending, 0)
  await clock.advance(1000)
  t.equal(reads.length, 3)
  t.ok(options.every(given => (given as { background: boolean }).background))
})

t.test('a change of others is told once, and no state that is not one', async t => {
  const { clock, states, calls, watch, look } = create()
  states.set('k', 1)
  watch('k')
  await look()
  await clock.advance(300)
  t.strictSame(calls, [])
  states.set('k', 2)
  await clock.advance(300)
  t.strictSame(calls, ['k'])
})

t.test('what anybody else reads counts, for it may be behind or ahead', async t => {
  const { clock, states, watchers, calls, watch, look } = create()
  states.set('k', 2)
  watch('k')
  watchers.see('k', 1)
  await look()
  t.strictSame(calls, ['k'], 'the reader has an older state than the one that is found now')
  watchers.see('k', 3)
  t.strictSame(calls, ['k', 'k'])
  watchers.see('other', 1)
  states.set('k', 3)
  await clock.advance(100)
  t.strictSame(calls, ['k', 'k'])
})

t.test('a change made here is told at once, and not again when it is found', async t => {
  const { clock, states, watchers, calls, watch, look } = create()
  states.set('k', 1)
  watch('k')
  await look()
  watchers.ring('k')
  watchers.ring('unknown')
  states.set('k', 2)
  await clock.advance(300)
  t.strictSame(calls, ['k'])
  states.set('k', 3)
  await clock.advance(100)
  t.strictSame(calls, ['k', 'k'])
})

t.test('what is gone is told and watched no more, what was never there is not told', async t => {
  const { clock, states, calls, watchers, watch, look } = create()
  states.set('k', 1)
  const unwatch = watch('k', 'old')
  watch('never')
  await look()
  states.delete('k')
  await clock.advance(100)
  t.strictSame(calls, ['old'])
  t.equal(clock.pending, 0)
  watchers.gone('k')
  t.strictSame(calls, ['old'])
  states.set('k', 1)
  watch('k', 'new')
  unwatch()
  await look()
  states.set('k', 2)
  await clock.advance(100)
  t.strictSame(calls, ['old', 'new'], 'a watcher of one that is gone is not in the way of the next')
})

t.test('a failed read is made good by the next one', async t => {
  const { clock, states, reads, calls, watch, fail, look } = create()
  states.set('k', 1)
  watch('k')
  await look()
  fail(true)
  states.set('k', 2)
  await clock.advance(300)
  t.strictSame(calls, [])
  t.equal(reads.length, 4)
  fail(false)
  await clock.advance(100)
  t.strictSame(calls, ['k'])
})

t.test('a watcher may come or go while the others are called', async t => {
  const { states, watchers, calls, watch } = create()
  states.set('k', 1)
  let unwatch = (): void => {}
  watchers.watch('k', () => {
    unwatch()
    watch('k', 'new')
  })
  unwatch = watch('k', 'b')
  watchers.ring('k')
  t.strictSame(calls, [])
  watchers.ring('k')
  t.strictSame(calls, ['new'])
})

t.test('when it is closed everybody is told once more, and nothing is read any more', async t => {
  const { clock, states, reads, watchers, calls, watch, look } = create()
  states.set('k', 1)
  watch('k')
  await look()
  states.set('reading', 1)
  watch('reading')
  watchers.close()
  watchers.close()
  await look()
  t.strictSame(calls, ['k', 'reading'])
  t.equal(clock.pending, 0)
  await clock.advance(1000)
  t.strictSame(reads, ['k', 'reading'])
})
