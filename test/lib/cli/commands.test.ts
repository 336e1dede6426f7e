import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readArguments } from '../../../lib/cli/arguments.ts'
import type { CommandSpec } from '../../../lib/cli/arguments.ts'
import { sentenceOf } from '../../../lib/cli/commands.ts'
import { credentialOptions, environmentOf, readCredentials } from '../../../lib/cli/credentials.ts'
import { ConfigError, InputError } from '../../../lib/util/errors.ts'
import { command, emptyFolder } from '../../fixtures/command.ts'

const KEY = 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C'

t.test('without a command it says which there are, as --help does', async t => {
  const help = await command(t, ['--help'])
  t.equal(help.code, 0)
  t.match(help.stdout, /^Usage: fastify-wecom-stream <command> \[options\]\n/)
  for (const name of ['chat', 'doctor', 'check', 'playground']) t.match(help.stdout, new RegExp(`^ {2}${name} +\\w`, 'm'))
  t.strictSame(await command(t, ['-h']), help)
  t.strictSame(await command(t, []), { ...help, code: 2 })
})

t.test('a command that is not there is named', async t => {
  for (const name of ['chatt', 'constructor']) {
    const { code, stdout, stderr } = await command(t, [name])
    t.equal(code, 2)
    t.equal(stdout, '')
    t.ok(stderr.startsWith(`There is no command "${name}".\n\nUsage:`), stderr)
  }
})

t.test('each command has a help, and refuses what it does not know', async t => {
  for (const name of ['doctor', 'check', 'chat', 'playground']) {
    const { code, stdout } = await command(t, [name, '--help'])
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: fastify-wecom-stream ${name} .+\n\n.+\n\n[^]*--help +shows this\n$`))
    const refused = await command(t, [name, '--tokn', 'x'])
    t.hasStrict(refused, { code: 2, stdout: '', stderr: `Unknown option '--tokn'\nTry: fastify-wecom-stream ${name} --help\n` })
  }
})

t.test('what cannot be foreseen is thrown, what can be is a sentence', t => {
  t.equal(sentenceOf(new Error('a fault of ours')), undefined)
  t.equal(sentenceOf(new InputError('target must be')), 'target must be')
  t.equal(
    sentenceOf(new ConfigError([{ name: 'PORT', problem: 'is "x"' }])), 'fastify-wecom-stream is not configured correctly:\n- PORT: is "x"'
  )
  t.equal(sentenceOf(Object.assign(new Error('of another bundle'), { name: 'ConfigError' })), 'of another bundle')
  t.equal(
    sentenceOf(Object.assign(new Error("Cannot find package 'fastify' imported from /x"), { code: 'ERR_MODULE_NOT_FOUND' })),
    'fastify is not installed, and this command needs it: npm install fastify'
  )
  t.equal(
    sentenceOf(Object.assign(new Error("Cannot find module 'fastify'"), { code: 'MODULE_NOT_FOUND' })),
    'fastify is not installed, and this command needs it: npm install fastify'
  )
  t.end()
})

t.test('a .env that cannot be read is told without a stack', async t => {
  const cwd = emptyFolder(t)
  writeFileSync(join(cwd, '.env'), Buffer.from('WECOM_TOKEN=t', 'utf16le'))
  const { code, stderr } = await command(t, ['check', 'http://127.0.0.1:1/'], { cwd })
  t.equal(code, 2)
  t.match(stderr, /^fastify-wecom-stream is not configured correctly:\n- .*\.env: is in UTF-16 or binary, expected UTF-8: save it anew\n$/)
})

t.test('arguments are read by their table', t => {
  const spec: CommandSpec = {
    name: 'try',
    usage: 'URL [options]',
    about: 'Tries.',
    positionals: { min: 1, max: 1 },
    options: {
      timeout: { type: 'string', value: 'MS', help: 'how long' },
      only: { type: 'string', short: 'o', multiple: true, value: 'NAME', help: 'which' },
      json: { type: 'boolean', help: 'as JSON' }
    }
  }
  const bounds = { min: 1, max: 100, default: 7 }
  const args = readArguments(spec, ['http://x', '-o', 'a', '--only', 'b', '--timeout', '50'])
  t.strictSame([args.positionals, args.list('only'), args.flag('json'), args.number('timeout', bounds)], [['http://x'], ['a', 'b'], false, 50])
  const bare = readArguments(spec, ['--json', 'http://x'])
  t.strictSame([bare.list('only'), bare.flag('json'), bare.number('timeout', bounds)], [[], true, 7])
  for (const wrong of ['0', '101', '1.5', 'x', '']) {
    t.throws(() => readArguments(spec, ['u', `--timeout=${wrong}`]).number('timeout', bounds), {
      message: `--timeout is ${JSON.stringify(wrong)}, expected a whole number from 1 to 100`
    })
  }
  t.throws(() => readArguments(spec, []), { name: 'UsageError', message: 'try needs URL' })
  t.throws(() => readArguments(spec, ['a', 'b']), { message: 'try does not know what "b" is' })
  t.throws(() => readArguments(spec, ['a', '-h']), {
    name: 'HelpRequest',
    message: [
      'Usage: fastify-wecom-stream try URL [options]', '', 'Tries.', '',
      '      --timeout MS  how long', '  -o, --only NAME   which', '      --json        as JSON', '  -h, --help        shows this'
    ].join('\n')
  })
  t.end()
})

t.test('credentials come from flags, else from the environment, else from .env', t => {
  const cwd = emptyFolder(t)
  const spec = { name: 'try', usage: '', about: '', positionals: { min: 0, max: 0 }, options: credentialOptions }
  const read = (argv: string[], env: Record<string, string>) => readCredentials(readArguments(spec, argv), environmentOf({ cwd, env }))
  t.throws(() => read([], {}), { name: 'UsageError', message: 'There is no token: give --token, or set WECOM_TOKEN' })
  t.throws(() => read(['--token', 't'], {}), { message: 'There is no key: give --key, or set WECOM_ENCODING_AES_KEY' })
  t.throws(() => read(['--token', 't', '--key', 'short'], {}), { message: /^The key has 5 characters, expected the 43 characters/ })
  t.strictSame(read(['--token', 't', '--key', KEY], {}), { token: 't', encodingAESKey: KEY, receiveId: '' })

  writeFileSync(join(cwd, '.env'), `WECOM_TOKEN=of-the-file\nWECOM_ENCODING_AES_KEY=${KEY}\nWECOM_RECEIVE_ID=file\n`)
  t.strictSame(read([], {}), { token: 'of-the-file', encodingAESKey: KEY, receiveId: 'file' })
  t.strictSame(read([], { WECOM_TOKEN: 'of-env' }), { token: 'of-env', encodingAESKey: KEY, receiveId: 'file' })
  const flags = read(['--token', 'flag', '--receive-id', ''], { WECOM_TOKEN: 'of-env' })
  t.strictSame(flags, { token: 'flag', encodingAESKey: KEY, receiveId: '' })
  t.end()
})
