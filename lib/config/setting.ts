/** One variable of the environment, with the option of `register` that overrides it. `T` is what is read from it. */
export interface Setting<T = unknown> {
  /** The path of the option, as in `openai.model`. */
  option: string
  /** What it is for, in a sentence for the reference and for `.env.example`. */
  meaning: string
  /** JSON schema of the value. */
  schema: Readonly<{
    type: 'string' | 'integer' | 'number' | 'boolean' | 'array', minimum?: number, maximum?: number, enum?: readonly string[]
  }>
  /** What is read if neither the option nor the variable is set. */
  default: T
  /** Completes the sentence "expected …". */
  expected: string
  /** Makes what the schema describes of the value as it was given. */
  parse?: (value: unknown) => unknown
  /** What the schema cannot say, about the value as it was given. */
  check?: (value: unknown) => boolean
  /** Names by which other software knows it, for a warning. */
  aliases?: readonly string[]
  /** Refused if it is unset. */
  required?: true
  /** An error may show the value. Everything else might hold a secret. */
  printable?: true
}

/** What is read from settings: one field for each variable. */
export type ConfigOf<S> = { [V in keyof S]: S[V] extends Setting<infer T> ? S[V] extends { required: true } ? NonNullable<T> : T : never }

/** The longest delay that a timer of Node takes. */
export const MAX_MS = 2 ** 31 - 1

interface Bounds<D> {
  min?: number
  max?: number
  default?: D
}

type Optional = number | undefined

export function number<D extends Optional = undefined> (
  option: string, meaning: string, bounds: Bounds<D>, unit = ''
): Setting<number | D> {
  const { min = 1, max = 1_000_000 } = bounds
  return {
    option,
    meaning,
    schema: { type: 'integer', minimum: min, maximum: max },
    default: bounds.default as D,
    expected: `a whole number${unit} from ${min} to ${max}`,
    // Ajv takes Infinity for an integer within any bounds.
    check: value => Number.isSafeInteger(Number(value)),
    printable: true
  }
}

export const ms = <D extends Optional>(option: string, meaning: string, bounds: Bounds<D>): Setting<number | D> =>
  number(option, meaning, { max: MAX_MS, ...bounds }, ' of milliseconds')

export const bytes = <D extends Optional>(option: string, meaning: string, bounds: Bounds<D>): Setting<number | D> =>
  number(option, meaning, { max: Number.MAX_SAFE_INTEGER, ...bounds }, ' of bytes')

/** A number that need not be whole. */
export const fraction = (option: string, meaning: string, { min, max }: { min: number, max: number }): Setting<number | undefined> => ({
  option,
  meaning,
  schema: { type: 'number', minimum: min, maximum: max },
  default: undefined,
  expected: `a number from ${min} to ${max}`,
  check: value => Number.isFinite(Number(value)),
  printable: true
})

interface TextWords<D> {
  aliases?: readonly string[]
  default?: D
  expected?: string
  check?: (value: unknown) => boolean
  printable?: true
}

/** What comes along when a secret is copied. */
export const SPACE_OR_QUOTE = /[\s"'`“”‘’]/

export const text = <D extends string | undefined = undefined>(
  option: string, meaning: string, words: TextWords<D> = {}
): Setting<string | D> =>
    ({ option, meaning, schema: { type: 'string' }, expected: 'text', ...words, default: words.default as D })

/** Without it nothing works. */
export const requiredText = (option: string, meaning: string, words: TextWords<undefined>): Setting<string | undefined> & {
  required: true
} =>
  ({ ...text(option, meaning, words), required: true })

/** One of these; the first by default. */
export const choice = <const C extends string>(option: string, meaning: string, values: readonly [C, ...C[]]): Setting<C> => ({
  option,
  meaning,
  schema: { type: 'string', enum: values },
  default: values[0],
  expected: values.length > 3 ? `one of ${values.join(', ')}` : values.join(' or '),
  printable: true
})

export const flag = (option: string, meaning: string, value: boolean): Setting<boolean> =>
  ({ option, meaning, schema: { type: 'boolean' }, default: value, expected: 'true or false', printable: true })

// A Chinese keyboard gives a wide comma, which stands in no id of WeCom's: a deny list must not miss because of it.
const itemsIn = (text: string): string[] => text.split(/[,，]/).map(item => item.trim()).filter(item => item !== '')

/** Ids, as a list or as a text with commas between them. */
export const list = (option: string, meaning: string): Setting<string[]> => ({
  option,
  meaning,
  schema: { type: 'array' },
  default: [],
  expected: 'ids, separated by commas',
  parse: value => typeof value === 'string' ? itemsIn(value) : value,
  // A text without an id is no empty list: whoever wrote it meant to let in somebody.
  check: value => typeof value === 'string'
    ? itemsIn(value).length > 0
    : Array.isArray(value) && value.every(item => typeof item === 'string' && item.trim() !== '')
})
