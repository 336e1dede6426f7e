import { envSchema } from 'env-schema'
import { ConfigError } from '../util/errors.ts'
import type { ConfigFault } from '../util/errors.ts'
import { isBlank } from './environment.ts'
import type { Env } from './environment.ts'
import type { ExtraOption } from './extra-options.ts'
import { hasOption, optionAt, optionFaults, typeOf } from './options.ts'
import type { KnownOption } from './options.ts'
import { SPACE_OR_QUOTE } from './setting.ts'
import type { ConfigOf, Setting } from './setting.ts'

type Settings = Readonly<Record<string, Setting>>

/** Looks for faults between settings, in the values as they were given. */
export type CrossCheck = (input: Readonly<Record<string, unknown>>) => ConfigFault[]

export interface ConfigSources {
  /** The options of `register`; they win. */
  options: object
  env: Env
  /** Options besides those of the settings; any other is refused. */
  extraOptions: readonly ExtraOption[]
  /** What another plugin takes of the same options: an unknown one may be meant for it. */
  elsewhere?: readonly KnownOption[]
}

export interface ConfigReading<C> {
  config: C
  faults: ConfigFault[]
  /** The values as they were given. */
  input: Readonly<Record<string, unknown>>
}

/** The settings, or one `ConfigError` with every fault. */
export function configOf<C> ({ config, faults }: ConfigReading<C>): C {
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

/**
 * Reads settings from the environment and, before it, from options, and collects their faults. If there are any, the
 * settings are not to be used. No fault holds a value that could be a secret.
 */
export function readConfig<S extends Settings> (
  settings: S,
  { options, env, extraOptions, elsewhere }: ConfigSources,
  crossCheck: CrossCheck = () => []
): ConfigReading<ConfigOf<S>> {
  const inputs = Object.entries<Setting>(settings).map(([variable, setting]) => readInput(variable, setting, options, env))
  const data = Object.fromEntries(inputs
    .filter(({ value }) => value !== undefined)
    .map(({ variable, setting, value }) => [variable, setting.parse?.(value) ?? value]))
  const wrong = new Set(
    inputs.filter(({ typeFits, setting, value }) => !typeFits || (value !== undefined && setting.check?.(value) === false))
  )
  let config = {}
  try {
    config = envSchema({ schema: schemaOf(settings), data, env: false })
  } catch (error) {
    const variables = wrongVariables(error)
    for (const input of inputs) if (variables.has(input.variable)) wrong.add(input)
  }
  const faults = [
    ...inputs.filter(input => wrong.has(input)).map(faultOf),
    ...optionFaults(options, settings, extraOptions, elsewhere),
    ...crossCheck(data)
  ]
  return { config: config as ConfigOf<S>, faults, input: data }
}

/** What was given for a setting. */
interface Input {
  variable: string
  setting: Setting
  /** What an error calls it: the option if it was given, else the variable. */
  name: string
  value: unknown
  typeFits: boolean
}

function readInput (variable: string, setting: Setting, options: object, env: Env): Input {
  const option = optionAt(options, setting.option)
  if (option === undefined || isBlank(option)) {
    const input: unknown = env[variable]
    const value = isBlank(input) ? undefined : input
    // An option that is there all the same was to hold something, as in `token: process.env.SALES_TOKEN`.
    const name = value === undefined && hasOption(options, setting.option) ? `option ${setting.option}` : variable
    return { variable, setting, name, value, typeFits: true }
  }
  // Only the environment is text that has to be read as something else.
  const type = setting.schema.type === 'integer' ? 'number' : setting.schema.type
  const typeFits = typeOf(option) === type || (typeof option === 'string' && setting.parse !== undefined)
  return { variable, setting, name: `option ${setting.option}`, value: option, typeFits }
}

// Compiled anew for each schema object, which takes longer than all the rest.
const schemas = new WeakMap<object, object>()

function schemaOf (settings: Settings): object {
  const entries = Object.entries(settings)
  const schema = schemas.get(settings) ?? {
    type: 'object',
    required: entries.filter(([, setting]) => setting.required).map(([variable]) => variable),
    // env-schema writes to what it is given.
    properties: Object.fromEntries(entries.map(([variable, setting]) =>
      [variable, { ...setting.schema, ...(setting.default !== undefined && { default: setting.default }) }]))
  }
  schemas.set(settings, schema)
  return schema
}

interface SchemaError { instancePath: string, params: { missingProperty?: string } }

const wrongVariables = (error: unknown): Set<string> =>
  new Set((error as { errors: SchemaError[] }).errors.map(({ instancePath, params }) => params.missingProperty ?? instancePath.slice(1)))

function faultOf (input: Input): ConfigFault {
  return { name: input.name, problem: `${describe(input)}, expected ${input.setting.expected}` }
}

function describe ({ variable, name, setting, value, typeFits }: Input): string {
  if (value === undefined) {
    return name === variable ? `is not set, nor is option ${setting.option}` : `is undefined or blank, and ${variable} is not set`
  }
  if (!typeFits) return `is of type ${typeOf(value)}`
  if (setting.printable) return `is ${JSON.stringify(String(value).slice(0, 80))}`
  if (Array.isArray(value)) return 'has items that do not fit'
  if (setting.schema.type === 'string' && SPACE_OR_QUOTE.test(String(value))) return 'has white space, a line break or a quote in it'
  return `has ${String(value).length} characters that do not fit`
}
