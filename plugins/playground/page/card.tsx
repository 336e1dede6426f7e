import { useState } from 'preact/hooks'
import type { Json } from '../../../lib/playground/model.ts'
import { sendEvent, sendMessage } from './store.ts'
import { say } from './words.ts'

type Any = Record<string, any>
type Choices = Record<string, string[]>

const isLink = (url: unknown): url is string => typeof url === 'string' && /^https?:\/\//.test(url)
const listOf = (value: unknown): Any[] => Array.isArray(value) ? value : []

const Link = ({ to, children }: { to: unknown, children: any }) =>
  isLink(to) ? <a href={to} target='_blank' rel='noopener noreferrer'>{children}</a> : <span>{children}</span>

/** A template card as a client draws it. Without an `about` it is a preview, whose buttons do nothing. */
export function Card ({ card, user = '', about }: { card: Json, user?: string, about?: string }) {
  const [choices, setChoices] = useState<Choices>(() => chosenIn(card))
  const {
    card_type: type, source, main_title: title, emphasis_content: emphasis, quote_area: quote, sub_title_text: sub, action_menu: menu,
    card_image: image, image_text_area: area, checkbox, submit_button: submit, button_selection: selection,
    card_action: action, task_id: taskId
  } = card as Any
  const use = (key: unknown, asked: Choices): void => {
    if (about === undefined) return
    const items = Object.entries(asked).map(([question, ids]) => ({ question_key: question, option_ids: { option_id: ids } }))
    void sendEvent(user, {
      eventtype: 'template_card_event',
      template_card_event: {
        card_type: type, event_key: key, task_id: taskId, ...(items.length > 0 && { selected_items: { selected_item: items } })
      }
    }, about)
  }
  const ask = (content: unknown): void => {
    if (about !== undefined) void sendMessage(user, { msgtype: 'text', text: { content } })
  }
  const choose = (question: string, ids: string[]): void => setChoices({ ...choices, [question]: ids })
  const select = (list: Any) => (
    <Select key={list['question_key']} list={list} chosen={choices[list['question_key']] ?? []} choose={choose} />
  )

  return (
    <section class='card' aria-label={String(title?.title ?? type)}>
      {(source !== undefined || menu !== undefined) && (
        <header>
          <span class={`source colour-${source?.desc_color ?? 0}`}>{source?.desc}</span>
          {menu !== undefined && (
            <details class='menu'>
              <summary aria-label={say('menu')}>⋯</summary>
              {listOf(menu.action_list).map(item => (
                <button key={item['key']} onClick={() => use(item['key'], {})}>{item['text']}</button>
              ))}
            </details>
          )}
        </header>
      )}
      <h3>{title?.title}</h3>
      {title?.desc && <p class='desc'>{title.desc}</p>}
      {isLink(image?.url) && <p><Link to={image.url}>{say('picture')}</Link></p>}
      {emphasis !== undefined && <p class='emphasis'><strong>{emphasis.title}</strong> {emphasis.desc}</p>}
      {area !== undefined && <p class='area'><Link to={area.url}><strong>{area.title}</strong> {area.desc} {say('picture')}</Link></p>}
      {quote !== undefined && <blockquote><strong>{quote.title}</strong> {quote.quote_text}</blockquote>}
      {sub && <p>{sub}</p>}
      {listOf(card['vertical_content_list']).map((item, index) => <p key={index}><strong>{item['title']}</strong> {item['desc']}</p>)}
      {listOf(card['horizontal_content_list']).map((item, index) => (
        <p key={index} class='pair'>
          <span>{item['keyname']}</span> <Link to={item['type'] === 1 ? item['url'] : ''}>{item['value']}</Link>
        </p>
      ))}
      {selection !== undefined && select(selection)}
      {listOf(card['select_list']).map(select)}
      {checkbox !== undefined && <Options list={checkbox} chosen={choices[checkbox.question_key] ?? []} choose={choose} />}
      <div class='buttons'>
        {listOf(card['button_list']).map(button => (
          <button
            key={button['key']} class={`style-${button['style'] ?? 1}`}
            onClick={() => use(button['key'], selection === undefined ? {} : choices)}
          >{button['text']}
          </button>
        ))}
        {submit !== undefined && (
          <button class='style-1' disabled={checkbox?.disable === true} onClick={() => use(submit.key, choices)}>{submit.text}</button>
        )}
      </div>
      {listOf(card['jump_list']).map((jump, index) => jump['type'] === 3
        ? <button key={index} class='jump' onClick={() => ask(jump['question'])}>{jump['title']}</button>
        : <p key={index} class='jump'><Link to={jump['url']}>{jump['title']} ›</Link></p>)}
      {isLink(action?.url) && <p class='jump'><Link to={action.url}>{action.url}</Link></p>}
    </section>
  )
}

function chosenIn (card: Json): Choices {
  const { checkbox, button_selection: selection, select_list: lists } = card as Any
  const choices: Choices = {}
  for (const list of [...listOf(lists), ...(selection === undefined ? [] : [selection as Any])]) {
    choices[list['question_key']] = [list['selected_id'] ?? listOf(list['option_list'])[0]?.['id']]
  }
  if (checkbox !== undefined) {
    const checked = listOf(checkbox.option_list).filter(option => option['is_checked'] === true)
    choices[checkbox.question_key] = checked.map(option => option['id'])
  }
  return choices
}

interface ListProps { list: Any, chosen: string[], choose: (question: string, ids: string[]) => void }

function Select ({ list, chosen, choose }: ListProps) {
  return (
    <label class='select'>
      <span>{list['title'] ?? say('choose')}</span>
      <select
        disabled={list['disable'] === true} value={chosen[0]}
        onChange={event => choose(list['question_key'], [event.currentTarget.value])}
      >
        {listOf(list['option_list']).map(option => <option key={option['id']} value={option['id']}>{option['text']}</option>)}
      </select>
    </label>
  )
}

function Options ({ list, chosen, choose }: ListProps) {
  const isMany = list['mode'] === 1
  const toggle = (id: string): void => {
    const without = chosen.filter(one => one !== id)
    choose(list['question_key'], isMany ? (without.length < chosen.length ? without : [...chosen, id]) : [id])
  }
  return (
    <fieldset disabled={list['disable'] === true}>
      <legend class='hidden'>{say('choose')}</legend>
      {listOf(list['option_list']).map(option => (
        <label key={option['id']}>
          <input
            type={isMany ? 'checkbox' : 'radio'} checked={chosen.includes(option['id'])} onChange={() => toggle(option['id'])}
          /> {option['text']}
        </label>
      ))}
    </fieldset>
  )
}
