import { Buffer } from 'node:buffer'
import type { MediaFailure } from '../../wecom/media/error.ts'
import type { Attachment, LostAttachment, Turn } from '../source.ts'
import { OPENAI_NUMBERS } from './options.ts'
import { readTextFile } from './text-file.ts'
import type { FileText } from './text-file.ts'

export interface MessagesOptions {
  systemPrompt?: string | undefined
  /** Default `system`. */
  systemRole?: 'system' | 'developer' | undefined
  /** Of the text of all files together, in UTF-8; default 100 KiB. */
  maxFileTextBytes?: number | undefined
  /** Default false. True for servers that read PDF: it is then sent as a `file` part. */
  pdfAsFile?: boolean | undefined
  /** How closely the model is to look at images. Default: not sent, because not every server knows it. */
  imageDetail?: 'auto' | 'low' | 'high' | undefined
  /** Default true; with false a model is told of pictures, and gets none of them. */
  pictures?: boolean | undefined
  /** Of what the model is told about attachments, which can be all that it has to go by; default `zh-CN`. */
  language?: 'zh-CN' | 'en' | undefined
}

type TextPart = { type: 'text', text: string }
type MediaPart =
  | { type: 'image_url', image_url: { url: string, detail?: 'auto' | 'low' | 'high' } }
  | { type: 'file', file: { filename: string, file_data: string } }

export type Message =
  | { role: 'system' | 'developer' | 'assistant', content: string }
  | { role: 'user', content: string | Array<TextPart | MediaPart> }

const MAX_NAME_LENGTH = 120
const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']

/** What a model is asked: the `messages` of a chat completion. */
export function messagesOf (turn: Omit<Turn, 'deadline'>, options: MessagesOptions = {}): Message[] {
  const { systemPrompt = '', systemRole = 'system', language = 'zh-CN' } = options
  const words = WORDS[language]
  return [
    ...(systemPrompt === '' ? [] : [{ role: systemRole, content: systemPrompt }]),
    ...(turn.history ?? []).flatMap(({ prompt, reply, cut }): Message[] => [
      // Servers refuse messages without content.
      { role: 'user', content: isBlank(prompt) ? words.noText : prompt },
      { role: 'assistant', content: paragraphs([isBlank(reply) ? '' : reply, cut ? words.cut : '']) || words.noText }
    ]),
    { role: 'user', content: contentOf(turn, options, words) }
  ]
}

/** Everything that is text in one string: many servers take nothing else, and of others some read one text part only. */
function contentOf (turn: Omit<Turn, 'deadline'>, options: MessagesOptions, words: Words): string | Array<TextPart | MediaPart> {
  const { prompt, attachments = [], quote = {} } = turn
  const read = createReader(options, words)
  // The room for text goes to the user's own files first.
  const own = attachments.map(attachment => read(attachment, words.sent))
  const quoted = (quote.attachments ?? []).map(attachment => read(attachment, words.quoted))

  const quotation = isBlank(quote.text) ? '' : `${words.quotation}\n${quotationOf(quote.text)}`
  // The prompt comes last, next to the answer.
  const text = paragraphs([quotation, ...quoted.filter(isText), ...own.filter(isText), prompt])
  const media = own.filter(isMedia)
  const quotedMedia = quoted.filter(isMedia)
  if (media.length + quotedMedia.length === 0) return text
  return [
    ...(isBlank(text) ? [] : [textPart(text)]),
    ...media,
    ...(quotedMedia.length === 0 ? [] : [textPart(words.quotedMedia), ...quotedMedia])
  ]
}

type Reader = (attachment: Attachment | LostAttachment, origin: string) => string | MediaPart

function createReader (options: MessagesOptions, words: Words): Reader {
  const { maxFileTextBytes = OPENAI_NUMBERS.maxFileTextBytes.default, pdfAsFile = false, imageDetail, pictures = true } = options
  let room = maxFileTextBytes

  function withText (what: string, { text, left }: FileText): string {
    room -= Buffer.byteLength(text)
    if (text === '') return left === 0 ? words.empty(what) : words.leftOut(what, left)
    return `${words.content(what)}\n${fenced(text)}${left > 0 ? `\n${words.missing(left)}` : ''}`
  }

  return (attachment, origin) => {
    const { kind } = attachment
    if ('lost' in attachment) return words.lost(`${origin}${words.kinds[kind]}`, words.reasons[attachment.lost])

    const { type, data, size } = attachment
    const name = cleanName(attachment.name)
    const what = `${origin}${words.kinds[kind]}${name === '' ? '' : ` ${JSON.stringify(name)}`}`
    if (isPicture(type)) {
      if (!pictures) return words.unseen(what)
      return { type: 'image_url', image_url: { url: dataUrl(type, data), ...(imageDetail !== undefined && { detail: imageDetail }) } }
    }
    if (pdfAsFile && type === 'application/pdf') {
      return { type: 'file', file: { filename: name || 'document.pdf', file_data: dataUrl(type, data) } }
    }
    const read = kind === 'file' ? readTextFile({ data, name, type }, room) : undefined
    return read === undefined ? words.unreadable(what, cleanType(type), sizeOf(size, words)) : withText(what, read)
  }
}

