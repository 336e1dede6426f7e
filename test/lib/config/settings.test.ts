import t from 'tap'
import { readConfig } from '../../../lib/config/config.ts'
import { callbackExtraOptions, streamsExtraOptions } from '../../../lib/config/extra-options.ts'
import type { ExtraOption } from '../../../lib/config/extra-options.ts'
import type { Setting } from '../../../lib/config/setting.ts'
import { callbackSettings, settingSections, streamsSettings } from '../../../lib/config/settings.ts'
import type { ConfigFault } from '../../../lib/util/errors.ts'

const KEY = 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR'
const needed = { WECOM_TOKEN: 'the-token', WECOM_ENCODING_AES_KEY: KEY }
const all: Record<string, Setting> = { ...callbackSettings, ...streamsSettings }
const extraOptions: ExtraOption[] = [...callbackExtraOptions, ...streamsExtraOptions]

function faultsOf (env: Record<string, string>, options: object = {}, settings = all): ConfigFault[] {
  return readConfig(settings, { options, env: { ...needed, ...env }, extraOptions }).faults
}

/** The faults of one setting, which is a good deal faster than those of all. */
const faultsOfVariable = (name: string, value: string): ConfigFault[] => faultsOf({ [name]: value }, {}, { [name]: all[name] as Setting })
const faultsOfOption = (name: string, value: unknown): ConfigFault[] =>
  faultsOf({}, optionsWith(all[name]?.option as string, value), { [name]: all[name] as Setting })

/** Options with one of them set, as in `openai: { model: 'x' }`. */
const optionsWith = (path: string, value: unknown): object =>
  path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object

const ofType = (type: string): string[] => Object.keys(all).filter(name => all[name]?.schema.type === type)
const bound = (name: string, which: 'minimum' | 'maximum'): number => all[name]?.schema[which] as number

const BAD_NUMBERS = [
  'Infinity', '-Infinity', '1e999', '-1e999', 'NaN', '-1', 'abc', '5s', '1,000', '1_000', '５', 'true', 'null', '[]', '{}', '--5'
]
const BAD_TEXTS: Record<string, string[]> = {
  WECOM_ENCODING_AES_KEY: [
    KEY.slice(1), KEY + 'A', KEY + '=', KEY.slice(
      1
    ) + '-', KEY.slice(1) + '_', KEY.slice(1) + '.', KEY.slice(1) + '密', ` ${KEY.slice(1)}`, `${KEY}\n`, 'short'
  ],
  WECOM_CALLBACK_PATH: [
    'wecom', 'wecom/callback', 'https://host/wecom', '/a b', '/a?b=1', '/a#b', '/:id', '/a/*', '/a\n', '\\a', '/a\\b', '/a%20b', '/a%2Fb',
    '/a%zz'
  ],
  WECOM_LANGUAGE: ['zh', 'EN', 'en-US', 'fr'],
  WECOM_CONVERSATION_SCOPE: ['group', 'Member', 'true'],
  STREAM_ON_OWNER_LOST: ['fail', 'Restart', 'true'],
  REDIS_URL: [
    'localhost:6379', '127.0.0.1', 'http://host', 'unix:///run/redis', 'redis:host', 'redis:///1', 'REDIS://host', 'redis://ho st',
    ' redis://host', 'redis://host:99999', 'redis://:hunter2@host:x'
  ],
  REDIS_PREFIX: ['a{b', '{a}:', '}'],
  STREAM_REASONING: ['maybe', 'HIDE', 'show ', 'true'],
  OPENAI_API_KEY: ['sk-1 2', 'sk-1\n', 'sk-密', 'sk\u0000', 'sk-\u00e9'],
  OPENAI_BASE_URL: [
    'api.example.com/v1', '/v1', 'http://', 'https://', 'ftp://host/v1', 'file:///v1', 'javascript:alert(1)', 'http://user@host/v1', 'http://user:pass@host/v1',
    'http://host/v1?key=1', 'http://host/v1?', 'http://host/v1#a', 'http://host/v1#', 'http://ho st/v1', ' http://host/v1', 'http://host/v1\n', 'http://host:99999/v1'
  ],
  OPENAI_SYSTEM_ROLE: ['assistant', 'System'],
  OPENAI_MAX_TOKENS_FIELD: ['tokens', 'maxTokens']
}

