import { createHmac } from 'node:crypto'

/** Stands for an id of a user or a chat. Undefined for none. */
export type PseudonymOf = (id: string | undefined) => string | undefined

const PURPOSE = 'fastify-wecom-stream: users and chats'
const HEX_DIGITS = 16

/** The same on all replicas with that secret, and no way back without it. */
export function createPseudonyms (secret: string): PseudonymOf {
  // What is signed with the secret elsewhere must not be found here.
  const key = createHmac('sha256', secret).update(PURPOSE).digest()
  return id => id === undefined ? undefined : createHmac('sha256', key).update(id).digest('hex').slice(0, HEX_DIGITS)
}
