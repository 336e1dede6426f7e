import { useRef, useState } from 'preact/hooks'
import type { Conversation } from '../../../lib/playground/model.ts'
import { wordsOf } from './bubble.tsx'
import { Icon } from './icon.tsx'
import { changed, sendMessage, upload, view } from './store.ts'
import { say } from './words.ts'

/** What is not sent yet stays with its conversation while another one is looked at. */
const drafts = new Map<string, string>()

export function Composer ({ conversation, user, setUser }: { conversation: Conversation, user: string, setUser: (user: string) => void }) {
  const [text, setDraft] = useState(drafts.get(conversation.id) ?? '')
  const field = useRef<HTMLTextAreaElement>(null)
  const setText = (draft: string): void => {
    drafts.set(conversation.id, draft)
    setDraft(draft)
  }
  const { quote, snapshot } = view
  const isRunning = conversation.entries.some(entry => entry.kind === 'bot' && entry.running)

  const send = async (msgtype: 'text' | 'voice'): Promise<void> => {
    if (text.trim() === '') return
    setText('')
    field.current?.focus()
    if (!await sendMessage(user, { msgtype, [msgtype]: { content: text } })) setText(text)
  }

  async function sendFiles (list: FileList | null): Promise<void> {
    const files = []
    for (const file of list ?? []) {
      const stored = await upload(file)
      if (stored !== undefined) files.push(stored)
    }
    const pictures = files.filter(({ type }) => type.startsWith('image/'))
    const words = text.trim()
    if (pictures.length > 0 && (words !== '' || pictures.length > 1)) {
      setText('')
      const items = pictures.map(({ url }) => ({ msgtype: 'image', image: { url } }))
      const item = words === '' ? [] : [{ msgtype: 'text', text: { content: words } }]
      await sendMessage(user, { msgtype: 'mixed', mixed: { msg_item: [...item, ...items] } }, pictures.map(({ id }) => id))
    } else {
      for (const { id, url } of pictures) await sendMessage(user, { msgtype: 'image', image: { url } }, [id])
    }
    for (const { id, url, type } of files.filter(file => !pictures.includes(file))) {
      const kind = type.startsWith('video/') ? 'video' : 'file'
      await sendMessage(user, { msgtype: kind, [kind]: { url } }, [id])
    }
  }

  return (
    <form class='composer' onSubmit={event => { event.preventDefault(); void send('text') }}>
      {quote !== undefined && quote.kind !== 'event' && (
        <div class='quoting'>
          <span>{say('quoted')}: {quote.kind === 'bot' ? quote.content.slice(0, 80) : wordsOf(quote.message).slice(0, 80)}</span>
          <button type='button' class='quiet' aria-label={say('unquote')} onClick={() => changed({ quote: undefined })}>✕</button>
        </div>
      )}
      <textarea
        ref={field} rows={2} aria-label={say('message')} placeholder={say('message')} value={text}
        onInput={event => setText(event.currentTarget.value)}
        onKeyDown={event => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
          event.preventDefault()
          void send('text')
        }}
      />
      <div class='bar'>
        {conversation.kind === 'group' && (
          <>
            <label><span class='hidden'>{say('as')}</span>
              <select aria-label={say('as')} value={user} onChange={event => setUser(event.currentTarget.value)}>
                {conversation.members.map(member => <option key={member} value={member}>{member}</option>)}
              </select>
            </label>
            <button type='button' aria-label={say('mention')} title={say('mention')} onClick={() => setText(`@bot ${text}`)}>@</button>
          </>
        )}
        <label class={`button ${snapshot?.facts.noAddress ? 'off' : ''}`} title={say(snapshot?.facts.noAddress ? 'attachOff' : 'attach')}>
          <Icon name='attach' /><input
            class='hidden' type='file' multiple disabled={snapshot?.facts.noAddress === true} aria-label={say('attach')}
            onChange={({ currentTarget: field }) => {
              // The same file can be chosen again.
              void sendFiles(field.files).then(() => { field.value = '' })
            }}
            />
        </label>
        <button type='button' aria-label={say('voice')} title={say('voice')} onClick={() => { void send('voice') }}>
          <Icon name='voice' />
        </button>
        <span class='space' />
        {isRunning && (
          <button type='button' onClick={() => { void sendMessage(user, { msgtype: 'text', text: { content: '/stop' } }) }}>
            {say('stop')}
          </button>
        )}
        <button class='main'>{say('send')}</button>
      </div>
    </form>
  )
}
