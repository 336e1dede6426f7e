import { Cluster, Redis } from 'ioredis'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import t from 'tap'
import { clientFaults } from '../../../../lib/stores/redis/host-client.ts'

const SENTINEL = { name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] }

const problems = (client: unknown): string[] => clientFaults(client).map(({ name, problem }) => `${name} ${problem}`)

/** As if it were connected. */
const opened = <T extends object>(client: T): T => Object.defineProperty(client, 'isOpen', { value: true })

t.test('a client that can be asked has no fault, nor has none at all', async t => {
  for (const client of [undefined, opened(createClient()), opened(createCluster({ rootNodes: [{}] })), { async sendCommand () {} }]) {
    t.strictSame(problems(client), [])
  }
  const lazy = new Redis({ lazyConnect: true, keyPrefix: 'mine:' })
  t.strictSame(problems(lazy), [], 'one of ioredis connects by itself, and prefixes every key')
  t.strictSame(problems(new Cluster(['redis://127.0.0.1:1'], { lazyConnect: true })), [])
})

t.test('what is no client is refused by name', async t => {
  for (const client of [{}, { call: true }, { sendCommand: 'text' }, { client: createClient() }]) {
    t.strictSame(problems(client), ['option redis.client is no client, expected one of the packages redis or ioredis'])
  }
})

t.test('a client of the package redis that is not open is refused', async t => {
  for (const client of [createClient(), createClientPool(), createCluster({ rootNodes: [{}] }), createSentinel(SENTINEL)]) {
    t.strictSame(problems(client), ['option redis.client is not connected, expected await client.connect() before'])
  }
})

t.test('what legacy() gives is refused', async t => {
  t.strictSame(problems(createClient().legacy()), [
    'option redis.client takes callbacks, expected the client itself, not what its legacy() gives'
  ])
})

t.test('a key prefix of the package redis is refused, with the option that stands in its place', async t => {
  const prefixed = { keyPrefix: 'mine:' }
  const clients = [
    createClient(prefixed), createClientPool(prefixed), createCluster({ rootNodes: [{}], ...prefixed }),
    createSentinel({ ...SENTINEL, ...prefixed }), { sendCommand () {}, options: prefixed }
  ]
  for (const client of clients) t.match(problems(opened(client)), [/^option redis\.client has a keyPrefix.* expected option redis\.prefix/])
})
