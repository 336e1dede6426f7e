import t from 'tap'
import { readAnswer } from '../../../../lib/sources/openai/answer.ts'
import type { AttemptFacts } from '../../../../lib/sources/openai/failure.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { idle } from '../../../fixtures/waiting.ts'

const text = (content: string): unknown => ({ choices: [{ index: 0, delta: { content } }] })
const thought = (reasoning: string): unknown => ({ choices: [{ index: 0, delta: { reasoning } }] })
const tool = { choices: [{ index: 0, delta: { tool_calls: [{ index: 0 }] } }] }
const finish = (reason: string): unknown => ({ choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const spent = (prompt: number, completion: number): unknown =>
  ({ choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion } })
const END = { type: 'end', reason: 'stop' }

interface Step { hang?: true, fail?: unknown }
type Script = Array<unknown | Step>

async function * play (script: Script): AsyncGenerator<unknown> {
  for (const step of script) {
    const { hang, fail } = (step ?? {}) as Step
    if (hang) await new Promise(() => {})
    if (fail) throw fail
    yield step
  }
}

function build (script: Script, allowMissingFinish = false) {
  const clock = createManualClock()
  const attempt = new AbortController()
  const stop = new AbortController()
  const facts: AttemptFacts = { model: 'm', attempt: 1, chunks: 0, bytes: 0 }
  const answer = readAnswer(
    play(script), { clock, attempt, stop: stop.signal, allowMissingFinish, cumulativeDeltas: 'auto', idleMs: 45_000, facts }
  )
  return { clock, attempt, stop, facts, answer }
}

/** All the parts; an error comes last. */
async function read (script: Script, allowMissingFinish?: boolean): Promise<unknown[]> {
  const parts: unknown[] = []
  try {
    for await (const part of build(script, allowMissingFinish).answer) parts.push(part)
  } catch (error) {
    const { class: failureClass, reason, message } = error as { class?: string, reason?: string, message: string }
    parts.push(failureClass === undefined ? message : `${failureClass} ${reason}`)
  }
  return parts
}

t.test('parts come in their order, with the last usage', async t => {
  t.strictSame(await read(
    [null, thought('hm'), text('a'), { choices: [{ delta: { content: 'b', reasoning: 'c' } }] }, spent(1, 1), finish('stop'), spent(3, 2)]
  ), [
    { type: 'reasoning', text: 'hm' }, 'a', { type: 'reasoning', text: 'c' }, 'b', '', {
      ...END, usage: { inputTokens: 3, outputTokens: 2 }
    }
  ])
})

t.test('within the answer a chunk without text is told as a sign of life, before and after it is not', async t => {
  t.strictSame(await read([spent(1, 1), tool, text('a'), tool, spent(1, 2), text('b'), finish('stop'), spent(1, 3)]), [
    'a', '', '', 'b', { ...END, usage: { inputTokens: 1, outputTokens: 3 } }
  ])
})

t.test('success needs proof', async t => {
  for (const [script, outcome] of [
    [[], 'BROKEN UPSTREAM_TRUNCATED'],
    [[text('a')], 'BROKEN UPSTREAM_TRUNCATED'],
    [[text('a'), finish('')], 'BROKEN UPSTREAM_TRUNCATED'],
    [[text('a'), spent(1, 1)], 'BROKEN UPSTREAM_TRUNCATED'],
    [[tool], 'BROKEN UPSTREAM_TRUNCATED'],
    [[text('a'), finish('stop')], END],
    [[finish('stop')], END],
    [[text('a'), finish('some_new_reason')], END],
    [[text('a'), finish('length')], { ...END, reason: 'length' }],
    [[text('a'), finish('content_filter')], 'FILTERED CONTENT_FILTER'],
    [[text('a'), finish('stop'), finish('content_filter')], 'FILTERED CONTENT_FILTER'],
    [[text('a'), finish('error')], 'BROKEN ENDED_BROKEN'],
    [[text('a'), finish('insufficient_system_resource')], 'BUSY ENDED_BUSY'],
    [[text('a'), finish('abort')], 'BROKEN ENDED_BROKEN'],
    [[text('a'), { error: { message: 'x' } }, finish('stop')], 'BROKEN UPSTREAM_ERROR'],
    [[text('a'), finish('stop'), { type: 'error' }], 'BROKEN UPSTREAM_ERROR'],
    [[text('a'), { fail: new Error('cut') }], 'cut'],
    [[text('a'), finish('stop'), { fail: new Error('cut') }], END]
  ] as Array<[Script, unknown]>) t.strictSame((await read(script)).at(-1), outcome, JSON.stringify(script))
})

t.test('a missing finish reason can be allowed, an empty answer cannot', async t => {
  t.strictSame((await read([text('a')], true)).at(-1), END)
  t.strictSame((await read([text(' ')], true)).at(-1), 'BROKEN UPSTREAM_TRUNCATED')
  t.strictSame((await read([thought('a')], true)).at(-1), END, 'that thinking alone is no answer is found out elsewhere')
  t.strictSame((await read([tool], true)).at(-1), 'BAD_REQUEST UNSUPPORTED_TOOL_CALL')
})

t.test('tool calls are no answer, text beside them is', async t => {
  for (const reason of ['tool_calls', 'function_call', 'stop']) {
    t.strictSame((await read([tool, finish(reason)])).at(-1), 'BAD_REQUEST UNSUPPORTED_TOOL_CALL')
  }
  t.strictSame((await read([finish('tool_calls')])).at(-1), 'BAD_REQUEST UNSUPPORTED_TOOL_CALL')
  t.strictSame((await read([text('\n'), tool, finish('tool_calls')])).at(-1), 'BAD_REQUEST UNSUPPORTED_TOOL_CALL')
  t.strictSame((await read([text('a'), tool, finish('tool_calls')])).at(-1), END)
})

t.test('facts are kept while the answer is read, and the first thought is the first token', async t => {
  const { clock, attempt, stop, facts } = build([])
  async function * events (): AsyncGenerator<unknown> {
    for (const step of [{}, thought('a'), text('b'), finish('length')]) {
      await clock.advance(5.2)
      yield step
    }
  }
  const answer = readAnswer(
    events(), { clock, attempt, stop: stop.signal, allowMissingFinish: false, cumulativeDeltas: 'auto', idleMs: 45_000, facts }
  )
  await answer.next()
  t.strictSame(facts, { model: 'm', attempt: 1, bytes: 0, chunks: 2, timeToFirstTokenMs: 10 })
  for await (const part of answer) t.ok(part)
  t.strictSame(facts, { model: 'm', attempt: 1, bytes: 0, chunks: 4, timeToFirstTokenMs: 10, finishReason: 'length' })
})

t.test('after the finish reason a silent stream is given one second', async t => {
  for (const [reason, outcome] of [['stop', END], ['content_filter', 'FILTERED']] as const) {
    const { clock, attempt, answer } = build([text('a'), finish(reason), finish(reason), { hang: true }])
    await answer.next()
    const last = answer.next().then(({ value }) => value, error => error.class)
    await idle()
    t.equal(clock.pending, 1)
    await clock.advance(999)
    t.equal(attempt.signal.aborted, false)
    await clock.advance(1)
    t.strictSame(await last, outcome)
    t.equal(attempt.signal.aborted, true)
  }
})

t.test('an answer without text ends a second after its finish reason, unless that came with the very first chunk', async t => {
  const role = { choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }
  const rows: Array<[script: Script, ms: number, outcome: unknown]> = [
    [[role, finish('stop'), { hang: true }], 1000, END],
    [[thought('hm'), finish('length'), { hang: true }], 1000, { ...END, reason: 'length' }],
    [[finish('stop'), { hang: true }], 5000, END],
    [[finish('content_filter'), { hang: true }], 1000, 'FILTERED']
  ]
  for (const [script, ms, outcome] of rows) {
    const { clock, attempt, answer } = build(script)
    const parts: unknown[] = []
    const last = (async () => { for await (const part of answer) parts.push(part) })().then(() => parts.at(-1), error => error.class)
    await idle()
    await clock.advance(ms - 1)
    t.equal(attempt.signal.aborted, false)
    await clock.advance(1)
    t.strictSame(await last, outcome)
  }
})

t.test('an abort is obeyed before anything that was buffered', async t => {
  const { attempt, answer, clock } = build([text('a'), finish('stop'), text('b'), text('c')])
  t.equal((await answer.next()).value, 'a')
  attempt.abort(new Error('late'))
  await t.rejects(answer.next(), { message: 'late' })
  t.equal(clock.pending, 0)
})

t.test('who stops after the finish reason gets no end', async t => {
  const { attempt, stop, answer, clock } = build([finish('stop'), text('a'), { hang: true }])
  t.equal((await answer.next()).value, 'a')
  stop.abort()
  attempt.abort(new Error('stop'))
  await t.rejects(answer.next(), { message: 'stop' })
  t.equal(clock.pending, 0)
})

t.test('leaving early closes the events, whatever they do about it', async t => {
  let isClosed = false
  const events = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false as const, value: text('a') }),
      return: async () => {
        isClosed = true
        throw new Error('swallowed')
      }
    })
  }
  const { clock, attempt, stop, facts } = build([])
  const answer = readAnswer(
    events, { clock, attempt, stop: stop.signal, allowMissingFinish: false, cumulativeDeltas: 'auto', idleMs: 45_000, facts }
  )
  t.equal((await answer.next()).value, 'a')
  await answer.return(undefined)
  t.equal(isClosed, true)
  const bare = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true as const, value: undefined }) }) }
  t.hasStrict(await failureOf(readAnswer(
    bare, { clock, attempt, stop: stop.signal, allowMissingFinish: false, cumulativeDeltas: 'auto', idleMs: 45_000, facts }
  ).next()), { reason: 'UPSTREAM_TRUNCATED' })
})

function failureOf (work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined, error => error)
}
