import t from 'tap'
import { OUTBOUND_FAILURES, OutboundError } from '../../../lib/outbound/error.ts'

t.test('an error of a request has a reason and a sentence, and says whether it was sent', async t => {
  for (const reason of OUTBOUND_FAILURES) {
    t.type(new OutboundError(reason, 'because'), Error)
    t.match(new OutboundError(reason, 'because'), { name: 'OutboundError', reason, message: 'because', sent: false })
    t.hasStrict(new OutboundError(reason, 'because', { sent: true }), { reason, sent: true, transient: false })
  }
})
