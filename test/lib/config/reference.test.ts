import { parseEnv } from 'node:util'
import t from 'tap'
import ts from 'typescript'
import { readConfig } from '../../../lib/config/config.ts'
import type { Setting } from '../../../lib/config/setting.ts'
import { callbackSettings, settingSections, streamsSettings } from '../../../lib/config/settings.ts'
import { read, ROOT } from '../../fixtures/documents.ts'
import { documentWithReference, EXAMPLE, exampleOfEnv, REFERENCE } from '../../fixtures/reference.ts'

const plugin: Record<string, Setting> = { ...callbackSettings, ...streamsSettings }

t.test('the reference is what the table of settings says: npm run settings', async t => {
  t.equal(read(REFERENCE), documentWithReference())
})

t.test('.env.example is what the table of settings says: npm run settings', async t => {
  t.equal(read(EXAMPLE), exampleOfEnv())
})

t.test('.env.example names each variable once, in the order of the table, with its default', async t => {
  const names = [...read(EXAMPLE).matchAll(/^(\w+)=/gm)].map(([, name]) => name)
  t.strictSame(names, settingSections.flatMap(({ settings }) => Object.keys(settings)))
  const env = parseEnv(read(EXAMPLE))
  for (const settings of [streamsSettings, callbackSettings]) {
    const { config, faults } = readConfig(settings, { options: {}, env, extraOptions: [] })
    t.strictSame(faults.map(({ name }) => name), Object.keys(settings).filter(name => plugin[name]?.required))
    if (faults.length === 0) t.strictSame(config, readConfig(settings, { options: {}, env: {}, extraOptions: [] }).config)
  }
})

const file = new URL('plugins/index.ts', ROOT).pathname
const program = ts.createProgram(
  [file], { ...ts.convertCompilerOptionsFromJson(JSON.parse(read('tsconfig.json')).compilerOptions, '.').options, noEmit: true }
)
const checker = program.getTypeChecker()

/** The public type of the options of `register`. */
function optionsType (): ts.Type {
  const source = program.getSourceFile(file) as ts.SourceFile
  const declaration = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === 'WecomStreamOptions'
  )
  return checker.getTypeAtLocation(declaration as ts.InterfaceDeclaration)
}

interface DeclaredOption {
  /** The docstrings along the path. */
  words: string
  type: ts.Type
}

function declaredOption (path: string): DeclaredOption | undefined {
  return path.split('.').reduce<DeclaredOption | undefined>((parent, name) => {
    const symbol = parent?.type.getProperty(name)
    if (parent === undefined || symbol === undefined) return undefined
    const words = `${parent.words}\n${ts.displayPartsToString(symbol.getDocumentationComment(checker))}`
    return { words, type: checker.getNonNullableType(checker.getTypeOfSymbol(symbol)) }
  }, { words: '', type: optionsType() })
}

const TYPES: Record<string, string[]> = {
  integer: ['number'],
  number: ['number'],
  boolean: ['boolean'],
  string: ['string', 'string | Source'],
  array: [
    'string | readonly string[]'
  ]
}

t.test('each option is declared in the type of its setting, and its docstring names the variable', async t => {
  for (const [variable, { option, schema }] of Object.entries(plugin)) {
    const declared = declaredOption(option)
    if (declared === undefined) {
      t.fail(`option ${option} is not declared`)
      continue
    }
    const { type, words } = declared
    const members = type.isUnion() ? type.types : [type]
    if (schema.enum === undefined) {
      t.ok(TYPES[schema.type]?.includes(
        checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation)
      ), `${option} is of type ${checker.typeToString(type)}`)
    } else t.strictSame(members.map(member => (member as ts.StringLiteralType).value).sort(), [...schema.enum].sort(), option)
    // A group may name all of its variables at once, as in `OPENAI_*`.
    const groups = variable.split('_').map((_part, index, parts) => `${parts.slice(0, index).join('_')}_*`)
    t.ok([variable, ...groups].some(name => words.includes(`\`${name}\``)), `the docstring of option ${option} names ${variable}`)
  }
})

/** The value that words name, as in `4 MiB`, `60 s` and `` `zh-CN` ``. */
function valueIn (words: string): unknown {
  const UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, KiB: 1024, MiB: 1024 ** 2 }
  const [, amount, unit = ''] = /^([\d.]+)(?: (\w+))?$/.exec(words) ?? []
  if (amount !== undefined) return Number(amount) * (UNITS[unit] ?? 1)
  if (['true', 'false'].includes(words)) return words === 'true'
  return ['not sent', 'no limit', 'empty', 'nothing'].includes(words) ? '' : words
}

t.test('a default that a docstring names is that of the table', async t => {
  let named = 0
  for (const [, { option, default: value }] of Object.entries(plugin)) {
    const own = declaredOption(option)?.words.split('\n').at(-1) ?? ''
    const [, code, words = code] = /[Dd]efault:? (?:`([^`]+)`|(\d+(?: \w+)?|true|false|not sent|no limit|empty|nothing))/.exec(own) ?? []
    if (words === undefined) continue
    named++
    t.strictSame(valueIn(words), value ?? '', `the docstring of option ${option}`)
  }
  t.ok(named > 10)
})
