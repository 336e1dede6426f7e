import fc from 'fast-check'
import t from 'tap'
import { buttonInteraction, multipleInteraction, newsNotice, textNotice, voteInteraction } from '../../../../lib/wecom/cards/build-card.ts'
import type { CardFields, CardOf, TemplateCard } from '../../../../lib/wecom/cards/card-types.ts'
import { checkCard } from '../../../../lib/wecom/cards/check-card.ts'
import { BUTTON_INTERACTION, MULTIPLE_INTERACTION, NEWS_NOTICE, TEXT_NOTICE, VOTE_INTERACTION } from '../../../fixtures/cards.ts'

t.test('each builder fills in its kind and changes nothing else', async t => {
  t.strictSame(textNotice(TEXT_NOTICE), { card_type: 'text_notice', ...TEXT_NOTICE })
  t.strictSame(newsNotice(NEWS_NOTICE), { card_type: 'news_notice', ...NEWS_NOTICE })
  t.strictSame(buttonInteraction(BUTTON_INTERACTION), { card_type: 'button_interaction', ...BUTTON_INTERACTION })
  t.strictSame(voteInteraction(VOTE_INTERACTION), { card_type: 'vote_interaction', ...VOTE_INTERACTION })
  t.strictSame(multipleInteraction(MULTIPLE_INTERACTION), { card_type: 'multiple_interaction', ...MULTIPLE_INTERACTION })
})

t.test('the least that a card can be', async t => {
  textNotice({ main_title: { title: 'title' }, card_action: { type: 1, url: 'https://a.example' } })
  newsNotice({ main_title: { title: 'title' }, card_image: { url: 'https://a.example/a.png' }, card_action: { type: 2, appid: 'wx' } })
  buttonInteraction({ main_title: { title: 'title' }, button_list: [{ text: 'go', key: 'go' }], task_id: '1' })
  const submit = { text: 'go', key: 'go' }
  const question = { question_key: 'q', option_list: [{ id: '1', text: 'one' }] }
  voteInteraction({ main_title: { title: 'title' }, checkbox: question, submit_button: submit, task_id: '1' })
  multipleInteraction({ main_title: { title: 'title' }, select_list: [question], submit_button: submit })
  t.pass('nothing is missing')
})

t.test('a card is frozen, and can be built from again', async t => {
  const card = buttonInteraction(BUTTON_INTERACTION)
  t.ok(Object.isFrozen(card) && Object.isFrozen(card.button_list[0]))
  const next = buttonInteraction({ ...card, sub_title_text: 'other' })
  t.equal(next.sub_title_text, 'other')
  t.equal(card.sub_title_text, '请在今天内处理')
})

t.test('a builder throws with every fault, and cuts nothing', async t => {
  const buttons = Array.from({ length: 7 }, (_, index) => ({ text: 'text', key: `key ${index}` }))
  t.throws(() => buttonInteraction({ main_title: { title: '' }, button_list: buttons, task_id: '任务' }), {
    code: 'WECOM_ERR_INPUT',
    message: [
      'this card is not one that WeCom takes:',
      '- task_id: must be 1 to 128 letters and digits of ASCII, _, - or @',
      '- main_title.title: must not be empty',
      '- button_list[6]: at most 6 buttons'
    ].join('\n')
  })
  t.equal(buttons.length, 7)
})

t.test('a card of another kind can be built from, as far as its fields fit', async t => {
  const vote = voteInteraction(VOTE_INTERACTION)
  const { checkbox: _, ...rest } = vote
  t.equal(multipleInteraction({ ...rest, select_list: MULTIPLE_INTERACTION.select_list }).card_type, 'multiple_interaction')
  t.throws(() => multipleInteraction({ ...vote, select_list: MULTIPLE_INTERACTION.select_list }), {
    code: 'WECOM_ERR_INPUT',
    message: 'this card is not one that WeCom takes:\n- checkbox: not a field of a multiple_interaction card'
  })
})

t.test('a builder called from JavaScript with nothing says what is missing', async t => {
  // @ts-expect-error: a card has fields
  t.throws(() => voteInteraction(), {
    code: 'WECOM_ERR_INPUT', message: /main_title: is missing\n- checkbox: is missing\n- submit_button: is missing$/
  })
  // @ts-expect-error: not even an object
  t.throws(() => textNotice(null), { code: 'WECOM_ERR_INPUT', message: /card_action: is missing/ })
})

