import t from 'tap'
import { CARD_SHAPES, CARD_TYPES } from '../../../../lib/wecom/cards/card-shapes.ts'
import type { CardType } from '../../../../lib/wecom/cards/card-types.ts'
import { CARDS, changed } from '../../../fixtures/cards.ts'

type Change = readonly [path: string, to: unknown]

/** What is wrong with the whole card of a kind after some changes, one line a fault. */
function faults (kind: CardType, ...changes: readonly Change[]): string[] {
  const card = changes.reduce<object>((before, [path, to]) => changed(before, path, to), CARDS[kind])
  return CARD_SHAPES[kind](card, '').map(({ path, problem }) => `${path}: ${problem}`)
}

const times = <T>(count: number, item: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => item(index))
/** Three bytes a character, so that characters and bytes are not taken for each other; filled up with one-byte ones. */
const ofBytes = (bytes: number): string => '字'.repeat(Math.floor(bytes / 3)) + 'x'.repeat(bytes % 3)

const action = (index: number) => ({ text: 'text', key: `action ${index}` })
const entry = () => ({ keyname: 'name' })
const jump = () => ({ title: 'title' })
const vertical = () => ({ title: 'title' })
const button = (index: number) => ({ text: 'text', key: `button ${index}` })
const option = (index: number) => ({ id: `option ${index}`, text: 'text' })
const question = (index: number) => ({ question_key: `question ${index}`, option_list: [option(0)] })

const WITH_MENU = ['text_notice', 'news_notice', 'button_interaction'] as const
const NOTICES = ['text_notice', 'news_notice'] as const
const SUBMITTED = ['vote_interaction', 'multiple_interaction'] as const

t.test('a card with every field of its kind is taken', async t => {
  t.equal(CARD_TYPES.length, 5)
  for (const kind of CARD_TYPES) t.same(faults(kind), [], kind)
})

t.test('lists keep to their length, and what is too much is named once', async t => {
  const table: ReadonlyArray<readonly [CardType, list: string, max: number, item: (index: number) => unknown, of: string]> = [
    ...WITH_MENU.map(kind => [kind, 'action_menu.action_list', 3, action, 'actions'] as const),
    ...WITH_MENU.map(kind => [kind, 'horizontal_content_list', 6, entry, 'entries'] as const),
    ...NOTICES.map(kind => [kind, 'jump_list', 3, jump, 'jumps'] as const),
    ['news_notice', 'vertical_content_list', 4, vertical, 'entries'],
    ['button_interaction', 'button_list', 6, button, 'buttons'],
    ['button_interaction', 'button_selection.option_list', 10, option, 'options'],
    ['vote_interaction', 'checkbox.option_list', 20, option, 'options'],
    ['multiple_interaction', 'select_list', 3, question, 'lists'],
    ['multiple_interaction', 'select_list[1].option_list', 10, option, 'options']
  ]
  for (const [kind, list, max, item, of] of table) {
    const change = (count: number): string[] => faults(
      kind, [list, times(count, item)], ...kind === 'button_interaction' ? [['button_selection.selected_id', undefined] as const] : []
    )
    t.same(change(1), [], `${kind} ${list} 1`)
    t.same(change(max), [], `${kind} ${list} ${max}`)
    t.same(change(max + 1), [`${list}[${max}]: at most ${max} ${of}`], `${kind} ${list} ${max + 1}`)
    t.same(change(max + 9), [`${list}[${max}]: at most ${max} ${of}`], `${kind} ${list} ${max + 9}`)
    t.same(faults(kind, [list, { length: 1 }]), [`${list}: must be a list`], `${kind} ${list} no list`)
    const optional = ['horizontal_content_list', 'jump_list', 'vertical_content_list'].includes(list)
    t.same(change(0), optional ? [] : [`${list}: must not be empty`], `${kind} ${list} 0`)
  }
})

