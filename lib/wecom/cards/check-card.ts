import { InputError } from '../../util/errors.ts'
import { CARD_SHAPES, CARD_TYPES } from './card-shapes.ts'
import type { TemplateCard } from './card-types.ts'
import { type Fault, oneOf } from './shape.ts'

/**
 * Takes a card that comes as data, from a source or a hook. Gives a frozen copy; throws an `InputError` that names every
 * limit of document 101032 that the card does not keep, by its path, and quotes nothing of the card. Fields that the
 * documentation does not know are kept.
 */
export function checkCard (value: unknown): TemplateCard {
  const card = plainCopy(value)
  const kind = CARD_TYPES.find(type => type === card.card_type)
  const faults = kind === undefined ? oneOf(...CARD_TYPES)(card.card_type, 'card_type') : CARD_SHAPES[kind](card, '')
  if (faults.length > 0) throw refusal(faults)
  return card as unknown as TemplateCard
}

function plainCopy (value: unknown): { readonly card_type?: unknown } {
  let copy: unknown
  try {
    copy = JSON.parse(JSON.stringify(value), freeze)
  } catch {
    copy = undefined
  }
  if (typeof copy !== 'object' || copy === null) {
    throw refusal([{ path: 'card', problem: 'must be an object that can be written as JSON, without a key __proto__' }])
  }
  return copy
}

/** A reviver: it meets what an object holds before the object itself. */
function freeze (key: string, value: unknown): unknown {
  if (key === '__proto__') throw new TypeError('__proto__ is no field')
  return Object.freeze(value)
}

export const refusal = (faults: readonly Fault[]): InputError =>
  new InputError(['this card is not one that WeCom takes:', ...faults.map(({ path, problem }) => `- ${path}: ${problem}`)].join('\n'))
