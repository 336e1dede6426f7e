import t from 'tap'
import { configOf, readConfig } from '../../../lib/config/config.ts'
import type { ConfigReading, CrossCheck } from '../../../lib/config/config.ts'
import type { Env } from '../../../lib/config/environment.ts'
import { callbackExtraOptions, streamsExtraOptions } from '../../../lib/config/extra-options.ts'
import { callbackSettings, streamsSettings } from '../../../lib/config/settings.ts'
import type { CallbackConfig, StreamsConfig } from '../../../lib/config/settings.ts'
import { ConfigError } from '../../../lib/util/errors.ts'

const TOKEN = 'tok-5e2d7c11a9'
const KEY = 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR'
const needed = { WECOM_TOKEN: TOKEN, WECOM_ENCODING_AES_KEY: KEY }

const callback = (env: Env, options: object = {}): ConfigReading<CallbackConfig> =>
  readConfig(callbackSettings, { options, env, extraOptions: callbackExtraOptions })

const streams = (env: Env, options: object = {}, crossCheck?: CrossCheck): ConfigReading<StreamsConfig> =>
  readConfig(streamsSettings, { options, env, extraOptions: streamsExtraOptions }, crossCheck)

const names = ({ faults }: { faults: Array<{ name: string }> }): string[] => faults.map(({ name }) => name)

t.test('settings come from the environment, in their types', async t => {
  const { config, faults } = streams(
    { STREAM_DEADLINE_MS: '1000', OPENAI_TEMPERATURE: '0.5', OPENAI_INCLUDE_USAGE: 'false', STREAM_SOURCE: 'mock' }
  )
  t.same(faults, [])
  t.hasStrict(config, {
    STREAM_DEADLINE_MS: 1000, OPENAI_TEMPERATURE: 0.5, OPENAI_INCLUDE_USAGE: false, STREAM_SOURCE: 'mock', STREAM_MAX_RUNNING: 500
  })
})

t.test('options beat the environment', async t => {
  t.equal(callback({ ...needed, WECOM_TOKEN: 'theirs' }, { token: 'mine' }).config.WECOM_TOKEN, 'mine')
  t.equal(streams({ OPENAI_MODEL: 'theirs' }, { openai: { model: 'mine' } }).config.OPENAI_MODEL, 'mine')
  t.equal(streams({ MOCK_CHUNK_DELAY_MS: '7' }, { mock: { chunkDelayMs: 0 } }).config.MOCK_CHUNK_DELAY_MS, 0)
  t.same(names(callback({ ...needed, WECOM_CALLBACK_PATH: 'bad' }, { path: '/good' })), [], 'a variable that is not used may be wrong')
})

t.test('an option that is undefined or blank leaves it to the environment', async t => {
  for (const token of [undefined, '', '  ', '\n']) t.equal(callback(needed, { token }).config.WECOM_TOKEN, TOKEN)
  t.equal(streams({ OPENAI_MODEL: 'theirs' }, { openai: undefined }).config.OPENAI_MODEL, 'theirs')
  t.equal(streams({ OPENAI_MODEL: 'theirs' }, { openai: {} }).config.OPENAI_MODEL, 'theirs')
})

t.test('a blank variable counts as unset', async t => {
  const blank = { ...needed, WECOM_CALLBACK_PATH: '', WECOM_BOT_NAME: ' ', STREAM_FIRST_REPLY_GRACE_MS: '\t', STREAM_REASONING: ' ' }
  t.hasStrict(callback(blank), {
    faults: [],
    config: {
      WECOM_CALLBACK_PATH: '/wecom/callback', WECOM_BOT_NAME: '', STREAM_FIRST_REPLY_GRACE_MS: 200, STREAM_REASONING: 'hide'
    }
  })
  t.same(names(callback({ WECOM_TOKEN: ' ', WECOM_ENCODING_AES_KEY: '' })), ['WECOM_TOKEN', 'WECOM_ENCODING_AES_KEY'])
  t.notOk('OPENAI_API_KEY' in streams({ OPENAI_API_KEY: '  ' }).config)
})

t.test('what is needed and not there is told with what it should be', async t => {
  t.same(callback({}).faults, [
    {
      name: 'WECOM_TOKEN',
      problem: 'is not set, nor is option token, expected the Token of the bot in the WeCom admin console, without white space and quotes'
    },
    {
      name: 'WECOM_ENCODING_AES_KEY',
      problem: 'is not set, nor is option encodingAESKey, expected the EncodingAESKey of the bot: 43 characters of the base64 alphabet'
    }
  ])
})