t.test('keys, ids and questions are measured in bytes', async t => {
  const table: ReadonlyArray<readonly [CardType, path: string, max: number]> = [
    ...WITH_MENU.map(kind => [kind, 'action_menu.action_list[0].key', 1024] as const),
    ...NOTICES.map(kind => [kind, 'jump_list[0].question', 200] as const),
    ...SUBMITTED.map(kind => [kind, 'submit_button.key', 1024] as const),
    ...CARD_TYPES.map(kind => [kind, 'feedback.id', 256] as const),
    ['button_interaction', 'button_list[1].key', 1024],
    ['button_interaction', 'button_selection.question_key', 1024],
    ['button_interaction', 'button_selection.option_list[0].id', 128],
    ['vote_interaction', 'checkbox.question_key', 1024],
    ['vote_interaction', 'checkbox.option_list[1].id', 128],
    ['multiple_interaction', 'select_list[1].question_key', 1024],
    ['multiple_interaction', 'select_list[1].option_list[1].id', 128]
  ]
  for (const [kind, path, max] of table) {
    t.same(faults(kind, [path, ofBytes(max)]), [], `${kind} ${path} ${max}`)
    t.same(faults(kind, [path, ofBytes(max + 1)]), [`${path}: at most ${max} bytes of UTF-8`], `${kind} ${path} ${max + 1}`)
    t.same(faults(kind, [path, 7]), [`${path}: must be a string`], `${kind} ${path} number`)
    t.same(faults(kind, [path, 'a\ud83d']), [`${path}: must be well-formed: it has a lone surrogate`], `${kind} ${path} surrogate`)
  }
})

t.test('a task id is 1 to 128 of the allowed characters', async t => {
  const problem = ['task_id: must be 1 to 128 letters and digits of ASCII, _, - or @']
  for (const kind of CARD_TYPES) {
    for (const id of ['a', '0', 'aZ09_-@', 'x'.repeat(128)]) t.same(faults(kind, ['task_id', id]), [], `${kind} ${id}`)
    for (const id of ['', 'x'.repeat(129), 'a b', 'a.b', '任务', 'a\n', 'é', 7, null]) {
      t.same(faults(kind, ['task_id', id]), problem, `${kind} ${id}`)
    }
  }
})

t.test('a task id is needed where something can be clicked', async t => {
  for (const kind of ['button_interaction', 'vote_interaction'] as const) {
    t.same(faults(kind, ['task_id', undefined]), ['task_id: is missing'], kind)
  }
  for (const kind of NOTICES) {
    t.same(faults(kind, ['task_id', undefined]), ['task_id: needed with action_menu'], kind)
    t.same(faults(kind, ['task_id', undefined], ['action_menu', undefined]), [], kind)
  }
  t.same(faults('multiple_interaction', ['task_id', undefined]), [], 'the documentation has it optional there')
})

t.test('a card has a title, whatever else it says', async t => {
  for (const kind of CARD_TYPES) {
    t.same(faults(kind, ['main_title', undefined]), ['main_title: is missing'], kind)
    t.same(faults(kind, ['main_title.title', undefined]), ['main_title.title: is missing'], kind)
    t.same(faults(kind, ['main_title.title', '']), ['main_title.title: must not be empty'], kind)
    t.same(faults(kind, ['main_title.desc', undefined]), [], kind)
  }
  for (const kind of ['text_notice', 'button_interaction'] as const) t.same(faults(kind, ['sub_title_text', undefined]), [], kind)
})

t.test('a button has no address and no kind: those are of the cards of apps', async t => {
  const problem = 'not a field of a button of a bot: its click comes back as an event'
  t.same(faults('button_interaction', ['button_list[0].type', 0], ['button_list[0].url', 'https://a.example']), [
    `button_list[0].type: ${problem}`, `button_list[0].url: ${problem}`
  ])
})

t.test('what a kind cannot do without', async t => {
  for (const kind of NOTICES) t.same(faults(kind, ['card_action', undefined]), ['card_action: is missing'], kind)
  t.same(faults('button_interaction', ['card_action', undefined]), [])
  t.same(faults('button_interaction', ['button_list', undefined]), ['button_list: is missing'])
  t.same(faults('vote_interaction', ['checkbox', undefined]), ['checkbox: is missing'])
  t.same(faults('multiple_interaction', ['select_list', undefined]), ['select_list: is missing'])
  for (const kind of SUBMITTED) t.same(faults(kind, ['submit_button', undefined]), ['submit_button: is missing'], kind)

  t.same(faults('news_notice', ['card_image', undefined]), [])
  t.same(faults('news_notice', ['image_text_area', undefined]), [])
  t.same(faults(
    'news_notice', ['card_image', undefined], ['image_text_area', undefined]
  ), ['card_image: needed where there is no image_text_area'])
})

