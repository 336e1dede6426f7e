import type { Conversation } from '../../../lib/playground/model.ts'
import { wordsOf } from './bubble.tsx'
import { Icon } from './icon.tsx'
import { memo } from './memo.ts'
import { call, changed, sendEvent, view } from './store.ts'
import { say } from './words.ts'

const NAMES = ['zhangsan', 'lisi', 'wangwu', 'zhaoliu', 'sunqi', 'zhouba']

/** Who opens a chat for the first time on a day is greeted; here, each new chat is a first time. */
async function create (kind: 'single' | 'group'): Promise<void> {
  const count = view.snapshot?.conversations.filter(one => one.kind === kind).length ?? 0
  const user = NAMES[count % NAMES.length] ?? 'zhangsan'
  const members = kind === 'single' ? [user] : NAMES.slice(0, 3)
  const before = view.selected
  // Until it is there, nobody writes into another one by mistake.
  changed({ selected: undefined, quote: undefined })
  const made = await call<{ id: string }>('create', { kind, name: kind === 'single' ? user : `${say('group')} ${count + 1}`, members })
  if (made === undefined) return changed({ selected: before })
  changed({ selected: made.id, place: 'chat' })
  if (kind === 'single') await sendEvent(user, { eventtype: 'enter_chat' })
}

async function load (file: File | undefined): Promise<void> {
  if (file === undefined) return
  try {
    const made = await call<{ id: string }>('load', { recording: JSON.parse(await file.text()) })
    if (made !== undefined) changed({ selected: made.id, place: 'chat' })
  } catch {
    changed({ notice: say('notJson') })
  }
}

export function Sidebar ({ conversations }: { conversations: Conversation[] }) {
  return (
    <nav class='sidebar' aria-label={say('conversations')}>
      <div class='bar'>
        <button onClick={() => { void create('single') }}>＋ {say('newSingle')}</button>
        <button onClick={() => { void create('group') }}>＋ {say('newGroup')}</button>
        <label class='button'>{say('load')}
          <input
            class='hidden' type='file' accept='.json' aria-label={say('load')}
            onChange={({ currentTarget: field }) => {
              // The same file can be chosen again.
              void load(field.files?.[0]).then(() => { field.value = '' })
            }}
          />
        </label>
      </div>
      <ul>
        {conversations.toSorted((a, b) => b.createdAt - a.createdAt).map(conversation => (
          <Item
            key={conversation.id} id={conversation.id} name={conversation.name} kind={conversation.kind}
            isLoaded={conversation.loaded === true} isSelected={conversation.id === view.selected}
            preview={previewOf(conversation)} language={view.language}
          />
        ))}
      </ul>
    </nav>
  )
}

interface ItemProps {
  id: string
  name: string
  kind: 'single' | 'group'
  isLoaded: boolean
  isSelected: boolean
  preview: string
  language: string
}

const Item = memo(({ id, name, kind, isLoaded, isSelected, preview }: ItemProps) => (
  <li class={isSelected ? 'selected' : ''}>
    <button class='item' aria-current={isSelected} onClick={() => changed({ selected: id, place: 'chat', quote: undefined })}>
      <span class='avatar' aria-hidden='true'>{kind === 'group' ? <Icon name='group' /> : name.slice(0, 1).toUpperCase()}</span>
      <span class='column'>
        <strong>{name}{isLoaded && <span class='tag'>{say('loaded')}</span>}</strong><small>{preview || say(kind)}</small>
      </span>
    </button>
    <button class='quiet' aria-label={`${say('remove')} ${name}`} onClick={() => { void call('remove', { conversation: id }) }}>✕</button>
  </li>
))

function previewOf ({ entries }: Conversation): string {
  const last = entries.findLast(entry => entry.kind !== 'event')
  if (last === undefined) return ''
  if (last.kind === 'user') return wordsOf(last.message).slice(0, 40)
  const end = last.content.startsWith('<think>') ? last.content.indexOf('</think>') + '</think>'.length : 0
  return last.content.slice(end, end + 200).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[#*`>|]/g, '').trim().slice(0, 40)
}
