import t from 'tap'
import { createFollowUps } from '../../../lib/bot/follow-up.ts'
import type { UnfetchedMode } from '../../../lib/bot/follow-up.ts'
import type { ActiveReply } from '../../../lib/replies/active-reply.ts'
import { createCardDelivery } from '../../../lib/replies/card-delivery.ts'
import type { CardDeliveryMode } from '../../../lib/replies/card-delivery.ts'
import { createFrames } from '../../../lib/replies/frames.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import { createMemoryKeyValues } from '../../../lib/stores/memory/key-values.ts'
import type { StreamMetadata, StreamRecord } from '../../../lib/stores/store.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { textNotice } from '../../../lib/wecom/cards/build-card.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { Message } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { listen } from '../../fixtures/signals.ts'

const URL_OF_WECOM = 'https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=secret'
const message = (url: unknown = URL_OF_WECOM): Message => readMessage({ msgtype: 'text', response_url: url })
const texts = loadTexts()
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
const SHORT: StreamRecord = { ...LONG, content: 'short' }
const CARD = textNotice({ main_title: { title: 'Done' }, card_action: { type: 1, url: 'https://example.com/' } })
const WITH_CARD: StreamRecord = { ...SHORT, chat: { scope: 's', user: 'u' }, metadata: { deliverable: true, card: CARD } }

interface Setup extends Partial<Pick<ActiveReply, 'send'> & Pick<KeyValueStore, 'putIfAbsent'>> {
  unfetched?: UnfetchedMode
  mode?: CardDeliveryMode
  /** What is said of whether the end was fetched. */
  fetched?: () => Promise<boolean>
}

function setUp (
  { send = async () => {}, putIfAbsent, unfetched = 'deliver', mode = 'auto', fetched = async () => true }: Setup = {}
) {
  const clock = createManualClock()
  const log = createLog()
  const sent: Array<Parameters<ActiveReply['send']>> = []
  const asked: Array<[id: string, soon: boolean]> = []
  const activeReply: ActiveReply = {
    accepts: url => url.startsWith('https://qyapi.'),
    send: async (...given) => { sent.push(given); await send(...given) }
  }
  const facts = { ...createMemoryKeyValues(clock, 100), ...(putIfAbsent && { putIfAbsent }) }
  const ends = { wasFetched: async (...given: [string, boolean]) => { asked.push(given); return await fetched() } }
  const frames = createFrames(texts)
  const cards = createCardDelivery({ mode, frames, facts })
  const late = createFollowUps({ activeReply, frames, cards, ends, facts, unfetched, log })
  return { clock, log, sent, asked, cards, late }
}

t.test('a message has a way besides its bubble where its response_url may be called', async t => {
  const { late } = setUp()
  t.equal(late.accepts(message()), true)
  for (const url of ['https://example.com/', '', undefined, 5, null]) {
    t.equal(late.accepts(readMessage({ msgtype: 'text', response_url: url })), false)
  }
})

t.test('what a fetched bubble could not hold is sent, once, whoever else would', async t => {
  const { late, sent, asked, log } = setUp()
  const all = await Promise.all(
    [late.deliver(message(), LONG), late.deliver(message(), LONG), late.deliver(message(), { ...LONG, id: 'other' })]
  )
  t.strictSame(all, ['delivered', 'fetched', 'fetched'])
  t.strictSame(asked[0], ['s', true], 'it waits for the fetch')
  t.match(sent, [[URL_OF_WECOM, { content: /^x+$/ }]])
  t.strictSame(log.lines, [
    { level: 'debug', fields: { streamId: 's', bytes: sent[0]?.[1].content?.length }, message: 'the rest of an answer was delivered' }
  ])
  t.equal(await late.deliver(message(`${URL_OF_WECOM}2`), LONG), 'delivered', 'another message is another')
})

