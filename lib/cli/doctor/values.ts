import { isEncodingAESKey } from '../../wecom/envelope.ts'
import type { Credentials } from '../../wecom/envelope.ts'
import type { Explanation } from '../unreachable.ts'

const isQuoted = (value: string): boolean => /^(["']).*\1$/.test(value)
const CONSOLE = 'copy it from the admin console once more'

/** What can be seen of the values themselves. None of them is shown. */
export function valueFaults ({ token, encodingAESKey: key }: Pick<Credentials, 'token' | 'encodingAESKey'>): Explanation[] {
  if (isEncodingAESKey(token) && !isEncodingAESKey(key)) {
    return [{
      cause: 'token and key are exchanged: what stands as the token has the form of a key',
      cure: 'exchange WECOM_TOKEN and WECOM_ENCODING_AES_KEY'
    }]
  }
  const faults: Explanation[] = []
  for (const [name, value] of [['token', token], ['key', key]] as const) {
    if (isQuoted(value)) faults.push({ cause: `the ${name} stands in quotes, which count as part of it`, cure: 'take the quotes away' })
    else if (/\s/.test(value)) faults.push({ cause: `the ${name} has a blank or a line break in it`, cure: CONSOLE })
  }
  if (faults.length === 0 && !isEncodingAESKey(key)) {
    faults.push({
      cause: `the key is no EncodingAESKey: it has ${key.length} characters, expected 43 of A-Z, a-z, 0-9, + and /`,
      cure: `${CONSOLE}, without an = at its end`
    })
  }
  return faults
}

/** How the values that were given differ from those of the app. */
export function differences (given: Partial<Credentials>, own: Partial<Credentials>): Explanation[] {
  const found: Explanation[] = []
  for (const [name, field, variable] of [
    ['token', 'token', 'WECOM_TOKEN'], ['key', 'encodingAESKey', 'WECOM_ENCODING_AES_KEY'], ['receiver id', 'receiveId', 'WECOM_RECEIVE_ID']
  ] as const) {
    const [one, other] = [given[field], own[field]]
    if (one === undefined || one === (other ?? '')) continue
    const cause = other === undefined
      ? `${variable} is not set`
      : `${variable} is another ${name} than the one that was given${one.trim() === other.trim() ? ': blanks at an end' : ''}`
    found.push({ cause, cure: `set ${variable} to the ${name} of the admin console, and start the app again` })
  }
  return found
}
