import t from 'tap'
import { multipleInteraction, newsNotice, textNotice } from '../../../../lib/wecom/cards/build-card.ts'
import { updateTemplateCard } from '../../../../lib/wecom/cards/update-card.ts'
import { MULTIPLE_INTERACTION, NEWS_NOTICE, TEXT_NOTICE } from '../../../fixtures/cards.ts'

const card = multipleInteraction(MULTIPLE_INTERACTION)

t.test('an update replaces the card for everyone who has it', async t => {
  t.strictSame(updateTemplateCard(card), { response_type: 'update_template_card', template_card: card })
})

t.test('an update can be for some users', async t => {
  const userids = ['one', 'two']
  const update = updateTemplateCard(card, { userids })
  t.strictSame(update, { response_type: 'update_template_card', userids: ['one', 'two'], template_card: card })
  userids.push('three')
  t.strictSame(update.userids, ['one', 'two'])
  t.ok(Object.isFrozen(update) && Object.isFrozen(update.userids))
})

t.test('an update for nobody is a mistake: it would be one for everyone', async t => {
  t.throws(() => updateTemplateCard(card, { userids: [] }), { code: 'WECOM_ERR_INPUT', message: /\n- userids: must not be empty$/ })
  t.throws(
    () => updateTemplateCard(card, { userids: ['one', ''] }), { code: 'WECOM_ERR_INPUT', message: /\n- userids\[1\]: must not be empty$/ }
  )
  // @ts-expect-error: a list
  t.throws(() => updateTemplateCard(card, { userids: 'one' }), { code: 'WECOM_ERR_INPUT', message: /\n- userids: must be a list$/ })
})

t.test('an update names the task of the event', async t => {
  const { task_id: _, action_menu: __, ...rest } = NEWS_NOTICE
  t.throws(() => updateTemplateCard(newsNotice(rest), { userids: [] }), {
    code: 'WECOM_ERR_INPUT',
    message: 'this card is not one that WeCom takes:\n- task_id: needed for an update: that of the event\n- userids: must not be empty'
  })
})

t.test('an update is no text notice: WeCom refuses it', async t => {
  t.throws(() => updateTemplateCard(textNotice(TEXT_NOTICE)), {
    code: 'WECOM_ERR_INPUT',
    message: 'this card is not one that WeCom takes:\n' +
      '- card_type: WeCom refuses a text_notice in place of a used card; cards.done builds a card that it takes'
  })
})

t.test('a card that was never checked is checked', async t => {
  t.throws(
    // @ts-expect-error: a vote has more than that
    () => updateTemplateCard({ card_type: 'vote_interaction', task_id: '1' }), { code: 'WECOM_ERR_INPUT', message: /checkbox: is missing/ }
  )
})
