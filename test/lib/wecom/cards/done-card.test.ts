import t from 'tap'
import { done, taskId } from '../../../../lib/wecom/cards/done-card.ts'
import { updateTemplateCard } from '../../../../lib/wecom/cards/update-card.ts'

t.test('a used card is done as a vote that is disabled, with what was chosen ticked', async t => {
  const card = done({ taskId: 'task-1', title: '请假申请', desc: '两天', source: { desc: '审批' }, choice: '已同意', button: '已处理' })
  t.strictSame(card, {
    card_type: 'vote_interaction',
    task_id: 'task-1',
    main_title: { title: '请假申请', desc: '两天' },
    source: { desc: '审批' },
    checkbox: { question_key: 'done', disable: true, option_list: [{ id: 'done', text: '已同意', is_checked: true }] },
    submit_button: { text: '已处理', key: 'done' }
  })
  t.strictSame(updateTemplateCard(card), { response_type: 'update_template_card', template_card: card })
})

t.test('a card that is done needs a task, a title and a choice; its button has a text in any case', async t => {
  t.equal(done({ taskId: 'a', title: 'b', choice: 'c' }).submit_button.text, '✓')
  for (const fields of [
    { taskId: '', title: 'b', choice: 'c' }, { taskId: 'a', title: '', choice: 'c' }, { taskId: 'a', title: 'b', choice: '' }
  ]) {
    t.throws(() => done(fields), { code: 'WECOM_ERR_INPUT' }, JSON.stringify(fields))
  }
})

t.test('a task id is one that WeCom takes, and never repeats', async t => {
  const ids = Array.from({ length: 1000 }, taskId)
  t.equal(new Set(ids).size, 1000)
  t.ok(ids.every(id => /^[0-9A-Za-z_@-]{1,128}$/.test(id)))
})
