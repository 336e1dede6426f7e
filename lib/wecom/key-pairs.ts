import type { RefusalCode, RefusalError } from '../util/errors.ts'
import { checkAge, createEnvelope, readBlocks, unsigned } from './envelope.ts'
import type { Credentials, Envelope, Freshness, Sealed } from './envelope.ts'

/** Token and key of a bot change together: for a while, requests come with the present pair or with the one before it. */
export type KeyPair = 'present' | 'old'

export interface OpenedEnvelope {
  text: string
  /** Which one has opened it. */
  pair: KeyPair
  /** Seals the reply with it. */
  seal: Envelope['seal']
}

/** Opens what either pair has sealed, or throws a `RefusalError`. */
export type OpenEnvelope = (sealed: Sealed, freshness: Freshness) => OpenedEnvelope

export function createOpenEnvelope (present: Credentials, old?: Credentials): OpenEnvelope {
  const envelope = createEnvelope(present)
  if (old !== undefined) return openWithEither(envelope, createEnvelope(old))
  const { seal } = envelope
  return (sealed, freshness) => ({ text: envelope.open(sealed, freshness), pair: 'present', seal })
}

/** Both signatures are always compared, and a refusal costs two decryptions: no count tells which half of which pair was right. */
function openWithEither (present: Envelope, old: Envelope): OpenEnvelope {
  return (sealed, freshness) => {
    const [isPresent, isOld] = [present.isSigned(sealed), old.isSigned(sealed)]
    const first = openWith(present, isPresent, sealed, freshness)
    if (typeof first === 'string') return { text: first, pair: 'present', seal: present.seal }
    const second = openWith(old, isOld, sealed, freshness)
    if (typeof second === 'string') return { text: second, pair: 'old', seal: old.seal }
    throw advanceOf(second) > advanceOf(first) ? second : first
  }
}

/** Decrypts once, whatever comes of it. */
function openWith (envelope: Envelope, isSigned: boolean, sealed: Sealed, freshness: Freshness): string | RefusalError {
  try {
    if (!isSigned) throw unsigned('the signature matches neither token: check WECOM_TOKEN and WECOM_TOKEN_OLD')
    checkAge(sealed.timestamp, freshness)
    readBlocks(sealed.encrypt)
  } catch (refusal) {
    envelope.pretend(sealed.encrypt)
    return refusal as RefusalError
  }
  try {
    return envelope.unseal(sealed.encrypt)
  } catch (refusal) {
    return refusal as RefusalError
  }
}

const CHECKS: readonly RefusalCode[] = ['WECOM_ERR_SIGNATURE', 'WECOM_ERR_DECRYPT']

/** How far an attempt has come: the log is told of the one that was nearer. */
function advanceOf ({ code }: RefusalError): number {
  const check = CHECKS.indexOf(code)
  return check === -1 ? CHECKS.length : check
}
