import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { CHANNELS, channels, FIELDS, publishEnd, publishStart } from '../../../lib/diagnostics/channels.ts'
import { read, tableOf } from '../../fixtures/documents.ts'

const page = read('lib/diagnostics/README.md')
const codes = (text = ''): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string)

t.test('the page names the channels, and the fields of each context', async t => {
  t.strictSame(tableOf(page, 'Channel').map(([name]) => codes(name)[0]), Object.values(CHANNELS))
  const fields = tableOf(page, 'Context').map(([name, fields]) => [codes(name)[0], codes(fields)])
  t.strictSame(fields, Object.entries(FIELDS))
})

t.test('what begins and ends is told in the order that the page says', async t => {
  const told: string[] = []
  const events = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const
  const listeners = events.map(event => [`tracing:${CHANNELS.store}:${event}`, () => { told.push(event) }] as const)
  for (const [name, listener] of listeners) subscribe(name, listener)
  t.teardown(() => { for (const [name, listener] of listeners) unsubscribe(name, listener) })
  t.ok(channels.store.hasSubscribers)
  const context = publishStart('store', { instance: 'i', kind: 'command', operation: 'GET', startedAt: performance.now() })
  t.strictSame(told.splice(0), ['start', 'end'])
  publishEnd('store', context, false)
  t.strictSame(told.splice(0), ['asyncStart', 'asyncEnd'])
  t.ok((context.durationMs ?? -1) >= 0)
  publishEnd('store', context, true)
  t.strictSame(told, ['error', 'asyncStart', 'asyncEnd'])
})
