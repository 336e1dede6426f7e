import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { startHeartbeat } from '../util/waiting.ts'
import type { KeyPair } from './key-pairs.ts'

export interface PairCount {
  /** To be told of each request that was opened, and with which pair. */
  count (pair: KeyPair): void
  close (): void
}

const DAY_MS = 24 * 3_600_000

/** While a bot has two pairs of credentials, says once a day how many requests came with each, and whether the old one can go. */
export function createPairCount (clock: Clock, log: Logger): PairCount {
  const counted: Record<KeyPair, number> = { present: 0, old: 0 }

  const close = startHeartbeat(clock, DAY_MS, () => {
    log.info({ ...counted }, `requests of a day by pair of credentials: ${adviceFor(counted)}`)
    counted.present = counted.old = 0
  })

  return {
    count (pair) { counted[pair]++ },
    close
  }
}

function adviceFor ({ present, old }: Record<KeyPair, number>): string {
  if (old > 0) return 'the old pair is in use, keep it'
  return present > 0 ? 'WECOM_TOKEN_OLD and WECOM_ENCODING_AES_KEY_OLD can go' : 'none came, keep the old pair'
}
