const encoder = new TextEncoder()

// Written to and never read: only where the text ends counts. As long as a frame, which is what most texts are cut to.
const scratch = new Uint8Array(20480)

/** The longest head of a text that fits into `maxBytes` of UTF-8 without cutting a code point. */
export function headOf (text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, maxBytes <= scratch.length ? scratch.subarray(0, maxBytes) : new Uint8Array(maxBytes))
  return text.slice(0, read)
}
