import type { Example, Json } from './model.ts'

// Every kind of message and event of the documents 100719 and 101027, and every kind of card of 101032, to be edited and sent.
// The addresses lead nowhere (RFC 2606).

const URL = 'https://wecom.invalid/media/1'

const message = (name: string, json: Json): Example => ({ name, kind: 'message', json })
const event = (name: string, eventtype: string, data?: Json): Example =>
  ({ name, kind: 'event', json: { eventtype, ...(data !== undefined && { [eventtype]: data }) } })
const card = (name: string, json: Json): Example => ({ name, kind: 'card', json })

const text = (content: string): Json => ({ msgtype: 'text', text: { content } })
const quoting = (quote: Json): Json => ({ ...text('What about this?'), quote })

export const EXAMPLES: readonly Example[] = [
  message('text', text('Hello')),
  message('image', { msgtype: 'image', image: { url: URL } }),
  message('mixed', {
    msgtype: 'mixed',
    mixed: { msg_item: [{ msgtype: 'text', text: { content: 'What is this?' } }, { msgtype: 'image', image: { url: URL } }] }
  }),
  message('voice', { msgtype: 'voice', voice: { content: 'What I said' } }),
  message('file', { msgtype: 'file', file: { url: URL } }),
  message('video', { msgtype: 'video', video: { url: URL } }),
  message('quote text', quoting(text('An earlier message'))),
  message('quote image', quoting({ msgtype: 'image', image: { url: URL } })),
  message('quote mixed', quoting({
    msgtype: 'mixed', mixed: { msg_item: [{ msgtype: 'text', text: { content: 'Words' } }, { msgtype: 'image', image: { url: URL } }] }
  })),
  message('quote voice', quoting({ msgtype: 'voice', voice: { content: 'What somebody said' } })),
  message('quote file', quoting({ msgtype: 'file', file: { url: URL } })),
  message('quote video', quoting({ msgtype: 'video', video: { url: URL } })),
  message('unknown kind', { msgtype: 'location', location: { latitude: 23.1, longitude: 113.3 } }),
  message('unknown stream', { msgtype: 'stream', stream: { id: 'nobody-knows' } }),

  event('enter_chat', 'enter_chat'),
  event('template_card_event', 'template_card_event', {
    card_type: 'button_interaction', event_key: 'yes', task_id: 'task-1'
  }),
  event('template_card_event, vote', 'template_card_event', {
    card_type: 'vote_interaction',
    event_key: 'submit',
    task_id: 'task-2',
    selected_items: { selected_item: [{ question_key: 'food', option_ids: { option_id: ['noodles', 'rice'] } }] }
  }),
  event('feedback_event, accurate', 'feedback_event', { id: 'feedback-1', type: 1 }),
  event('feedback_event, inaccurate', 'feedback_event', {
    id: 'feedback-1', type: 2, content: 'It is out of date', inaccurate_reason_list: [2, 3]
  }),
  event('feedback_event, taken back', 'feedback_event', { id: 'feedback-1', type: 3 }),
  event('unknown event', 'tomorrows_event', { anything: true }),

  card('text_notice', {
    card_type: 'text_notice',
    source: { desc: 'Orders', desc_color: 3 },
    main_title: { title: 'Order 4711 is on its way', desc: 'Two parcels' },
    emphasis_content: { title: '2', desc: 'parcels' },
    sub_title_text: 'They arrive tomorrow before noon.',
    horizontal_content_list: [
      { keyname: 'Carrier', value: 'SF' },
      { keyname: 'Track', value: 'open', type: 1, url: 'https://example.com/4711' }
    ],
    jump_list: [
      { type: 1, title: 'All orders', url: 'https://example.com/orders' },
      { type: 3, title: 'Ask', question: 'Where is order 4711?' }
    ],
    card_action: { type: 1, url: 'https://example.com/4711' },
    task_id: 'notice-1'
  }),
  card('news_notice', {
    card_type: 'news_notice',
    source: { desc: 'News' },
    main_title: { title: 'The canteen has a new menu', desc: 'From Monday' },
    image_text_area: {
      type: 1, url: 'https://example.com/menu', title: 'Menu', desc: 'Noodles, rice, soup', image_url: 'https://example.com/menu.png'
    },
    vertical_content_list: [{ title: 'Monday', desc: 'Noodles' }, { title: 'Tuesday', desc: 'Rice' }],
    card_action: { type: 1, url: 'https://example.com/menu' }
  }),
  card('button_interaction', {
    card_type: 'button_interaction',
    main_title: { title: 'Approve 3 days of leave?', desc: 'Zhang San, 1 to 3 December' },
    quote_area: { type: 0, title: 'Reason', quote_text: 'Family' },
    button_selection: {
      question_key: 'deputy',
      title: 'Deputy',
      option_list: [{ id: 'li', text: 'Li Si' }, { id: 'wang', text: 'Wang Wu' }],
      selected_id: 'li'
    },
    button_list: [{ text: 'Approve', style: 1, key: 'approve' }, { text: 'Refuse', style: 2, key: 'refuse' }],
    task_id: 'button-1'
  }),
  card('vote_interaction', {
    card_type: 'vote_interaction',
    main_title: { title: 'What shall we eat?' },
    checkbox: {
      question_key: 'food',
      mode: 1,
      option_list: [{ id: 'noodles', text: 'Noodles', is_checked: true }, { id: 'rice', text: 'Rice' }, { id: 'soup', text: 'Soup' }]
    },
    submit_button: { text: 'Vote', key: 'submit' },
    task_id: 'vote-1'
  }),
  card('multiple_interaction', {
    card_type: 'multiple_interaction',
    main_title: { title: 'Book a room' },
    select_list: [
      { question_key: 'room', title: 'Room', option_list: [{ id: 'a', text: 'Room A' }, { id: 'b', text: 'Room B' }] },
      { question_key: 'hour', title: 'Hour', option_list: [{ id: '9', text: '9:00' }, { id: '10', text: '10:00' }] }
    ],
    submit_button: { text: 'Book', key: 'book' },
    task_id: 'multiple-1'
  })
]
