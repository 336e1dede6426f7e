import { useEffect, useState } from 'preact/hooks'
import type { BotEntry, Entry, EventEntry, Json, StoredFile, UserEntry } from '../../../lib/playground/model.ts'
import { Card } from './card.tsx'
import { Icon } from './icon.tsx'
import { Markdown } from './markdown.tsx'
import { memo } from './memo.ts'
import { changed, fetchFile, sendEvent } from './store.ts'
import { say } from './words.ts'

export const timeOf = (at: number): string => new Date(at).toTimeString().slice(0, 8)

/** The plain words of a message, for lists and quotes. */
export function wordsOf (message: Json): string {
  const { msgtype, text, voice, mixed } = message as Record<string, any>
  if (msgtype === 'text') return String(text?.content ?? '')
  if (msgtype === 'voice') return String(voice?.content ?? '')
  if (msgtype === 'mixed') return (mixed?.msg_item ?? []).map((item: Json) => wordsOf(item)).join(' ')
  return `[${String(msgtype)}]`
}

export const EntryView = memo(({ entry, user }: { entry: Entry, user: string }) => {
  if (entry.kind === 'user') return <UserBubble entry={entry} user={user} />
  return entry.kind === 'bot' ? <BotBubble entry={entry} user={user} /> : <EventLine entry={entry} />
})

const Problems = ({ list }: { list: string[] }) =>
  list.length === 0 ? null : <ul class='problems'>{list.map(problem => <li key={problem}>{problem}</li>)}</ul>

function UserBubble ({ entry, user }: { entry: UserEntry, user: string }) {
  const { message, files, state, problems } = entry
  const quote = message['quote'] as Json | undefined
  return (
    <article class={`row user ${entry.user === user ? 'mine' : ''}`} aria-label={`${entry.user} ${timeOf(entry.at)}`}>
      <span class='avatar' aria-hidden='true'>{entry.user.slice(0, 1).toUpperCase()}</span>
      <div class='column'>
        <span class='who'>{entry.user} <time>{timeOf(entry.at)}</time></span>
        <div class='bubble'>
          {quote !== undefined && <blockquote class='quoted'>{say('quoted')}: {wordsOf(quote)}</blockquote>}
          {message['msgtype'] === 'voice' && <Icon name='voice' />}
          {(files.length === 0 || message['msgtype'] === 'mixed') && <span class='plain'>{wordsOf(message)}</span>}
          {files.map(file => <FileView key={file.id} file={file} />)}
        </div>
        {state === 'late' && <span class='state'>{say('late')}</span>}
        {state === 'failed' && <span class='state bad'>{say('failed')}</span>}
        <Problems list={problems} />
        <button class='quiet' onClick={() => changed({ quote: entry })}>{say('quote')}</button>
      </div>
    </article>
  )
}

function FileView ({ file }: { file: StoredFile }) {
  const [url, setUrl] = useState('')
  const isImage = /^image\/(?:png|jpeg|gif|webp)$/.test(file.type)
  useEffect(() => {
    if (!isImage) return
    let made = ''
    void fetchFile(file.id).then(blob => { setUrl(made = URL.createObjectURL(new Blob([blob], { type: file.type }))) })
    return () => URL.revokeObjectURL(made)
  }, [file.id])
  if (url !== '') return <img class='sent' src={url} alt={file.name} />
  return <span class='file'><Icon name='file' /> {file.name} <small>{file.bytes} B</small></span>
}

