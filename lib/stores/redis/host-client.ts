import type { ConfigFault } from '../../util/errors.ts'
import { isObject } from '../../util/objects.ts'

/** What is wrong with a client of the host's, as far as it can be seen without asking a server. */
export function clientFaults (client: unknown): ConfigFault[] {
  const problem = isObject(client) ? problemOf(client) : undefined
  return problem === undefined ? [] : [{ name: 'option redis.client', problem }]
}

function problemOf (client: Record<string, unknown>): string | undefined {
  if (typeof client['call'] === 'function') return undefined
  if (typeof client['sendCommand'] !== 'function') return 'is no client, expected one of the packages redis or ioredis'
  if (isLegacy(client)) return 'takes callbacks, expected the client itself, not what its legacy() gives'
  if (client['isOpen'] === false) return 'is not connected, expected await client.connect() before'
  if (keyPrefixOf(client) === undefined) return undefined
  return 'has a keyPrefix, which clients of the package redis leave out here, expected option redis.prefix in its place'
}

/** What `legacy()` returns has the commands, but none of the states of a client. A wrapper of the host's may have `sendCommand` alone. */
const isLegacy = (client: Record<string, unknown>): boolean => 'multi' in client && !('isOpen' in client)

const keyPrefixOf = (client: Record<string, unknown>): unknown =>
  client['_keyPrefix'] ?? (client['options'] as Record<string, unknown> | undefined)?.['keyPrefix']
