import { render } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Conversation } from '../../../lib/playground/model.ts'
import { EntryView } from './bubble.tsx'
import { Composer } from './composer.tsx'
import { Inspector } from './inspector.tsx'
import { Sidebar } from './sidebar.tsx'
import { applyLook, changed, current, follow, onChange, view } from './store.ts'
import type { Panel } from './store.ts'
import { CardEditor, Misbehave, Triggers } from './tools.tsx'
import { say } from './words.ts'

const PANELS: Panel[] = ['inspector', 'triggers', 'cards', 'misbehave']

function App () {
  const conversation = current()
  const [user, setUser] = useState('')
  const speaker = conversation?.members.includes(user) ? user : conversation?.members[0] ?? ''
  if (view.status === 'refused') return <main class='full' role='alert'>{say('wrongToken')}</main>
  if (view.snapshot === undefined) return <main class='full' role='status'>{say(view.status === 'lost' ? 'lost' : 'connecting')}</main>
  return (
    <div class={`app show-${view.place}`}>
      <header class='top'>
        {view.place !== 'list' && <button class='back' aria-label={say('back')} onClick={() => changed({ place: 'list' })}>‹</button>}
        <h1>{say('playground')}</h1>
        <span class='target'>{view.snapshot.facts.target ?? say('ownTarget')}</span>
        {view.status === 'lost' && <span class='state bad' role='status'>{say('lost')}</span>}
        <span class='space' />
        <button class='narrow' onClick={() => changed({ place: view.place === 'tools' ? 'chat' : 'tools' })}>{say('tools')}</button>
        <button
          aria-label={say('theme')} title={say('theme')}
          onClick={() => applyLook({ theme: view.theme === 'dark' ? 'light' : 'dark' })}
        >◐
        </button>
        <button onClick={() => applyLook({ language: view.language === 'zh' ? 'en' : 'zh' })}>{say('language')}</button>
      </header>
      <Sidebar conversations={view.snapshot.conversations} />
      {conversation === undefined
        ? <main class='full'>{say('pick')}</main>
        : <Chat key={conversation.id} conversation={conversation} user={speaker} setUser={setUser} />}
      <aside class='tools' aria-label={say('tools')}>
        <div class='tabs' role='tablist'>
          {PANELS.map(panel => (
            <button key={panel} role='tab' aria-selected={view.panel === panel} onClick={() => changed({ panel })}>{say(panel)}</button>
          ))}
        </div>
        {conversation !== undefined && view.panel === 'inspector' && <Inspector conversation={conversation} />}
        {view.panel === 'triggers' && <Triggers user={speaker} />}
        {view.panel === 'cards' && <CardEditor />}
        {view.panel === 'misbehave' && <Misbehave />}
      </aside>
      <Notice text={view.notice} />
    </div>
  )
}

function Chat ({ conversation, user, setUser }: { conversation: Conversation, user: string, setUser: (user: string) => void }) {
  const list = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  // Who has scrolled up to read stays there.
  useLayoutEffect(() => { if (isAtEnd.current) list.current?.scrollTo(0, list.current.scrollHeight) })
  useEffect(() => {
    const box = list.current
    if (box === null) return
    const observer = new ResizeObserver(() => { if (isAtEnd.current) box.scrollTo(0, box.scrollHeight) })
    for (const child of box.children) observer.observe(child)
    return () => observer.disconnect()
  }, [conversation.entries.length])
  return (
    <main class='chat' aria-label={conversation.name}>
      <h2>{conversation.name} {conversation.kind === 'group' && <small>({conversation.members.length})</small>}</h2>
      <div
        ref={list} class='entries' role='log' aria-live='polite' tabIndex={0}
        onScroll={({ currentTarget: box }) => { isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40 }}
      >
        {conversation.entries.length === 0 && <p class='empty'>{say('nothing')}</p>}
        {conversation.entries.map(entry => <EntryView key={`${entry.id}${view.language}`} entry={entry} user={user} />)}
      </div>
      {conversation.loaded !== true && <Composer conversation={conversation} user={user} setUser={setUser} />}
    </main>
  )
}

function Notice ({ text }: { text: string }) {
  useEffect(() => {
    if (text === '') return
    const timer = setTimeout(() => changed({ notice: '' }), 4000)
    return () => clearTimeout(timer)
  }, [text])
  return <div class='notice' role='status' hidden={text === ''}>{text}</div>
}

const root = document.querySelector('#app') as Element
onChange(() => render(<App />, root))
applyLook()
void follow()