t.test('what a part of a card cannot do without', async t => {
  const table: ReadonlyArray<readonly [CardType, path: string]> = [
    ...WITH_MENU.flatMap(kind => [
      'action_menu.desc', 'action_menu.action_list[0].text', 'action_menu.action_list[0].key', 'horizontal_content_list[0].keyname'
    ].map(path => [kind, path] as const)),
    ...NOTICES.map(kind => [kind, 'jump_list[0].title'] as const),
    ['news_notice', 'card_image.url'],
    ['news_notice', 'image_text_area.image_url'],
    ['news_notice', 'vertical_content_list[1].title'],
    ['button_interaction', 'button_list[0].text'],
    ['button_interaction', 'button_list[0].key'],
    ['button_interaction', 'button_selection.question_key'],
    ['button_interaction', 'button_selection.option_list[0].id'],
    ['button_interaction', 'button_selection.option_list[0].text'],
    ['vote_interaction', 'checkbox.question_key'],
    ['vote_interaction', 'checkbox.option_list[0].id'],
    ['vote_interaction', 'checkbox.option_list[0].text'],
    ['multiple_interaction', 'select_list[1].question_key'],
    ['multiple_interaction', 'select_list[1].option_list[0].id'],
    ['multiple_interaction', 'select_list[1].option_list[0].text'],
    ...SUBMITTED.flatMap(kind => ['submit_button.text', 'submit_button.key'].map(path => [kind, path] as const)),
    ...CARD_TYPES.map(kind => [kind, 'feedback.id'] as const)
  ]
  for (const [kind, path] of table) {
    t.same(faults(kind, [path, undefined]), [`${path}: is missing`], `${kind} ${path} missing`)
    t.same(faults(kind, [path, '']), [`${path}: must not be empty`], `${kind} ${path} empty`)
  }
})

t.test('a link has what its type needs, and may have the rest', async t => {
  const links: ReadonlyArray<readonly [CardType, path: string, needs: Record<number, string>]> = [
    ...WITH_MENU.map(kind => [kind, 'quote_area', { 1: 'url', 2: 'appid' }] as const),
    ...WITH_MENU.map(kind => [kind, 'horizontal_content_list[0]', { 1: 'url', 3: 'userid' }] as const),
    ...NOTICES.map(kind => [kind, 'jump_list[0]', { 1: 'url', 2: 'appid', 3: 'question' }] as const),
    ...NOTICES.map(kind => [kind, 'card_action', { 1: 'url', 2: 'appid' }] as const),
    ['button_interaction', 'card_action', { 1: 'url', 2: 'appid' }],
    ['news_notice', 'image_text_area', { 1: 'url', 2: 'appid' }]
  ]
  for (const [kind, path, needs] of links) {
    const bare: Change[] = ['url', 'appid', 'pagepath', 'userid', 'question'].map(name => [`${path}.${name}`, undefined])
    for (const [type, needed] of Object.entries(needs)) {
      const linked: Change[] = [...bare, [`${path}.type`, Number(type)]]
      const problem = [`${path}.${needed}: needed where type is ${type}`]
      t.same(faults(kind, ...linked, [`${path}.${needed}`, 'x']), [], `${kind} ${path} ${type}`)
      t.same(faults(kind, ...linked), problem, `${kind} ${path} ${type} without`)
      t.same(faults(kind, ...linked, [`${path}.${needed}`, '']), problem, `${kind} ${path} ${type} empty`)
    }
    const none = faults(kind, ...bare, [`${path}.type`, 0])
    t.same(none, path === 'card_action' && kind !== 'button_interaction' ? ['card_action.type: must be 1 or 2'] : [], `${kind} ${path} 0`)
    t.same(faults(
      kind, ...bare, [`${path}.type`, undefined]
    ), path === 'card_action' ? ['card_action.type: is missing'] : [], `${kind} ${path} none`)
  }
})

