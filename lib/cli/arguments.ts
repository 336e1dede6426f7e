import { parseArgs } from 'node:util'

export interface OptionSpec {
  type: 'string' | 'boolean'
  short?: string
  multiple?: boolean
  /** Stands for the value in the help, as `FILE`. */
  value?: string
  help: string
}

export interface CommandSpec {
  name: string
  /** Behind the name: `URL [options]`. */
  usage: string
  about: string
  options: Record<string, OptionSpec>
  /** How many arguments may stand beside the options. */
  positionals: { min: number, max: number }
}

export interface Arguments {
  positionals: string[]
  text (name: string): string | undefined
  list (name: string): string[]
  flag (name: string): boolean
  /** A whole number within the bounds, or the default. */
  number (name: string, bounds: { min: number, max: number, default: number }): number
}

/** The command line cannot be followed as it stands. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command line asks for help, which is the message. */
export class HelpRequest extends Error {
  override readonly name = 'HelpRequest'
}

const HELP: OptionSpec = { type: 'boolean', short: 'h', help: 'shows this' }

/** Reads a command line, or throws a `UsageError` or a `HelpRequest`. */
export function readArguments (spec: CommandSpec, argv: readonly string[]): Arguments {
  const options = { ...spec.options, help: HELP }
  const { values, positionals } = parse(argv, options)
  if (values['help'] === true) throw new HelpRequest(helpOf({ ...spec, options }))
  const { min, max } = spec.positionals
  if (positionals.length < min) throw new UsageError(`${spec.name} needs ${spec.usage.split(' ').slice(0, min).join(' and ')}`)
  if (positionals.length > max) throw new UsageError(`${spec.name} does not know what ${JSON.stringify(positionals[max])} is`)

  const text = (name: string): string | undefined => values[name] as string | undefined
  return {
    positionals,
    text,
    list: name => (values[name] ?? []) as string[],
    flag: name => values[name] === true,
    number (name, bounds) {
      const given = text(name)
      if (given === undefined) return bounds.default
      const value = /^\d+$/.test(given) ? Number(given) : NaN
      if (value >= bounds.min && value <= bounds.max) return value
      throw new UsageError(`--${name} is ${JSON.stringify(given)}, expected a whole number from ${bounds.min} to ${bounds.max}`)
    }
  }
}

function parse (argv: readonly string[], options: Record<string, OptionSpec>) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true })
  } catch (error) {
    // Node says what is wrong, and behind it how to write what nobody meant.
    throw new UsageError((error as Error).message.replace(/\. To specify [^]*$/, ''))
  }
}

function helpOf ({ name, usage, about, options }: CommandSpec): string {
  const rows = Object.entries(options).map(([option, { short, value, help }]) =>
    [`${short === undefined ? '    ' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`, help] as const)
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return [
    `Usage: fastify-wecom-stream ${name} ${usage}`, '', about, '', ...rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`)
  ].join('\n')
}
