export type CumulativeDeltas = 'auto' | 'on' | 'off'

const IN_A_ROW = 3
const COMMON_HEAD = 6

/**
 * Makes additions of deltas that each repeat all the text so far. What may be such a delta is held back, because nothing that
 * was shown can be taken back: until enough of them have come in a row, or one that is none, or the wait is over.
 */
export interface Additions {
  /** What can be shown by now. `whole` says that the provider sent it as the message and not as a delta: after deltas it is all of them. */
  push (delta: string, whole?: boolean): string
  /** What is held back, which is then shown as it is: the wait is over, or the answer. */
  release (): string
  readonly holds: boolean
  /** What was made of the deltas; undefined if there was nothing to decide. */
  readonly verdict: 'cumulative' | 'appended' | undefined
}

export function createAdditions (mode: CumulativeDeltas): Additions {
  let isCumulative = mode === 'on'
  /** All that was given out. */
  let sent = ''
  /** The last delta of a row, or of a cumulative answer. */
  let last = ''
  let lengths: number[] = []
  let held = ''
  /** How much of the last delta has been given out. */
  let covered = 0
  let verdict: Additions['verdict']
  let hasDeltas = false

  function give (text: string): string {
    sent += text
    return text
  }

  function release (): string {
    const text = held
    held = ''
    if (text !== '' && !isCumulative && (lengths[0] as number) > COMMON_HEAD) verdict = 'appended'
    covered = last.length
    return give(text)
  }

  function addTo (delta: string): string {
    if (delta.startsWith(last)) {
      const text = delta.slice(last.length)
      last = delta
      return give(text)
    }
    if (last.startsWith(delta)) return ''
    last += delta
    return give(delta)
  }

  /** The message says again what its deltas said, or more; it may have been trimmed. */
  function complete (message: string): string {
    if (!message.startsWith(sent)) return release()
    held = ''
    return give(message.slice(sent.length))
  }

  /** Whether a row of deltas goes on with this one. */
  function goesOn (delta: string): boolean {
    const before = lengths.length > 0 ? last : sent
    return before !== '' && delta.length > before.length && delta.startsWith(before)
  }

  return {
    push (delta, whole = false) {
      if (delta === '') return ''
      if (whole && (hasDeltas || delta === sent)) return complete(delta)
      hasDeltas ||= !whole
      if (mode === 'off') return give(delta)
      if (isCumulative) return addTo(delta)
      if (!goesOn(delta)) {
        const before = release()
        lengths = []
        return before + give(delta)
      }
      if (lengths.length === 0) covered = sent.length
      lengths.push(delta.length)
      last = delta
      held += delta
      if (lengths.length < IN_A_ROW || (lengths.at(-IN_A_ROW) as number) < COMMON_HEAD) return ''
      isCumulative = true
      verdict = 'cumulative'
      held = ''
      return give(delta.slice(covered))
    },
    release,
    get holds () { return held !== '' },
    get verdict () { return verdict }
  }
}
