import type { Buffer } from 'node:buffer'
import { isUtf8 } from 'node:buffer'

const TEXT_EXTENSIONS = new Set([
  'txt', 'text', 'md', 'markdown', 'mdx', 'rst', 'adoc', 'org', 'tex', 'bib', 'log', 'out', 'err',
  'csv', 'tsv', 'psv', 'json', 'jsonl', 'ndjson', 'json5', 'jsonc', 'geojson', 'ipynb', 'yaml', 'yml', 'toml',
  'ini', 'cfg', 'conf', 'config', 'properties', 'env', 'lock', 'xml', 'xsd', 'xsl', 'xslt', 'svg', 'plist', 'rss', 'atom',
  'html', 'htm', 'xhtml', 'css', 'scss', 'sass', 'less', 'vue', 'svelte', 'astro',
  'js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'py', 'pyi', 'rb', 'php', 'pl', 'pm', 'lua', 'r', 'jl',
  'c', 'h', 'cc', 'cpp', 'cxx', 'hpp', 'hh', 'hxx', 'm', 'mm', 'cs', 'fs', 'vb', 'java', 'kt', 'kts', 'scala', 'groovy', 'gradle',
  'go', 'rs', 'swift', 'dart', 'zig', 'nim', 'ex', 'exs', 'erl', 'hs', 'ml', 'clj', 'lisp', 'el', 'asm', 's', 'v', 'sv', 'vhd',
  'sh', 'bash', 'zsh', 'fish', 'bat', 'cmd', 'ps1', 'sql', 'graphql', 'gql', 'proto', 'thrift', 'tf', 'hcl', 'cmake', 'mk',
  'diff', 'patch', 'srt', 'vtt', 'ass', 'lrc', 'po', 'pot', 'eml', 'ics', 'vcf'
])
const TEXT_NAMES = new Set(['dockerfile', 'makefile', 'readme', 'license', 'changelog', 'gitignore', 'editorconfig', 'jenkinsfile'])
/** A type that says nothing, or says text. */
const MAYBE_TEXT = /^(?:text\/.+|application\/(?:octet-stream|(?:.+\+)?(?:json|xml|yaml)|x-yaml|javascript|sql|toml))$/i

// Compressed data without a NUL byte in it gives itself away by these, or by characters for private use.
const NOT_TEXT = /(?!\s)[\p{Cc}\p{Co}]/u
/** Of the characters beyond ASCII, those that may be broken in UTF-8 all the same. */
const BROKEN_SHARE = 0.1

/**
 * The text of a file, or undefined if it is none. A name that speaks of text is believed: it outweighs the type, which
 * comes from a few bytes that a text can begin with as well. Whatever the name, there is no text with a NUL in it.
 */
export function readTextFile (data: Buffer, name = '', type = ''): string | undefined {
  const isNamedText = hasTextName(name)
  if (!isNamedText && type !== '' && !MAYBE_TEXT.test(type)) return undefined

  const text = decodeText(data)
  if (text === undefined || text.includes('\0')) return undefined
  return isNamedText || !NOT_TEXT.test(text) ? text : undefined
}

function hasTextName (name: string): boolean {
  const lower = name.toLowerCase()
  return TEXT_NAMES.has(lower) || TEXT_EXTENSIONS.has(/\.([^.]+)$/.exec(lower)?.[1] ?? '')
}

function decodeText (data: Buffer): string | undefined {
  const [first, second] = data
  if (first === 0xff && second === 0xfe) return decode('utf-16le', data)
  if (first === 0xfe && second === 0xff) return decode('utf-16be', data)
  // Sooner than by decoding all of it
  if (data.includes(0)) return undefined
  if (isUtf8(data)) return decode('utf-8', data)
  return decodeBrokenUtf8(data) ?? decode('gb18030', data)
}

/** UTF-8 that is broken here and there, as where a log was cut. GB18030 would make nonsense of all of it. */
function decodeBrokenUtf8 (data: Buffer): string | undefined {
  const text = new TextDecoder().decode(data)
  let broken = 0
  let beyondAscii = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) beyondAscii++
    if (unit === 0xfffd) broken++
  }
  return broken <= BROKEN_SHARE * beyondAscii ? text : undefined
}

function decode (encoding: string, data: Buffer): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data)
  } catch {
    return undefined
  }
}
