import t from 'tap'
import { createCallbackSignals } from '../../../lib/wecom/callback-signals.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import { listen } from '../../fixtures/signals.ts'

const signals = createCallbackSignals({ instance: 'i', bot: 'Robot' }, id => id && `hash of ${id}`)
const request = {}

t.test('nobody is told of anything if nobody listens', async t => {
  t.equal(signals.start(request, 'unknown', 5), undefined)
  signals.refused(request, 'WECOM_ERR_BODY', 400)
  signals.failed(request)
})

t.test('a request is told by its kind, its people and its outcome', async t => {
  const told = listen(t, ['callback'])
  const context = signals.start(request, 'unknown', 5)
  if (context === undefined) throw new Error('somebody listens')
  signals.opened(context, readMessage(
    { msgtype: 'constructor', from: { userid: 'li' }, chatid: 'g', stream: { id: 'a'.repeat(32) } }, 'old'
  ))
  signals.answered(context, 200, 7)
  const { startedAt, durationMs, ...fields } = told.at(-1)?.fields ?? {}
  t.strictSame(fields, {
    instance: 'i',
    bot: 'Robot',
    kind: 'message',
    requestBytes: 5,
    pair: 'old',
    streamId: 'a'.repeat(32),
    user: 'hash of li',
    chat: 'hash of g',
    outcome: 'answered',
    status: 200,
    replyBytes: 7
  })
  const single = signals.start({}, 'unknown', 5)
  if (single !== undefined) signals.opened(single, readMessage({ msgtype: 'event', from: { userid: 'li' } }))
  t.hasStrict(single, { kind: 'event', chat: 'hash of li' })
  t.notOk('pair' in (single ?? {}))
})

t.test('what the host has to answer is told as failed', async t => {
  const told = listen(t, ['callback'])
  signals.start(request, 'unknown', 5)
  signals.failed(request)
  t.strictSame(told.map(({ event }) => event), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
  t.hasStrict(told.at(-1)?.fields, { outcome: 'failed' })
  signals.failed({})
  t.equal(told.length, 5, 'one that nobody was told of is none')
})
