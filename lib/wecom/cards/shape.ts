import { Buffer } from 'node:buffer'
import { isObject } from '../../util/objects.ts'

export interface Fault {
  /** Like `button_list[6].key`; empty for the whole value. */
  path: string
  problem: string
}

/** Judges a value. Its faults never quote the value: cards are made of replies, and faults are logged. */
export type Rule = (value: unknown, path: string) => Fault[]

/** Judges fields of an object against each other. */
export type Relation = (value: Record<string, unknown>, path: string) => Fault[]

interface Optional { optional: Rule }

/** A rule for every field of a type, marked as optional where the type has it so. */
export type Fields<T> = { [K in keyof T & string]-?: Record<never, never> extends Pick<T, K> ? Optional : Rule }

const fault = (path: string, problem: string): Fault[] => [{ path, problem }]

const pathTo = (path: string, field: string): string => path === '' ? field : `${path}.${field}`

const isAbsent = (value: unknown): boolean => value === undefined || value === ''

export const optional = (rule: Rule): Optional => ({ optional: rule })

/** Any text, the empty one too. */
export function text (maxBytes = Infinity): Rule {
  return (value, path) => {
    if (typeof value !== 'string') return fault(path, 'must be a string')
    if (/\p{Surrogate}/u.test(value)) return fault(path, 'must be well-formed: it has a lone surrogate')
    return Buffer.byteLength(value) <= maxBytes ? [] : fault(path, `at most ${maxBytes} bytes of UTF-8`)
  }
}

/** A text that has to be there. */
export function filled (maxBytes?: number): Rule {
  const rule = text(maxBytes)
  return (value, path) => value === '' ? fault(path, 'must not be empty') : rule(value, path)
}

export function matching (pattern: RegExp, problem: string): Rule {
  return (value, path) => typeof value === 'string' && pattern.test(value) ? [] : fault(path, problem)
}

export function oneOf (...allowed: ReadonlyArray<string | number>): Rule {
  const problem = `must be ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`
  return (value, path) => allowed.some(one => one === value) ? [] : fault(path, problem)
}

export const flag: Rule = (value, path) => typeof value === 'boolean' ? [] : fault(path, 'must be true or false')

export function between (min: number, max: number): Rule {
  return (value, path) =>
    typeof value === 'number' && value >= min && value <= max ? [] : fault(path, `must be a number from ${min} to ${max}`)
}

export interface ListOptions {
  nonEmpty?: boolean
  max?: number
  /** What it is a list of, in the plural. */
  of: string
  /** A field in which no two items may be alike. */
  unique?: string
}

export function list (item: Rule, { nonEmpty = false, max = Infinity, of, unique }: ListOptions): Rule {
  return (value, path) => {
    if (!Array.isArray(value)) return fault(path, 'must be a list')
    if (nonEmpty && value.length === 0) return fault(path, 'must not be empty')
    // What is too much is named once, however much it is.
    const taken: unknown[] = value.slice(0, max)
    return [
      ...taken.flatMap((one, index) => item(one, `${path}[${index}]`)),
      ...unique === undefined ? [] : repeated(taken, path, unique),
      ...value.length > max ? fault(`${path}[${max}]`, `at most ${max} ${of}`) : []
    ]
  }
}

function repeated (items: readonly unknown[], path: string, field: string): Fault[] {
  const first = new Map<unknown, number>()
  return items.flatMap((item, index) => {
    const value = isObject(item) ? item[field] : undefined
    if (isAbsent(value)) return []
    const before = first.get(value)
    if (before !== undefined) return fault(`${path}[${index}].${field}`, `the same as in ${path}[${before}]`)
    first.set(value, index)
    return []
  })
}

/** A field without a rule is nobody's fault: WeCom adds fields. */
export function object<T> (fields: Fields<T>, ...relations: Relation[]): Rule {
  const rules = Object.entries<Rule | Optional>(fields)
  return (value, path) => {
    if (!isObject(value)) return fault(path, 'must be an object')
    const single = rules.flatMap(([name, rule]) => {
      const field = value[name]
      if (typeof rule !== 'function') return field === undefined ? [] : rule.optional(field, pathTo(path, name))
      return field === undefined ? fault(pathTo(path, name), 'is missing') : rule(field, pathTo(path, name))
    })
    return [...single, ...relations.flatMap(relation => relation(value, path))]
  }
}

/** The field has to be there where another one has a certain value. */
export function neededWhere (field: string, other: string, is: number): Relation {
  return (value, path) => value[other] === is && isAbsent(value[field]) ? fault(pathTo(path, field), `needed where ${other} is ${is}`) : []
}

/** The field has to be there where another one is. */
export function neededWith (field: string, other: string): Relation {
  return (value, path) => value[other] !== undefined && value[field] === undefined ? fault(pathTo(path, field), `needed with ${other}`) : []
}

/** One of two fields has to be there. */
export function neededWithout (field: string, other: string): Relation {
  return (value, path) =>
    !isAbsent(value[field]) || !isAbsent(value[other]) ? [] : fault(pathTo(path, field), `needed where there is no ${other}`)
}

/** The field names an item of a list of the same object. */
export function amongThe (listName: string, key: string, field: string): Relation {
  return (value, path) => {
    const items = value[listName]
    const named = isAbsent(value[field]) || !Array.isArray(items) || items.some(item => isObject(item) && item[key] === value[field])
    return named ? [] : fault(pathTo(path, field), `must be the ${key} of one of the ${listName}`)
  }
}

/** Fields that belong elsewhere and would be lost here. */
export function misplaced (names: readonly string[], problem: string): Relation {
  return (value, path) => names.filter(name => value[name] !== undefined).flatMap(name => fault(pathTo(path, name), problem))
}
