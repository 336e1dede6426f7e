import t from 'tap'
import type { StreamRecord } from '../../../lib/stores/store.ts'
import { OverdueStreams } from '../../../lib/streams/overdue.ts'
import { createLog } from '../../fixtures/log.ts'

const ID = '0123456789abcdef0123456789abcdef'
const record = (change: Partial<StreamRecord> = {}): StreamRecord => ({
  id: ID, status: 'running', content: 'text', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {}, ...change
})

t.test('a stream is over for its user beyond the deadline, with its text, and that is told once', async t => {
  const log = createLog()
  const overdue = new OverdueStreams(log, 5000)
  const running = record()
  t.equal(overdue.see(running, 5000), running)
  const ended = overdue.see(running, 5001)
  t.strictSame(ended, record({ status: 'error', failure: { code: 'TIMEOUT', reference: '01234567' } }))
  t.equal(overdue.see(running, 6000), ended)
  t.hasStrict(log.lines, [{ level: 'warn', fields: { streamId: ID, class: 'TIMEOUT', reference: '01234567' } }])
  t.equal(log.lines.length, 1)
})

t.test('what has ended, and a bubble that was closed while its source goes on, are left as they are', async t => {
  const overdue = new OverdueStreams(createLog(), 5000)
  for (const over of [record({ status: 'done' }), record({ metadata: { sealedAt: 1 } })]) t.equal(overdue.see(over, 9000), over)
})

t.test('an end by a timer of the owner\'s is shown at once, as it will be stored', async t => {
  const overdue = new OverdueStreams(createLog(), 5000)
  const failure = { code: 'TIMEOUT', reference: 'abcdef01' } as const
  t.strictSame(overdue.see(record({ status: 'stopping' }), 10, { status: 'error', failure }), record({ status: 'error', failure }))
})
