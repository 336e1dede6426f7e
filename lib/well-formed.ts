const LONE_SURROGATES = /\p{Surrogate}/gu

/** Joins chunks that were cut anywhere into text that is well-formed at every moment. */
export interface TextJoiner {
  /** Gives what can be shown now: a high surrogate at the end waits for its other half, a lone one is left out. */
  push (chunk: string): string
}

export function createTextJoiner (): TextJoiner {
  let held = ''
  return {
    push (chunk) {
      const text = held + chunk
      held = ''
      if (text.length === 0) return text
      const last = text.charCodeAt(text.length - 1)
      if (last < 0xd800 || last > 0xdbff) return text.replace(LONE_SURROGATES, '')
      held = text.slice(-1)
      return text.slice(0, -1).replace(LONE_SURROGATES, '')
    }
  }
}