t.test('no setting is without an option of its own, and none shares it', async t => {
  const options = Object.values(all).map(({ option }) => option)
  t.equal(new Set(options).size, options.length)
  t.same(options.filter(option => extraOptions.some(other => other.option === option && option !== 'source')), [])
})

for (const name of ofType('integer')) {
  t.test(`${name} is refused unless it is a whole number within its bounds`, async t => {
    const [min, max] = [bound(name, 'minimum'), bound(name, 'maximum')]
    for (const bad of [...BAD_NUMBERS, '1.5', `${min}.5`, String(min - 1), String(max + 1), String(BigInt(max) * 10n)]) {
      const faults = faultsOfVariable(name, bad)
      t.equal(faults.length, 1, bad)
      t.match(faults[0], { name, problem: /, expected a whole number.* from \d+ to \d+$/ })
      t.ok(faults[0]?.problem.startsWith(`is ${JSON.stringify(bad)}, `), 'it says what was wrong')
    }
    for (const good of [min, max]) t.same(faultsOfVariable(name, String(good)), [], String(good))
  })

  t.test(`${all[name]?.option} as an option is refused unless it is such a number`, async t => {
    const option = all[name]?.option as string
    const [min, max] = [bound(name, 'minimum'), bound(name, 'maximum')]
    for (const bad of [Infinity, -Infinity, NaN, 1.5, min - 1, max + 1, String(min), true, null, [], [min], {}, () => min, 5n]) {
      const faults = faultsOfOption(name, bad)
      t.equal(faults.length, 1, String(bad))
      t.match(faults[0], { name: `option ${option}`, problem: /^is .*, expected a whole number/ })
    }
    for (const good of [min, max]) t.same(faultsOfOption(name, good), [], String(good))
  })
}

t.test('times and sizes name their unit', async t => {
  for (const name of ofType('integer')) {
    const unit = name.endsWith('_MS')
      ? 'whole number of milliseconds'
      : name.endsWith('_BYTES') ? 'whole number of bytes' : 'whole number from'
    t.ok(all[name]?.expected.includes(unit), name)
    // Node fires a timer of more at once.
    if (name.endsWith('_MS')) t.ok(bound(name, 'maximum') <= 2 ** 31 - 1, name)
  }
})

for (const [name, values] of Object.entries(BAD_TEXTS)) {
  t.test(`${name} is refused unless it fits`, async t => {
    const { printable } = all[name] as Setting
    for (const bad of values) {
      for (const faults of [faultsOfVariable(name, bad), faultsOfOption(name, bad)]) {
        t.equal(faults.length, 1, bad)
        t.match(faults[0]?.problem, /, expected \w/)
        if (printable) t.ok(faults[0]?.problem.includes(JSON.stringify(bad)), 'it says what was wrong')
        else t.notOk(faults[0]?.problem.includes(bad), 'it does not tell the value')
      }
    }
  })
}

t.test('the grace of the first reply stays far from the 5 s that WeCom waits', async t => {
  t.same(faultsOf({ STREAM_FIRST_REPLY_GRACE_MS: '3000' }), [])
  t.same(faultsOf({ STREAM_FIRST_REPLY_GRACE_MS: '3001' }).map(({ name }) => name), ['STREAM_FIRST_REPLY_GRACE_MS'])
})

t.test('a flag is true or false', async t => {
  for (const name of ofType('boolean')) {
    for (const bad of ['yes', '1', '0', 'TRUE', 'False', 'on', 'null']) {
      t.hasStrict(faultsOfVariable(name, bad), [{ name, problem: `is "${bad}", expected true or false` }], name)
    }
    for (const good of ['true', 'false']) t.same(faultsOfVariable(name, good), [])
    const option = all[name]?.option as string
    for (const bad of ['true', 1, null]) t.hasStrict(faultsOfOption(name, bad), [{ name: `option ${option}` }])
    t.same(faultsOfOption(name, false), [])
  }
})

