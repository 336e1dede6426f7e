import { Buffer } from 'node:buffer'
import { ConfigError } from '../util/errors.ts'
import type { ConfigFault, FailureClass } from '../util/errors.ts'
import { isObject } from '../util/objects.ts'
import { isVisible } from '../util/visible.ts'
import type { MediaFailure } from '../wecom/media/error.ts'

/** Everything the bot says of itself. */
export interface Texts {
  /** Shown while nothing has come yet. An empty thinking block makes WeCom show its own animation. */
  waiting: string
  /** A stream that is unknown, forgotten, or of another chat. */
  expired: string
  /** Shown while earlier messages of the same conversation are being answered. */
  queued: string
  /** Shown while a model thinks, where its thinking is not to be seen but that it thinks is. */
  thinking: string
  /** The source ended without any text. */
  empty: string
  /** Stopped before any text came. */
  stopped: string
  /** The model reached its token limit. */
  length: string
  /** The answer grew beyond the content cap. */
  tooLarge: string
  /** `{bytes}` is how much of the text could not be shown. */
  cut: string
  /** The bubble is full, or its time is over, and the rest comes as a message of its own. */
  later: string
  /** That message, if after all nothing was left to say. */
  complete: string
  /** An answer without text that has images or a card. */
  seeBelow: string
  /** The source could use nothing of what was said before. */
  historyLeftOut: string
  /** Follows the sentence of a failure if what was said before was refused; `{new}` is the command that begins a new conversation. */
  historyRefused: string
  /** Images or a card that came when the bubble was over. */
  tooLate: string
  /** An image of the answer that is too large for a frame. */
  imageTooLarge: string
  /** A file that could not be had; `{reason}` is one of `lost`. */
  lostAttachment: string
  lost: Record<MediaFailure, string>
  /** Answers to the commands of the chat. */
  stopDone: string
  stopNothing: string
  newDone: string
  /** `{commands}` is a list of them. */
  help: string
  helpStop: string
  helpNew: string
  helpHelp: string
  /** A kind of message that the bot cannot read. */
  unsupported: string
  /** A message without anything to answer, such as a bare mention. */
  noPrompt: string
  /** The sender may not talk to the bot. */
  denied: string
  /** The sender asks too much at once. */
  limited: string
  /** The host refuses the question. */
  refused: string
  /** The server is shutting down. */
  closing: string
  /** Follows the sentence of a failure; `{reference}` stands in the log too. */
  reference: string
  failures: Record<FailureClass, string>
}

export type TextOverrides = Partial<Omit<Texts, 'failures' | 'lost'>> & {
  failures?: Partial<Texts['failures']>, lost?: Partial<Texts['lost']>
}

export type Language = 'zh-CN' | 'en'

const zhCN: Texts = {
  waiting: '<think></think>',
  expired: '会话已过期，请重新提问',
  queued: '前面的消息还在处理中，请稍候…',
  thinking: '正在思考…',
  empty: '（没有内容）',
  stopped: '（已停止）',
  length: '（内容过长，已截断）',
  tooLarge: '（内容过长，已停止生成）',
  cut: '（内容过长，还有 {bytes} 字节未显示）',
  later: '（回答尚未完，其余内容稍后另发）',
  complete: '（回答已全部发送）',
  seeBelow: '（请看下方）',
  historyLeftOut: '（这次回答没有参考之前的对话）',
  historyRefused: '（如果反复出现，请发送 {new} 开始新对话）',
  tooLate: '（图片或卡片来得太晚，未能显示）',
  imageTooLarge: '（有图片过大，未能显示）',
  lostAttachment: '（附件未能读取：{reason}）',
  lost: {
    REFUSED: '来源不被允许',
    TOO_LARGE: '文件过大，或与其他文件合计过大',
    TIMEOUT: '下载超时',
    BROKEN: '下载失败',
    UNDECRYPTABLE: '无法解密',
    TOO_MANY: '附件过多',
    NO_ROOM: '当前处理的文件较多，请稍后重新发送'
  },
  stopDone: '已停止',
  stopNothing: '当前没有正在进行的回答',
  newDone: '已开始新对话',
  help: '可用命令：\n{commands}',
  helpStop: '停止当前回答',
  helpNew: '开始新对话',
  helpHelp: '显示帮助',
  unsupported: '暂时无法阅读这种消息，请发送文字、语音、图片、文件或视频',
  noPrompt: '请告诉我您想问什么',
  denied: '此机器人暂未对您开放，如需使用请联系管理员',
  limited: '您的提问较多，请稍后再试',
  refused: '抱歉，这个问题无法回答',
  closing: '服务正在重启，请稍后再试',
  reference: '（编号 {reference}）',
  failures: {
    AUTH: '服务配置有误，请联系管理员',
    QUOTA: '服务额度不足，请联系管理员',
    BUSY: '当前使用人数较多，请稍后再试',
    BAD_REQUEST: '暂时无法处理该请求',
    FILTERED: '内容未通过安全检查',
    TIMEOUT: '响应超时，请重试',
    BROKEN: '回复中断，请重试',
    INTERNAL: '服务异常，请稍后再试'
  }
}

