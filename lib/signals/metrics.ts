import { channels } from '../diagnostics/channels.ts'
import type { CallbackContext, DeliveryContext, SourceContext, StoreContext, TurnContext } from '../diagnostics/contexts.ts'
import type { Streams } from '../streams/streams.ts'
import { ConfigError } from '../util/errors.ts'
import { LABELS, labelOf, METRICS } from './metric-table.ts'
import type { LabelName, Metric, MetricName } from './metric-table.ts'

type Labels = Partial<Record<LabelName, string>>

interface OneMetric {
  inc? (labels: Labels, value?: number): void
  observe? (labels: Labels, value: number): void
  set? (labels: Labels, value: number): void
}

export interface MetricRegistry {
  getSingleMetric (name: string): unknown
}

type MetricClass = new (options: never) => object

/** What we use of the package `prom-client`. */
export interface PromClient {
  Counter: MetricClass
  Gauge: MetricClass
  Histogram: MetricClass
  register: MetricRegistry
}

/** A host may have handed over anything. */
export function isPromClient (client: unknown): client is PromClient {
  const given = client as Partial<PromClient> | null | undefined
  return [given?.Counter, given?.Gauge, given?.Histogram].every(metric => typeof metric === 'function')
}

export interface MetricsOptions {
  client: PromClient
  registry: MetricRegistry
  streams: Pick<Streams, 'instance' | 'load'>
}

type Load = ReturnType<Streams['load']>

/** What gauges read: of an app that has closed there is nothing to be read, until another takes its metrics up. */
interface Standing {
  load: (() => Load) | undefined
}

const standing = new WeakMap<MetricRegistry, Standing>()

/** Counts one registration of the streams into a registry, until the returned function is called. */
export function startMetrics ({ client, registry, streams }: MetricsOptions): () => void {
  const state = standing.get(registry) ?? { load: undefined }
  if (state.load !== undefined) {
    throw new ConfigError([{ name: 'option registry', problem: 'has the metrics of another app, expected a registry of its own for each' }])
  }
  standing.set(registry, state)
  state.load = () => streams.load()

  const metrics = metricsIn(client, registry, state)
  const inc = (name: MetricName, labels: Labels, count = 1): void => metrics[name].inc?.(checked(labels), count)
  const observe = (name: MetricName, labels: Labels, ms: number | undefined): void => {
    if (ms !== undefined) metrics[name].observe?.(checked(labels), ms / 1000)
  }

  const mine = <C extends { instance: string }>(take: (context: C) => void) => (context: unknown): void => {
    if ((context as C).instance === streams.instance) take(context as C)
  }

  const onCallback = mine<CallbackContext>(({ kind, code, outcome, durationMs }) => {
    inc('wecom_callbacks_total', { kind, code: code ?? 'none' })
    observe('wecom_callback_seconds', { kind }, durationMs)
    if (kind === 'message' && outcome === 'answered') observe('wecom_first_reply_seconds', {}, durationMs)
  })
  const onTurnStart = mine<TurnContext>(({ restarts }) => { if (restarts > 0) inc('wecom_adoptions_total', {}) })
  const onTurn = mine<TurnContext>(({ exit, outcome, failure, firstTextMs, durationMs }) => {
    if (exit === 'discarded') return
    const how = exit === 'ended' ? outcome : exit
    inc('wecom_streams_total', { outcome: how, class: failure ?? 'none' } as Labels)
    observe('wecom_first_text_seconds', {}, firstTextMs)
    if (exit === 'ended') observe('wecom_stream_seconds', { outcome } as Labels, durationMs)
  })
  const onSource = mine<SourceContext>(({ failure, failedAttempts }) => {
    inc('wecom_source_calls_total', { class: failure ?? 'none' })
    for (const attempt of failedAttempts) inc('wecom_provider_retries_total', { class: attempt })
  })
  const onStoreStart = mine<StoreContext>(({ kind }) => { if (kind === 'outage') inc('wecom_redis_outages_total', {}) })
  const onStore = mine<StoreContext>(({ kind, outcome, durationMs }) => {
    if (kind === 'command') observe('wecom_redis_seconds', { outcome } as Labels, durationMs)
  })
  const onDelivery = mine<DeliveryContext>(({ outcome }) => inc('wecom_deliveries_total', { outcome } as Labels))

  const subscriptions = [
    [channels.callback.asyncEnd, onCallback], [channels.turn.start, onTurnStart], [channels.turn.asyncEnd, onTurn],
    [channels.source.asyncEnd, onSource], [channels.store.start, onStoreStart], [channels.store.asyncEnd, onStore],
    [channels.delivery.asyncEnd, onDelivery]
  ] as const
  for (const [channel, listener] of subscriptions) channel.subscribe(listener)
  return () => {
    for (const [channel, listener] of subscriptions) channel.unsubscribe(listener)
    state.load = undefined
  }
}

const checked = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, labelOf(LABELS[name as LabelName], value)]))

/** Those that stand in the registry are taken up. */
function metricsIn (client: PromClient, registry: MetricRegistry, state: Standing): Record<MetricName, OneMetric> {
  return Object.fromEntries(Object.entries<Metric>(METRICS).map(([name, { type, help, labels, buckets }]) => {
    const found = registry.getSingleMetric(name)
    if (found !== undefined) return [name, found]
    const read = READINGS[name as MetricName]
    const options = {
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      ...(buckets && { buckets: [...buckets] }),
      // Called with the gauge as `this` whenever somebody scrapes.
      ...(read && { collect (this: OneMetric) { if (state.load !== undefined) read(this, state.load()) } })
    }
    return [name, new client[type](options as never)]
  })) as Record<MetricName, OneMetric>
}

const READINGS: Partial<Record<MetricName, (gauge: OneMetric, load: Load) => void>> = {
  wecom_streams (gauge, { open, running, queued }) {
    gauge.set?.({ state: 'running' }, running)
    gauge.set?.({ state: 'queued' }, queued)
    gauge.set?.({ state: 'preparing' }, open - running - queued)
  },
  wecom_held_bytes (gauge, { bytes }) { gauge.set?.({}, bytes) }
}
