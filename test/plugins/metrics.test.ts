import { channel } from 'node:diagnostics_channel'
import client from 'prom-client'
import t from 'tap'
import { CHANNELS, publishEnd, publishStart } from '../../lib/diagnostics/channels.ts'
import type { TurnContext } from '../../lib/diagnostics/contexts.ts'
import { LABELS, METRICS } from '../../lib/signals/metric-table.ts'
import { SourceError } from '../../plugins/index.ts'
import wecomMetrics from '../../plugins/metrics.ts'
import { buildApp, createApp, follow, keys, post, textMessage } from '../fixtures/app.ts'
import { read, tableOf } from '../fixtures/documents.ts'
import { throwing, yielding } from '../fixtures/sources.ts'
import { until } from '../fixtures/waiting.ts'

/** The lines of a metric that have counted something. */
async function counted (registry: client.Registry, name: string): Promise<string[]> {
  const text = await registry.getSingleMetricAsString(name)
  return text.split('\n').filter(line => line.startsWith(name) && !line.endsWith(' 0')).map(line => line.slice(name.length))
}

const metricsOf = async (registry: client.Registry): Promise<string> => await registry.metrics()

t.test('a conversation is counted, and one that fails, and what is refused', async t => {
  const registry = new client.Registry()
  const { app, lines } = await buildApp(t, {
    source: 'well', sources: { well: yielding('hello canary'), ill: throwing(new SourceError({ class: 'QUOTA' })) }
  })
  await app.register(wecomMetrics, { client, registry })
  const { stream } = await post(app, textMessage('hi canary', { from: { userid: 'user-canary' } }))
  await follow(app, stream.id as string, { from: { userid: 'user-canary' } })
  await app.startStream({ prompt: 'hi', source: 'ill' })
  await post(app, textMessage('hi'), { keys: { ...keys, token: 'wrong' } })
  await until(() => lines.filter(({ msg }) => msg === 'stream summary').length === 2)
  t.strictSame(await counted(registry, 'wecom_streams_total'), ['{outcome="done",class="none"} 1', '{outcome="error",class="QUOTA"} 1'])
  t.strictSame((await counted(registry, 'wecom_callbacks_total')).map(line => line.replace(/ \d+$/, '')), [
    '{kind="message",code="none"}', '{kind="refresh",code="none"}', '{kind="unknown",code="WECOM_ERR_SIGNATURE"}'
  ])
  t.strictSame(await counted(registry, 'wecom_deliveries_total'), ['{outcome="fetched"} 1'])
  t.strictSame(await counted(registry, 'wecom_source_calls_total'), ['{class="none"} 1', '{class="QUOTA"} 1'])
  for (const name of ['wecom_first_reply_seconds', 'wecom_first_text_seconds']) {
    t.ok((await counted(registry, name)).includes('_count 1'), name)
  }
  t.ok((await counted(registry, 'wecom_stream_seconds')).includes('_count{outcome="done"} 1'))
  t.strictSame(await counted(registry, 'wecom_held_bytes'), [` ${app.wecomHealth().bytes}`])
  t.ok(app.wecomHealth().bytes > 0)
  t.notMatch(await metricsOf(registry), /canary|well|\/wecom\/callback/)
})

t.test('two apps of one process count themselves alone', async t => {
  const registries = [new client.Registry(), new client.Registry()]
  const apps = await Promise.all(registries.map(async registry => {
    const { app } = await buildApp(t, { source: yielding('hello') })
    await app.register(wecomMetrics, { client, registry })
    await app.ready()
    return app
  }))
  await post(apps[0] as typeof apps[number], textMessage('hi'))
  t.strictSame(await Promise.all(registries.map(async registry => await counted(registry, 'wecom_callbacks_total'))), [
    ['{kind="message",code="none"} 1'], []
  ])
})

