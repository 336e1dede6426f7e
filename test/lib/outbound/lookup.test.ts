import type { LookupAddress, LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import t from 'tap'
import { isPublicAddress } from '../../../lib/outbound/address.ts'
import { guardLookup } from '../../../lib/outbound/lookup.ts'

const OUTSIDE: LookupAddress = { address: '1.1.1.1', family: 4 }
const OUTSIDE_V6: LookupAddress = { address: '2606:4700::1111', family: 6 }

type Answer = [error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number | undefined]

/** What the guard makes of an answer, and with which options it asked. */
function guarded (answer: Answer, options: LookupOptions = { all: true }): Promise<{ asked: unknown[], answer: Answer }> {
  const asked: unknown[] = []
  const lookup: LookupFunction = (hostname, options, callback) => {
    asked.push(hostname, options)
    callback(...answer as Parameters<typeof callback>)
  }
  return new Promise(resolve => guardLookup(lookup, isPublicAddress)('media.test', options, (...answer) => resolve({ asked, answer })))
}

t.test('an answer of public addresses is passed on as it is', async t => {
  const { asked, answer } = await guarded([null, [OUTSIDE, OUTSIDE_V6]], { all: true, family: 0, hints: 1024 })
  t.strictSame(asked, ['media.test', { all: true, family: 0, hints: 1024 }])
  t.strictSame(answer, [null, [OUTSIDE, OUTSIDE_V6]])
})

t.test('who asks for one address gets the first, yet all are judged', async t => {
  for (const options of [{}, { all: false, family: 4 }]) {
    const { asked, answer } = await guarded([null, [OUTSIDE, OUTSIDE_V6]], options)
    t.strictSame(asked, ['media.test', { ...options, all: true }])
    t.strictSame(answer, [null, '1.1.1.1', 4])
    t.hasStrict((await guarded([null, [OUTSIDE, { address: '10.0.0.1', family: 4 }]], options)).answer, [{ reason: 'REFUSED' }, []])
  }
})

t.test('a look-up that knows one address only is judged by it', async t => {
  t.strictSame((await guarded([null, '1.1.1.1', 4])).answer, [null, [OUTSIDE]])
  t.strictSame((await guarded([null, '1.1.1.1'])).answer, [null, [{ address: '1.1.1.1', family: 0 }]])
  t.hasStrict((await guarded([null, '127.0.0.1', 4])).answer, [{ reason: 'REFUSED' }, []])
})

t.test('one address inside spoils the answer, wherever it stands', async t => {
  for (const address of [
    '127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1', 'fe80::1%eth0', 'fd00::1', 'localhost', ''
  ]) {
    const inside = { address, family: address.includes(':') ? 6 : 4 }
    for (const answer of [[inside], [inside, OUTSIDE], [OUTSIDE, inside], [OUTSIDE, inside, OUTSIDE_V6]]) {
      const [error, addresses] = (await guarded([null, answer])).answer
      t.match(error, { name: 'OutboundError', reason: 'REFUSED' }, address)
      t.strictSame(addresses, [])
    }
  }
})

t.test('an empty answer is an error', async t => {
  t.match((await guarded([null, []])).answer, [{ name: 'OutboundError', reason: 'BROKEN' }, []])
})

t.test('an error is passed on', async t => {
  const error = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  t.strictSame((await guarded([error, []])).answer, [error, []])
})
