import type { Conversation, ConversationHead, Entry, FeedEvent, Json, Snapshot, StoredFile } from '../../../lib/playground/model.ts'
import { say, setLanguage } from './words.ts'

export type Panel = 'inspector' | 'triggers' | 'cards' | 'misbehave'

export interface View {
  status: 'connecting' | 'open' | 'lost' | 'refused'
  snapshot: Snapshot | undefined
  selected: string | undefined
  panel: Panel
  /** What a narrow screen shows. */
  place: 'list' | 'chat' | 'tools'
  quote: Entry | undefined
  notice: string
  language: 'en' | 'zh'
  theme: 'light' | 'dark'
}

const look = {
  language: navigator.language.startsWith('zh') ? 'zh' : 'en',
  theme: matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light',
  ...readLook()
}

export const view: View = {
  status: 'connecting',
  snapshot: undefined,
  selected: undefined,
  panel: 'inspector',
  place: 'list',
  quote: undefined,
  notice: '',
  language: look.language === 'zh' ? 'zh' : 'en',
  theme: look.theme === 'dark' ? 'dark' : 'light'
}

let render = (): void => {}
let isDue = false
export const onChange = (draw: () => void): void => { render = draw }

/**
 * Frames of the screen, not frames of the wire, say how often it is drawn. Another conversation is drawn at once: what is typed or clicked
 * meanwhile would be meant for the one before.
 */
export function changed (changes: Partial<View> = {}): void {
  Object.assign(view, changes)
  if ('selected' in changes) return render()
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    render()
  })
}

/** The one thing that the page keeps. */
function readLook (): { language?: string, theme?: string } {
  try {
    return JSON.parse(localStorage.getItem('look') ?? '{}')
  } catch {
    return {}
  }
}

export function applyLook (changes: Partial<Pick<View, 'language' | 'theme'>> = {}): void {
  Object.assign(view, changes)
  const { language, theme } = view
  setLanguage(language)
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.documentElement.dataset.theme = theme
  localStorage.setItem('look', JSON.stringify({ language, theme }))
  changed()
}

export const current = (): Conversation | undefined => view.snapshot?.conversations.find(({ id }) => id === view.selected)

const headers = { 'x-playground-token': location.hash.slice(1) }

const post = async (action: string, init: RequestInit): Promise<Response> =>
  await fetch(`api/${action}`, { method: 'POST', ...init, headers: { ...headers, ...init.headers } })

/** Asks the server half; what it refuses is shown, and gives undefined. */
export async function call<T = Json> (action: string, body: object = {}): Promise<T | undefined> {
  return await read(post(action, { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }))
}

export async function upload (file: File): Promise<StoredFile | undefined> {
  const headers = { 'content-type': 'application/octet-stream' }
  return await read(post(`upload?name=${encodeURIComponent(file.name)}`, { body: file, headers }))
}

export async function fetchFile (id: string): Promise<Blob> {
  return await (await post('file', { body: JSON.stringify({ id }), headers: { 'content-type': 'application/json' } })).blob()
}

async function read<T> (asked: Promise<Response>): Promise<T | undefined> {
  try {
    const response = await asked
    const value = await response.json()
    if (response.ok) return value
    changed({ notice: String(value.error ?? response.status) })
  } catch {
    changed({ notice: say('lost') })
  }
  return undefined
}

/** Follows what happens, for ever. */
export async function follow (): Promise<void> {
  for (;;) {
    try {
      const response = await post('feed', {})
      if (response.status === 403) return changed({ status: 'refused' })
      if (response.body !== null) await readEvents(response.body.getReader())
    } catch {
      // Tried again below.
    }
    changed({ status: 'lost' })
    await new Promise(resolve => setTimeout(resolve, 1000))
  }
}

async function readEvents (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    text += decoder.decode(value, { stream: true })
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) take(JSON.parse(part.slice('data: '.length)))
  }
}

function take (event: FeedEvent): void {
  if (event.type === 'snapshot') return changed({ status: 'open', snapshot: event.snapshot, ...firstOf(event.snapshot) })
  const { snapshot } = view
  if (snapshot === undefined) return
  const { conversations } = snapshot
  if (event.type === 'switches') snapshot.switches = event.switches
  else if (event.type === 'conversation') conversations.push(emptyOf(event.head))
  else if (event.type === 'removed') snapshot.conversations = conversations.filter(({ id }) => id !== event.id)
  else {
    const found = conversations.find(({ id }) => id === event.conversation)
    if (found === undefined) return
    if (event.type === 'exchange') found.exchanges.push(event.exchange)
    else putEntry(found.entries, event.entry)
  }
  changed()
}

const firstOf = ({ conversations }: Snapshot): Partial<View> => current() === undefined && conversations[0] !== undefined
  ? { selected: conversations[0].id }
  : {}

const emptyOf = (head: ConversationHead): Conversation => ({ ...head, entries: [], exchanges: [] })

function putEntry (entries: Entry[], entry: Entry): void {
  const at = entries.findLastIndex(({ id }) => id === entry.id)
  if (at === -1) entries.push(entry)
  else entries[at] = entry
}

/** A message of a user, with what goes along. Returns whether it was taken. */
export async function sendMessage (user: string, message: Json, files: string[] = []): Promise<boolean> {
  const { selected, quote } = view
  const quoted = quote === undefined ? undefined : quoteOf(quote)
  changed({ quote: undefined })
  const body = { conversation: selected, user, message: { ...message, ...(quoted !== undefined && { quote: quoted }) }, files }
  return await call('send', body) !== undefined
}

export const sendEvent = async (user: string, event: Json, about?: string): Promise<void> => {
  await call('event', { conversation: view.selected, user, event, ...(about !== undefined && { about }) })
}

/** As WeCom has it: the kinds that a message has, without what is around them. */
function quoteOf (entry: Entry): Json | undefined {
  if (entry.kind === 'bot') return { msgtype: 'text', text: { content: entry.content } }
  if (entry.kind === 'event') return undefined
  const { quote: _, ...message } = entry.message
  return message
}

export async function copy (text: string, notice: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    download(text, 'copied.txt')
  }
  changed({ notice })
}

export function download (text: string, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text]))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
