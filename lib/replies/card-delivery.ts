import type { KeyValueStore } from '../stores/key-values.ts'
import type { StreamRecord } from '../stores/store.ts'
import { hashOf } from '../util/ids.ts'
import type { Frames } from './frames.ts'

/** A card that is not there with the first reply goes in a message of its own if that is possible, or with the last frame in any case. */
export type CardDeliveryMode = 'auto' | 'frame'

export interface CardDeliveryOptions {
  mode: CardDeliveryMode
  frames: Pick<Frames, 'rest'>
  facts: KeyValueStore
}

/** How the card of an answer reaches its user. WeCom takes it once (document 101031). */
export interface CardDelivery {
  /** Whether it is left to a message of its own, as clients do not show one that first comes with a last frame. */
  goesAlone (record: StreamRecord): boolean
  /** Of all who would bring it one is told to, and told so again however often it asks. */
  claim (id: string, claimant: string): Promise<boolean>
  /** Whether somebody has brought it. */
  isClaimed (id: string): Promise<boolean>
}

/** As long as WeCom may come back for an ended stream, and longer. */
const CLAIM_MS = 60 * 60_000

const keyOf = (id: string): string => `card:${id}`

export function createCardDelivery ({ mode, frames, facts }: CardDeliveryOptions): CardDelivery {
  return {
    goesAlone (record) {
      const { chat, metadata } = record
      if (mode === 'frame' || metadata.card === undefined || metadata.deliverable !== true) return false
      // A response_url takes a card in single chats alone (document 101138), and its one call if a bubble cannot hold all of a text.
      return chat?.user !== undefined && frames.rest(record) === undefined
    },
    async claim (id, claimant) {
      const hash = hashOf(claimant)
      return await facts.putIfAbsent(keyOf(id), hash, CLAIM_MS) === hash
    },
    isClaimed: async id => await facts.get(keyOf(id)) !== undefined
  }
}
