import type { LookupFunction } from 'node:net'
import { OutboundError } from './error.ts'

/**
 * A name look-up that answers only with allowed addresses. Handed to the connection itself, so that the addresses that are judged are those
 * that are connected to, and no second answer of the name server can slip in between. One bad address spoils the answer: nobody has an
 * honest reason to mix them.
 */
export function guardLookup (lookup: LookupFunction, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, answer, family = 0) => {
      if (error !== null) return callback(error, [])
      const addresses = Array.isArray(answer) ? answer : [{ address: answer, family }]
      const [first] = addresses
      // Node's own code throws outside of anybody's reach on an empty answer.
      if (first === undefined) return callback(new OutboundError('BROKEN', 'its host has no address'), [])
      if (!addresses.every(({ address }) => isAllowed(address))) return callback(refusedAddress(), [])
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

export const refusedAddress = (): OutboundError => new OutboundError('REFUSED',
  'its host has an address that is not public (inside Tencent Cloud, and in private deployments of WeCom, that is as it ' +
    'should be: allow private addresses there)')
