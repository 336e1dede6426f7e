import t from 'tap'
import { createFollowUps } from '../../../lib/bot/follow-up.ts'
import type { ActiveReply } from '../../../lib/replies/active-reply.ts'
import { createFrames } from '../../../lib/replies/frames.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import { createMemoryKeyValues } from '../../../lib/stores/memory/key-values.ts'
import type { StreamRecord } from '../../../lib/stores/store.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { Message } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'

const URL_OF_WECOM = 'https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=secret'
const message = (url: unknown = URL_OF_WECOM): Message => readMessage({ msgtype: 'text', response_url: url })
const LONG: StreamRecord = {
  id: 's',
  status: 'done',
  content: 'x'.repeat(30_000),
  reasoning: '',
  chat: undefined,
  failure: undefined,
  notice: undefined,
  metadata: {
    deliverable: true
  }
}

function setUp ({ send = async () => {}, putIfAbsent }: Partial<Pick<ActiveReply, 'send'> & Pick<KeyValueStore, 'putIfAbsent'>> = {}) {
  const clock = createManualClock()
  const log = createLog()
  const sent: Array<Parameters<ActiveReply['send']>> = []
  const activeReply: ActiveReply = {
    accepts: url => url.startsWith('https://qyapi.'),
    send: async (...given) => { sent.push(given); await send(...given) }
  }
  const facts = { ...createMemoryKeyValues(clock, 100), ...(putIfAbsent && { putIfAbsent }) }
  return { clock, log, sent, late: createFollowUps({ activeReply, frames: createFrames(loadTexts()), facts, log }) }
}

t.test('a message has a way besides its bubble where its response_url may be called', async t => {
  const { late } = setUp()
  t.equal(late.accepts(message()), true)
  for (const url of ['https://example.com/', '', undefined, 5, null]) {
    t.equal(late.accepts(readMessage({ msgtype: 'text', response_url: url })), false)
  }
})

t.test('what a bubble could not hold is sent, once, whoever else would', async t => {
  const { late, sent, log } = setUp()
  const all = await Promise.all(
    [late.deliver(message(), LONG), late.deliver(message(), LONG), late.deliver(message(), { ...LONG, id: 'other' })]
  )
  t.strictSame(all, ['delivered', undefined, undefined])
  t.match(sent, [[URL_OF_WECOM, { content: /^x+$/ }]])
  t.strictSame(log.lines, [
    { level: 'info', fields: { streamId: 's', bytes: sent[0]?.[1].content?.length }, message: 'the rest of an answer was delivered' }
  ])
  t.equal(await late.deliver(message(`${URL_OF_WECOM}2`), LONG), 'delivered', 'another message is another')
})

t.test('what was shown whole, or has no way, is not sent', async t => {
  const { late, sent } = setUp()
  t.equal(await late.deliver(message(), { ...LONG, content: 'short' }), undefined)
  t.equal(await late.deliver(message(), { ...LONG, metadata: {} }), undefined)
  t.strictSame(sent, [])
  t.equal(await late.deliver(message(), LONG), 'delivered', 'and the way is still free')
})

t.test('a call that fails is told in the log, without the URL, and not made again', async t => {
  const failure = Object.assign(new Error(`no luck with ${URL_OF_WECOM}`), { reason: 'REJECTED', errcode: 93000 })
  const { late, sent, log } = setUp({ send: async () => { throw failure } })
  t.equal(await late.deliver(message(), LONG), 'failed')
  t.equal(await late.deliver(message(), LONG), undefined)
  t.equal(sent.length, 1)
  t.match(log.lines, [{ level: 'error', fields: { streamId: 's', reason: 'REJECTED', errcode: 93000 } }])
  t.notMatch(JSON.stringify(log.lines), /secret|xxx/)
})

t.test('where it cannot be told whether somebody else has called, nobody calls', async t => {
  const { late, sent, log } = setUp({ putIfAbsent: async () => { throw new Error('away') } })
  t.equal(await late.deliver(message(), LONG), 'failed')
  t.strictSame(sent, [])
  t.match(log.lines, [{ level: 'error' }])
})

t.test('a call is remembered for the hour in which the URL is good', async t => {
  const { late, sent, clock } = setUp()
  await late.deliver(message(), LONG)
  await clock.advance(60 * 60_000 - 1)
  t.equal(await late.deliver(message(), LONG), undefined)
  t.equal(sent.length, 1)
})
