// The wire's own names throughout, so that WeCom's documentation applies as it stands (document 101032).
// Lengths it merely advises are told in the comments and not checked.

/** Where the card comes from. */
export interface CardSource {
  icon_url?: string
  /** Advised: at most 13 characters. */
  desc?: string
  /** 0 (default) grey, 1 black, 2 red, 3 green. */
  desc_color?: 0 | 1 | 2 | 3
}

/** The menu in the upper right corner; a choice comes back as an event. */
export interface ActionMenu {
  desc: string
  /** 1 to 3. */
  action_list: readonly ActionMenuItem[]
}

export interface ActionMenuItem {
  text: string
  /** Comes back as `event_key`. At most 1024 bytes, no two alike. */
  key: string
}

export interface MainTitle {
  /** Advised: at most 26 characters. */
  title: string
  /** Advised: at most 30 characters. */
  desc?: string
}

export interface EmphasisContent {
  /** Advised: at most 10 characters. */
  title?: string
  /** Advised: at most 15 characters. */
  desc?: string
}

interface LinkTarget {
  url?: string
  /** A mini program; it has to be one that is connected with the app. */
  appid?: string
  pagepath?: string
}

type NoLink = { type?: 0 }
type UrlLink = { type: 1, url: string }
type MiniProgramLink = { type: 2, appid: string }

export type QuoteArea = LinkTarget & { title?: string, quote_text?: string } & (NoLink | UrlLink | MiniProgramLink)

export type HorizontalContent = {
  /** Advised: at most 5 characters. */
  keyname: string
  /** Advised: at most 26 characters. */
  value?: string
  url?: string
  userid?: string
} & (NoLink | UrlLink | /* shows a member */ { type: 3, userid: string })

export type JumpAction = LinkTarget & {
  /** Advised: at most 13 characters. */
  title: string
  /** At most 200 bytes. */
  question?: string
} & (NoLink | UrlLink | MiniProgramLink | /* asks the bot */ { type: 3, question: string })

/** Where a click on a notice leads: always somewhere. */
export type NoticeAction = LinkTarget & (UrlLink | MiniProgramLink)
export type CardAction = LinkTarget & (Required<NoLink> | UrlLink | MiniProgramLink)

export interface VerticalContent {
  /** Advised: at most 26 characters. */
  title: string
  /** Advised: at most 112 characters. */
  desc?: string
}

export interface CardImage {
  url: string
  /** Width by height, 1.3 (default) to 2.25. */
  aspect_ratio?: number
}

export type ImageTextArea = LinkTarget & { image_url: string, title?: string, desc?: string } & (NoLink | UrlLink | MiniProgramLink)

export interface CardButton {
  /** Advised: at most 10 characters. */
  text: string
  /** 1 is the default. */
  style?: 1 | 2 | 3 | 4
  /** Comes back as `event_key`. At most 1024 bytes, no two alike. */
  key: string
}

export interface SubmitButton {
  /** Advised: at most 10 characters. */
  text: string
  /** Comes back as `event_key`. At most 1024 bytes. */
  key: string
}

export interface CardOption {
  /** Comes back among the chosen ones. At most 128 bytes, no two alike. */
  id: string
  /** Advised: at most 10 characters. */
  text: string
}

/** A drop-down list. */
export interface Selection {
  /** Tells the lists of a card apart. At most 1024 bytes, no two alike. */
  question_key: string
  /** Advised: at most 13 characters. */
  title?: string
  /** Counts in an update only. */
  disable?: boolean
  /** The first option if it is left out. */
  selected_id?: string
  /** 1 to 10. */
  option_list: readonly CardOption[]
}

export interface CheckboxOption extends CardOption {
  is_checked?: boolean
}

export interface Checkbox {
  /** At most 1024 bytes. */
  question_key: string
  /** Counts in an update only. */
  disable?: boolean
  /** 0 (default) one choice, 1 several. */
  mode?: 0 | 1
  /** 1 to 20. */
  option_list: readonly CheckboxOption[]
}

interface CommonFields {
  source?: CardSource
  /** Unique within the bot. Letters and digits of ASCII, `_`, `-` and `@`, at most 128 bytes. */
  task_id?: string
  /** Lets the user rate the reply; the id comes back with the rating. At most 256 bytes. */
  feedback?: { id: string }
}

/** A text and where it leads. Needs a `task_id` if it has a menu. WeCom refuses it as an update: see `cards.done`. */
export interface TextNotice extends CommonFields {
  action_menu?: ActionMenu
  main_title: MainTitle
  /** Advised: not together with `quote_area`. */
  emphasis_content?: EmphasisContent
  quote_area?: QuoteArea
  /** Advised: at most 112 characters. */
  sub_title_text?: string
  /** At most 6. */
  horizontal_content_list?: readonly HorizontalContent[]
  /** At most 3. */
  jump_list?: readonly JumpAction[]
  card_action: NoticeAction
}

/** A picture with text. Needs a `card_image` or an `image_text_area`, and a `task_id` if it has a menu. */
export interface NewsNotice extends CommonFields {
  action_menu?: ActionMenu
  main_title: MainTitle
  card_image?: CardImage
  image_text_area?: ImageTextArea
  quote_area?: QuoteArea
  /** At most 4. */
  vertical_content_list?: readonly VerticalContent[]
  /** At most 6. */
  horizontal_content_list?: readonly HorizontalContent[]
  /** At most 3. */
  jump_list?: readonly JumpAction[]
  card_action: NoticeAction
}

/** Buttons whose click comes back as an event. */
export interface ButtonInteraction extends CommonFields {
  action_menu?: ActionMenu
  main_title: MainTitle
  quote_area?: QuoteArea
  /** Advised: at most 112 characters. */
  sub_title_text?: string
  /** At most 6. */
  horizontal_content_list?: readonly HorizontalContent[]
  button_selection?: Selection
  /** 1 to 6. */
  button_list: readonly CardButton[]
  card_action?: CardAction
  task_id: string
}

/** One question with options to tick. */
export interface VoteInteraction extends CommonFields {
  main_title: MainTitle
  checkbox: Checkbox
  submit_button: SubmitButton
  task_id: string
}

/** Several questions, each with a drop-down list. */
export interface MultipleInteraction extends CommonFields {
  main_title: MainTitle
  /** 1 to 3. */
  select_list: readonly Selection[]
  submit_button: SubmitButton
}

export interface CardFields {
  text_notice: TextNotice
  news_notice: NewsNotice
  button_interaction: ButtonInteraction
  vote_interaction: VoteInteraction
  multiple_interaction: MultipleInteraction
}

export type CardType = keyof CardFields

type Frozen<T> =
  T extends ReadonlyArray<infer Item> ? ReadonlyArray<Frozen<Item>>
    : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T

/** A card of one kind as it is sent: checked, and frozen through and through. */
export type CardOf<Kind extends CardType> = Frozen<{ card_type: Kind } & CardFields[Kind]>

export type TemplateCard = { [Kind in CardType]: CardOf<Kind> }[CardType]
