import { readFileSync } from 'node:fs'
import t from 'tap'
import plugin from '../../plugins/index.ts'
import { missedIn } from '../fixtures/redis-format/compare.ts'
import { dump, restore } from '../fixtures/redis-format/dump.ts'
import type { Dump } from '../fixtures/redis-format/dump.ts'
import { takeOver } from '../fixtures/redis-format/take-over.ts'
import { write } from '../fixtures/redis-format/write.ts'
import type { Written } from '../fixtures/redis-format/write.ts'
import { openRedis } from '../fixtures/redis.ts'

/** What was written before the rooms of `lib/`. */
const old = JSON.parse(readFileSync(new URL('../fixtures/redis-format/6242e63.json', import.meta.url), 'utf8')) as Written & { dump: Dump }

t.setTimeout(120_000)
const redis = await openRedis(t)
if (redis !== undefined) {
  const { connection, newPrefix, url, keys, passTime } = redis

  t.test('what an older replica has left is read, stopped, ended and adopted', async t => {
    const prefix = newPrefix()
    // Longer than the slowest machine takes to come to the adoptions.
    const leaseMs = 60_000
    await restore(connection, prefix, old.dump, leaseMs)
    await takeOver(t, { plugin, url, prefix, written: old, leaseMs, passTime: ms => passTime(prefix, ms) })
  })

  t.test('an older replica finds all that it needs in what is written now', async t => {
    const prefix = newPrefix()
    const { written, looked } = await write(plugin, url, prefix, async () => await dump(connection, prefix, await keys(prefix)))
    t.strictSame(missedIn({ dump: looked, ids: written.ids }, old), [])
  })

  redis.everyKeyExpires()
}
