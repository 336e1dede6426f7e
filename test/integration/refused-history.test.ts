import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import type { FailureClass, WecomStreamOptions } from '../../plugins/index.ts'
import { readLines } from '../fixtures/field.ts'
import { chunk, cut, DONE, event, finish, sse, status } from '../fixtures/provider.ts'
import type { ReceivedRequest, Script } from '../fixtures/provider.ts'
import { openRedis } from '../fixtures/redis.ts'
import { serveBot } from '../fixtures/served-bot.ts'
import type { Asked } from '../fixtures/served-bot.ts'

// A provider that refuses what was said before, through the whole plugin, with either store.

// On a busy machine so many answers take longer than the minute that a file has.
t.setTimeout(180_000)

interface HistoryCase {
  name: string
  refuse: {
    whenAssistantSaid?: string
    whenUserSaid?: string
    /** The question that says it is answered all the same. */
    butNotAsQuestion?: true
    whenCharactersAbove?: number
    whenTurnsAbove?: number
    status: number
    /** A chunk with nothing but the role comes before it. */
    behindRole?: true
    body: object
  }
  /** This answer breaks off. */
  cut?: number
  options?: WecomStreamOptions
  questions: string[]
  answers: string[]
  expect: Expected
}

interface Expected {
  /** What the last frame of each answer says; a class stands for its sentence, in front of what follows it. */
  shown: string[]
  /** How many requests each question cost. */
  requests: number[]
  /** What each question was asked with in the end. */
  history: string[][]
}

const { failures, historyLeftOut } = loadTexts()
const LONG = '四'.repeat(400)

/** What the lines of the field say in words. */
const FIELD: Record<string, Pick<HistoryCase, 'answers' | 'expect'>> = {
  'an earlier answer is refused by the inspection of the input': {
    answers: ['旧回答', '晴', '您好'],
    expect: { shown: ['旧回答', `晴\n\n${historyLeftOut}`, '您好'], requests: [1, 2, 1], history: [[], [], ['今天天气']] }
  },
  'the conversation outgrows the context': {
    answers: [LONG, LONG, LONG, LONG, LONG],
    expect: {
      shown: [LONG, LONG, LONG, LONG, LONG], requests: [1, 1, 1, 1, 2], history: [[], ['一'], ['一', '二'], ['一', '二', '三'], ['三', '四']]
    }
  }
}

const said = (messages: Asked[], role: string): string[] => messages.filter(message => message.role === role).map(({ content }) => content)

function isRefused ({ refuse }: HistoryCase, messages: Asked[]): boolean {
  const {
    whenAssistantSaid = '\0', whenUserSaid = '\0', butNotAsQuestion, whenCharactersAbove = Infinity, whenTurnsAbove = Infinity
  } = refuse
  const [users, answers] = [said(messages, 'user'), said(messages, 'assistant')]
  return answers.includes(whenAssistantSaid) || (butNotAsQuestion ? users.slice(0, -1) : users).includes(whenUserSaid) ||
    messages.map(({ content }) => content).join('').length > whenCharactersAbove || answers.length > whenTurnsAbove
}

function scriptOf (given: HistoryCase): Script {
  const { refuse, answers, questions } = given
  return (response, request) => {
    const { messages } = request.body
    const index = questions.indexOf(messages.at(-1).content)
    const pieces = [chunk(answers[index] as string), finish('stop'), DONE]
    if (isRefused(given, messages)) {
      const role = refuse.behindRole ? [chunk({ role: 'assistant', content: '' })] : []
      return (refuse.status === 200 ? sse(...role, event(refuse.body)) : status(refuse.status, refuse.body))(response, request)
    }
    return given.cut === index ? cut(pieces[0] as string)(response, request) : sse(...pieces)(response, request)
  }
}

const shownOf = (expected: string, reference = ''): string =>
  expected.replace(/\b[A-Z]{2,}(?:_[A-Z]+)?\b/, code => failures[code as FailureClass]) + (reference === '' ? '' : `（编号 ${reference}）`)

async function converse (t: Test, given: HistoryCase, options: WecomStreamOptions): Promise<void> {
  const { app, provider, wecom, log } = await serveBot(t, { ...options, ...given.options })
  provider.respondWith(scriptOf(given))
  const { shown, requests, history } = given.expect
  let refusals = 0
  for (const [index, question] of given.questions.entries()) {
    const before = provider.requests.length
    const { content, id, problems } = await wecom.send(question)
    const { error } = await app.getStreamState(id)
    t.strictSame(problems, [])
    t.equal(content, shownOf(shown[index] as string, error?.reference), question)
    const asked = provider.requests.slice(before) as ReceivedRequest[]
    t.equal(asked.length, requests[index], `requests for ${question}`)
    t.strictSame(said(asked.at(-1)?.body.messages, 'user').slice(0, -1), history[index], `what ${question} is asked with`)
    refusals += asked.length - 1
  }
  t.equal(log().split('asking again with less').length - 1, refusals, 'the log says for each further request why')
  const words = (given.refuse.body as { error: { message: string } }).error.message
  t.notMatch(log(), new RegExp(`${words}|${given.questions.join('|')}`), 'neither the provider\'s words nor the user\'s are in it')
}

const CASES = [
  ...readLines<HistoryCase>('history.jsonl').map(line => ({ ...line, ...FIELD[line.name] })),
  ...readLines<HistoryCase>('own-history.jsonl')
]

t.test('in memory', { jobs: 4 }, async t => {
  for (const given of CASES) t.test(given.name, async t => { await converse(t, given, {}) })
})

t.test('that history was left out is logged once, and what was left out is not sent again', async t => {
  const [given] = CASES as [HistoryCase]
  const { provider, wecom, log } = await serveBot(t)
  provider.respondWith(scriptOf(given))
  for (const question of given.questions) await wecom.send(question)
  t.strictSame(provider.requests.map(({ body }) => said(body.messages, 'assistant').includes('旧回答')), [false, true, false, false])
  const lines = log().split('\n').filter(line => /history/i.test(line)).map(line => JSON.parse(line))
  t.hasStrict(lines, [{ level: 40, given: 1, used: 0, msg: 'history was left out' }])
  t.equal(lines.length, 1)
})

const redis = await openRedis(t)
if (redis !== undefined) {
  const { newPrefix, url } = redis
  t.test('in Redis', { jobs: 4 }, async t => {
    for (const given of CASES) {
      t.test(given.name, async t => { await converse(t, given, { redis: { url, prefix: newPrefix(), commandTimeoutMs: 5000 } }) })
    }
  })
  redis.everyKeyExpires()
}