t.test('a temperature is a number from 0 to 2', async t => {
  for (const bad of [...BAD_NUMBERS, '2.1', '-0.1']) {
    t.match(faultsOfVariable('OPENAI_TEMPERATURE', bad), [{ name: 'OPENAI_TEMPERATURE', problem: /expected a number from 0 to 2/ }], bad)
  }
  for (const good of ['0', '0.7', '2']) t.same(faultsOfVariable('OPENAI_TEMPERATURE', good), [])
  for (const bad of ['0.7', NaN, Infinity, null, 2.1]) t.equal(faultsOf({}, { openai: { temperature: bad } }).length, 1, String(bad))
})

t.test('a list is ids with commas between them, or an array of ids', async t => {
  t.equal(ofType('array').length, 6)
  for (const name of ofType('array')) {
    const option = all[name]?.option as string
    const own = { [name]: all[name] as Setting }
    const read = (env: Record<string, string>, options: object = {}) => readConfig(own, { options, env, extraOptions })
    for (const [text, ids] of [
      ['a', ['a']], ['a,b', ['a', 'b']], [
        ' Zhang.San , li@x\n,\twr_-1 ', ['Zhang.San', 'li@x', 'wr_-1']
      ], ['a,,b,', ['a', 'b']], ['a b', ['a b']], ['张三,a，b', ['张三', 'a', 'b']]
    ] as const) {
      t.hasStrict(read({ [name]: text }), { faults: [], config: { [name]: ids } }, text)
      t.hasStrict(read({ [name]: 'other' }, optionsWith(option, text)), { faults: [], config: { [name]: ids } }, 'as an option')
    }
    for (const ids of [[], ['a'], ['a,b', ' c ']]) {
      t.hasStrict(
        read({ [name]: 'other' }, optionsWith(option, ids)), { faults: [], config: { [name]: ids } }, 'ids of an array are left as they are'
      )
    }
    for (const bad of [',', ' , ，']) {
      t.same(
        faultsOfVariable(name, bad), [{ name, problem: `has ${bad.length} characters that do not fit, expected ids, separated by commas` }]
      )
      t.equal(faultsOfOption(name, bad).length, 1)
    }
    for (const bad of [[''], ['a', ' '], ['a', 5], [undefined], [['a']]]) {
      t.same(
        faultsOfOption(name, bad), [{ name: `option ${option}`, problem: 'has items that do not fit, expected ids, separated by commas' }]
      )
    }
    for (const bad of [5, true, null, {}, new Set(['a']), () => ['a']]) {
      t.match(faultsOfOption(name, bad), [
        { name: `option ${option}`, problem: /^is of type (number|boolean|null|object|function), expected ids, separated by commas$/ }
      ])
    }
  }
})

t.test('a text as an option is refused unless it is text', async t => {
  for (const name of ofType('string')) {
    for (const bad of [5, true, null, {}, ['x'], Symbol('x')]) {
      const faults = faultsOfOption(name, bad)
      t.match(faults[0]?.problem, /^is of type (number|boolean|null|object|array|symbol), expected/, `${name}: ${String(bad)}`)
    }
  }
})

t.test('what fits is taken', async t => {
  for (const [name, values] of Object.entries({
    WECOM_LANGUAGE: ['zh-CN', 'en'],
    WECOM_CONVERSATION_SCOPE: ['member', 'chat', 'none'],
    STREAM_REASONING: [
      'hide', 'show', 'placeholder'
    ],
    STREAM_HISTORY_TURNS: ['0']
  })) for (const value of values) t.same(faultsOf({ [name]: value }), [], `${name}: ${value}`)
  for (const path of ['/', '/wecom', '/wecom/callback', '/wecom/', '/企业/微信', '/a-b_c.d~e']) {
    t.same(faultsOf({ WECOM_CALLBACK_PATH: path }), [], path)
  }
  for (const url of [
    'https://api.example.com/v1', 'http://127.0.0.1:11434/v1', 'HTTPS://host', 'http://[::1]:8080/v1/', 'https://host/a/@b/v1'
  ]) {
    t.same(faultsOf({ OPENAI_BASE_URL: url }), [], url)
  }
  for (const url of ['redis://host', 'rediss://user:p%40ss@host:6380/2', 'redis://127.0.0.1:6379', 'redis://[::1]:6379/0']) {
    t.same(faultsOf({ REDIS_URL: url }), [], url)
  }
  for (const prefix of ['app:', 'a b', '*']) t.same(faultsOf({ REDIS_PREFIX: prefix }), [], prefix)
  for (const key of [KEY, 'A'.repeat(42) + '/', '+'.repeat(43)]) t.same(faultsOf({ WECOM_ENCODING_AES_KEY: key }), [], key)
})

