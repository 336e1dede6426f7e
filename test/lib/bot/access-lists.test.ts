import t from 'tap'
import { createAccessLists } from '../../../lib/bot/access-lists.ts'
import type { AccessListsOptions } from '../../../lib/bot/access-lists.ts'
import { readMessage } from '../../../lib/wecom/message.ts'
import type { Message } from '../../../lib/wecom/message.ts'

const EVERYBODY = { allow: [], deny: [] }
const listsWith = (lists: Partial<AccessListsOptions>) =>
  createAccessLists({ users: EVERYBODY, chats: EVERYBODY, bots: EVERYBODY, ...lists })

const single = (more: object = {}): Message =>
  readMessage({ msgtype: 'text', aibotid: 'bot', chattype: 'single', from: { userid: 'u' }, ...more })
const group = (more: object = {}): Message => single({ chattype: 'group', chatid: 'g', ...more })

t.test('without lists everything is let in, whatever it lacks', async t => {
  const lists = listsWith({})
  for (const message of [single(), group(), readMessage({ msgtype: 'text' }), group({ chatid: undefined, from: null, aibotid: 5 })]) {
    t.equal(lists(message), undefined)
  }
})

const KINDS = [
  ['user list', 'users', (id: unknown) => single({ from: { userid: id } })],
  ['user list', 'users', (id: unknown) => group({ from: { userid: id } })],
  ['chat list', 'chats', (id: unknown) => group({ chatid: id })],
  ['bot list', 'bots', (id: unknown) => single({ aibotid: id })],
  ['bot list', 'bots', (id: unknown) => group({ aibotid: id })]
] as const

for (const [name, key, message] of KINDS) {
  t.test(`${name}: an allow list lets in what is on it, letter by letter, and nothing else`, async t => {
    const lists = listsWith({ [key]: { allow: ['a', 'Zhang.San-1'], deny: [] } })
    for (const id of ['a', 'Zhang.San-1']) t.equal(lists(message(id)), undefined, id)
    for (const id of ['A', 'zhang.san-1', 'a ', ' a', 'b', '', 'ab', '__proto__', undefined, null, 5, ['a'], { a: 1 }]) {
      t.equal(lists(message(id)), name, String(id))
    }
  })

  t.test(`${name}: a deny list refuses what is on it, and nothing else`, async t => {
    const lists = listsWith({ [key]: { allow: [], deny: ['a', 'b'] } })
    for (const id of ['a', 'b']) t.equal(lists(message(id)), name, id)
    for (const id of ['A', 'c', '', undefined, 5]) t.equal(lists(message(id)), undefined, String(id))
  })

  t.test(`${name}: deny wins over allow`, async t => {
    const lists = listsWith({ [key]: { allow: ['a', 'b'], deny: ['b'] } })
    t.equal(lists(message('a')), undefined)
    t.equal(lists(message('b')), name)
    t.equal(lists(message('c')), name)
  })
}

t.test('the lists of chats concern groups only', async t => {
  const lists = listsWith({ chats: { allow: ['g'], deny: ['h'] } })
  t.equal(lists(single()), undefined)
  t.equal(lists(single({ chatid: 'h' })), undefined, 'a single chat says that it is one')
  t.equal(lists(readMessage({ msgtype: 'event', from: { userid: 'u' } })), undefined, 'nothing says that it is a group')
  t.equal(lists(readMessage({ msgtype: 'text', chatid: 'h' })), 'chat list', 'a chatid does')
})

t.test('a message has to pass all lists', async t => {
  const lists = listsWith({ users: { allow: ['u'], deny: [] }, chats: { allow: ['g'], deny: [] }, bots: { allow: ['bot'], deny: [] } })
  t.equal(lists(group()), undefined)
  t.equal(lists(single()), undefined)
  t.equal(lists(group({ from: { userid: 'v' } })), 'user list')
  t.equal(lists(group({ chatid: 'h' })), 'chat list')
  t.equal(lists(single({ aibotid: 'other' })), 'bot list')
})