t.test('all faults come at once, in the order of the settings, each once', async t => {
  const faults = names(streams({
    OPENAI_MODEL: 'm', STREAM_DEADLINE_MS: 'Infinity', STREAM_MAX_RUNNING: '-1', OPENAI_BASE_URL: 'x', OPENAI_INCLUDE_USAGE: 'maybe'
  }, {
    idleTimeoutMs: 1.5, nonsense: 1, mock: { chunks: 5, chunk: 5 }, openai: { maxRetries: 99, modle: 'x' }
  }, () => [{ name: 'last', problem: 'is wrong' }]))
  t.same(faults, [
    'OPENAI_BASE_URL', 'OPENAI_INCLUDE_USAGE', 'option openai.maxRetries', 'STREAM_DEADLINE_MS', 'option idleTimeoutMs',
    'STREAM_MAX_RUNNING',
    'option nonsense', 'option mock.chunk', 'option openai.modle', 'option mock.chunks', 'last'
  ])
})

t.test('nothing is read but what is given', async t => {
  t.teardown(() => delete process.env['STREAM_MAX_RUNNING'])
  process.env['STREAM_MAX_RUNNING'] = '7'
  t.equal(streams({}).config.STREAM_MAX_RUNNING, 500)
})

t.test('the check between settings sees what was given, and no default', async t => {
  let seen: unknown
  streams({ OPENAI_MODEL: 'm', STREAM_MAX_RUNNING: '5' }, { maxRunning: 6 }, input => {
    seen = input
    return []
  })
  t.same(seen, { OPENAI_MODEL: 'm', STREAM_MAX_RUNNING: 6 })
})

t.test('an option that nobody knows is refused, at the top and in a group', async t => {
  t.same(callback(needed, { tokn: 'x' }).faults, [{ name: 'option tokn', problem: 'is unknown, expected option token' }])
  t.same(names(callback(needed, { WECOM_TOKEN: 'x', deadlineMs: 5 })), ['option WECOM_TOKEN', 'option deadlineMs'])
  t.same(names(
    streams({}, { openai: { key: 'x', timeout: undefined }, 'openai.model': 'x' })
  ), ['option openai.key', 'option openai.timeout', 'option openai.model'])
  for (const bad of ['x', 5, null, ['x'], true]) {
    t.match(streams({}, { openai: bad }).faults, [{ name: 'option openai', problem: /^is of type \w+, expected an object$/ }])
  }
})

t.test('an instance of a class is not taken for options', async t => {
  const { createClient } = await import('redis')
  const { Redis } = await import('ioredis')
  for (const client of [createClient(), createClient({ RESP: 2 }).withTypeMapping({}), new Redis({ lazyConnect: true })]) {
    t.same(streams({}, { redis: client }).faults, [{
      name: 'option redis', problem: 'is an instance of a class, expected an object of options; a client goes into option redis.client'
    }])
  }
  t.same(streams({}, { openai: new Date() }).faults, [
    { name: 'option openai', problem: 'is an instance of a class, expected an object of options' }
  ])
  t.same(streams({}, { history: Object.assign(Object.create(null), { turns: 1 }) }).faults, [])
})

t.test('an option that nobody knows is told with the nearest one', async t => {
  const problemOf = (options: object): string | undefined => streams({}, options).faults[0]?.problem.replace('is unknown, expected ', '')
  for (const [options, expected] of [
    [{ deadlineMS: 5 }, 'option deadlineMs'], [{ deadline: 5 }, 'option deadlineMs'], [{ openai: { modle: 'x' } }, 'option openai.model'],
    [{ apiKey: 'x' }, 'option openai.apiKey'], [
      { openai: { fecth: fetch } }, 'option openai.fetch'
    ], [{ OPENAI_API_KEY: 'x' }, 'option openai.apiKey'],
    [{ zzzzzzzz: 1 }, 'one of those in lib/config/README.md']
  ] as const) t.equal(problemOf(options), expected)
})

t.test('an option that is there and undefined is named as that option', async t => {
  for (const token of [undefined, ' ']) {
    t.same(callback({ WECOM_ENCODING_AES_KEY: KEY }, { token }).faults, [{
      name: 'option token',
      problem: 'is undefined or blank, and WECOM_TOKEN is not set, expected the Token of the bot in the WeCom admin console, ' +
        'without white space and quotes'
    }])
  }
  t.same(names(callback({ ...needed, WECOM_TOKEN: 'a b' }, { token: undefined })), ['WECOM_TOKEN'], 'what is wrong is the variable')
})

