import t from 'tap'
import { RefusalError } from '../../../lib/util/errors.ts'
import type { RefusalCode } from '../../../lib/util/errors.ts'
import { createRefusals } from '../../../lib/wecom/refusals.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'

const SEALED: RefusalCode[] = ['WECOM_ERR_SIGNATURE', 'WECOM_ERR_TIMESTAMP', 'WECOM_ERR_DECRYPT', 'WECOM_ERR_RECEIVER']
const OTHERS: Array<[RefusalCode, number]> = [
  ['WECOM_ERR_QUERY', 400], ['WECOM_ERR_BODY', 400], ['WECOM_ERR_BODY_TOO_LARGE', 413], ['WECOM_ERR_MESSAGE', 422]
]

t.test('everything from the signature to the receiver id is refused alike', async t => {
  const refuse = createRefusals(createManualClock())
  const refusals = SEALED.map(code => refuse(new RefusalError(code, `because of ${code}`), createLog()))
  for (const refusal of refusals) t.same(refusal, { statusCode: 403, body: '{"error":"Forbidden"}' })
})

t.test('every other fault has an answer of its own, which tells no reason and no code', async t => {
  const log = createLog()
  const refuse = createRefusals(createManualClock())
  const bodies = OTHERS.map(([code, statusCode]) => {
    const refusal = refuse(new RefusalError(code, 'the reason'), log)
    t.equal(refusal.statusCode, statusCode, code)
    t.same(Object.keys(JSON.parse(refusal.body)), ['error'])
    t.notMatch(refusal.body, /reason|WECOM_ERR/)
    return refusal.body
  })
  t.equal(new Set([...bodies, refuse(new RefusalError('WECOM_ERR_SIGNATURE', ''), log).body]).size, 5)
})

t.test('a reason is logged when it first comes, and then once a minute with its count', async t => {
  const log = createLog()
  const clock = createManualClock()
  const refuse = createRefusals(clock)
  const refuseTimes = (times: number, code: RefusalCode): void => {
    for (let n = 0; n < times; n++) refuse(new RefusalError(code, `no good, ${n}`), log)
  }

  refuseTimes(3, 'WECOM_ERR_SIGNATURE')
  t.same(log.lines, [{ level: 'warn', message: 'callback refused: no good, 0', fields: { code: 'WECOM_ERR_SIGNATURE', count: 1 } }])

  refuseTimes(1, 'WECOM_ERR_DECRYPT')
  t.hasStrict(log.lines[1], { fields: { code: 'WECOM_ERR_DECRYPT', count: 1 } }, 'each reason counts for itself')

  await clock.advance(59_999)
  refuseTimes(1, 'WECOM_ERR_SIGNATURE')
  t.equal(log.lines.length, 2)

  await clock.advance(1)
  refuseTimes(2, 'WECOM_ERR_SIGNATURE')
  t.equal(log.lines.length, 3)
  t.hasStrict(log.lines[2], { level: 'warn', fields: { code: 'WECOM_ERR_SIGNATURE', count: 5 } })

  await clock.advance(60_000)
  refuseTimes(1, 'WECOM_ERR_SIGNATURE')
  t.hasStrict(log.lines[3], { fields: { count: 7 } }, 'the minute begins with the line')
})

t.test('two bots count for themselves', async t => {
  const log = createLog()
  const clock = createManualClock()
  for (const refuse of [createRefusals(clock), createRefusals(clock)]) refuse(new RefusalError('WECOM_ERR_SIGNATURE', ''), log)
  t.same(log.lines.map(({ fields }) => fields['count']), [1, 1])
})
