import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { configOf, readConfig } from '../../../lib/config/config.ts'
import { readEnvironment } from '../../../lib/config/environment.ts'
import { callbackSettings } from '../../../lib/config/settings.ts'

t.test('the environment is read from a file, which process.env beats', async t => {
  const dir = t.testdir({
    '.env': [
      '# a comment', 'WECOM_TOKEN="from-the-file"', 'export WECOM_BOT_NAME=Robot', 'WECOM_RECEIVE_ID=file', 'STREAM_SOURCE=',
      "OPENAI_SYSTEM_PROMPT='two\nlines'", 'OPENAI_MODEL=$HOME'
    ].join('\n')
  })
  const before = { ...process.env }
  t.teardown(() => {
    for (const name of ['WECOM_RECEIVE_ID', 'WECOM_TOKEN', 'STREAM_SOURCE']) delete process.env[name]
  })
  process.env['WECOM_RECEIVE_ID'] = 'process'
  process.env['WECOM_TOKEN'] = '  '
  process.env['STREAM_SOURCE'] = 'mock'

  const env = readEnvironment(join(dir, '.env'))
  t.hasStrict(env, {
    WECOM_TOKEN: 'from-the-file',
    WECOM_BOT_NAME: 'Robot',
    WECOM_RECEIVE_ID: 'process',
    STREAM_SOURCE: 'mock',
    OPENAI_SYSTEM_PROMPT: 'two\nlines',
    OPENAI_MODEL: '$HOME'
  })
  t.equal(env['PATH'], process.env['PATH'])
  t.same(
    { ...process.env }, { ...before, WECOM_RECEIVE_ID: 'process', WECOM_TOKEN: '  ', STREAM_SOURCE: 'mock' }, 'process.env is as it was'
  )

  const KEY = 'kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR'
  configOf(readConfig(callbackSettings, { options: {}, env: { ...env, WECOM_ENCODING_AES_KEY: KEY }, extraOptions: [] }))
  t.notOk('WECOM_BOT_NAME' in process.env)
})

t.test('a file that is not there is no fault, one that cannot be read is', async t => {
  const dir = t.testdir({})
  t.same(readEnvironment(join(dir, '.env')), readEnvironment(join(dir, 'other')))
  mkdirSync(join(dir, 'folder'))
  t.throws(() => readEnvironment(join(dir, 'folder')), { code: 'WECOM_ERR_CONFIG', faults: [{ problem: /\(EISDIR\)/ }] })
})

t.test('a file in UTF-16, which a PowerShell writes, is a fault with its name', async t => {
  const dir = t.testdir({})
  const path = join(dir, '.env')
  for (const bytes of [Buffer.from(
    '\uFEFFWECOM_TOKEN=x', 'utf16le'
  ), Buffer.from('WECOM_TOKEN=x', 'utf16le'), Buffer.from('\uFEFFWECOM_TOKEN=x', 'utf16le').swap16()]) {
    writeFileSync(path, bytes)
    t.throws(() => readEnvironment(path), {
      code: 'WECOM_ERR_CONFIG', faults: [{ name: path, problem: 'is in UTF-16 or binary, expected UTF-8: save it anew' }]
    })
  }
  writeFileSync(path, '\uFEFFWECOM_TOKEN=x')
  t.equal(readEnvironment(path)['WECOM_TOKEN'], 'x', 'a byte order mark of UTF-8 is left out')
})

t.test('the file is `.env` in the working directory, read at every call', async t => {
  const dir = t.testdir({})
  const before = process.cwd()
  t.teardown(() => process.chdir(before))
  process.chdir(dir)
  t.equal(readEnvironment()['WECOM_BOT_NAME'], undefined)
  writeFileSync('.env', 'WECOM_BOT_NAME=Robot')
  t.equal(readEnvironment()['WECOM_BOT_NAME'], 'Robot')
})
