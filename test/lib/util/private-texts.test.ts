import t from 'tap'
import { privateTextsIn } from '../../../lib/util/private-texts.ts'

t.test('what is said, by whom, and every address are found at any depth', async t => {
  const turn = {
    prompt: 'prompt',
    attachments: [{ kind: 'image', type: 'image/png', size: 1, data: 'data' }],
    quote: { text: 'quote' },
    history: [{ prompt: 'before', reply: 'reply' }],
    sender: 'sender',
    message: {
      msgtype: 'mixed',
      msgid: 'm',
      response_url: 'response_url',
      from: { userid: 'userid' },
      mixed: {
        msg_item: [{ msgtype: 'text', text: { content: 'content' } }, { image: { url: 'url', aeskey: 'aeskey' } }]
      }
    },
    comment: 'comment',
    deadline: 1,
    chat: undefined
  }
  t.strictSame(privateTextsIn(turn).sort(), [
    'aeskey', 'before', 'comment', 'content', 'data', 'prompt', 'quote', 'reply', 'response_url', 'sender', 'url', 'userid'
  ])
})

t.test('what is no object holds nothing, and what leads back to itself is read once', async t => {
  for (const value of [undefined, null, 'prompt', 5, [], { prompt: 5 }, { prompt: null }]) t.strictSame(privateTextsIn(value), [])
  const message: Record<string, unknown> = { content: 'content' }
  message['message'] = [message]
  t.strictSame(privateTextsIn(message), ['content'])
})

t.test('what cannot be looked into is passed over', async t => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  t.strictSame(privateTextsIn({ odd: proxy, prompt: 'mine' }), ['mine'])
})
