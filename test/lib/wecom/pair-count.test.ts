import t from 'tap'
import { createPairCount } from '../../../lib/wecom/pair-count.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'

const DAY_MS = 24 * 3_600_000

t.test('once a day a line counts requests by pair, and says when the old one can go', async t => {
  const [clock, log] = [createManualClock(), createLog()]
  const pairs = createPairCount(clock, log)
  for (const pair of ['present', 'old', 'present'] as const) pairs.count(pair)
  await clock.advance(DAY_MS - 1)
  t.strictSame(log.lines, [])
  await clock.advance(1)
  pairs.count('present')
  await clock.advance(2 * DAY_MS)
  t.strictSame(log.lines, [
    {
      level: 'info', message: 'requests of a day by pair of credentials: the old pair is in use, keep it', fields: { present: 2, old: 1 }
    },
    {
      level: 'info',
      message: 'requests of a day by pair of credentials: WECOM_TOKEN_OLD and WECOM_ENCODING_AES_KEY_OLD can go',
      fields: { present: 1, old: 0 }
    },
    { level: 'info', message: 'requests of a day by pair of credentials: none came, keep the old pair', fields: { present: 0, old: 0 } }
  ])
  pairs.close()
  t.equal(clock.pending, 0)
})
