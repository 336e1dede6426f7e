import { FAILURE_CLASSES } from '../util/errors.ts'
import type { RefusalCode } from '../util/errors.ts'

const OTHER = 'other'

/** A label has one of these values, or is `other`: nothing that a message or a provider sends can become one. */
export const labelOf = (values: readonly string[], value: string | undefined): string =>
  value !== undefined && values.includes(value) ? value : OTHER

const REFUSALS: readonly RefusalCode[] = [
  'WECOM_ERR_QUERY', 'WECOM_ERR_BODY', 'WECOM_ERR_BODY_TOO_LARGE', 'WECOM_ERR_SIGNATURE', 'WECOM_ERR_TIMESTAMP', 'WECOM_ERR_DECRYPT',
  'WECOM_ERR_RECEIVER', 'WECOM_ERR_MESSAGE'
]

/** The values of each label. */
export const LABELS = {
  kind: ['verification', 'message', 'refresh', 'event', 'unknown'],
  code: ['none', ...REFUSALS],
  outcome: [
    'done', 'error', 'fenced', 'handed-over', 'answered', 'away', 'wrong server', 'refused', 'fetched', 'delivered', 'failed', 'unfetched'
  ],
  class: ['none', ...FAILURE_CLASSES],
  state: ['running', 'queued', 'preparing']
} as const satisfies Record<string, readonly string[]>

export type LabelName = keyof typeof LABELS

export interface Metric {
  type: 'Counter' | 'Histogram' | 'Gauge'
  help: string
  labels: readonly LabelName[]
  buckets?: readonly number[]
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 330]
const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** All that is counted and measured. */
export const METRICS = {
  wecom_callbacks_total: { type: 'Counter', help: 'Requests of WeCom, by kind and code of refusal', labels: ['kind', 'code'] },
  wecom_callback_seconds: {
    type: 'Histogram', help: 'From a request of WeCom to its reply, refreshes among them', labels: ['kind'], buckets: FAST_SECONDS
  },
  wecom_streams: { type: 'Gauge', help: 'Open streams of this process', labels: ['state'] },
  wecom_streams_total: { type: 'Counter', help: 'Streams that have left this process', labels: ['outcome', 'class'] },
  wecom_first_reply_seconds: { type: 'Histogram', help: 'From a message to its first reply', labels: [], buckets: FAST_SECONDS },
  wecom_first_text_seconds: { type: 'Histogram', help: 'From a message to the first text of its answer', labels: [], buckets: SECONDS },
  wecom_stream_seconds: { type: 'Histogram', help: 'From a message to the end of its answer', labels: ['outcome'], buckets: SECONDS },
  wecom_held_bytes: { type: 'Gauge', help: 'Text, reasoning and images that this process holds for its streams', labels: [] },
  wecom_source_calls_total: { type: 'Counter', help: 'Calls of sources, by how they failed', labels: ['class'] },
  wecom_provider_retries_total: { type: 'Counter', help: 'Requests to a provider that failed and were made anew', labels: ['class'] },
  wecom_adoptions_total: { type: 'Counter', help: 'Streams taken over from a process that had gone', labels: [] },
  wecom_deliveries_total: { type: 'Counter', help: 'Ended answers, by how they came to the user', labels: ['outcome'] },
  wecom_redis_seconds: { type: 'Histogram', help: 'From a command to Redis to its reply', labels: ['outcome'], buckets: FAST_SECONDS },
  wecom_redis_outages_total: { type: 'Counter', help: 'Outages of Redis', labels: [] }
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS
