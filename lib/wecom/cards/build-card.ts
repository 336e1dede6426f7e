import type {
  ButtonInteraction, CardFields, CardOf, CardType, MultipleInteraction, NewsNotice, TextNotice, VoteInteraction
} from './card-types.ts'
import { checkCard } from './check-card.ts'

// Fields are those of WeCom's documentation (document 101032). Each builder fills in `card_type`, gives a frozen card,
// and throws an `InputError` that names every fault by its path. Nothing is cut to fit.

export const textNotice = (fields: TextNotice): CardOf<'text_notice'> => build('text_notice', fields)

export const newsNotice = (fields: NewsNotice): CardOf<'news_notice'> => build('news_notice', fields)

/** For bots with a callback: a click comes back as a `template_card_event`. */
export const buttonInteraction = (fields: ButtonInteraction): CardOf<'button_interaction'> => build('button_interaction', fields)

/** For bots with a callback: the choice comes back as a `template_card_event`. */
export const voteInteraction = (fields: VoteInteraction): CardOf<'vote_interaction'> => build('vote_interaction', fields)

/** For bots with a callback: the choices come back as a `template_card_event`. */
export const multipleInteraction = (fields: MultipleInteraction): CardOf<'multiple_interaction'> => build('multiple_interaction', fields)

// The builder that is called decides, also over the kind of a card whose fields were spread into these.
const build = <Kind extends CardType>(kind: Kind, fields: CardFields[Kind]): CardOf<Kind> =>
  checkCard({ ...fields, card_type: kind }) as CardOf<Kind>
