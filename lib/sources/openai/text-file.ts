import { Buffer, isAscii } from 'node:buffer'
import { decodeHead } from './text-head.ts'

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

/** Whether a file is text is judged by so much of it, however large it is. */
const SAMPLE_BYTES = 64 * 1024
/** UTF-16 and GB18030 have characters that take twice as many bytes as in UTF-8. */
const FILE_BYTES_PER_TEXT_BYTE = 2
/** For a byte order mark, and a character that is cut at the end. */
const MARGIN_BYTES = 8

export interface TextFile {
  /** Base64. Of a large file only what is needed is decoded: all of it would keep everybody else waiting. */
  data: string
  name?: string
  type?: string
}

export interface FileText {
  /** As much of it as there is room for, in whole characters. */
  text: string
  /** Bytes of the file that the text does not stand for. */
  left: number
}

/**
 * The beginning of the text of a file, or undefined if it is none. A name that speaks of text is believed: it outweighs the type,
 * which comes from a few bytes that a text can begin with as well. Whatever the name, no text begins with a NUL in it.
 */
export function readTextFile ({ data, name = '', type = '' }: TextFile, maxTextBytes: number): FileText | undefined {
  const isNamedText = hasTextName(name)
  if (!isNamedText && type !== '' && !MAYBE_TEXT.test(type)) return undefined

  const { bytes, size } = headOfBase64(data, Math.max(SAMPLE_BYTES, maxTextBytes * FILE_BYTES_PER_TEXT_BYTE + MARGIN_BYTES))
  const sample = bytes.subarray(0, SAMPLE_BYTES)
  const judged = judge(sample, sample.length < size)
  if (judged === undefined || judged.text.includes('\0') || (!isNamedText && NOT_TEXT.test(judged.text))) return undefined

  // A table may well have nothing but ASCII in its first thousand lines.
  const { encoding } = (isAscii(sample) && judge(bytes, bytes.length < size)) || judged
  const { text, used } = decodeHead(bytes, encoding, maxTextBytes)
  return { text, left: size - used }
}

function hasTextName (name: string): boolean {
  const lower = name.toLowerCase()
  return TEXT_NAMES.has(lower) || TEXT_EXTENSIONS.has(/\.([^.]+)$/.exec(lower)?.[1] ?? '')
}

/** At least so many bytes, if there are as many, and how many there are in all. */
function headOfBase64 (data: string, minBytes: number): { bytes: Buffer, size: number } {
  const head = data.slice(0, Math.ceil(minBytes / 3) * 4)
  const bytes = Buffer.from(head, 'base64')
  return { bytes, size: head.length === data.length ? bytes.length : Buffer.byteLength(data, 'base64') }
}

interface Judged {
  encoding: string
  text: string
}

/** Undefined if it is in no encoding of these. What is cut may end within a character. */
function judge (bytes: Buffer, isCut: boolean): Judged | undefined {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return judgeAs('utf-16le', bytes, isCut)
  if (first === 0xfe && second === 0xff) return judgeAs('utf-16be', bytes, isCut)
  return judgeAs('utf-8', bytes, isCut) ?? judgeBrokenUtf8(bytes, isCut) ?? judgeAs('gb18030', bytes, isCut)
}

function judgeAs (encoding: string, bytes: Buffer, isCut: boolean): Judged | undefined {
  try {
    return { encoding, text: new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: isCut }) }
  } catch {
    return undefined
  }
}

/** UTF-8 that is broken here and there, as where a log was cut. GB18030 would make nonsense of all of it. */
function judgeBrokenUtf8 (bytes: Buffer, isCut: boolean): Judged | undefined {
  const text = new TextDecoder().decode(bytes, { stream: isCut })
  let broken = 0
  let beyondAscii = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) beyondAscii++
    if (unit === 0xfffd) broken++
  }
  return broken <= BROKEN_SHARE * beyondAscii ? { encoding: 'utf-8', text } : undefined
}