t.test('what was shown whole, or has no way, is not sent', async t => {
  const { late, sent, asked } = setUp()
  t.equal(await late.deliver(message(), SHORT), 'fetched')
  t.equal(await late.deliver(message(), { ...LONG, metadata: {} }), 'fetched')
  t.strictSame(sent, [])
  t.strictSame(asked, [['s', false], ['s', false]], 'nothing waits for the fetch')
  t.equal(await late.deliver(message(), LONG), 'delivered', 'and the way is still free')
})

t.test('an answer whose end nobody came for is sent whole, once', async t => {
  const { late, sent, log } = setUp({ fetched: async () => false })
  t.equal(await late.deliver(message(), SHORT), 'delivered')
  t.strictSame(sent, [[URL_OF_WECOM, { content: 'short' }]])
  t.hasStrict(log.lines, [{ level: 'debug', message: 'an answer whose end nobody came for was delivered' }])
  t.equal(await late.deliver(message(), SHORT), 'unfetched', 'its one call has been made')
  t.equal(await late.deliver(message(`${URL_OF_WECOM}2`), LONG), 'delivered')
  const { content = '' } = sent[1]?.[1] ?? {}
  t.match(content, /^x+\n\n（内容过长，还有 \d+ 字节未显示）$/, 'from its beginning')
  t.ok(content.length < 20_480)
})

t.test('without a way, or if that is switched off, an end that nobody came for stays where it is', async t => {
  const { late, sent } = setUp({ fetched: async () => false })
  t.equal(await late.deliver(message(), { ...SHORT, metadata: {} }), 'unfetched')
  const off = setUp({ fetched: async () => false, unfetched: 'off' })
  t.equal(await off.late.deliver(message(), SHORT), 'unfetched')
  t.strictSame([...sent, ...off.sent], [])
  t.equal(await off.late.deliver(message(), LONG), 'delivered')
  t.match(off.sent, [[URL_OF_WECOM, { content: /^x+$/ }]], 'what its bubble could not hold is sent all the same')
  t.equal(off.asked.length, 1, 'and waits for nobody')
})

t.test('where nobody can tell whether the end was fetched, nothing is sent', async t => {
  for (const record of [SHORT, LONG]) {
    const { late, sent, log } = setUp({ fetched: async () => { throw new Error('away') } })
    t.equal(await late.deliver(message(), record), 'failed')
    t.strictSame(sent, [])
    t.hasStrict(log.lines, [
      { level: 'error', fields: { streamId: 's' }, message: 'what the user has of an answer could not be told' }
    ])
  }
})

t.test('a call that fails is told in the log, without the URL, and not made again', async t => {
  const failure = Object.assign(new Error(`no luck with ${URL_OF_WECOM}`), { reason: 'REJECTED', errcode: 93000 })
  for (const [fetched, again, record] of [[true, 'fetched', LONG], [false, 'unfetched', SHORT]] as const) {
    const { late, sent, log } = setUp({ send: async () => { throw failure }, fetched: async () => fetched })
    t.equal(await late.deliver(message(), record), 'failed')
    t.equal(await late.deliver(message(), record), again)
    t.equal(sent.length, 1)
    t.hasStrict(log.lines, [{ level: 'error', fields: { streamId: 's', reason: 'REJECTED', errcode: 93000 } }])
    t.notMatch(JSON.stringify(log.lines), /secret|xxx|short/)
  }
})

t.test('where it cannot be told whether somebody else has called, nobody calls', async t => {
  const { late, sent, log } = setUp({ putIfAbsent: async () => { throw new Error('away') } })
  t.equal(await late.deliver(message(), LONG), 'failed')
  t.strictSame(sent, [])
  t.hasStrict(log.lines, [{ level: 'error' }])
})

t.test('a call is remembered for the hour in which the URL is good', async t => {
  const { late, sent, clock } = setUp()
  await late.deliver(message(), LONG)
  await clock.advance(60 * 60_000 - 1)
  t.equal(await late.deliver(message(), LONG), 'fetched')
  t.equal(sent.length, 1)
})

