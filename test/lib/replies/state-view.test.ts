import t from 'tap'
import { viewOf } from '../../../lib/replies/state-view.ts'
import type { StreamRecord } from '../../../lib/stores/store.ts'
import { loadTexts } from '../../../lib/texts/texts.ts'

const texts = loadTexts({ failures: { TIMEOUT: 'too late' } })
const record: StreamRecord = {
  id: 's',
  status: 'running',
  content: 'Hi 😀',
  reasoning: 'hm',
  chat: { scope: '/' },
  failure: undefined,
  notice: undefined,
  metadata: {
    waiting: true
  }
}

t.test('a record shows its status, its text and where the text ends', async t => {
  t.strictSame(viewOf(record, texts), { status: 'running', content: 'Hi 😀', cursor: 5 })
})

t.test('no record is the status missing', async t => {
  t.strictSame(viewOf(undefined, texts), { status: 'missing', content: '', cursor: 0 })
  t.strictSame(viewOf(undefined, texts, 7), { status: 'missing', content: '', cursor: 0, delta: '' })
})

t.test('with a cursor there is the text since then, beyond the end none', async t => {
  for (const [from, delta] of [[0, 'Hi 😀'], [3, '😀'], [5, ''], [6, ''], [Number.MAX_SAFE_INTEGER, '']] as const) {
    t.equal(viewOf(record, texts, from).delta, delta, `from ${from}`)
  }
})

t.test('what can be no cursor is refused', async t => {
  for (const from of [-1, 0.5, NaN, Infinity, 2 ** 53, '1', null] as number[]) {
    t.throws(() => viewOf(record, texts, from), { code: 'WECOM_ERR_INPUT', statusCode: 400 }, String(from))
    t.throws(() => viewOf(undefined, texts, from), { code: 'WECOM_ERR_INPUT' }, `${from} of no stream`)
  }
})

t.test('a failure shows its class, the sentence of the class and the reference, and the text stays', async t => {
  const failed: StreamRecord = { ...record, status: 'error', failure: { code: 'TIMEOUT', reference: 'ab12cd34' } }
  t.strictSame(viewOf(failed, texts), {
    status: 'error', content: 'Hi 😀', cursor: 5, error: { code: 'TIMEOUT', reference: 'ab12cd34', text: 'too late' }
  })
})

t.test('notices, metadata, thinking and the chat are not shown', async t => {
  t.strictSame(Object.keys(viewOf({ ...record, status: 'done', notice: 'STOPPED' }, texts, 0)), ['status', 'content', 'cursor', 'delta'])
})