t.test('the compiler knows the fields of each kind', async t => {
  const titled = { main_title: { title: 'title' } }
  const linked = { ...titled, card_action: { type: 1, url: 'https://a.example' } as const }
  const wrong: Array<() => TemplateCard> = [
    // @ts-expect-error: a notice leads somewhere
    () => textNotice(titled),
    // @ts-expect-error: type 1 has a url
    () => textNotice({ ...titled, card_action: { type: 1, appid: 'wx' } }),
    // @ts-expect-error: type 2 has an appid
    () => textNotice({ ...titled, card_action: { type: 2, url: 'https://a.example' } }),
    // @ts-expect-error: a notice leads somewhere
    () => newsNotice({ ...titled, card_image: { url: 'x' }, card_action: { type: 0 } }),
    // @ts-expect-error: the only title is needed
    () => newsNotice({ ...linked, main_title: { desc: 'x' }, card_image: { url: 'x' } }),
    // @ts-expect-error: there is no kind 2 here
    () => textNotice({ ...linked, horizontal_content_list: [{ keyname: 'x', type: 2 }] }),
    // @ts-expect-error: type 3 has a userid
    () => textNotice({ ...linked, horizontal_content_list: [{ keyname: 'x', type: 3 }] }),
    // @ts-expect-error: type 3 has a question
    () => textNotice({ ...linked, jump_list: [{ title: 'x', type: 3 }] }),
    // @ts-expect-error: not a field of this kind
    () => textNotice({ ...linked, button_list: [] }),
    // @ts-expect-error: buttons have a task
    () => buttonInteraction({ ...titled, button_list: [{ text: 'x', key: 'x' }] }),
    // @ts-expect-error: four styles
    () => buttonInteraction({ ...titled, button_list: [{ text: 'x', key: 'x', style: 5 }], task_id: '1' }),
    // @ts-expect-error: a vote has its options
    () => voteInteraction({ ...titled, checkbox: { question_key: 'q' }, submit_button: { text: 'x', key: 'x' }, task_id: '1' }),
    // @ts-expect-error: the choice is submitted
    () => multipleInteraction({ ...titled, select_list: [{ question_key: 'q', option_list: [{ id: '1', text: 'x' }] }] })
  ]
  for (const build of wrong) t.throws(build, { code: 'WECOM_ERR_INPUT' }, build.toString())

  const card: CardOf<'text_notice'> = textNotice(linked)
  // @ts-expect-error: it is frozen
  t.throws(() => { card.sub_title_text = 'other' }, TypeError)
  const titleOf = (any: TemplateCard): string | undefined => any.card_type === 'text_notice' ? any.sub_title_text : any.main_title.title
  t.equal(titleOf(card), undefined)
})

// What may be absent is left out, as the compiler asks for it.
const fields = <Needed, Left = object>(
  needed: { [K in keyof Needed]: fc.Arbitrary<Needed[K]> }, left?: { [K in keyof Left]: fc.Arbitrary<Left[K]> }
): fc.Arbitrary<Needed & Partial<Left>> =>
    fc.record(
      { ...needed, ...left }, { requiredKeys: Object.keys(needed) as never, noNullPrototype: true }
    ) as fc.Arbitrary<Needed & Partial<Left>>

const anyText = fc.string({ unit: 'grapheme', maxLength: 20 })
const someText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const taskId = fc.string({ unit: fc.constantFrom(...'09azAZ_-@'), minLength: 1, maxLength: 128 })
const target = { url: someText, appid: someText, pagepath: anyText }
const link = fc.oneof(
  fields({}, { ...target, type: fc.constant(0 as const) }),
  fields({ type: fc.constant(1 as const), url: someText }, { appid: anyText, pagepath: anyText }),
  fields({ type: fc.constant(2 as const), appid: someText }, { url: anyText, pagepath: anyText })
)
const and = <A, B>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>): fc.Arbitrary<A & B> =>
  fc.tuple(a, b).map(([one, other]) => ({ ...one, ...other }))
