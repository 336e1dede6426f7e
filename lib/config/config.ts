import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { envSchema } from 'env-schema'
import type { Language } from '../texts/texts.ts'
import { ConfigError } from '../util/errors.ts'
import type { ConfigFault } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import type { FurtherOption, Setting } from './settings.ts'

export interface CallbackConfig {
  WECOM_TOKEN: string
  WECOM_ENCODING_AES_KEY: string
  WECOM_RECEIVE_ID: string
  WECOM_CALLBACK_PATH: string
  WECOM_BOT_NAME: string
  WECOM_TIMESTAMP_WINDOW_MS: number
  WECOM_BODY_LIMIT_BYTES: number
  STREAM_FIRST_REPLY_GRACE_MS: number
  STREAM_REASONING: 'hide' | 'show' | 'placeholder'
  WECOM_LANGUAGE: Language
  WECOM_CONVERSATION_SCOPE: 'member' | 'chat' | 'none'
  WECOM_PARALLEL_TURNS: boolean
  WECOM_ALLOW_USERS: string[]
  WECOM_DENY_USERS: string[]
  WECOM_ALLOW_CHATS: string[]
  WECOM_DENY_CHATS: string[]
  WECOM_ALLOW_BOTS: string[]
  WECOM_DENY_BOTS: string[]
  WECOM_USER_MESSAGES_PER_MINUTE: number
  WECOM_USER_MAX_RUNNING: number
  WECOM_WELCOME_TEXT: string
  WECOM_MEDIA_MAX_BYTES: number
  WECOM_MEDIA_TIMEOUT_MS: number
  WECOM_MEDIA_ALLOW_PRIVATE: boolean
}

export interface StreamsConfig {
  STREAM_SOURCE?: string
  STREAM_DEADLINE_MS: number
  STREAM_LATE_DEADLINE_MS: number
  REDIS_URL?: string
  REDIS_PREFIX: string
  REDIS_COMMAND_TIMEOUT_MS: number
  STREAM_ON_OWNER_LOST: 'restart' | 'finish'
  STREAM_FIRST_TOKEN_TIMEOUT_MS: number
  STREAM_IDLE_TIMEOUT_MS: number
  STREAM_SHUTDOWN_GRACE_MS: number
  STREAM_RETENTION_MS: number
  STREAM_MAX_RUNNING: number
  STREAM_MAX_QUEUED: number
  STREAM_MAX_FINISHED: number
  STREAM_MAX_FINISHED_BYTES: number
  STREAM_MAX_CONTENT_BYTES: number
  WECOM_LANGUAGE: Language
  STREAM_HISTORY_TURNS: number
  STREAM_HISTORY_BYTES: number
  STREAM_HISTORY_IDLE_MS: number
  MOCK_CHUNK_DELAY_MS: number
  OPENAI_API_KEY?: string
  OPENAI_BASE_URL?: string
  OPENAI_MODEL: string
  OPENAI_SYSTEM_PROMPT?: string
  OPENAI_SYSTEM_ROLE: 'system' | 'developer'
  OPENAI_MAX_TOKENS?: number
  OPENAI_MAX_TOKENS_FIELD: 'max_tokens' | 'max_completion_tokens'
  OPENAI_TEMPERATURE?: number
  OPENAI_INCLUDE_USAGE: boolean
  OPENAI_ALLOW_MISSING_FINISH: boolean
  OPENAI_MAX_RETRIES: number
  OPENAI_REQUEST_TIMEOUT_MS: number
  OPENAI_MAX_CONCURRENCY?: number
  OPENAI_PDF_AS_FILE: boolean
  OPENAI_MAX_FILE_TEXT_BYTES: number
  OPENAI_MAX_RESPONSE_BYTES: number
}

export type Env = Readonly<Record<string, string | undefined>>

/** `process.env` over a file `.env` in the working directory. Neither is written to. A blank value counts as unset. */
export function readEnvironment (path = '.env'): Env {
  let file: Env = {}
  try {
    // Editors of Windows begin a file with a byte order mark.
    file = parseEnv(readFileSync(path, 'utf8').replace(/^\uFEFF/, '')) as Env
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new ConfigError([{ name: path, problem: `cannot be read (${code}), expected a file of variables, or none` }])
  }
  return { ...withoutBlanks(file), ...withoutBlanks(process.env) }
}

const withoutBlanks = (env: Env): Env =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && !isBlank(value)))

/** Looks for faults between settings, in the values as they were given. */
export type CrossCheck = (given: Readonly<Record<string, unknown>>) => ConfigFault[]

export interface ConfigSources {
  /** The options of `register`; they win. */
  options: object
  env: Env
  /** Options besides those of the settings; any other is refused. */
  furtherOptions: readonly FurtherOption[]
}

export interface ConfigReading<C> {
  config: C
  faults: ConfigFault[]
}

