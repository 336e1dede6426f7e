import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { serverSettings } from '../../lib/cli/settings.ts'
import { callbackFurtherOptions, callbackSettings, streamsFurtherOptions, streamsSettings } from '../../lib/config/settings.ts'
import type { Setting } from '../../lib/config/settings.ts'
import { FAILURE_LEVELS } from '../../lib/streams/ending.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { FAILURE_CLASSES, RefusalError } from '../../lib/util/errors.ts'
import type { RefusalCode } from '../../lib/util/errors.ts'
import { createRefusals } from '../../lib/wecom/refusals.ts'
import { BusyError, ClosedError, InputError } from '../../plugins/index.ts'
import type { Logger } from '../../plugins/index.ts'
import { anchorsOf, defaultCell, documents, fences, read, ROOT, tableOf, typeCell, withoutFences } from '../fixtures/documents.ts'

const settings: ReadonlyArray<[variable: string, setting: Setting]> = Object.entries({ ...callbackSettings, ...streamsSettings })
const texts = loadTexts()
const textOf = (path: string): string => documents.get(path) ?? ''

t.test('a fence says what language it holds', async t => {
  t.strictSame([...new Set(fences.map(({ language }) => language))].sort(), ['caddy', 'js', 'nginx', 'sh', 'text', 'yaml'])
})

t.test('every command of npm exists', async t => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const BUILT_IN = ['ci', 'install', 'pack', 'version', 'publish']
  for (const [path, document] of documents) {
    for (const [, script, command = ''] of document.matchAll(/\bnpm (?:run ([\w:]+)|(\w+))/g)) {
      if (!BUILT_IN.includes(command)) t.ok(scripts[script ?? command], `${path}: npm ${script ?? command}`)
    }
  }
})

t.test('the table of settings is that of the code', async t => {
  const document = textOf('README.md')
  const rows = new Map(tableOf(document, 'Variable').map(([variable = '', option, values, standard, meaning]) => [variable, { option, values, standard, meaning }]))
  t.strictSame([...rows.keys()], settings.map(([variable]) => `\`${variable}\``))
  for (const [variable, setting] of settings) {
    const { meaning, ...row } = rows.get(`\`${variable}\``) ?? {}
    t.strictSame(row, { option: `\`${setting.option}\``, values: typeCell(setting), standard: defaultCell(setting) }, variable)
    t.ok(meaning, `${variable} is explained`)
  }
  const section = document.slice(document.indexOf('Options without a variable'))
  for (const { option } of [...callbackFurtherOptions, ...streamsFurtherOptions]) t.ok(section.includes(`\`${option}\``), `${option} is explained`)
})

t.test('.env.example has every variable with its default', async t => {
  const all: Array<[string, Setting]> = [...settings, ...Object.entries(serverSettings)]
  const expected = all.map(([variable, { schema }]) => [variable, String(schema['default'] ?? '')])
  t.strictSame(parseEnv(read('.env.example')), Object.fromEntries(expected))
})

t.test('the error codes are those of the code, with their statuses', async t => {
  const quiet: Logger = { debug () {}, info () {}, warn () {}, error () {}, child: () => quiet }
  const refuse = createRefusals(quiet, systemClock)
  const thrown = [new InputError(''), new BusyError(1), new ClosedError()]
  const rows = tableOf(textOf('README.md'), 'Code').map(([code = '', where, status]) => ({ code: code.replaceAll('`', ''), where, status }))
  t.strictSame(rows.map(({ code }) => code).sort(), [...new Set(read('lib/util/errors.ts').match(/WECOM_ERR_\w+/g))].sort())
  for (const { code, where, status } of rows) {
    const expected = where === 'Callback'
      ? refuse(new RefusalError(code as RefusalCode, '')).statusCode
      : thrown.find(error => error.code === code)?.statusCode
    t.equal(status, String(expected ?? '–'), code)
  }
})

t.test('the classes of failure are those of the code, with their sentences and levels', async t => {
  const rows = tableOf(textOf('README.md'), 'Class').map(([name, , sentence, level]) => [name, sentence, level])
  t.strictSame(rows, FAILURE_CLASSES.map(name => [`\`${name}\``, texts.failures[name], FAILURE_LEVELS[name]]))
})

t.test('every sentence of the bot is named', async t => {
  const document = textOf('README.md')
  for (const name of Object.keys(texts)) t.match(document, new RegExp(`\`${name}\`|^ +${name}: `, 'm'), `${name} is named`)
})

t.test('every variable and code that is named exists', async t => {
  const codes = tableOf(textOf('README.md'), 'Code').map(([code = '']) => code.replaceAll('`', ''))
  const known = new Set([...settings.map(([variable]) => variable), ...codes])
  for (const [path, document] of documents) {
    for (const name of new Set(document.match(/\b(?:WECOM|STREAM|OPENAI|MOCK)_[A-Z_]+\b/g))) t.ok(known.has(name), `${path}: ${name}`)
  }
})

t.test('every link leads somewhere', async t => {
  for (const [path, document] of documents) {
    for (const [, target = ''] of withoutFences(document).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const linked = file === '' ? path : posix.join(posix.dirname(path), file)
      t.ok(existsSync(new URL(linked, ROOT)), `${path}: ${target}`)
      if (anchor !== undefined) t.ok(anchorsOf(read(linked)).includes(`#${anchor}`), `${path}: ${target}`)
    }
  }
})
