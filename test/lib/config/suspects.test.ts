import t from 'tap'
import { meantBy, warnOfSuspects } from '../../../lib/config/suspects.ts'
import { createLog } from '../../fixtures/log.ts'

t.test('a variable within two edits of a setting, or known by another name, is meant for it', async t => {
  for (const [variable, meant] of [
    ['WECOM_TOKN', 'WECOM_TOKEN'], ['WECOM_ENCODINGAESKEY', 'WECOM_ENCODING_AES_KEY'], ['WECOM_AES_KEY', 'WECOM_ENCODING_AES_KEY'],
    [
      'OPENAI_API_BASE', 'OPENAI_BASE_URL'
    ], ['OPENAI_KEY', 'OPENAI_API_KEY'], ['REDIS_URI', 'REDIS_URL'], ['openai_api_key', 'OPENAI_API_KEY'],
    ['STREAM_DEADLINE', undefined], ['STREAM_DEADLINE_M', 'STREAM_DEADLINE_MS'], ['STREAM_DEADLNE_MSS', 'STREAM_DEADLINE_MS']
  ] as const) t.equal(meantBy(variable), meant, variable)
})

t.test('a setting, a variable of something else and that of a second bot are left alone', async t => {
  const others = [
    'WECOM_TOKEN', 'HOST', 'PORT', 'LOG_LEVEL', 'PATH', 'HOME', 'PWD', 'NODE_ENV', 'WECOM_TOKEN_2', 'WECOM_TOKEN2', 'SALES_TOKEN',
    'OPENAI_LOG', 'REDIS_HOST'
  ]
  for (const variable of others) t.equal(meantBy(variable), undefined, variable)
})

t.test('each is told once, by its name alone', async t => {
  const log = createLog()
  const env = { WECOM_TOKN: 'secret-one', WECOM_TOKEN: 'secret-two', REDIS_URI: 'redis://:secret@host', PATH: '/bin' }
  warnOfSuspects(env, log)
  warnOfSuspects(env, log)
  t.strictSame(log.lines.map(({ level, message }) => [level, message]), [
    ['warn', 'WECOM_TOKN is no setting: did you mean WECOM_TOKEN?'],
    ['warn', 'REDIS_URI is no setting: did you mean REDIS_URL?']
  ])
  t.notMatch(JSON.stringify(log.lines), /secret/)
})
