import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { callbackSettings, streamsSettings } from '../../lib/config/settings.ts'
import { FAILURE_LEVELS } from '../../lib/streams/ending.ts'
import { loadTexts } from '../../lib/texts/texts.ts'
import { systemClock } from '../../lib/util/clock.ts'
import { FAILURE_CLASSES, RefusalError } from '../../lib/util/errors.ts'
import type { RefusalCode } from '../../lib/util/errors.ts'
import { createRefusals } from '../../lib/wecom/refusals.ts'
import { BusyError, ClosedError, InputError, UnavailableError } from '../../plugins/index.ts'
import type { Logger } from '../../plugins/index.ts'
import { anchorsOf, CHINESE, documents, fences, fencesOf, read, ROOT, samples, tableOf, withoutFences } from '../fixtures/documents.ts'

const variables = Object.keys({ ...callbackSettings, ...streamsSettings })
const texts = loadTexts()
const { default: rules } = await import(
  new URL('.dependency-cruiser.js', ROOT).href
) as { default: { forbidden: Array<{ name: string, to: { path?: string } }> } }
const textOf = (path: string): string => documents.get(path) ?? ''

t.test('a fence says what language it holds', async t => {
  t.strictSame(
    [...new Set(fences.map(({ language }) => language))].sort(), ['caddy', 'dockerfile', 'js', 'mermaid', 'nginx', 'sh', 'text', 'yaml']
  )
})

t.test('a sample that is a program says how it is run, with the variables of .env', async t => {
  const prose = [...documents.values()].map(withoutFences).join('\n')
  for (const [name, code] of samples) {
    if (code.includes('in place of the register line') || /^export /m.test(code)) continue
    const command = code.includes("'node:test'") ? 'node --test' : `node --env-file=.env ${name}`
    t.ok(prose.includes(`\`${command}\``), `${name}: ${command}`)
  }
})

t.test('every command of npm exists', async t => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const BUILT_IN = ['ci', 'install', 'pack', 'publish', 'version']
  for (const [path, document] of documents) {
    const code = [...fencesOf(document).map(({ code }) => code), ...withoutFences(document).match(/`[^`\n]+`/g) ?? []].join('\n')
    for (const [, script, command = ''] of code.matchAll(/\bnpm (?:run ([\w:]+)|(\w+))/g)) {
      if (!BUILT_IN.includes(command)) t.ok(scripts[script ?? command], `${path}: npm ${script ?? command}`)
    }
  }
})

t.test('the error codes are those of the code, with their statuses', async t => {
  const quiet: Logger = { debug () {}, info () {}, warn () {}, error () {}, child: () => quiet }
  const refuse = createRefusals(systemClock)
  const thrown = [new InputError(''), new BusyError(1), new ClosedError(), new UnavailableError(undefined)]
  const rows = tableOf(textOf('README.md'), 'Code').map(([code = '', where, status]) => ({ code: code.replaceAll('`', ''), where, status }))
  t.strictSame(rows.map(({ code }) => code).sort(), [...new Set(read('lib/util/errors.ts').match(/WECOM_ERR_\w+/g))].sort())
  for (const { code, where, status } of rows) {
    const expected = where === 'Callback'
      ? refuse(new RefusalError(code as RefusalCode, ''), quiet).statusCode
      : thrown.find(error => error.code === code)?.statusCode
    t.equal(status, String(expected ?? '–'), code)
  }
})

t.test('the classes of failure are those of the code, with their sentences and levels', async t => {
  const rows = tableOf(textOf('lib/texts/README.md'), 'Class').map(([name, , sentence, level]) => [name, sentence, level])
  t.strictSame(rows, FAILURE_CLASSES.map(name => [`\`${name}\``, texts.failures[name], FAILURE_LEVELS[name]]))
})

t.test('every sentence of the bot is named', async t => {
  const named = tableOf(textOf('lib/texts/README.md'), 'Name').flatMap(
    ([cell = '']) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name)
  )
  t.strictSame(named.sort(), Object.keys(texts).sort())
})

t.test('every variable and code that is named exists', async t => {
  const codes = tableOf(textOf('README.md'), 'Code').map(([code = '']) => code.replaceAll('`', ''))
  const known = new Set([...variables, ...codes])
  for (const [path, document] of documents) {
    for (const name of new Set(document.match(/\b(?:WECOM|STREAM|OPENAI|MOCK)_[A-Z_]+\b/g))) t.ok(known.has(name), `${path}: ${name}`)
  }
})

t.test('every link leads somewhere', async t => {
  for (const [path, document] of [...documents, [CHINESE, read(CHINESE)] as const]) {
    for (const [, target = ''] of withoutFences(document).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const linked = file === '' ? path : posix.join(posix.dirname(path), file)
      t.ok(existsSync(new URL(linked, ROOT)), `${path}: ${target}`)
      if (anchor !== undefined) t.ok(anchorsOf(read(linked)).includes(`#${anchor}`), `${path}: ${target}`)
    }
  }
})