t.test('numbers and switches keep to what is documented', async t => {
  const table: ReadonlyArray<readonly [CardType, path: string, problem: string, good: readonly unknown[], bad: readonly unknown[]]> = [
    ...CARD_TYPES.map(kind => [kind, 'source.desc_color', 'must be 0, 1, 2 or 3', [0, 1, 2, 3], [-1, 4, '1', 0.5, null]] as const),
    ...WITH_MENU.map(kind => [kind, 'quote_area.type', 'must be 0, 1 or 2', [0], [3, '0', null]] as const),
    ...WITH_MENU.map(kind => [kind, 'horizontal_content_list[0].type', 'must be 0, 1 or 3', [0], [2, 4, '0']] as const),
    ...NOTICES.map(kind => [kind, 'jump_list[0].type', 'must be 0, 1, 2 or 3', [0], [4, '0']] as const),
    ...NOTICES.map(kind => [kind, 'card_action.type', 'must be 1 or 2', [], [0, 3, '1']] as const),
    ['button_interaction', 'card_action.type', 'must be 0, 1 or 2', [0], [3, '0']],
    ['news_notice', 'image_text_area.type', 'must be 0, 1 or 2', [0, 1, 2], [3]],
    ['news_notice', 'card_image.aspect_ratio', 'must be a number from 1.3 to 2.25', [1.3, 1.78, 2.25], [1.29, 2.26, '2', null, NaN]],
    ['button_interaction', 'button_list[0].style', 'must be 1, 2, 3 or 4', [1, 2, 3, 4], [0, 5, '1']],
    ['button_interaction', 'button_selection.disable', 'must be true or false', [true, false], [0, 'false', null]],
    ['multiple_interaction', 'select_list[0].disable', 'must be true or false', [true, false], [1]],
    ['vote_interaction', 'checkbox.disable', 'must be true or false', [true, false], [1]],
    ['vote_interaction', 'checkbox.mode', 'must be 0 or 1', [0, 1], [2, true]],
    ['vote_interaction', 'checkbox.option_list[0].is_checked', 'must be true or false', [true, false], [1]]
  ]
  for (const [kind, path, problem, good, bad] of table) {
    for (const value of good) t.same(faults(kind, [path, value]), [], `${kind} ${path} ${value}`)
    for (const value of bad) t.same(faults(kind, [path, value]), [`${path}: ${problem}`], `${kind} ${path} ${value}`)
  }
})

t.test('optional texts may be empty, but are texts', async t => {
  const table: ReadonlyArray<readonly [CardType, paths: readonly string[]]> = [
    ...CARD_TYPES.map(kind => [kind, ['source.icon_url', 'source.desc', 'main_title.desc']] as const),
    ['text_notice', [
      'emphasis_content.title', 'emphasis_content.desc', 'quote_area.title', 'quote_area.quote_text', 'quote_area.appid',
      'quote_area.pagepath', 'sub_title_text', 'horizontal_content_list[0].value', 'horizontal_content_list[0].url',
      'horizontal_content_list[0].userid', 'jump_list[0].appid', 'jump_list[0].pagepath', 'jump_list[1].url', 'card_action.appid',
      'card_action.pagepath'
    ]],
    ['news_notice', [
      'vertical_content_list[0].desc', 'image_text_area.title', 'image_text_area.desc', 'image_text_area.url', 'image_text_area.pagepath'
    ]],
    ['button_interaction', [
      'sub_title_text', 'button_selection.title', 'button_selection.selected_id', 'card_action.url', 'card_action.appid'
    ]],
    ['multiple_interaction', ['select_list[0].title', 'select_list[0].selected_id']]
  ]
  for (const [kind, paths] of table) {
    for (const path of paths) {
      t.same(faults(kind, [path, '']), [], `${kind} ${path} empty`)
      t.same(faults(kind, [path, undefined]), [], `${kind} ${path} absent`)
      t.ok(faults(kind, [path, 1]).includes(`${path}: must be a string`), `${kind} ${path} number`)
      t.ok(faults(kind, [path, null]).includes(`${path}: must be a string`), `${kind} ${path} null`)
    }
  }
})

