import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { InputError } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { checkCard } from '../wecom/cards/check-card.ts'
import { typeOf } from '../wecom/media/type.ts'
import type { Json, Warning } from './model.ts'

/** Of all images of a frame, raw: larger frames were rejected by WeCom where people tried. */
const MAX_IMAGES_BYTES = 512 * 1024

/** What the builders of cards would say of it, a sentence for each fault. */
export function cardFaults (card: unknown): string[] {
  try {
    checkCard(card)
    return []
  } catch (error) {
    return (error as InputError).message.split('\n').slice(1).map(line => line.replace(/^- /, ''))
  }
}

/** Whether real clients would show a card that came like this, and whether WeCom would take it. `used` remembers each `task_id`. */
export function cardWarnings (
  card: Json, { via, isFirstFrame = true, isLastFrame = false, used }:
  { via: 'stream' | 'active' | 'welcome' | 'update', isFirstFrame?: boolean, isLastFrame?: boolean, used: Set<string> }
): Warning[] {
  const warnings: Warning[] = cardFaults(card).map(detail => ({ code: 'card-refused', detail }))
  if (via === 'stream') warnings.push({ code: isLastFrame && !isFirstFrame ? 'late-card' : 'card-on-stream' })
  if (via === 'update') {
    if (card['card_type'] === 'text_notice') warnings.push({ code: 'notice-update' })
    return warnings
  }
  const { task_id: taskId } = card
  if (typeof taskId === 'string') {
    if (used.has(taskId)) warnings.push({ code: 'task-id-used', detail: taskId })
    used.add(taskId)
  }
  return warnings
}

/** The images of a frame as base64, and what is wrong with them. */
export function readImages (items: unknown): { images: string[], warnings: Warning[] } {
  const images: string[] = []
  const warnings: Warning[] = []
  let total = 0
  for (const item of Array.isArray(items) ? items : []) {
    const image: unknown = isObject(item) ? item['image'] : undefined
    const { base64 = undefined, md5 = undefined } = isObject(image) ? image : {}
    const raw = Buffer.from(typeof base64 === 'string' ? base64 : '', 'base64')
    total += raw.length
    const isWhole = /^image\/(?:png|jpeg)$/.test(typeOf(raw)) && md5 === createHash('md5').update(raw).digest('hex')
    if (isWhole) images.push(raw.toString('base64'))
    else warnings.push({ code: 'image-broken' })
  }
  if (total > MAX_IMAGES_BYTES) warnings.push({ code: 'images-over-budget', detail: String(total) })
  return { images, warnings }
}