t.test('a document number is a link the first time that it stands in a file', async t => {
  for (const [path, document] of documents) {
    const numbers = new Set([...document.matchAll(/\bdocuments? (\d{5,6})\b/g)].map(([, number = '']) => number))
    for (const number of numbers) {
      const first = document.slice(0, document.search(new RegExp(`\\b${number}\\b`)) + 80)
      t.ok(first.includes(`](https://developer.work.weixin.qq.com/document/path/${number})`), `${path}: ${number}`)
    }
  }
})

t.test('the README can be read in a sitting', async t => {
  for (const path of ['README.md', CHINESE]) t.ok(read(path).split('\n').length <= 301, path)
})

t.test('the Chinese README says the same: its sections, tables, links and samples', async t => {
  const outline = (path: string) => {
    const document = read(path)
    const prose = withoutFences(document)
    return {
      headings: [...prose.matchAll(/^(#+) /gm)].map(([, level]) => level),
      tables: [...prose.matchAll(/^\|.*\|$/gm)].map(([row]) => row.split('|').length),
      lists: [...prose.matchAll(/^(?:\d\.|-) /gm)].length,
      names: [...new Set(prose.match(/\b(?:WECOM|STREAM|OPENAI|REDIS)_[A-Z_]+\b/g))].sort(),
      links: [...prose.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target).filter(
        target => target !== 'README.md' && target !== CHINESE
        // A picture shows the language of its page.
      ).map(target => target.replace('.zh-CN.png', '.png')).sort(),
      samples: fencesOf(document).map(
        ({ language, code }) => [language, language === 'mermaid' ? code.split('\n').length : code.replace(/ *(?:\/\/|#) .*$/gm, '')]
      )
    }
  }
  t.strictSame(outline(CHINESE), outline('README.md'))
  t.ok(read('README.md').includes(`](${CHINESE})`) && read(CHINESE).includes('](README.md)'), 'each leads to the other')
})

t.test('the pictures are few, small, and each is shown', t => {
  const folder = new URL('test/screenshots/', ROOT)
  const pictures = readdirSync(folder)
  t.ok(pictures.length <= 6)
  const shown = read('README.md') + read(CHINESE)
  for (const name of pictures) {
    t.ok(statSync(new URL(name, folder)).size < 150 * 1024, name)
    t.ok(shown.includes(`](test/screenshots/${name})`), `${name} is linked`)
  }
  t.end()
})

t.test('each room has a page that says what it may import and which files are public', async t => {
  const ROOMS = readdirSync(new URL('lib/', ROOT))
  for (const room of ROOMS) {
    const page = textOf(`lib/${room}/README.md`)
    t.ok(page.startsWith(`# ${room}: `), `lib/${room}/README.md is there`)
    const forbidden = rules.forbidden.find(({ name }) => name.startsWith(`${room}-imports`))?.to
    const allowed = ROOMS.filter(other => other !== room && !new RegExp(forbidden?.path ?? '^').test(`lib/${other}/`))
    const said = /^- \*\*May import:\*\* (.*)$/m.exec(page)?.[1] ?? ''
    const named = said.startsWith('every other room')
      ? ROOMS.filter(other => other !== room)
      : [...said.matchAll(/`([\w-]+)`/g)].map(([, name]) => name)
    t.strictSame(named.sort(), allowed.sort(), `lib/${room} may import what its page says`)
    for (const part of ['**Public files:**', '**The decision that explains the rest:**']) t.ok(page.includes(part), `lib/${room}: ${part}`)
  }
})

t.test('there are fifteen rooms at most, and none has more than twenty files', async t => {
  const ROOMS = readdirSync(new URL('lib/', ROOT), { recursive: true, withFileTypes: true }).filter(entry => entry.isDirectory())
  const lib = fileURLToPath(new URL('lib', ROOT))
  t.ok(ROOMS.filter(({ parentPath }) => parentPath === lib).length <= 15)
  for (const { parentPath, name } of ROOMS) {
    const room = join(parentPath, name)
    // A room within a room counts as one file.
    t.ok(readdirSync(room).filter(file => file !== 'README.md').length <= 20, relative(lib, room))
  }
})

t.test('every file and folder of the code that a document names is there', async t => {
  for (const [path, document] of documents) {
    const names = [...withoutFences(document).matchAll(/`([\w./-]+\.ts|(?:lib|plugins|test)\/[\w/-]+)`/g)].map(([, name = '']) => name)
    for (const name of names) {
      const places = [posix.join(posix.dirname(path), name), name]
      t.ok(places.some(place => existsSync(new URL(place, ROOT))), `${path}: ${name}`)
    }
  }
})
