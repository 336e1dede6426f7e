import t from 'tap'
import { readOpenAIOptions } from '../../../../lib/sources/openai/options.ts'
import type { OpenAIOptions } from '../../../../lib/sources/openai/options.ts'
import { systemClock } from '../../../../lib/util/clock.ts'

const apiKey = 'sk-secret-of-the-test'

t.test('only the key is required', async t => {
  const { fetch, ...settings } = readOpenAIOptions({ apiKey })
  t.strictSame(settings, {
    apiKey,
    baseURL: null,
    model: 'gpt-5-mini',
    systemPrompt: '',
    systemRole: 'system',
    maxTokens: undefined,
    maxTokensField: 'max_completion_tokens',
    temperature: undefined,
    extraBody: {},
    includeUsage: true,
    allowMissingFinish: false,
    cumulativeDeltas: 'auto',
    reasoningAsAnswer: false,
    idleTimeoutMs: 45_000,
    maxRetries: 2,
    requestTimeoutMs: 60_000,
    maxConcurrency: undefined,
    maxResponseBytes: 4_194_304,
    maxFileTextBytes: 102_400,
    pdfAsFile: false,
    imageDetail: undefined,
    language: 'zh-CN',
    thinkingFirst: false,
    clock: systemClock,
    random: Math.random
  })
  t.type(fetch, 'function')
})

t.test('the global fetch is looked up for each request', async t => {
  const { fetch } = readOpenAIOptions({ apiKey })
  const replacement = async (): Promise<Response> => new Response('replaced')
  t.intercept(globalThis, 'fetch', { value: replacement })
  t.equal(await (await fetch('http://localhost/')).text(), 'replaced')
})

t.test('what is given is taken', async t => {
  const given: OpenAIOptions = {
    apiKey,
    baseURL: 'http://localhost:1/v1',
    model: 'm',
    systemPrompt: 'p',
    systemRole: 'developer',
    maxTokens: 1,
    maxTokensField: 'max_tokens',
    temperature: 0,
    extraBody: { a: 1 },
    includeUsage: false,
    allowMissingFinish: true,
    cumulativeDeltas: 'off',
    reasoningAsAnswer: true,
    idleTimeoutMs: 1,
    maxRetries: 0,
    requestTimeoutMs: 1,
    maxConcurrency: 1,
    maxResponseBytes: 1024,
    maxFileTextBytes: 0,
    pdfAsFile: true,
    imageDetail: 'low',
    language: 'en',
    thinkingFirst: true,
    clock: systemClock,
    random: () => 0,
    fetch
  }
  t.strictSame(readOpenAIOptions(given), given)
  t.equal(readOpenAIOptions({ apiKey, baseURL: '' }).baseURL, null, 'a blank base URL is unset')
  readOpenAIOptions({
    apiKey,
    maxRetries: 10,
    requestTimeoutMs: 2 ** 31 - 1,
    maxTokensField: 'max_completion_tokens',
    systemRole: 'system',
    imageDetail: 'auto',
    language: 'zh-CN'
  })
  readOpenAIOptions({ apiKey, imageDetail: 'high' })
})

t.test('what cannot work is refused by name', async t => {
  const bad: Array<[keyof OpenAIOptions, unknown[]]> = [
    ['apiKey', [undefined, null, '', ' ', 7, 'with space', 'with\nbreak', 'schlüssel']],
    ['baseURL', [
      7, 'localhost', ' ', 'ftp://host', 'http://user@host/', 'http://:pass@host/', 'https://host/?key=1', 'https://host/?',
      'https://host/#x', 'https://host/ x', 'https://host/v1/chat/completions', 'https://host/Chat/Completions/'
    ]],
    ['model', ['', ' ', 7]],
    ['systemPrompt', [7, null]],
    ['systemRole', ['user', '']],
    ['maxTokens', [0, -1, 1.5, '1', NaN, Infinity, 1_000_001]],
    ['maxTokensField', ['tokens', '']],
    ['temperature', ['1', NaN, Infinity, -0.1, 2.1]],
    ['extraBody', ['x', null, []]],
    ['cumulativeDeltas', ['', 'yes', true]],
    ['idleTimeoutMs', [0, NaN]],
    ['maxRetries', [-1, 11, 0.5]],
    ['requestTimeoutMs', [0, 2 ** 31, NaN]],
    ['maxConcurrency', [0, 1.5, 1_000_001]],
    ['maxResponseBytes', [0, -1, 1023]],
    ['maxFileTextBytes', [-1, 0.5, '1', NaN]],
    ['imageDetail', ['', 'medium', 5]],
    ['language', ['', 'fr', 'zh', null]]
  ]
  for (const [name, values] of bad) {
    for (const value of values) {
      t.throws(() => readOpenAIOptions({ apiKey, [name]: value }), {
        code: 'WECOM_ERR_INPUT', message: `createOpenAISource: ${name} `
      }, `${name}: ${String(value)}`)
    }
  }
})

t.test('all faults are named at once, and no value is shown', async t => {
  try {
    readOpenAIOptions({ apiKey: 'sk secret', baseURL: 'http://me:hidden@host', maxTokens: 0 })
    t.fail('took them')
  } catch (error) {
    t.match(error, { message: /apiKey .*; baseURL .*; maxTokens must be a whole number from 1 to 1000000/ })
    t.notMatch((error as Error).message, /secret|hidden/)
  }
})