t.test('every extra option is refused unless it is of its type', async t => {
  const bad: Record<string, unknown[]> = {
    source: [5, null, {}, true],
    sources: ['x', 5, null, [], () => 'x'],
    commands: ['/stop', 5, null, []],
    'access.decide': ['x', null, {}, true],
    onEnterChat: ['hi', null, {}],
    onCardEvent: ['hi', null, {}],
    onFeedback: ['hi', null, {}],
    'media.allowedHosts': ['media.example', 5, null, {}],
    'media.ca': [5, null, {}],
    'media.lookup': ['x', null, {}],
    'activeReply.allowedHosts': ['qyapi.example', 5, null, {}],
    'activeReply.allowPrivateAddresses': ['true', null, 1],
    'activeReply.timeoutMs': [0, -1, 1.5, NaN, Infinity, 2 ** 31, '10', null],
    'activeReply.ca': [5, null, {}],
    'activeReply.lookup': ['x', null, {}],
    'redis.client': ['redis://host', 5, null, () => {}],
    'openai.imageDetail': ['medium', '', null, 5, {}],
    'openai.thinkingFirst': ['true', null, 1],
    'openai.fetch': ['x', null, {}],
    'mock.chunks': ['Hello', null, {}],
    'mock.echo': ['true', null, 1],
    'mock.failure': ['OOPS', null, {}, 'busy'],
    texts: ['x', null, [], 5],
    env: ['x', null, []],
    clock: ['x', null, () => 0]
  }
  for (const [option, values] of Object.entries(bad)) {
    for (const value of values) {
      const { faults } = readConfig(
        option === 'source' ? callbackSettings : all, { options: optionsWith(option, value), env: needed, extraOptions }
      )
      t.ok(faults.some(
        fault => fault.name === `option ${option}` && /^is of type \w+, expected \w/.test(fault.problem)
      ), `${option}: ${String(value)}`)
    }
  }
  t.same(faultsOf({}, {
    sources: {},
    redis: { client: {} },
    commands: {},
    access: { decide: () => true },
    onEnterChat: () => {},
    onCardEvent: () => {},
    onFeedback: () => {},
    media: { allowedHosts: [], ca: 'x', lookup: () => {} },
    activeReply: { allowedHosts: [], allowPrivateAddresses: true, timeoutMs: 1, ca: 'x', lookup: () => {} },
    openai: { imageDetail: 'auto', thinkingFirst: false, extraBody: {}, random: Math.random, fetch, clock: {} },
    mock: { chunks: [], echo: false, failure: 'BUSY', clock: {} },
    texts: {},
    env: {},
    clock: {},
    prefix: '/x',
    logLevel: 'warn',
    logSerializers: {}
  }), [])
  t.same(faultsOf({}, { mock: { failure: new Error('x') } }), [])
  for (const ca of [Buffer.from('x'), ['x']]) t.same(faultsOf({}, { media: { ca } }), [])
  for (const ca of [Buffer.from('x'), ['x']]) t.same(faultsOf({}, { activeReply: { ca, timeoutMs: 2 ** 31 - 1 } }), [])
  for (const imageDetail of ['low', 'high']) t.same(faultsOf({}, { openai: { imageDetail } }), [])
})

