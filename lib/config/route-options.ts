import type { ConfigFault } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { typeOf } from './options.ts'

/** What a host may add to the routes of a callback. The rest is what makes them a callback. */
const HOOKS = ['onRequest', 'onSend', 'onResponse', 'onTimeout'] as const
const OBJECTS = ['config', 'schema', 'constraints'] as const
const NAMES = [...OBJECTS, ...HOOKS].join(', ')

/** Bodies and queries are sealed and signed, and replies are what WeCom documents. `query` is another name of `querystring`. */
const NO_SCHEMA = ['body', 'querystring', 'query', 'response'] as const

/** What is wrong with the options that a host gives to the routes of a callback. An undefined one counts as unset. */
export function routeOptionFaults (options: unknown): ConfigFault[] {
  // What is no object at all is left to the check of the option.
  if (!isObject(options)) return []
  const known = new Set<string>([...OBJECTS, ...HOOKS])
  const unfit = (name: string, expected: string): ConfigFault =>
    ({ name: `option routeOptions.${name}`, problem: `is of type ${typeOf(options[name])}, expected ${expected}` })
  const { schema } = options
  return [
    ...Object.keys(options).filter(name => !known.has(name))
      .map(name => ({ name: `option routeOptions.${name}`, problem: `is none of those that a callback takes, expected ${NAMES}` })),
    ...OBJECTS.filter(name => options[name] !== undefined && !isObject(options[name])).map(name => unfit(name, 'an object')),
    ...HOOKS.filter(name => options[name] !== undefined && !isHook(options[name])).map(
      name => unfit(name, 'a function, or a list of functions')
    ),
    ...NO_SCHEMA.filter(name => isObject(schema) && schema[name] !== undefined)
      .map(name => ({
        name: `option routeOptions.schema.${name}`,
        problem: 'is set, expected a schema without it: the callback reads and writes what WeCom documents'
      }))
  ]
}

const isHook = (value: unknown): boolean => [value].flat().every(hook => typeof hook === 'function')