/** The settings, or one `ConfigError` with every fault. */
export function configOf<C> ({ config, faults }: ConfigReading<C>): C {
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

type Settings<C> = Readonly<Record<keyof C, Setting>>

/**
 * Reads settings from the environment and, before it, from options, and collects their faults. Where there are any, the
 * settings are not to be used. No fault holds a value that could be a secret.
 */
export function readConfig<C extends object> (
  settings: Settings<C>,
  { options, env, furtherOptions }: ConfigSources,
  crossCheck: CrossCheck = () => []
): ConfigReading<C> {
  const given = Object.entries<Setting>(settings as Record<string, Setting>).map(([variable, setting]) => readSetting(variable, setting, options, env))
  const data = Object.fromEntries(given.filter(({ value }) => value !== undefined).map(({ variable, setting, value }) => [variable, setting.parse?.(value) ?? value]))
  const wrong = new Set(given.filter(({ typeFits, setting, value }) => !typeFits || (value !== undefined && setting.check?.(value) === false)))
  let config = {}
  try {
    config = envSchema({ schema: schemaOf(settings), data, env: false })
  } catch (error) {
    const variables = wrongVariables(error)
    for (const one of given) if (variables.has(one.variable)) wrong.add(one)
  }
  const faults = [
    ...given.filter(one => wrong.has(one)).map(faultOf),
    ...unknownOptions(options, settings, furtherOptions),
    ...unfitOptions(options, furtherOptions),
    ...crossCheck(data)
  ]
  return { config: config as C, faults }
}

function unknownOptions (options: object, settings: object, furtherOptions: readonly FurtherOption[]): ConfigFault[] {
  const known = new Set([...Object.values<Setting>(settings as Record<string, Setting>), ...furtherOptions].map(({ option }) => option))
  const groups = new Set([...known].filter(path => path.includes('.')).map(path => path.split('.')[0] as string))
  const unknown = (path: string): ConfigFault => ({ name: `option ${path}`, problem: 'is unknown, expected one that the README lists' })

  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (!groups.has(name)) return known.has(name) && !name.includes('.') ? [] : [unknown(name)]
    if (value === undefined) return []
    if (!isObject(value)) return [{ name: `option ${name}`, problem: `is of type ${typeOf(value)}, expected an object` }]
    return Object.keys(value).map(key => `${name}.${key}`).filter(path => !known.has(path)).map(unknown)
  })
}

const unfitOptions = (options: object, furtherOptions: readonly FurtherOption[]): ConfigFault[] => furtherOptions
  .map(({ option, expected, check }) => ({ option, expected, check, value: optionAt(options, option) }))
  .filter(({ value, check }) => value !== undefined && !check(value))
  .map(({ option, expected, value }) => ({ name: `option ${option}`, problem: `is of type ${typeOf(value)}, expected ${expected}` }))

interface Given {
  variable: string
  setting: Setting
  /** What an error calls it: the option where one is given, else the variable. */
  name: string
  value: unknown
  typeFits: boolean
}

function readSetting (variable: string, setting: Setting, options: object, env: Env): Given {
  const option = optionAt(options, setting.option)
  if (option === undefined || isBlank(option)) {
    const value: unknown = env[variable]
    return { variable, setting, name: variable, value: isBlank(value) ? undefined : value, typeFits: true }
  }
  // Only the environment is text that has to be read as something else.
  const type = setting.schema['type'] === 'integer' ? 'number' : setting.schema['type']
  const typeFits = typeOf(option) === type || (typeof option === 'string' && setting.parse !== undefined)
  return { variable, setting, name: `option ${setting.option}`, value: option, typeFits }
}

const isBlank = (value: unknown): boolean => typeof value === 'string' && value.trim() === ''

const typeOf = (value: unknown): string => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value

function optionAt (options: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], options)
}

// Compiled anew for each schema object, which takes longer than all the rest.
const schemas = new WeakMap<object, object>()

function schemaOf (settings: object): object {
  const entries = Object.entries<Setting>(settings as Record<string, Setting>)
  const schema = schemas.get(settings) ?? {
    type: 'object',
    required: entries.filter(([, setting]) => setting.required).map(([variable]) => variable),
    // env-schema writes to what it is given.
    properties: Object.fromEntries(entries.map(([variable, setting]) => [variable, { ...setting.schema }]))
  }
  schemas.set(settings, schema)
  return schema
}

interface SchemaError { instancePath: string, params: { missingProperty?: string } }

const wrongVariables = (error: unknown): Set<string> =>
  new Set((error as { errors: SchemaError[] }).errors.map(({ instancePath, params }) => params.missingProperty ?? instancePath.slice(1)))

function faultOf ({ name, setting, value, typeFits }: Given): ConfigFault {
  return { name, problem: `${describe(value, setting, typeFits)}, expected ${setting.expected}` }
}

function describe (value: unknown, setting: Setting, typeFits: boolean): string {
  if (value === undefined) return `is not set, nor is option ${setting.option}`
  if (!typeFits) return `is of type ${typeOf(value)}`
  if (setting.telling) return `is ${JSON.stringify(String(value).slice(0, 80))}`
  if (Array.isArray(value)) return 'has items that do not fit'
  return `has ${String(value).length} characters that do not fit`
}
