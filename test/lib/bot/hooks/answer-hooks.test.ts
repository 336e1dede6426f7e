import t from 'tap'
import { createAnswerHooks } from '../../../../lib/bot/hooks/answer-hooks.ts'
import type { AnswerHooks, FinishEvent, MessageContext, MessageDecision } from '../../../../lib/bot/hooks/answer-hooks.ts'
import { createHostCodeRunner } from '../../../../lib/bot/hooks/host-code.ts'
import type { Turn } from '../../../../lib/sources/source.ts'
import { createManualClock } from '../../../fixtures/clock.ts'
import { createLog } from '../../../fixtures/log.ts'
import { idle } from '../../../fixtures/waiting.ts'

const TURN: Turn = { prompt: 'my prompt', deadline: 1 }
const FINISH: FinishEvent = { streamId: 's', state: { status: 'done', content: 'my answer', cursor: 9 }, question: { prompt: 'my prompt' } }
const { signal } = new AbortController()

function setUp (hooks: AnswerHooks = {}) {
  const clock = createManualClock()
  const log = createLog()
  return { clock, log, hooks: createAnswerHooks(hooks, createHostCodeRunner({ clock, log })) }
}

t.test('without hooks nothing is decided and nobody told', async t => {
  const { hooks, log, clock } = setUp()
  t.equal(await hooks.onMessage('s', TURN, signal), undefined)
  await hooks.onFinish(FINISH)
  t.strictSame(log.lines, [])
  t.equal(clock.pending, 0)
})

t.test('onMessage sees the turn, and decides', async t => {
  for (const decision of [undefined, false, '', 'an answer', { prompt: 'another' }, { prompt: '', source: 'other' }]) {
    const seen: Array<[Turn, MessageContext]> = []
    const { hooks, log, clock } = setUp(
      { onMessage: async (turn, context) => { seen.push([turn, context]); return decision as MessageDecision } }
    )
    t.equal(await hooks.onMessage('s', TURN, signal), decision)
    t.equal(seen[0]?.[0], TURN)
    t.equal(seen[0]?.[1].signal.aborted, false)
    seen[0]?.[1].log.info({}, 'of the host')
    t.hasStrict(log.lines, [{ fields: { streamId: 's', hook: 'onMessage' }, message: 'of the host' }])
    t.equal(clock.pending, 0)
  }
})

t.test('a hook that throws, rejects or gives what is no decision costs a line in the log', async t => {
  for (const onMessage of [
    () => { throw new Error('on my prompt') }, async () => {
      throw new Error(
        'on my prompt'
      )
    }, () => true, () => null, () => 5, () => [], () => ({ deadline: 1 }), () => ({ prompt: 5 })
  ] as Array<NonNullable<AnswerHooks['onMessage']>>) {
    const { hooks, log } = setUp({ onMessage })
    t.equal(await hooks.onMessage('s', TURN, signal), undefined)
    t.hasStrict(log.lines, [{ level: 'error', fields: { streamId: 's', hook: 'onMessage' }, message: 'a hook failed' }])
    t.notMatch(JSON.stringify(log.lines), 'my prompt')
  }
})

t.test('what a hook quotes of a question or an answer is kept out of the log', async t => {
  const turn: Turn = {
    ...TURN,
    quote: { text: 'my quote' },
    history: [{ prompt: 'my earlier prompt', reply: 'my earlier answer' }],
    message: {
      response_url: 'https://my-response-url', image: { url: 'https://my-image' }
    }
  }
  const { hooks, log } = setUp({
    onMessage: ({ quote, history, message }) => {
      throw new Error(
        [quote?.text, history?.[0]?.prompt, history?.[0]?.reply, message?.['response_url']].join()
      )
    },
    onFinish: ({ state, question }) => {
      throw new Error(
      `${state.content} ${question.message?.['response_url']}`, { cause: new Error(JSON.stringify(question.message)) }
      )
    }
  })
  await hooks.onMessage('s', turn, signal)
  await hooks.onFinish({ ...FINISH, question: turn })
  t.equal(log.lines.length, 2)
  t.notMatch(JSON.stringify(log.lines.map(({ fields }) => fields)), /my /)
  t.notMatch(JSON.stringify(log.lines), /my-/)
})

t.test('a hook that takes ten seconds is not waited for, and may fail later', async t => {
  let fail = (): void => {}
  const { hooks, log, clock } = setUp({ onMessage: () => new Promise((_resolve, reject) => { fail = () => reject(new Error('late')) }) })
  let given: unknown = 'nothing yet'
  void hooks.onMessage('s', TURN, signal).then(decision => { given = decision })
  await clock.advance(9999)
  t.equal(given, 'nothing yet')
  await clock.advance(1)
  t.equal(given, undefined)
  t.hasStrict(log.lines, [{ level: 'warn', fields: { streamId: 's', hook: 'onMessage', waitedMs: 10_000 } }])
  fail()
  await idle()
  t.equal(log.lines.length, 1)
})

t.test('onFinish is told, and its failure costs a line in the log', async t => {
  const told: FinishEvent[] = []
  const { hooks, log } = setUp({ onFinish: finish => { told.push(finish); throw new Error('on my prompt') } })
  await hooks.onFinish(FINISH)
  t.strictSame(told, [FINISH])
  t.hasStrict(log.lines, [{ level: 'error', fields: { streamId: 's', hook: 'onFinish' } }])
  t.notMatch(JSON.stringify(log.lines), 'my prompt')
  const rejecting = setUp({ onFinish: async () => { throw new Error('x') } })
  await rejecting.hooks.onFinish(FINISH)
  t.hasStrict(rejecting.log.lines, [{ level: 'error' }])
})