function BotBubble ({ entry, user }: { entry: BotEntry, user: string }) {
  const [, thinking = '', body = entry.content] = /^<think>([^]*?)(?:<\/think>([^]*)|$)/.exec(entry.content) ?? []
  const isThinking = entry.content.startsWith('<think>')
  const text = isThinking ? body : entry.content
  const card = entry.cardOf?.[user] ?? entry.card
  return (
    <article class='row bot' aria-label={`bot ${timeOf(entry.at)}`} aria-busy={entry.running}>
      <span class='avatar' aria-hidden='true'>AI</span>
      <div class='column'>
        <span class='who'>
          bot <time>{timeOf(entry.at)}</time>
          {entry.via === 'active' && <span class='tag'>{say('active')}</span>}
          {entry.via === 'welcome' && <span class='tag'>{say('welcome')}</span>}
        </span>
        {(entry.content !== '' || entry.running || entry.images.length > 0) && (
          <div class='bubble'>
            {thinking.trim() !== '' && <details class='think'><summary>{say('thinking')}</summary><Markdown text={thinking} /></details>}
            <Markdown text={text} />
            {entry.running && <span class='dots' role='status' aria-label={say('waiting')}><i /><i /><i /></span>}
            {entry.images.map((image, index) => (
              <img key={index} class='sent' src={`data:image;base64,${image}`} alt={`${say('noImage')} ${index + 1}`} />
            ))}
          </div>
        )}
        {card !== undefined && <Card card={card} user={user} about={entry.id} />}
        {entry.gaveUp && <span class='state bad'>{say('gaveUp')}</span>}
        {entry.warnings.length > 0 && (
          <ul class='warnings'>
            {entry.warnings.map(({ code, detail }) => <li key={code + detail}>{say(code)}{detail !== undefined && `: ${detail}`}</li>)}
          </ul>
        )}
        <Problems list={entry.problems} />
        {!entry.running && <Rating entry={entry} user={user} />}
      </div>
    </article>
  )
}

function Rating ({ entry, user }: { entry: BotEntry, user: string }) {
  const [isOpen, setOpen] = useState(false)
  const [reasons, setReasons] = useState<number[]>([])
  const [comment, setComment] = useState('')
  const { feedbackId, vote } = entry
  const rate = async (type: 1 | 2 | 3, more: Json = {}): Promise<void> => {
    setOpen(false)
    await sendEvent(user, { eventtype: 'feedback_event', feedback_event: { id: feedbackId, type, ...more } }, entry.id)
  }
  return (
    <div class='actions'>
      <button class='quiet' onClick={() => changed({ quote: entry })}>{say('quote')}</button>
      {feedbackId !== undefined && (
        <>
          <button class='quiet' aria-label={say('good')} aria-pressed={vote?.type === 1} onClick={() => { void rate(1) }}>
            <Icon name='good' />
          </button>
          <button class='quiet' aria-label={say('bad')} aria-pressed={vote?.type === 2} onClick={() => setOpen(!isOpen)}>
            <Icon name='bad' />
          </button>
          {vote !== undefined && vote.type !== 3 && <button class='quiet' onClick={() => { void rate(3) }}>{say('takeBack')}</button>}
        </>
      )}
      {isOpen && (
        <form
          class='reasons'
          onSubmit={event => {
            event.preventDefault()
            void rate(2, { ...(comment !== '' && { content: comment }), ...(reasons.length > 0 && { inaccurate_reason_list: reasons }) })
          }}
        >
          {([1, 2, 3, 4] as const).map(reason => (
            <label key={reason}>
              <input
                type='checkbox' checked={reasons.includes(reason)}
                onChange={() => setReasons(reasons.includes(reason) ? reasons.filter(one => one !== reason) : [...reasons, reason])}
              /> {say(`reason${reason}`)}
            </label>
          ))}
          <input
            aria-label={say('comment')} placeholder={say('comment')} value={comment}
            onInput={event => setComment(event.currentTarget.value)}
          />
          <button class='main'>{say('submit')}</button>
        </form>
      )}
    </div>
  )
}

function EventLine ({ entry }: { entry: EventEntry }) {
  return (
    <div class='line'>
      <span>{entry.user} · <code>{String(entry.event['eventtype'])}</code> · {entry.outcome} <time>{timeOf(entry.at)}</time></span>
      <Problems list={entry.problems} />
    </div>
  )
}
