import t from 'tap'
import { canBeRated, createFeedbackLinks, readFeedback } from '../../../lib/bot/feedback.ts'
import type { KeyValueStore } from '../../../lib/stores/key-values.ts'
import { createMemoryKeyValues } from '../../../lib/stores/memory/key-values.ts'
import type { StreamRecord } from '../../../lib/stores/store.ts'
import { createId } from '../../../lib/util/ids.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { Message } from '../../../lib/wecom/message.ts'
import { createManualClock } from '../../fixtures/clock.ts'
import { createLog } from '../../fixtures/log.ts'
import { idle } from '../../fixtures/waiting.ts'

const HOUR = 3_600_000
const asked = readMessage({
  msgtype: 'text',
  msgid: 'm',
  aibotid: 'bot',
  chattype: 'group',
  chatid: 'g',
  from: { userid: 'u' },
  text: {
    content: 'secret'
  },
  response_url: 'https://secret'
})

function setUp (own: Partial<KeyValueStore> = {}) {
  const clock = createManualClock()
  const log = createLog()
  const facts = { ...createMemoryKeyValues(clock, 10), ...own }
  return { clock, log, facts, links: createFeedbackLinks({ facts, log }) }
}

t.test('a link leads back to who had asked, for three days', async t => {
  const { links, clock, facts } = setUp()
  const id = createId()
  links.keep(id, asked)
  t.same(await links.find(id), { sender: 'u', bot: 'bot', chat: { type: 'group', id: 'g' } })
  t.notMatch(await facts.get(`feedback:${id}`), 'secret', 'and holds nothing else')
  await clock.advance(72 * HOUR - 1)
  t.hasStrict(await links.find(id), { sender: 'u' })
  await clock.advance(1)
  t.equal(await links.find(id), undefined)
})

t.test('only ids of streams are looked up', async t => {
  const { links } = setUp({ get: key => { throw new Error(key) } })
  for (const id of ['', 'order-7', 'a'.repeat(100_000), 'A'.repeat(32), `${'a'.repeat(32)}\n`]) t.equal(await links.find(id), undefined)
  await t.rejects(links.find('a'.repeat(32)), { message: `feedback:${'a'.repeat(32)}` })
})

t.test('a store that fails costs a line', async t => {
  const { links, log } = setUp({ putIfAbsent: () => Promise.reject(new Error('away, sk-secret1234')) })
  links.keep('id', asked)
  await idle()
  t.hasStrict(log.lines, [
    { level: 'error', message: 'a feedback link could not be kept', fields: { streamId: 'id', cause: { message: 'away, [redacted]' } } }
  ])
})

const record = (more: Partial<StreamRecord>): StreamRecord =>
  ({ id: 'id', status: 'done', content: '', reasoning: '', chat: undefined, failure: undefined, notice: undefined, metadata: {}, ...more })

t.test('what has something of the source, or may get it, can be rated', async t => {
  for (const more of [
    { status: 'running' }, { status: 'stopping' }, { content: 'x' }, {
      status: 'error', content: 'x', failure: { code: 'BROKEN', reference: '1' }
    }, {
      metadata: { images: [] }
    }, {
      metadata: { card: { card_type: 'text_notice', main_title: { title: 'x' }, card_action: { type: 1, url: 'https://example.com/' } } }
    }
  ] as const) t.equal(canBeRated(record(more)), true, JSON.stringify(more))
})

t.test('an excuse cannot', async t => {
  for (const more of [{}, { notice: 'UNSUPPORTED' }, { status: 'error', failure: { code: 'BUSY', reference: '1' } }] as const) {
    t.equal(canBeRated(record(more)), false, JSON.stringify(more))
  }
})

const feedback = (said: unknown): Message =>
  readMessage({ msgtype: 'event', event: { eventtype: 'feedback_event', feedback_event: said } })

t.test('a feedback is read', async t => {
  t.same(readFeedback(feedback({ id: 'f', type: 1 })), { vote: 'accurate', reasons: [], feedbackId: 'f' })
  t.same(readFeedback(feedback({ id: 'f', type: 3, content: '' })), { vote: 'cancelled', reasons: [], feedbackId: 'f' })
  t.same(readFeedback(feedback({ id: 'f', type: 2, content: '不对', inaccurate_reason_list: [1, 2, 3, 4] })), {
    vote: 'inaccurate', reasons: ['irrelevant', 'incomplete', 'wrong', 'data-analysis'], comment: '不对', feedbackId: 'f'
  })
})

t.test('what WeCom has added since is kept, or left out, and harms nobody', async t => {
  t.same(readFeedback(
    feedback({ id: 5, type: 2, content: {}, inaccurate_reason_list: [5, '1', null, 2] })
  ), { vote: 'inaccurate', reasons: ['other', 'other', 'other', 'incomplete'], feedbackId: '' })
  t.same(readFeedback(feedback({ type: 2, inaccurate_reason_list: 2 })), { vote: 'inaccurate', reasons: [], feedbackId: '' })
  for (const said of [undefined, null, 5, [], {}, { type: 4 }, { type: '1' }]) t.equal(readFeedback(feedback(said)), undefined)
  for (const event of [undefined, null, 'x']) t.equal(readFeedback(readMessage({ msgtype: 'event', event })), undefined)
})
