import { useEffect, useState } from 'preact/hooks'
import type { Conversation, ExchangeDetail, ExchangeHead } from '../../../lib/playground/model.ts'
import { timeOf } from './bubble.tsx'
import { memo } from './memo.ts'
import { call, changed, copy, download } from './store.ts'
import { say } from './words.ts'

async function copyTest (conversation: string): Promise<void> {
  const got = await call<{ test: string }>('test', { conversation })
  if (got !== undefined) await copy(got.test, say('copied'))
}

async function replay (conversation: string): Promise<void> {
  const got = await call<{ id: string }>('replay', { conversation })
  if (got !== undefined) changed({ selected: got.id, place: 'chat' })
}

async function verify (conversation: string): Promise<void> {
  const got = await call<{ ok: boolean, problems: string[] }>('verify', { conversation })
  if (got !== undefined) changed({ notice: got.ok ? say('verified') : got.problems.join('; ') })
}

/** The newest; older ones are in the recording. */
const MAX_LINES = 200

export function Inspector ({ conversation }: { conversation: Conversation }) {
  const [open, setOpen] = useState<number>()
  const { id, exchanges, name } = conversation
  const record = async (): Promise<string> => JSON.stringify(await call('record', { conversation: id }), undefined, 2)
  return (
    <div class='panel'>
      <div class='bar'>
        <button onClick={() => { void copyTest(id) }}>{say('copyTest')}</button>
        <button onClick={() => { void record().then(text => copy(text, say('copied'))) }}>{say('copyJson')}</button>
        <button onClick={() => { void record().then(text => download(text, `${name}.json`)) }}>{say('save')}</button>
        <button onClick={() => { void replay(id) }}>{say('replay')}</button>
        <button onClick={() => { void verify(id) }}>{say('verify')}</button>
      </div>
      {exchanges.length === 0 && <p class='empty'>{say('nothingYet')}</p>}
      <ol class='exchanges'>
        {exchanges.slice(-MAX_LINES).reverse().map(exchange => (
          <li key={exchange.n}>
            <Line exchange={exchange} isOpen={open === exchange.n} toggle={setOpen} />
            {open === exchange.n && <Detail n={exchange.n} />}
          </li>
        ))}
      </ol>
    </div>
  )
}

const growthOf = ({ grewBytes, finish }: ExchangeHead): string =>
  (grewBytes === undefined ? '' : `${grewBytes >= 0 ? '+' : ''}${grewBytes} B`) + (finish === true ? ' ■' : '')

interface LineProps { exchange: ExchangeHead, isOpen: boolean, toggle: (n: number | undefined) => void }

const Line = memo(({ exchange, isOpen, toggle }: LineProps) => (
  <button
    class={`exchange ${exchange.problems.length > 0 || exchange.status !== 200 ? 'bad' : ''}`} aria-expanded={isOpen}
    onClick={() => toggle(isOpen ? undefined : exchange.n)}
  >
    <span>{exchange.from === 'wecom' ? '→' : '←'} {exchange.kind}{exchange.tries > 1 && ` ×${exchange.tries}`}</span>
    <span>{exchange.status || '–'}</span>
    <span>{Math.round(exchange.tookMs)} ms</span>
    <span>{exchange.requestBytes} / {exchange.replyBytes} B</span>
    <span>{growthOf(exchange)}</span>
    <time>{timeOf(exchange.at)}</time>
    {exchange.problems.map(problem => <em key={problem}>{problem}</em>)}
  </button>
))

function Detail ({ n }: { n: number }) {
  const [detail, setDetail] = useState<ExchangeDetail>()
  useEffect(() => { void call<ExchangeDetail>('exchange', { n }).then(setDetail) }, [n])
  if (detail === undefined) return null
  return (
    <div class='detail'>
      <h4>{say('request')}</h4><pre tabIndex={0}>{pretty(detail.requestText)}</pre>
      <h4>{say('reply')}</h4><pre tabIndex={0}>{pretty(detail.replyText || detail.replyBody || say('emptyReply'))}</pre>
      <details>
        <summary>{say('sealed')}</summary>
        <h4>{say('signature')}</h4><pre tabIndex={0}>{pretty(JSON.stringify(detail.query))}</pre>
        <pre tabIndex={0}>{detail.requestBody}</pre><pre tabIndex={0}>{detail.replyBody}</pre>
      </details>
    </div>
  )
}

function pretty (text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}
