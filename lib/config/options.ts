import type { ConfigFault } from '../util/errors.ts'
import { nearest } from '../util/nearest.ts'
import { isObject } from '../util/objects.ts'
import type { ExtraOption } from './extra-options.ts'
import type { Setting } from './setting.ts'

/** What stands at a path, as in `openai.model`. */
export const optionAt = (options: object, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], options)

/** Whether an option is there, be it undefined. */
export function hasOption (options: object, path: string): boolean {
  const end = path.lastIndexOf('.')
  const holder = end === -1 ? options : optionAt(options, path.slice(0, end))
  return isObject(holder) && Object.hasOwn(holder, path.slice(end + 1))
}

export const typeOf = (value: unknown): string => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value

/** Not what a class has made: a client of Redis, for one, has no option in it, and would be taken for an empty object. */
function isBag (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The names that options have at the top: `openai` for all of its group. */
export const topNames = (options: Iterable<{ option: string }>): Set<string> =>
  new Set([...options].map(({ option }) => option.split('.')[0] as string))

/** What is wrong with options that no setting reads: some that nobody knows, some of another type. */
export const optionFaults = (
  options: object, settings: Readonly<Record<string, Setting>>, extraOptions: readonly ExtraOption[], elsewhere: readonly KnownOption[] = []
): ConfigFault[] => [
  ...unknownOptions(options, knownOptions(settings, extraOptions), elsewhere),
  ...unfitOptions(options, extraOptions)
]

export interface KnownOption {
  option: string
  variable?: string
}

export const knownOptions = (settings: Readonly<Record<string, Setting>>, extraOptions: readonly ExtraOption[]): KnownOption[] =>
  [...Object.entries(settings).map(([variable, { option }]) => ({ option, variable })), ...extraOptions]

/** `elsewhere` are those that another plugin takes: one of them may be meant. */
function unknownOptions (options: object, expected: readonly KnownOption[], elsewhere: readonly KnownOption[]): ConfigFault[] {
  const known = new Set(expected.map(({ option }) => option))
  const groupsOf = (all: readonly KnownOption[]): Set<string> => topNames(all.filter(({ option }) => option.includes('.')))
  const groups = groupsOf(expected)
  const meant = [...expected, ...elsewhere]
  const candidates = [...meant, ...[...groupsOf(meant)].map(option => ({ option }))]
  const unknown = (path: string): ConfigFault =>
    ({ name: `option ${path}`, problem: `is unknown, expected ${nearestTo(path, candidates)}` })

  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    if (!groups.has(name)) return known.has(name) && !name.includes('.') ? [] : [unknown(name)]
    if (value === undefined) return []
    if (!isObject(value)) return [{ name: `option ${name}`, problem: `is of type ${typeOf(value)}, expected an object` }]
    if (!isBag(value)) {
      const cure = known.has(`${name}.client`) ? `; a client goes into option ${name}.client` : ''
      return [{ name: `option ${name}`, problem: `is an instance of a class, expected an object of options${cure}` }]
    }
    return Object.keys(value).map(key => `${name}.${key}`).filter(path => !known.has(path)).map(unknown)
  })
}

/** `modle` is near to `openai.model`, and so are `openai.modle` and `OPENAI_MODLE`. */
function nearestTo (path: string, expected: readonly KnownOption[]): string {
  const keysOf = ({ option, variable = option }: KnownOption): string[] => [option, option.split('.').at(-1) as string, variable]
  const found = nearest(path, expected, keysOf, Math.max(2, Math.floor(path.length / 3)))
  return found === undefined ? 'one of those in lib/config/README.md' : `option ${found.option}`
}

const unfitOptions = (options: object, extraOptions: readonly ExtraOption[]): ConfigFault[] => extraOptions
  // What an instance has by such a name is no option, and the instance is refused.
  .filter(({ option }) => !option.includes('.') || isBag(optionAt(options, option.split('.')[0] as string) ?? {}))
  .map(({ option, expected, check }) => ({ option, expected, check, value: optionAt(options, option) }))
  .filter(({ value, check }) => value !== undefined && !check(value))
  .map(({ option, expected, value }) => ({ name: `option ${option}`, problem: `is of type ${typeOf(value)}, expected ${expected}` }))