t.test('parts of a card are objects', async t => {
  for (const kind of CARD_TYPES) {
    for (const value of ['text', null, [], 1]) {
      t.same(faults(kind, ['source', value]), ['source: must be an object'])
      t.ok(faults(kind, ['main_title', value]).includes('main_title: must be an object'))
    }
  }
  t.same(faults('button_interaction', ['button_list', [null, 'text', button(0)]]), [
    'button_list[0]: must be an object', 'button_list[1]: must be an object'
  ])
  t.same(faults(
    'button_interaction', ['button_selection.option_list', [null, option(0)]], ['button_selection.selected_id', 'option 0']
  ), ['button_selection.option_list[0]: must be an object'])
  t.same(faults('text_notice', ['emphasis_content', 1], ['quote_area', 1]), [
    'emphasis_content: must be an object', 'quote_area: must be an object'
  ])
})

t.test('what tells things apart is told once', async t => {
  const twice = (item: (index: number) => object): object[] => [item(0), item(1), item(0)]
  for (const kind of WITH_MENU) {
    t.same(faults(kind, ['action_menu.action_list', twice(action)]), [
      'action_menu.action_list[2].key: the same as in action_menu.action_list[0]'
    ], kind)
  }
  t.same(faults('button_interaction', ['button_list', twice(button)]), ['button_list[2].key: the same as in button_list[0]'])
  t.same(
    faults('button_interaction', ['button_selection.option_list', twice(option)], ['button_selection.selected_id', 'option 1']),
    ['button_selection.option_list[2].id: the same as in button_selection.option_list[0]']
  )
  t.same(faults('vote_interaction', ['checkbox.option_list', twice(option)]), [
    'checkbox.option_list[2].id: the same as in checkbox.option_list[0]'
  ])
  t.same(faults('multiple_interaction', ['select_list', twice(question)]), ['select_list[2].question_key: the same as in select_list[0]'])
  t.same(faults('multiple_interaction', ['select_list', [question(0), question(1)]]), [], 'two lists may have the same options')
  t.same(faults(
    'vote_interaction', ['checkbox.option_list', [{ text: 'a' }, { text: 'b' }]]
  ), ['checkbox.option_list[0].id: is missing', 'checkbox.option_list[1].id: is missing'])
  t.same(faults(
    'vote_interaction', ['checkbox.option_list', [{ id: '', text: 'a' }, { id: '', text: 'b' }]]
  ), ['checkbox.option_list[0].id: must not be empty', 'checkbox.option_list[1].id: must not be empty'])
})

t.test('what is selected is among the options', async t => {
  const problem = 'must be the id of one of the option_list'
  t.same(faults('button_interaction', ['button_selection.selected_id', 'other']), [`button_selection.selected_id: ${problem}`])
  t.same(faults('multiple_interaction', ['select_list[1].selected_id', 'other']), [`select_list[1].selected_id: ${problem}`])
  t.same(faults('multiple_interaction', ['select_list[1].selected_id', '15']), [])
  t.same(faults(
    'multiple_interaction', ['select_list[0].option_list', 1]
  ), ['select_list[0].option_list: must be a list'], 'one mistake, one fault')
})

t.test('a field of another kind would be lost, one that nobody knows may be new', async t => {
  t.same(faults('text_notice', ['button_list', [button(0)]], ['card_image', {}]), [
    'card_image: not a field of a text_notice card', 'button_list: not a field of a text_notice card'
  ])
  t.same(faults('button_interaction', ['jump_list', []]), ['jump_list: not a field of a button_interaction card'])
  t.same(faults('vote_interaction', ['action_menu', {}]), ['action_menu: not a field of a vote_interaction card'])
  t.same(faults('multiple_interaction', ['checkbox', {}]), ['checkbox: not a field of a multiple_interaction card'])
  for (const value of ['text', '', null]) {
    t.same(faults('news_notice', ['sub_title_text', value]), ['sub_title_text: not a field of a news_notice card'])
  }
  for (const kind of CARD_TYPES) t.same(faults(kind, ['of_the_future', {}], ['source.of_the_future', 1]), [], kind)
})