export const isPicture = (type: string): boolean => IMAGE_TYPES.includes(type)
const dataUrl = (type: string, data: string): string => `data:${type};base64,${data}`
const textPart = (text: string): TextPart => ({ type: 'text', text })
const isText = (piece: string | MediaPart): piece is string => typeof piece === 'string'
const isMedia = (piece: string | MediaPart): piece is MediaPart => typeof piece !== 'string'
const isBlank = (text = ''): boolean => text.trim() === ''
const paragraphs = (parts: string[]): string => parts.filter(part => part !== '').join('\n\n')

const quotationOf = (text = ''): string => text.trim().split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/).map(line => `> ${line}`).join('\n')

/** In a fence that is longer than any run of its character in the text, so that nothing in the text can close it. */
function fenced (text: string): string {
  const backticks = longestRun(text, /`+/g)
  const tildes = longestRun(text, /~+/g)
  const fence = backticks <= tildes ? '`'.repeat(backticks + 1) : '~'.repeat(tildes + 1)
  return `${fence}\n${text}${text.endsWith('\n') ? '' : '\n'}${fence}`
}

/** At least two, since a fence has at least three. */
function longestRun (text: string, runs: RegExp): number {
  let length = 2
  for (const [run] of text.matchAll(runs)) length = Math.max(length, run.length)
  return length
}

/** A name of the user's in one line, without what could not be seen in it. What is too long keeps its extension. */
function cleanName (name = ''): string {
  const visible = name.replace(/[\p{Cc}\p{Cf}\p{Surrogate}\p{Zl}\p{Zp}]/gu, '').trim()
  return [...visible].slice(-MAX_NAME_LENGTH).join('')
}

const cleanType = (type: string): string => /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'application/octet-stream'

function sizeOf (bytes: number, words: Words): string {
  if (bytes < 1024) return words.bytes(bytes)
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`
}

interface Words {
  quotation: string
  quotedMedia: string
  sent: string
  quoted: string
  kinds: Record<Attachment['kind'], string>
  reasons: Record<MediaFailure, string>
  bytes (count: number): string
  content (what: string): string
  empty (what: string): string
  missing (bytes: number): string
  leftOut (what: string, bytes: number): string
  unreadable (what: string, type: string, size: string): string
  unseen (what: string): string
  lost (what: string, reason: string): string
  cut: string
  noText: string
}

const WORDS: Record<'zh-CN' | 'en', Words> = {
  'zh-CN': {
    quotation: '用户引用的消息：',
    quotedMedia: '用户引用的消息中的附件：',
    sent: '用户发来的',
    quoted: '用户引用的消息中的',
    kinds: { image: '图片', file: '文件', video: '视频' },
    reasons: {
      REFUSED: '不允许从它的地址下载',
      TOO_LARGE: '文件太大，或与其他文件合起来太大',
      TIMEOUT: '下载超时',
      BROKEN: '下载失败',
      UNDECRYPTABLE: '无法解密',
      TOO_MANY: '一次发送的文件太多',
      NO_ROOM: '服务器当前处理的文件太多'
    },
    bytes: count => `${count} 字节`,
    content: what => `${what}的内容：`,
    empty: what => `（${what}是空的）`,
    missing: bytes => `（文件还有 ${bytes} 字节没有附上）`,
    leftOut: (what, bytes) => `（${what}有 ${bytes} 字节，因篇幅所限没有附上）`,
    unreadable: (what, type, size) => `（${what}，类型 ${type}，大小 ${size}，无法读取其内容）`,
    unseen: what => `（${what}，当前模型无法查看图片）`,
    lost: (what, reason) => `（${what}没有收到：${reason}）`,
    cut: '（回复在此处中断）',
    noText: '（没有文字）'
  },
  en: {
    quotation: 'The message that the user quotes:',
    quotedMedia: 'Attached to the message that the user quotes:',
    sent: 'from the user: ',
    quoted: 'from the message that the user quotes: ',
    kinds: { image: 'image', file: 'file', video: 'video' },
    reasons: {
      REFUSED: 'its address is not one to download from',
      TOO_LARGE: 'it is too large, alone or with the others',
      TIMEOUT: 'the download took too long',
      BROKEN: 'the download failed',
      UNDECRYPTABLE: 'it could not be decrypted',
      TOO_MANY: 'too many came at once',
      NO_ROOM: 'the server had no room for it just now'
    },
    bytes: count => `${count} bytes`,
    content: what => `[${what}]`,
    empty: what => `[${what}, which is empty]`,
    missing: bytes => `[${bytes} more bytes of this file are left out]`,
    leftOut: (what, bytes) => `[${what}, whose ${bytes} bytes are left out for lack of room]`,
    unreadable: (what, type, size) => `[${what}, type ${type}, size ${size}, which cannot be read]`,
    unseen: what => `[${what}, which this model cannot look at]`,
    lost: (what, reason) => `[${what}, which did not arrive: ${reason}]`,
    cut: '[the reply was cut off here]',
    noText: '[no text]'
  }
}