t.test('the defaults are those of the protocol', async t => {
  const callback = readConfig(callbackSettings, { options: {}, env: needed, extraOptions: [] }).config
  t.same(callback, {
    ...needed,
    WECOM_RECEIVE_ID: '',
    WECOM_CALLBACK_PATH: '/wecom/callback',
    WECOM_BOT_NAME: '',
    WECOM_TIMESTAMP_WINDOW_MS: 300_000,
    WECOM_WINDOW_MS: 360_000,
    WECOM_BODY_LIMIT_BYTES: 262_144,
    STREAM_FIRST_REPLY_GRACE_MS: 200,
    STREAM_REASONING: 'hide',
    WECOM_LANGUAGE: 'zh-CN',
    WECOM_CONVERSATION_SCOPE: 'member',
    WECOM_PARALLEL_TURNS: false,
    WECOM_ALLOW_USERS: [],
    WECOM_DENY_USERS: [],
    WECOM_ALLOW_CHATS: [],
    WECOM_DENY_CHATS: [],
    WECOM_ALLOW_BOTS: [],
    WECOM_DENY_BOTS: [],
    WECOM_USER_MESSAGES_PER_MINUTE: 0,
    WECOM_USER_MAX_RUNNING: 0,
    WECOM_UNFETCHED: 'deliver',
    WECOM_CARD_DELIVERY: 'auto',
    WECOM_WELCOME_TEXT: '',
    WECOM_MEDIA_MAX_BYTES: 20_971_520,
    WECOM_MEDIA_MESSAGE_MAX_BYTES: 41_943_040,
    WECOM_MEDIA_TOTAL_MAX_BYTES: 268_435_456,
    WECOM_MEDIA_TIMEOUT_MS: 60_000,
    WECOM_MEDIA_ALLOW_PRIVATE: false
  })
  const streams = readConfig(streamsSettings, { options: {}, env: {}, extraOptions: [] }).config
  t.same(streams, {
    STREAM_DEADLINE_MS: 330_000,
    STREAM_LATE_DEADLINE_MS: 1_800_000,
    STREAM_FIRST_TOKEN_TIMEOUT_MS: 60_000,
    STREAM_IDLE_TIMEOUT_MS: 45_000,
    STREAM_SHUTDOWN_GRACE_MS: 10_000,
    STREAM_RETENTION_MS: 900_000,
    STREAM_MAX_RUNNING: 500,
    STREAM_MAX_QUEUED: 500,
    STREAM_MAX_FINISHED: 20_000,
    STREAM_MAX_FINISHED_BYTES: 268_435_456,
    STREAM_IMAGES_MAX_BYTES: 524_288,
    STREAM_MAX_CONTENT_BYTES: 1_048_576,
    WECOM_LANGUAGE: 'zh-CN',
    REDIS_PREFIX: 'wecom:',
    REDIS_COMMAND_TIMEOUT_MS: 300,
    STREAM_ON_OWNER_LOST: 'restart',
    STREAM_HISTORY_TURNS: 10,
    STREAM_HISTORY_BYTES: 32_768,
    STREAM_HISTORY_IDLE_MS: 1_800_000,
    MOCK_CHUNK_DELAY_MS: 500,
    OPENAI_MODEL: 'gpt-5-mini',
    OPENAI_SYSTEM_ROLE: 'system',
    OPENAI_MAX_TOKENS_FIELD: 'max_completion_tokens',
    OPENAI_INCLUDE_USAGE: true,
    OPENAI_ALLOW_MISSING_FINISH: false,
    OPENAI_CUMULATIVE_DELTAS: 'auto',
    OPENAI_REASONING_AS_ANSWER: false,
    OPENAI_MAX_RETRIES: 2,
    OPENAI_REQUEST_TIMEOUT_MS: 60_000,
    OPENAI_PDF_AS_FILE: false,
    OPENAI_MAX_FILE_TEXT_BYTES: 102_400,
    OPENAI_MAX_RESPONSE_BYTES: 4_194_304
  })
})

t.test('every setting stands in one section', async t => {
  const inSections = settingSections.flatMap(({ settings }) => Object.keys(settings))
  t.strictSame(inSections.filter(name => name in all).sort(), Object.keys(all).sort())
  t.equal(new Set(inSections).size, inSections.length)
  t.strictSame(inSections.filter(name => !(name in all)), ['HOST', 'PORT', 'LOG_LEVEL'])
})
