const encoder = new TextEncoder()

/** The longest head of a text that fits into `maxBytes` of UTF-8 without cutting a code point. */
export function headOf (text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes))
  return text.slice(0, read)
}
