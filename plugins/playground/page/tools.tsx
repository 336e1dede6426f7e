import { useEffect, useState } from 'preact/hooks'
import type { Example, Json, Switches } from '../../../lib/playground/model.ts'
import { Card } from './card.tsx'
import { call, changed, sendEvent, sendMessage, view } from './store.ts'
import { say } from './words.ts'
import type { Word } from './words.ts'

function parse (text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Json : undefined
  } catch {
    return undefined
  }
}

function useExample (examples: Example[]) {
  const [text, setText] = useState(() => JSON.stringify(examples[0]?.json, undefined, 2))
  const select = (
    <label>{say('kind')}
      <select onChange={event => setText(JSON.stringify(examples[Number(event.currentTarget.value)]?.json, undefined, 2))}>
        {examples.map(({ name }, index) => <option key={name} value={index}>{name}</option>)}
      </select>
    </label>
  )
  const editor = (
    <textarea
      class='json' aria-label={say('json')} spellcheck={false} rows={16} value={text}
      onInput={event => setText(event.currentTarget.value)}
    />
  )
  return { select, editor, value: parse(text) }
}

/** Every kind of message and event. */
export function Triggers ({ user }: { user: string }) {
  const { select, editor, value } = useExample(view.snapshot?.facts.examples.filter(({ kind }) => kind !== 'card') ?? [])
  const send = (): void => {
    if (value === undefined) return changed({ notice: say('notJson') })
    if (typeof value['eventtype'] === 'string') void sendEvent(user, value)
    else void sendMessage(user, value)
  }
  return <div class='panel'>{select}{editor}<button class='main' onClick={send}>{say('sendMessage')}</button></div>
}

/** A card as it would look, and what the builders say of it. */
export function CardEditor () {
  const { select, editor, value } = useExample(view.snapshot?.facts.examples.filter(({ kind }) => kind === 'card') ?? [])
  const [faults, setFaults] = useState<string[]>([])
  const written = JSON.stringify(value)
  useEffect(() => {
    if (value !== undefined) void call<{ faults: string[] }>('card', { card: value }).then(got => setFaults(got?.faults ?? []))
  }, [written])
  return (
    <div class='panel'>
      {select}{editor}
      {value === undefined && <p class='state bad'>{say('notJson')}</p>}
      {faults.length > 0 && <ul class='problems'>{faults.map(fault => <li key={fault}>{fault}</li>)}</ul>}
      {faults.length === 0 && value !== undefined && <p class='state'>{say('fits')}</p>}
      {value !== undefined && <><h4>{say('preview')}</h4><Card key={written} card={value} /></>}
    </div>
  )
}

const SWITCHES: Array<[name: Exclude<keyof Switches, 'refreshMs'>, word: Word]> = [
  ['dropReply', 'dropReply'], ['repeat', 'repeat'], ['late', 'lateNext'], ['wrongSignature', 'wrongSignature'], ['clockOff', 'clockOff'],
  ['twice', 'twice'], ['stopped', 'stopped'], ['offline', 'offline']
]

export function Misbehave () {
  const switches = view.snapshot?.switches
  if (switches === undefined) return null
  return (
    <div class='panel switches'>
      {SWITCHES.map(([name, word]) => (
        <label key={name}>
          <input
            type='checkbox' role='switch' checked={switches[name]}
            onChange={event => { void call('switches', { [name]: event.currentTarget.checked }) }}
          /> {say(word)}
        </label>
      ))}
      <label>{say('refreshMs')}
        <select
          value={String(switches.refreshMs)}
          onChange={event => { void call('switches', { refreshMs: Number(event.currentTarget.value) }) }}
        >
          {[100, 250, 500, 1000, 2000, 5000].map(ms => <option key={ms} value={ms}>{ms} ms</option>)}
        </select>
      </label>
    </div>
  )
}