t.test('metrics that stand in the registry are taken up, a second app is refused while the first is there', async t => {
  const registry = new client.Registry()
  const { app } = await buildApp(t, { source: yielding('hello') })
  await app.register(wecomMetrics, { client, registry })
  await post(app, textMessage('hi'))
  const { app: second } = await buildApp(t, { source: yielding('hello') })
  await t.rejects(async () => await second.register(wecomMetrics, { client, registry }), {
    code: 'WECOM_ERR_CONFIG', faults: [{ name: 'option registry' }]
  })
  await app.close()
  for (const name of Object.values(CHANNELS)) t.notOk(channel(`tracing:${name}:asyncEnd`).hasSubscribers, 'it listens no more')
  const held = await counted(registry, 'wecom_held_bytes')
  const { app: third } = await buildApp(t, { source: yielding('hello') })
  await third.register(wecomMetrics, { client, registry })
  await post(third, textMessage('hi'))
  t.strictSame(await counted(registry, 'wecom_callbacks_total'), ['{kind="message",code="none"} 2'])
  t.ok(held.length <= 1)
})

t.test('what is no prom-client is refused by name', async t => {
  for (const wrong of [undefined, null, {}, { Counter: 1, Gauge: 1, Histogram: 1 }]) {
    const { app } = await buildApp(t, { source: yielding('hello') })
    await t.rejects(async () => await app.register(wecomMetrics, { client: wrong } as never), {
      code: 'WECOM_ERR_CONFIG', faults: [{ name: 'option client' }]
    })
  }
  await t.rejects(async () => await createApp(t).app.register(wecomMetrics, { client }), /wecom-streams/)
})

t.test('whatever a channel says, labels have fixed values; adoptions, retries and Redis are counted', async t => {
  const { app } = await buildApp(t, { source: yielding('hello') })
  client.register.clear()
  t.teardown(() => client.register.clear())
  await app.register(wecomMetrics, { client })
  await app.ready()
  const { instance } = app.wecomHealth()
  const base = { instance, startedAt: performance.now() }
  const turn = publishStart('turn', { ...base, streamId: 's', restarts: 1 })
  publishEnd('turn', Object.assign(turn, { exit: 'ended', outcome: 'done', failure: 'canary' } satisfies Partial<TurnContext>), false)
  publishEnd('turn', { ...base, streamId: 's', restarts: 0, exit: 'discarded' }, false)
  publishEnd('turn', { ...base, streamId: 's', restarts: 0, exit: 'handed-over' }, false)
  publishEnd('source', { ...base, streamId: 's', source: 'canary', failedAttempts: ['BUSY', 'canary'] }, false)
  for (const kind of ['command', 'outage'] as const) {
    const context = publishStart('store', { ...base, kind, operation: 'canary' })
    context.outcome = 'away'
    publishEnd('store', context, true)
  }
  publishEnd('store', { ...base, instance: 'another', kind: 'command', operation: 'canary', outcome: 'refused' }, true)
  const { register } = client
  t.strictSame(await counted(register, 'wecom_adoptions_total'), [' 1'])
  t.strictSame(await counted(register, 'wecom_streams_total'), [
    '{outcome="done",class="other"} 1', '{outcome="handed-over",class="none"} 1'
  ])
  t.strictSame(await counted(register, 'wecom_provider_retries_total'), ['{class="BUSY"} 1', '{class="other"} 1'])
  t.strictSame(await counted(register, 'wecom_redis_outages_total'), [' 1'])
  t.strictSame((await counted(register, 'wecom_redis_seconds')).filter(line => line.startsWith('_count')), ['_count{outcome="away"} 1'])
  t.notMatch(await metricsOf(register), /canary/)
})

t.test('the page and the dashboard name the metrics and their labels', async t => {
  const rows = tableOf(read('lib/signals/README.md'), 'Metric')
  t.strictSame(rows, Object.entries(METRICS).map(([name, { type, labels, help }]) => [
    `\`${name}\``, type.toLowerCase(), labels.map(label => `\`${label}\``).join(', ') || '–', help
  ]))
  const { panels } = JSON.parse(read('lib/signals/dashboard.json')) as { panels: Array<{ targets: Array<{ expr: string }> }> }
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const shown = new Set(queries.flatMap(query => query.match(/wecom_\w+/g) ?? []).map(name => name.replace(/_bucket$/, '')))
  t.strictSame([...shown].sort(), Object.keys(METRICS).sort(), 'each is shown, and no other')
  const labels = queries.flatMap(query => [...query.matchAll(/by \(([^)]+)\)|\{(\w+)[!=]/g)].flatMap(([, by = '', one]) => one ?? by.split(', ')))
  for (const label of labels) t.ok(label === 'le' || Object.hasOwn(LABELS, label), label)
})
