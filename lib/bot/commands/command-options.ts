import { typeOf } from '../../config/options.ts'
import type { ConfigFault } from '../../util/errors.ts'
import { isObject } from '../../util/objects.ts'
import type { Conversation } from '../conversations.ts'

/** A command of the host. What it returns is said in answer. */
export interface HostCommand {
  /** What calls it: the whole of a message, upper and lower case alike. */
  words: readonly string[]
  /** Stands in the help. */
  description: string
  run: (context: { sender: string | undefined, conversation: Pick<Conversation, 'history' | 'clear'> }) => string | Promise<string>
}

export interface CommandOptions {
  /** Default `/stop` and `停止`; an empty list switches it off, as with the others. */
  stop?: readonly string[]
  /** Default `/new` and `新对话`. */
  new?: readonly string[]
  /** Default `/help` and `帮助`. */
  help?: readonly string[]
  more?: readonly HostCommand[]
}

export const DEFAULT_WORDS = { stop: ['/stop', '停止'], new: ['/new', '新对话'], help: ['/help', '帮助'] } as const

/** How words are compared. */
export const normal = (text: string): string => text.trim().normalize('NFKC').toLowerCase()

/** Everything that is wrong with the commands of the host. */
export function commandFaults (options: unknown): ConfigFault[] {
  // What is no object at all is left to the check of the option.
  if (!isObject(options)) return []
  const { stop, new: fresh, help, more = [], ...unknown } = options
  const faults = Object.keys(unknown).map(
    name => ({ name: `option commands.${name}`, problem: 'is unknown, expected stop, new, help or more' })
  )
  if (!Array.isArray(more)) {
    return [...faults, { name: 'option commands.more', problem: `is of type ${typeOf(more)}, expected a list of commands` }]
  }
  const taken = new Set<string>()
  return [
    ...faults,
    ...Object.entries({ stop, new: fresh, help }).flatMap(([name, words = DEFAULT_WORDS[name as keyof typeof DEFAULT_WORDS]]) =>
      wordFaults(`option commands.${name}`, words, taken)),
    ...more.flatMap((command: unknown, index) => hostCommandFaults(`option commands.more[${index}]`, command, taken))
  ]
}

function hostCommandFaults (name: string, command: unknown, taken: Set<string>): ConfigFault[] {
  if (!isObject(command)) return [{ name, problem: `is of type ${typeOf(command)}, expected an object with words, description and run` }]
  const { words, description, run } = command
  return [
    ...wordFaults(`${name}.words`, words, taken),
    ...(typeof description === 'string'
      ? []
      : [
          { name: `${name}.description`, problem: `is of type ${typeOf(description)}, expected text` }
        ]),
    ...(typeof run === 'function' ? [] : [{ name: `${name}.run`, problem: `is of type ${typeOf(run)}, expected a function` }])
  ]
}

function wordFaults (name: string, words: unknown, taken: Set<string>): ConfigFault[] {
  // A string would be taken for a list of letters.
  if (!Array.isArray(words)) return [{ name, problem: `is of type ${typeOf(words)}, expected a list of words` }]
  return words.flatMap((word: unknown): ConfigFault[] => {
    if (typeof word !== 'string' || word.trim() === '') return [{ name, problem: 'has a word that is blank or no text' }]
    if (taken.has(normal(word))) return [{ name, problem: `has ${JSON.stringify(word)}, which calls a command already` }]
    taken.add(normal(word))
    return []
  })
}