const en: Texts = {
  waiting: '<think></think>',
  expired: 'This answer has expired. Please ask again.',
  queued: 'Still working on your earlier messages, one moment…',
  thinking: 'Thinking…',
  empty: '(no content)',
  stopped: '(stopped)',
  length: '(cut: the answer is too long)',
  tooLarge: '(stopped: the answer is too long)',
  cut: '({bytes} more bytes do not fit here)',
  later: '(The rest follows in a message of its own.)',
  complete: '(That was the whole answer.)',
  seeBelow: '(see below)',
  historyLeftOut: '(This answer does not take into account what was said before.)',
  historyRefused: ' (If this keeps happening, send {new} to begin a new conversation.)',
  tooLate: '(Images or a card came too late to be shown.)',
  imageTooLarge: '(an image is too large to be shown)',
  lostAttachment: '(an attachment could not be read: {reason})',
  lost: {
    REFUSED: 'its source is not allowed',
    TOO_LARGE: 'it is too large, alone or with the others',
    TIMEOUT: 'the download took too long',
    BROKEN: 'the download failed',
    UNDECRYPTABLE: 'it could not be decrypted',
    TOO_MANY: 'there are too many of them',
    NO_ROOM: 'many files are being read right now, please send it again later'
  },
  stopDone: 'Stopped.',
  stopNothing: 'There is no answer under way.',
  newDone: 'A new conversation has begun.',
  help: 'Commands:\n{commands}',
  helpStop: 'stops the answer under way',
  helpNew: 'begins a new conversation',
  helpHelp: 'shows this help',
  unsupported: 'I cannot read this kind of message. Please send text, voice, images, files or videos.',
  noPrompt: 'What would you like to ask?',
  denied: 'This bot is not open to you here. Please ask your administrator.',
  limited: 'You have asked a lot just now. Please try again in a moment.',
  refused: 'Sorry, this question cannot be answered here.',
  closing: 'The service is restarting. Please try again later.',
  reference: ' (reference {reference})',
  failures: {
    AUTH: 'The service is misconfigured. Please tell your administrator.',
    QUOTA: 'The service has no quota left. Please tell your administrator.',
    BUSY: 'Many people are asking right now. Please try again later.',
    BAD_REQUEST: 'This request cannot be handled.',
    FILTERED: 'The content did not pass the safety check.',
    TIMEOUT: 'This took too long. Please try again.',
    BROKEN: 'The answer broke off. Please try again.',
    INTERNAL: 'Something went wrong. Please try again later.'
  }
}

const LANGUAGES: Record<Language, Texts> = { 'zh-CN': zhCN, en }

/** Several sentences can stand below a text, and a frame keeps room for the longest of each kind. */
const MAX_SENTENCE_BYTES = 400

/** The sentences of the bot, with those of the host in place of ours. Throws a `ConfigError` for those that cannot be shown. */
export function loadTexts (overrides: TextOverrides = {}, language: Language = 'zh-CN'): Texts {
  const faults = textFaults(overrides)
  if (faults.length > 0) throw new ConfigError(faults)
  const texts = LANGUAGES[language]
  return {
    ...texts,
    ...given(overrides),
    failures: { ...texts.failures, ...given(overrides.failures ?? {}) },
    lost: { ...texts.lost, ...given(overrides.lost ?? {}) }
  }
}

/** What is wrong with the sentences of the host. An undefined one counts as unset. */
export function textFaults (overrides: TextOverrides = {}): ConfigFault[] {
  return flatten(isObject(overrides) ? overrides : {})
    .filter(([name, sentence]) => !NAMES.has(name) || !isSentence(sentence))
    .map(([name]) => ({
      name: `option texts.${name}`,
      problem: NAMES.has(name)
        ? `expected text that can be seen, of at most ${MAX_SENTENCE_BYTES} bytes`
        : 'is none of the sentences'
    }))
}

const given = <T extends object>(overrides: T): T =>
  Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) as T

const GROUPS = new Set(['failures', 'lost'])

/** Every sentence with its path, as in `failures.BUSY`. */
const flatten = (texts: TextOverrides): Array<[name: string, sentence: unknown]> =>
  Object.entries(given(texts)).flatMap(([name, value]): Array<[string, unknown]> => GROUPS.has(name) && isObject(value)
    ? Object.entries(given(value)).map(([key, sentence]) => [`${name}.${key}`, sentence])
    : [[name, value]])

const NAMES = new Set(flatten(zhCN).map(([name]) => name))

const isSentence = (value: unknown): boolean =>
  typeof value === 'string' && isVisible(value) && !/\p{Surrogate}/u.test(value) && Buffer.byteLength(value) <= MAX_SENTENCE_BYTES