t.test('white space, a line break or a quote in a token or key is refused by name', async t => {
  for (const part of [' ', '\n', '\t', '\u00a0', '\u3000', '"', "'", '`', '“', '”', '‘', '’']) {
    for (const [variable, value] of [['WECOM_TOKEN', TOKEN], ['WECOM_ENCODING_AES_KEY', KEY]] as const) {
      for (const bad of [part + value, value + part, value.slice(0, 5) + part + value.slice(5)]) {
        const { faults } = callback({ ...needed, [variable]: bad })
        t.match(
          faults, [{ name: variable, problem: /^has white space, a line break or a quote in it, expected the / }], JSON.stringify(bad)
        )
        t.equal(faults.length, 1)
      }
    }
    const { faults } = streams({ OPENAI_API_KEY: `sk-1${part}2` })
    t.match(faults, [{ name: 'OPENAI_API_KEY', problem: /^has white space, a line break or a quote in it, expected visible ASCII/ }])
  }
})

t.test('a source that is an object is told that a function is expected', async t => {
  for (const source of [{}, new Map(), ['mock']]) {
    for (const reading of [callback(needed, { source }), streams({}, { source })]) {
      t.match(reading.faults, [
        { name: 'option source', problem: /^is of type (object|array), expected a source, which is a function, or the name of one$/ }
      ])
      t.equal(reading.faults.length, 1)
    }
  }
})

t.test('values of the environment that are no text are read all the same', async t => {
  const env = { STREAM_MAX_RUNNING: 5, OPENAI_INCLUDE_USAGE: false } as unknown as Env
  t.hasStrict(streams(env), { faults: [], config: { STREAM_MAX_RUNNING: 5, OPENAI_INCLUDE_USAGE: false } })
})

t.test('one error tells all faults, a line each', async t => {
  t.throws(() => configOf(callback({ ...needed, WECOM_CALLBACK_PATH: 'wecom', STREAM_FIRST_REPLY_GRACE_MS: '1e999' })), {
    code: 'WECOM_ERR_CONFIG',
    name: 'ConfigError',
    message: [
      'fastify-wecom-stream is not configured correctly:',
      '- WECOM_CALLBACK_PATH: is "wecom", expected a path that begins with a slash, without spaces, backslashes, escapes, ' +
        'query, parameters or wildcards',
      '- STREAM_FIRST_REPLY_GRACE_MS: is "1e999", expected a whole number of milliseconds from 0 to 3000'
    ].join('\n'),
    faults: [{ name: 'WECOM_CALLBACK_PATH' }, { name: 'STREAM_FIRST_REPLY_GRACE_MS' }]
  })
  t.equal(configOf(callback(needed)).WECOM_TOKEN, TOKEN)
})

t.test('no error holds a secret, whatever is wrong with it', async t => {
  const secret = 'sk-live-4b1d'
  const texts = [
    'WECOM_TOKEN', 'WECOM_ENCODING_AES_KEY', 'WECOM_RECEIVE_ID', 'WECOM_BOT_NAME', 'OPENAI_API_KEY', 'OPENAI_BASE_URL',
    'OPENAI_SYSTEM_PROMPT', 'OPENAI_MODEL'
  ]
  for (const bad of [
    secret, `${secret}\n`, ` ${secret}`, `${secret} ${secret}`, `https://user:${secret}@host/v1`, `https://host/v1?key=${secret}`,
    `${secret}密`, secret.repeat(20)
  ]) {
    const env = Object.fromEntries(texts.map(name => [name, bad]))
    const options = {
      token: [bad], encodingAESKey: { bad }, receiveId: [bad], botName: () => bad, source: { bad }, texts: [bad], [`${'option'}`]: bad
    }
    const inOptions = {
      openai: { apiKey: [bad], baseURL: { bad }, model: [bad], systemPrompt: [bad], fetch: bad, extraBody: bad }, mock: bad, sources: bad
    }
    const readings = [callback(env), streams(env), callback({}, options), streams({}, inOptions), streams({}, { openai: bad, mock: [bad] })]
    const faults = readings.flatMap(reading => reading.faults)
    t.ok(faults.length > 10)
    const error = new ConfigError(faults)
    t.notOk(JSON.stringify([error.message, error.stack, error.faults, String(error.cause)]).includes('4b1d'))
  }
})
