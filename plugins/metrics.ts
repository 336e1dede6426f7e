import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { isPromClient, startMetrics } from '../lib/signals/metrics.ts'
import type { MetricRegistry, PromClient } from '../lib/signals/metrics.ts'
import { ConfigError } from '../lib/util/errors.ts'
import { kStreams } from './streams.ts'

export interface MetricsPluginOptions {
  /** The package `prom-client`, or one that has its classes. */
  client: PromClient
  /** Where the metrics go; default: `client.register`. */
  registry?: MetricRegistry
}

async function metricsPlugin (fastify: FastifyInstance, options: MetricsPluginOptions): Promise<void> {
  const { client, registry = client?.register } = options
  if (!isPromClient(client)) {
    throw new ConfigError([{ name: 'option client', problem: 'is not the package prom-client, expected what its import gives' }])
  }
  const stop = startMetrics({ client, registry, streams: fastify[kStreams] })
  fastify.addHook('onClose', async () => stop())
}

/** Counts what the streams of the app do into a registry of the host's `prom-client`. */
const wecomMetrics: FastifyPluginAsync<MetricsPluginOptions> = fp(metricsPlugin, {
  name: 'wecom-metrics', fastify: '5.x', dependencies: ['wecom-streams']
})

export default wecomMetrics
export { wecomMetrics as 'module.exports' }
export type { MetricRegistry, PromClient }