const common = {
  source: fields(
    {}, { icon_url: anyText, desc: anyText, desc_color: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const) }
  ),
  feedback: fields({ id: someText.filter(id => Buffer.byteLength(id) <= 256) })
}
const menu = fields({
  desc: someText,
  action_list: fc.uniqueArray(
    fields({ text: someText, key: someText }), { minLength: 1, maxLength: 3, selector: item => item.key }
  )
})
const title = fields({ title: someText }, { desc: anyText })
const quote = and(link, fields({}, { title: anyText, quote_text: anyText }))
const horizontal = fc.array(and(fields({ keyname: someText }, { value: anyText }), fc.oneof(
  fields({}, { type: fc.constant(0 as const) }),
  fields({ type: fc.constant(1 as const), url: someText }),
  fields({ type: fc.constant(3 as const), userid: someText })
)), { maxLength: 6 })
const jumps = fc.array(and(fields({ title: someText }), fc.oneof(
  link, fields({ type: fc.constant(3 as const), question: fc.string({ maxLength: 50 }).map(text => `？${text}`) })
)), { maxLength: 3 })
const noticeAction = fc.oneof(fields(
  { type: fc.constant(1 as const), url: someText }, { pagepath: anyText }
), fields({ type: fc.constant(2 as const), appid: someText }, { url: anyText }))
const option = fields({ id: someText.filter(id => Buffer.byteLength(id) <= 128), text: someText })
const options = (maxLength: number) => fc.uniqueArray(option, { minLength: 1, maxLength, selector: item => item.id })
const selection = options(10).chain(items => fields(
  { question_key: someText, option_list: fc.constant(items) },
  { title: anyText, disable: fc.boolean(), selected_id: fc.constantFrom(...items.map(item => item.id)) }
))
const submit = fields({ text: someText, key: someText })

const arbitraries: { [Kind in keyof CardFields]: fc.Arbitrary<CardFields[Kind]> } = {
  text_notice: fields(
    { main_title: title, card_action: noticeAction, task_id: taskId },
    {
      ...common,
      action_menu: menu,
      emphasis_content: title,
      quote_area: quote,
      sub_title_text: anyText,
      horizontal_content_list: horizontal,
      jump_list: jumps
    }
  ),
  news_notice: fields(
    {
      main_title: title,
      card_action: noticeAction,
      task_id: taskId,
      card_image: fields(
        { url: someText }, { aspect_ratio: fc.double({ min: 1.3, max: 2.25, noNaN: true }) }
      )
    },
    {
      ...common,
      action_menu: menu,
      image_text_area: and(
        quote, fields({ image_url: someText })
      ),
      quote_area: quote,
      vertical_content_list: fc.array(title, { maxLength: 4 }),
      horizontal_content_list: horizontal,
      jump_list: jumps
    }
  ),
  button_interaction: fields(
    {
      main_title: title,
      task_id: taskId,
      button_list: fc.uniqueArray(fields(
        { text: someText, key: someText }, { style: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const) }
      ), { minLength: 1, maxLength: 6, selector: item => item.key })
    },
    {
      ...common,
      action_menu: menu,
      quote_area: quote,
      sub_title_text: anyText,
      horizontal_content_list: horizontal,
      button_selection: selection,
      card_action: noticeAction
    }
  ),
  vote_interaction: fields(
    {
      main_title: title,
      submit_button: submit,
      task_id: taskId,
      checkbox: fields(
        { question_key: someText, option_list: options(20) }, { mode: fc.constantFrom(0 as const, 1 as const), disable: fc.boolean() }
      )
    },
    common
  ),
  multiple_interaction: fields(
    {
      main_title: title,
      submit_button: submit,
      select_list: fc.uniqueArray(
        selection, { minLength: 1, maxLength: 3, selector: item => item.question_key }
      )
    },
    { ...common, task_id: taskId }
  )
}

t.test('any card that can be built passes the check unchanged, also by way of JSON', async t => {
  const same = <Fields>(build: (fields: Fields) => TemplateCard, arbitrary: fc.Arbitrary<Fields>): void => {
    fc.assert(fc.property(arbitrary, given => {
      const card = build(given)
      const { card_type: _, ...rest } = card
      return t.strictSame(rest, { ...given }) && t.strictSame(checkCard(card), card) &&
        t.strictSame(checkCard(JSON.parse(JSON.stringify(card))), card)
    }), { numRuns: 60 })
  }
  same(textNotice, arbitraries.text_notice)
  same(newsNotice, arbitraries.news_notice)
  same(buttonInteraction, arbitraries.button_interaction)
  same(voteInteraction, arbitraries.vote_interaction)
  same(multipleInteraction, arbitraries.multiple_interaction)
})

t.test('the check throws nothing but its own error, whatever it is given', async () => {
  const kinds = fc.constantFrom('text_notice', 'news_notice', 'button_interaction', 'vote_interaction', 'multiple_interaction')
  const names = fc.constantFrom(
    ...Object.keys({ ...TEXT_NOTICE, ...NEWS_NOTICE, ...BUTTON_INTERACTION, ...VOTE_INTERACTION, ...MULTIPLE_INTERACTION })
  )
  fc.assert(fc.property(kinds, fc.dictionary(names, fc.anything()), (kind, data) => {
    try {
      checkCard({ card_type: kind, ...data })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'WECOM_ERR_INPUT') throw error
    }
  }), { numRuns: 500 })
})