t.test('a late card goes alone when the end was fetched, once', async t => {
  const { late, sent, asked, cards, log } = setUp()
  t.equal(await late.deliver(message(), WITH_CARD), 'delivered')
  t.strictSame(sent, [[URL_OF_WECOM, { card: CARD }]])
  t.strictSame(asked, [['s', true]], 'it waits for that')
  t.hasStrict(log.lines, [{ level: 'debug', fields: { streamId: 's' }, message: 'the card of an answer was delivered' }])
  t.equal(await cards.isClaimed('s'), true)
  t.equal(await late.deliver(message(`${URL_OF_WECOM}2`), WITH_CARD), 'fetched')
  t.equal(sent.length, 1)
})

t.test('a card that was shown, or cannot go alone, is not sent', async t => {
  const { late, sent, cards } = setUp()
  await cards.claim('s', 'first reply')
  t.equal(await late.deliver(message(), WITH_CARD), 'fetched')
  t.equal(await late.deliver(message(), { ...WITH_CARD, id: 'group', chat: { scope: 's', group: 'g' } }), 'fetched')
  t.equal(await late.deliver(message(), { ...WITH_CARD, id: 'long', content: LONG.content }), 'delivered')
  t.match(sent, [[URL_OF_WECOM, { content: /^x+$/, card: undefined }]], 'the call goes to the rest of the text')
  const frame = setUp({ mode: 'frame' })
  t.equal(await frame.late.deliver(message(), WITH_CARD), 'fetched')
  t.strictSame(frame.sent, [])
  for (const metadata of [{ card: CARD }, { deliverable: true }, {}] as StreamMetadata[]) {
    t.equal(frame.cards.goesAlone({ ...WITH_CARD, metadata }), false)
    t.equal(setUp().cards.goesAlone({ ...WITH_CARD, metadata }), false)
  }
})

t.test('the call goes to the text before it goes to a card, unless the card is all there is', async t => {
  const { late, sent, cards, log } = setUp({ fetched: async () => false })
  t.equal(await late.deliver(message(), WITH_CARD), 'delivered')
  t.strictSame(sent.pop()?.[1], { content: `short\n\n${texts.tooLate}` })
  t.hasStrict(log.lines, [{ level: 'warn', message: 'a card was not shown, as nobody came for the end of its answer' }, { level: 'debug' }])
  await cards.claim('shown', 'first reply')
  await late.deliver(message(`${URL_OF_WECOM}2`), { ...WITH_CARD, id: 'shown' })
  t.strictSame(sent.pop()?.[1], { content: 'short' })
  await late.deliver(message(`${URL_OF_WECOM}3`), { ...WITH_CARD, id: 'alone', content: '' })
  t.strictSame(sent.pop()?.[1], { card: CARD })
  await late.deliver(message(`${URL_OF_WECOM}4`), { ...WITH_CARD, id: 'group', content: '', chat: { scope: 's', group: 'g' } })
  t.strictSame(sent.pop()?.[1], { content: texts.tooLate })
})

t.test('a delivery is told with what was sent, how much of it, and why it failed', async t => {
  const told = listen(t, ['delivery'])
  const ends = () => told.splice(0).filter(({ event }) => event === 'error' || event === 'asyncEnd').map(({ event, fields }) => {
    const { startedAt, durationMs, ...rest } = fields
    return [event, rest]
  })
  const base = { instance: '', streamId: 's', user: undefined, chat: undefined }
  await setUp({ fetched: async () => false }).late.deliver(message(), SHORT)
  t.strictSame(ends(), [['asyncEnd', { ...base, sent: 'whole', bytes: 5, outcome: 'delivered' }]])
  await setUp().late.deliver(message(), WITH_CARD)
  t.strictSame(ends(), [['asyncEnd', { ...base, sent: 'card', outcome: 'delivered' }]])
  const send = async (): Promise<never> => { throw Object.assign(new Error('secret'), { reason: 'USED' }) }
  await setUp({ send }).late.deliver(readMessage({ msgtype: 'text', chatid: 'g', response_url: URL_OF_WECOM }), LONG)
  const failed = { sent: 'rest', reason: 'USED', outcome: 'failed' }
  t.hasStrict(ends(), [['error', failed], ['asyncEnd', failed]])
})
