import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { loadTexts } from '../../lib/texts/texts.ts'
import wecomStream from '../../plugins/index.ts'
import type { FailureClass, WecomStreamOptions } from '../../plugins/index.ts'
import { createSimulator } from '../../plugins/testing.ts'
import { readLines, scriptOf } from '../fixtures/field.ts'
import type { Answer, ProviderCase } from '../fixtures/field.ts'
import { createProvider } from '../fixtures/provider.ts'
import type { Script } from '../fixtures/provider.ts'

// What providers were seen to do, through the whole plugin to the last frame.

// On a busy machine so many answers take longer than the minute that a file has.
t.setTimeout(180_000)

const CREDENTIALS = { token: 'token', encodingAESKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }
const KEY = 'sk-test-0123456789abcdef'
const PROMPT = 'what is the secret of the temple?'
const { failures, length, empty } = loadTexts()

async function serve (t: Test, scripts: Script[], { openai, ...options }: WecomStreamOptions = {}) {
  const provider = await createProvider()
  t.teardown(() => provider.close())
  provider.respondWith(...scripts)
  const lines: string[] = []
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'debug', stream: { write: (line: string) => lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(wecomStream, {
    ...CREDENTIALS,
    env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: provider.url },
    // The first retry is soon, as far as a test is concerned.
    openai: { maxRetries: 0, random: () => 0, ...openai },
    shutdownGraceMs: 0,
    ...options
  })
  const target = await app.listen({ host: '127.0.0.1', port: 0 }) + '/wecom/callback'
  return { app, lines, provider, wecom: createSimulator({ target, ...CREDENTIALS, refreshMs: 20 }) }
}

for (const file of ['provider.jsonl', 'own-provider.jsonl']) {
  t.test(file, { jobs: 8 }, async t => {
    for (const { name, answers, options, expect, ...answer } of readLines<ProviderCase>(file)) {
      t.test(name, async t => {
        const { app, lines, provider, wecom } = await serve(t, (answers ?? [answer]).map(scriptOf), options)
        const { content, problems, id } = await wecom.send(PROMPT)
        const { content: text, error } = await app.getStreamState(id)
        t.strictSame(problems, [], 'WeCom can show the frames')
        const isEmptySuccess = error === undefined && text === ''
        if (expect.notEmptySuccess) t.notOk(isEmptySuccess, 'no empty answer passes for a whole one')
        else t.strictSame({ text, class: error?.code }, { text: expect.text ?? '', class: expect.class }, 'text and class')
        if (error !== undefined) {
          t.equal(
            content, below(text, `${failures[error.code]}（编号 ${error.reference}）`), 'the sentence of the class stands below the text'
          )
        } else if (!expect.notEmptySuccess) {
          t.equal(content.replace(
            /^<think>.*<\/think>\n\n/, ''
          ), expect.notice === undefined ? text : below(text, { length, empty }[expect.notice]), 'the last frame')
        }
        if (expect.requests !== undefined) t.equal(provider.requests.length, expect.requests, 'requests')
        const log = lines.join('')
        if (expect.log !== undefined) t.match(log, expect.log, 'the log explains it')
        t.notMatch(log + content, KEY, 'the key is not told')
        t.notMatch(log, PROMPT, 'the prompt is not told')
      })
    }
  })
}

const below = (text: string, sentence: string): string => text === '' ? sentence : `${text}\n\n${sentence}`

interface ErrorCase extends Answer { class: FailureClass, retried: boolean }

for (const file of ['errors.jsonl', 'own-errors.jsonl']) {
  t.test(file, { jobs: 8 }, async t => {
    for (const { class: code, retried, ...answer } of readLines<ErrorCase>(file)) {
      t.test(`${answer.status} ${JSON.stringify(answer.body)}`, async t => {
        const { app, lines, provider, wecom } = await serve(t, [scriptOf(answer)], { openai: { maxRetries: 1 } })
        const { content, id } = await wecom.send(PROMPT)
        const { error } = await app.getStreamState(id)
        t.equal(error?.code, code)
        t.equal(content, `${failures[code]}（编号 ${error?.reference}）`)
        t.equal(provider.requests.length, retried ? 2 : 1, 'requests')
        const words = (answer.body as { error?: { message?: string } }).error?.message
        if (words !== undefined) t.notMatch(lines.join('') + content, words, 'the words of the provider are not told')
      })
    }
  })
}
