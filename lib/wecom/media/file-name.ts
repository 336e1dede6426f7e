import { headOf } from '../../util/text-cuts.ts'

/** File systems stop at 255; the rest is for what a host puts before the name. */
const MAX_NAME_BYTES = 200
const MAX_EXTENSION_BYTES = 20

/** The file name of a `Content-Disposition` header, as Node gives it, made safe to show and to store; undefined without one. */
export function fileNameOf (disposition: string | undefined): string | undefined {
  if (disposition === undefined) return undefined
  const parameters = parametersOf(disposition)
  // The extended form comes first (RFC 6266, section 4.3).
  for (const name of [readExtended(parameters.get('filename*')), readPlain(parameters.get('filename'))]) {
    const safe = makeSafe(name)
    if (safe !== '') return safe
  }
  return undefined
}

// A quoted value without its end is taken as far as it goes, a bare one may hold blanks: both are in use.
const PARAMETER = /(?:^|;)\s*([^\s=;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)(?:"|\\?$)|([^;]*)))?/g

function parametersOf (disposition: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const [, name = '', quoted, bare = ''] of disposition.matchAll(PARAMETER)) {
    const key = name.toLowerCase()
    // Told twice, the first counts.
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/g, '$1') ?? bare.trim())
  }
  return parameters
}

/** `charset'language'percent-encoded` (RFC 8187). */
function readExtended (value = ''): string {
  const [, charset = '', encoded = ''] = /^([^']*)'[^']*'(.*)$/.exec(value) ?? []
  return decode(bytesOf(encoded), charset) ?? ''
}

function readPlain (value = ''): string {
  // Percent signs are none of this form's, but WeCom's own clients decode them here too.
  const bytes = Buffer.from(value, 'latin1')
  // Older Windows clients name files in GBK, of which GB18030 is the superset that stands in the WHATWG list.
  return decode(bytesOf(value), 'utf-8') ?? decode(bytes, 'utf-8') ?? decode(bytes, 'gb18030') ?? value
}

// Node reads the bytes of a header as latin1, which turns back into the same bytes.
const bytesOf = (value: string): Buffer =>
  Buffer.from(value.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1')

function decode (bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

// Control and format characters, among them those that turn the direction of writing and hide an extension, and what cannot be seen.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\ufffd]/gu
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[\d¹²³])(?=\.|$)/i

/** Without a path, invisible characters, and what one file system or another takes for something else; perhaps nothing is left. */
function makeSafe (name: string): string {
  const base = name.normalize('NFC').split(/[/\\]/).at(-1) as string
  // JavaScript counts the byte order mark as a blank.
  const shown = trim(base.replace(/[^\S\ufeff]/g, ' ').replace(INVISIBLE, '').replace(/[<>:"|?*]/g, '_'))
  return shorten(shown.replace(DEVICE, '_$&'))
}

/** A dot in front hides a file, one at the end is lost on Windows. */
const trim = (name: string): string => name.replace(/^[\s.]+/, '').replace(/[\s.]+$/, '')

/** The extension stays: it says what the file is. */
function shorten (name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot) : ''
  const kept = Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : ''
  return trim(headOf(name, MAX_NAME_BYTES - Buffer.byteLength(kept))) + kept
}
