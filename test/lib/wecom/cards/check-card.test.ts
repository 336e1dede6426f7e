import t from 'tap'
import { InputError } from '../../../../lib/util/errors.ts'
import { CARD_TYPES } from '../../../../lib/wecom/cards/card-shapes.ts'
import { checkCard } from '../../../../lib/wecom/cards/check-card.ts'
import { BUTTON_INTERACTION, CARDS, changed, MULTIPLE_INTERACTION } from '../../../fixtures/cards.ts'

const HEAD = 'this card is not one that WeCom takes:'
const NOT_DATA = `${HEAD}\n- card: must be an object that can be written as JSON, without a key __proto__`

function refusalOf (value: unknown): string {
  try {
    checkCard(value)
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
  return 'taken'
}

t.test('a card that comes as data is taken as it is', async t => {
  for (const kind of CARD_TYPES) {
    const data = { card_type: kind, ...CARDS[kind] }
    t.strictSame(checkCard(JSON.parse(JSON.stringify(data))), data, kind)
  }
})

t.test('the card is a copy, frozen to the bottom', async t => {
  const data = structuredClone({ card_type: 'multiple_interaction' as const, ...MULTIPLE_INTERACTION })
  const card = checkCard(data)
  t.not(card, data)
  const seen: unknown[] = [card]
  for (const value of seen) {
    t.ok(Object.isFrozen(value))
    if (typeof value === 'object' && value !== null) seen.push(...Object.values(value))
  }
  t.ok(seen.length > 20)
  t.notOk(Object.isFrozen(data))
  data.main_title.title = 'changed'
  t.equal(card.main_title?.title, '预订会议室')
})

t.test('a field that is undefined is no field', async t => {
  const card = checkCard({ card_type: 'button_interaction', ...BUTTON_INTERACTION, quote_area: undefined, source: { desc: undefined } })
  t.notOk('quote_area' in card)
  t.strictSame(card.source, {})
})

t.test('every fault is named, in one error that quotes nothing of the card', async t => {
  const secret = 'what the user was told'
  const card = {
    card_type: 'button_interaction',
    ...BUTTON_INTERACTION,
    task_id: secret,
    main_title: { title: 7 },
    button_list: [...Array.from({ length: 6 }, () => ({ text: secret, key: secret })), { text: secret }],
    checkbox: { [secret]: secret }
  }
  t.throws(() => checkCard(card), { code: 'WECOM_ERR_INPUT', statusCode: 400 })
  const message = refusalOf(card)
  t.notMatch(message, secret)
  t.same(message.split('\n').sort(), [
    HEAD,
    '- task_id: must be 1 to 128 letters and digits of ASCII, _, - or @',
    '- main_title.title: must be a string',
    ...[1, 2, 3, 4, 5].map(index => `- button_list[${index}].key: the same as in button_list[0]`),
    '- button_list[6]: at most 6 buttons',
    '- checkbox: not a field of a button_interaction card'
  ].sort())
})

t.test('a kind that is not known is refused', async t => {
  const problem = `${HEAD}\n- card_type: must be text_notice, news_notice, button_interaction, vote_interaction or multiple_interaction`
  for (const kind of ['', 'text', 'toString', '__proto__', 7, null, undefined, ['text_notice']]) {
    t.equal(refusalOf({ ...CARDS.text_notice, card_type: kind }), problem, String(kind))
  }
  t.equal(refusalOf([]), problem)
})

t.test('what is no plain data is refused', async t => {
  const circle: Record<string, unknown> = { card_type: 'text_notice' }
  circle['circle'] = circle
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
  const own = JSON.parse('{ "card_type": "text_notice", "source": { "__proto__": { "desc": "x" } } }')
  for (const value of [undefined, null, 'card', 7, true, () => 1, circle, deep, own, { big: 1n }, Symbol('card')]) {
    t.equal(refusalOf(value), NOT_DATA)
  }
  t.equal(({} as Record<string, unknown>)['desc'], undefined)
})

t.test('a field of the future is kept', async t => {
  const data = changed({ card_type: 'button_interaction', ...BUTTON_INTERACTION }, 'button_list[0].icon', { url: 'x' })
  t.strictSame(checkCard(data), data)
})
