import t from 'tap'
import * as builders from '../../../lib/wecom/cards/build-card.ts'
import { updateTemplateCard } from '../../../lib/wecom/cards/update-card.ts'
import { cardReply, welcomeReply } from '../../../lib/wecom/event-replies.ts'
import { BUTTON_INTERACTION, NEWS_NOTICE, TEXT_NOTICE } from '../../fixtures/cards.ts'

const notice = builders.newsNotice(NEWS_NOTICE)
const { task_id: TASK = '', action_menu: menu, ...withoutTask } = notice

t.test('a welcome is text or a card', async t => {
  t.equal(welcomeReply('你好'), '{"msgtype":"text","text":{"content":"你好"}}')
  t.same(JSON.parse(welcomeReply(notice) ?? ''), { msgtype: 'template_card', template_card: notice })
})

t.test('a welcome that nobody would see is none', async t => {
  for (const text of ['', ' \n', '\u200b']) t.equal(welcomeReply(text), undefined)
})

t.test('what is no welcome is refused', async t => {
  for (const given of [
    null, 5, true, {}, [], { card_type: 'text_notice' }, { ...notice, card_type: 'other' }, { msgtype: 'text', text: { content: 'hi' } }
  ]) {
    t.throws(() => welcomeReply(given), { code: 'WECOM_ERR_INPUT' }, JSON.stringify(given))
  }
})

t.test('a card takes the place of the one that was used', async t => {
  t.same(JSON.parse(cardReply(notice, TASK)), { response_type: 'update_template_card', template_card: notice })
})

t.test('an update is taken as it is', async t => {
  const update = updateTemplateCard(notice, { userids: ['a', 'b'] })
  t.same(JSON.parse(cardReply(update, TASK)), { response_type: 'update_template_card', userids: ['a', 'b'], template_card: notice })
  t.same(JSON.parse(cardReply(updateTemplateCard(notice), TASK)), { response_type: 'update_template_card', template_card: notice })
})

t.test('a card without a task gets that of the event, also where its kind needs one', async t => {
  t.ok(menu)
  t.same(JSON.parse(cardReply(withoutTask, 'task-1')).template_card, { ...withoutTask, task_id: 'task-1' })
  const buttons = { ...BUTTON_INTERACTION, card_type: 'button_interaction', task_id: undefined }
  t.equal(JSON.parse(cardReply(buttons, 'task-1')).template_card.task_id, 'task-1')
  t.equal(
    JSON.parse(cardReply({ response_type: 'update_template_card', template_card: withoutTask }, 'task-1')).template_card.task_id, 'task-1'
  )
})

t.test('a text notice takes the place of no card, and the refusal says what does', async t => {
  const text = builders.textNotice(TEXT_NOTICE)
  t.throws(() => cardReply(text, text.task_id ?? ''), { code: 'WECOM_ERR_INPUT', message: /card_type: .*cards\.done/ })
})

t.test('a card of another task is refused', async t => {
  for (const card of [notice, updateTemplateCard(notice)]) {
    t.throws(() => cardReply(card, 'other'), { code: 'WECOM_ERR_INPUT', message: /task_id/ })
  }
})

t.test('what is no card is refused', async t => {
  const update = { response_type: 'update_template_card', template_card: notice }
  for (const given of [
    null, 'text', 5, [], {}, { card_type: 'text_notice' }, { ...notice, task_id: '' }, { ...update, response_type: 'other' }, {
      ...update, template_card: undefined
    },
    { ...update, userids: [] }, { ...update, userids: 'a' }, { ...update, userids: null }
  ]) t.throws(() => cardReply(given, TASK), { code: 'WECOM_ERR_INPUT' }, JSON.stringify(given))
  t.throws(() => cardReply(withoutTask, ''), { code: 'WECOM_ERR_INPUT' }, 'an event without a task')
})
