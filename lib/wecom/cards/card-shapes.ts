import type {
  ActionMenu, ActionMenuItem, ButtonInteraction, CardAction, CardButton, CardFields, CardImage, CardOption, CardSource, CardType,
  Checkbox, CheckboxOption, EmphasisContent, HorizontalContent, ImageTextArea, JumpAction, MainTitle, MultipleInteraction,
  NewsNotice, NoticeAction, QuoteArea, Selection, SubmitButton, TextNotice, VerticalContent, VoteInteraction
} from './card-types.ts'
import {
  amongThe, between, type Fields, filled, flag, list, matching, misplaced, neededWhere, neededWith, neededWithout, object, oneOf,
  optional, type Relation, type Rule, text
} from './shape.ts'

// The limits of document 101032; that of the feedback id is in 101031.
const MAX_KEY_BYTES = 1024
const MAX_OPTION_ID_BYTES = 128
const MAX_QUESTION_BYTES = 200
const MAX_FEEDBACK_ID_BYTES = 256

const key = filled(MAX_KEY_BYTES)
const target = { url: optional(text()), appid: optional(text()), pagepath: optional(text()) }
const linkType = optional(oneOf(0, 1, 2))
const linkRelations = [neededWhere('url', 'type', 1), neededWhere('appid', 'type', 2)]

const taskId = matching(/^[0-9A-Za-z_@-]{1,128}$/, 'must be 1 to 128 letters and digits of ASCII, _, - or @')

const common = {
  source: optional(object<CardSource>({ icon_url: optional(text()), desc: optional(text()), desc_color: optional(oneOf(0, 1, 2, 3)) })),
  task_id: optional(taskId),
  feedback: optional(object<{ id: string }>({ id: filled(MAX_FEEDBACK_ID_BYTES) }))
}

const actionMenu = object<ActionMenu>({
  desc: filled(),
  action_list: list(object<ActionMenuItem>({ text: filled(), key }), { nonEmpty: true, max: 3, of: 'actions', unique: 'key' })
})

/** The documentation lets a `sub_title_text` stand in for the title; WeCom refuses a card without one (error 41016). */
const mainTitle = object<MainTitle>({ title: filled(), desc: optional(text()) })

const emphasisContent = object<EmphasisContent>({ title: optional(text()), desc: optional(text()) })

const quoteArea = object<QuoteArea>({ type: linkType, ...target, title: optional(text()), quote_text: optional(text()) }, ...linkRelations)

const horizontalContentList = list(object<HorizontalContent>(
  { type: optional(oneOf(0, 1, 3)), keyname: filled(), value: optional(text()), url: optional(text()), userid: optional(text()) },
  neededWhere('url', 'type', 1),
  neededWhere('userid', 'type', 3)
), { max: 6, of: 'entries' })

const jumpList = list(object<JumpAction>(
  { type: optional(oneOf(0, 1, 2, 3)), title: filled(), ...target, question: optional(text(MAX_QUESTION_BYTES)) },
  ...linkRelations,
  neededWhere('question', 'type', 3)
), { max: 3, of: 'jumps' })

const noticeAction = object<NoticeAction>({ type: oneOf(1, 2), ...target }, ...linkRelations)
const cardAction = object<CardAction>({ type: oneOf(0, 1, 2), ...target }, ...linkRelations)

const verticalContentList = list(object<VerticalContent>({ title: filled(), desc: optional(text()) }), { max: 4, of: 'entries' })

// The text says "between", the documentation's own sample has 2.25: both ends are taken.
const cardImage = object<CardImage>({ url: filled(), aspect_ratio: optional(between(1.3, 2.25)) })

const imageTextArea = object<ImageTextArea>(
  { type: linkType, ...target, title: optional(text()), desc: optional(text()), image_url: filled() },
  ...linkRelations
)

const option = { id: filled(MAX_OPTION_ID_BYTES), text: filled() }

