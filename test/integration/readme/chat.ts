// The samples of what users meet in the chat.
import t from 'tap'
import { loadTexts } from '../../../lib/texts/texts.ts'
import { HELLO, serve, talk } from '../../fixtures/samples.ts'

const texts = loadTexts()

t.test('commands.mjs: a group has one conversation, and commands have the words of the host', async t => {
  const { wecom } = await serve(t, 'commands.mjs')
  t.equal(await talk(t, wecom(), 'hello', { chat: 'g', user: 'a' }), HELLO)
  t.equal(await talk(t, wecom(), '/new', { chat: 'g', user: 'b' }), texts.newDone)
  t.equal(await talk(t, wecom(), 'Enough'), texts.stopNothing)
  t.equal(await talk(t, wecom(), '/whoami', { user: 'zhang' }), 'You are zhang.')
  t.equal(await talk(t, wecom(), '/help'), 'Q: /help\nHello world! This is a stream.', 'it is switched off')
})

t.test('access.mjs: lists, limits and a decision of the host', async t => {
  const { wecom } = await serve(t, 'access.mjs', { MOCK_CHUNK_DELAY_MS: '1' })
  t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom(), 'hello', { user: 'li' }), texts.denied)
  t.equal(await talk(t, wecom(), 'hello', { chat: 'wrSales' }), HELLO)
  t.equal(await talk(t, wecom(), 'hello', { chat: 'wrOther' }), texts.denied)
  t.equal(await talk(t, wecom(), 'hello', { user: 'guest' }), 'Only for employees.')
  for (let n = 2; n < 20; n++) t.equal(await talk(t, wecom(), 'hello'), HELLO)
  t.equal(await talk(t, wecom(), 'hello'), texts.limited)
})

t.test('order.mjs: an answer with a card', async t => {
  const { wecom } = await serve(t, 'order.mjs')
  const { content, problems, frames } = await wecom().send('my order')
  t.strictSame(problems, [])
  t.equal(content, 'I have found this for “my order” and 0 files:')
  t.hasStrict(frames.at(-1)?.reply, {
    msgtype: 'stream_with_template_card', template_card: { card_type: 'text_notice', main_title: { title: 'Order 4711' } }
  })
})

t.test('hooks.mjs: questions are seen before, and answers behind', async t => {
  const { wecom, log } = await serve(t, 'hooks.mjs')
  t.equal(await talk(t, wecom(), 'opening hours'), 'Monday to Friday, 9 to 18.')
  t.equal(await talk(t, wecom(), 'my Password is lost'), texts.refused)
  t.equal(await talk(t, wecom(), 'hello', { user: 'li' }), 'Q: hello (asked by li)\nHello world! This is a stream.')
  t.match(log.join(''), /"status":"done","durationMs":\d+,"msg":"for the books"/)
})

t.test('hooks.mjs: each event has its hook', async t => {
  const { wecom, log } = await serve(t, 'hooks.mjs')
  const send = async (eventtype: string, said: object = {}) =>
    (await wecom().post({ msgtype: 'event', from: { userid: 'zhang' }, event: { eventtype, [eventtype]: said } })).reply
  t.strictSame(await send('enter_chat'), { msgtype: 'text', text: { content: 'Hello zhang, what can I do for you?' } })
  const used = {
    event_key: 'book', task_id: 'room', selected_items: { selected_item: [{ question_key: 'q', option_ids: { option_id: ['small'] } }] }
  }
  t.hasStrict(await send('template_card_event', used), {
    response_type: 'update_template_card',
    template_card: { main_title: { title: 'Meeting room' }, checkbox: { option_list: [{ text: 'Booked: small' }] }, task_id: 'room' }
  })
  t.equal(await send('template_card_event', { ...used, event_key: 'other' }), undefined)
  const { id } = await wecom().send('hello', { user: 'asker' })
  t.equal(await send('feedback_event', { id, type: 2, inaccurate_reason_list: [2] }), undefined)
  t.match(log.join(''), new RegExp(`"vote":"inaccurate","reasons":\\["incomplete"\\],"streamId":"${id}","msg":"an answer was rated"`))
})

t.test('english.mjs: the sentences of the host take the place of ours', async t => {
  const { wecom } = await serve(t, 'english.mjs')
  t.equal(await talk(t, wecom(), { msgtype: 'location', location: {} }), 'I can read text, voice, images, files and videos only.')
})