const selection = object<Selection>({
  question_key: key,
  title: optional(text()),
  disable: optional(flag),
  selected_id: optional(text()),
  option_list: list(object<CardOption>(option), { nonEmpty: true, max: 10, of: 'options', unique: 'id' })
}, amongThe('option_list', 'id', 'selected_id'))

const checkbox = object<Checkbox>({
  question_key: key,
  disable: optional(flag),
  mode: optional(oneOf(0, 1)),
  option_list: list(
    object<CheckboxOption>({ ...option, is_checked: optional(flag) }), { nonEmpty: true, max: 20, of: 'options', unique: 'id' }
  )
})

// Cards of apps have them; WeCom takes them from a bot and shows nothing of them.
const linksNowhere = misplaced(['type', 'url'], 'not a field of a button of a bot: its click comes back as an event')

const submitButton = object<SubmitButton>({ text: filled(), key })

const textNotice: Fields<TextNotice> = {
  ...common,
  action_menu: optional(actionMenu),
  main_title: mainTitle,
  emphasis_content: optional(emphasisContent),
  quote_area: optional(quoteArea),
  sub_title_text: optional(text()),
  horizontal_content_list: optional(horizontalContentList),
  jump_list: optional(jumpList),
  card_action: noticeAction
}

const newsNotice: Fields<NewsNotice> = {
  ...common,
  action_menu: optional(actionMenu),
  main_title: mainTitle,
  card_image: optional(cardImage),
  image_text_area: optional(imageTextArea),
  quote_area: optional(quoteArea),
  vertical_content_list: optional(verticalContentList),
  horizontal_content_list: optional(horizontalContentList),
  jump_list: optional(jumpList),
  card_action: noticeAction
}

const buttonInteraction: Fields<ButtonInteraction> = {
  ...common,
  action_menu: optional(actionMenu),
  main_title: mainTitle,
  quote_area: optional(quoteArea),
  sub_title_text: optional(text()),
  horizontal_content_list: optional(horizontalContentList),
  button_selection: optional(selection),
  button_list: list(
    object<CardButton>({ text: filled(), style: optional(oneOf(1, 2, 3, 4)), key }, linksNowhere),
    { nonEmpty: true, max: 6, of: 'buttons', unique: 'key' }
  ),
  card_action: optional(cardAction),
  task_id: taskId
}

const voteInteraction: Fields<VoteInteraction> = {
  ...common,
  main_title: mainTitle,
  checkbox,
  submit_button: submitButton,
  task_id: taskId
}

const multipleInteraction: Fields<MultipleInteraction> = {
  ...common,
  main_title: mainTitle,
  select_list: list(selection, { nonEmpty: true, max: 3, of: 'lists', unique: 'question_key' }),
  submit_button: submitButton
}

const FIELDS: { [Kind in CardType]: Fields<CardFields[Kind]> } = {
  text_notice: textNotice,
  news_notice: newsNotice,
  button_interaction: buttonInteraction,
  vote_interaction: voteInteraction,
  multiple_interaction: multipleInteraction
}

export const CARD_TYPES = Object.keys(FIELDS) as CardType[]

const ALL_NAMES = [...new Set(Object.values(FIELDS).flatMap(fields => Object.keys(fields)))]

function shapeOf<Kind extends CardType> (kind: Kind, ...relations: Relation[]): Rule {
  const foreign = ALL_NAMES.filter(name => !Object.hasOwn(FIELDS[kind], name))
  return object<CardFields[Kind]>(FIELDS[kind], ...relations, misplaced(foreign, `not a field of a ${kind} card`))
}

/** What WeCom takes, by kind. */
export const CARD_SHAPES: Record<CardType, Rule> = {
  text_notice: shapeOf('text_notice', neededWith('task_id', 'action_menu')),
  news_notice: shapeOf('news_notice', neededWithout('card_image', 'image_text_area'), neededWith('task_id', 'action_menu')),
  button_interaction: shapeOf('button_interaction'),
  vote_interaction: shapeOf('vote_interaction'),
  multiple_interaction: shapeOf('multiple_interaction')
}
