import { Buffer } from 'node:buffer'
import { ConfigError } from './errors.ts'
import type { ConfigFault, FailureClass } from './errors.ts'
import { isObject } from './settings.ts'

/** Everything the bot says of itself. */
export interface Texts {
  /** Shown while nothing has come yet. An empty thinking block makes WeCom show its own animation. */
  waiting: string
  /** A stream that is unknown, forgotten, or of another chat. */
  expired: string
  /** The source ended without any text. */
  empty: string
  /** Stopped before any text came. */
  stopped: string
  /** The model reached its token limit. */
  length: string
  /** The answer grew beyond the content cap. */
  tooLarge: string
  /** `{bytes}` is how much of the text the bubble could not hold. */
  cut: string
  /** A kind of message that the bot cannot read. */
  unsupported: string
  /** A message without anything to answer, such as a bare mention. */
  noPrompt: string
  /** The server is shutting down. */
  closing: string
  /** Follows the sentence of a failure; `{reference}` stands in the log too. */
  reference: string
  failures: Record<FailureClass, string>
}

export type TextOverrides = Partial<Omit<Texts, 'failures'>> & { failures?: Partial<Texts['failures']> }

const zhCN: Texts = {
  waiting: '<think></think>',
  expired: '会话已过期，请重新提问',
  empty: '（没有内容）',
  stopped: '（已停止）',
  length: '（内容过长，已截断）',
  tooLarge: '（内容过长，已停止生成）',
  cut: '（内容过长，还有 {bytes} 字节未显示）',
  unsupported: '暂时只能阅读文字、语音和图文消息中的文字',
  noPrompt: '请告诉我您想问什么',
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

/** Three sentences can stand below a text at most, and a frame keeps 2048 bytes for them. */
const MAX_SENTENCE_BYTES = 400

/** The sentences of the bot, with those of the host in place of ours. Throws a `ConfigError` for those that cannot be shown. */
export function loadTexts (overrides: TextOverrides = {}): Texts {
  const faults = textFaults(overrides)
  if (faults.length > 0) throw new ConfigError(faults)
  return { ...zhCN, ...given(overrides), failures: { ...zhCN.failures, ...given(overrides.failures ?? {}) } }
}

/** What is wrong with the sentences of the host. An undefined one counts as unset. */
export function textFaults (overrides: TextOverrides = {}): ConfigFault[] {
  return flatten(isObject(overrides) ? overrides : {})
    .filter(([name, sentence]) => !NAMES.has(name) || !isSentence(sentence))
    .map(([name]) => ({
      name: `option texts.${name}`,
      problem: NAMES.has(name) ? `expected text that can be seen, of at most ${MAX_SENTENCE_BYTES} bytes` : 'is none of the sentences that the README lists'
    }))
}

const given = <T extends object>(overrides: T): T =>
  Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) as T

/** Every sentence with its path, as in `failures.BUSY`. */
const flatten = (texts: TextOverrides): Array<[name: string, sentence: unknown]> =>
  Object.entries(given(texts)).flatMap(([name, value]): Array<[string, unknown]> => name === 'failures' && isObject(value)
    ? Object.entries(given(value)).map(([failure, sentence]) => [`failures.${failure}`, sentence])
    : [[name, value]])

const NAMES = new Set(flatten(zhCN).map(([name]) => name))

// Braille's blank is the one invisible character that Unicode counts among the symbols.
const VISIBLE = /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u

/** WeCom leaves its thinking animation only for something that can be seen. */
export const isVisible = (text: string): boolean => VISIBLE.test(text)

const isSentence = (value: unknown): boolean =>
  typeof value === 'string' && isVisible(value) && !/\p{Surrogate}/u.test(value) && Buffer.byteLength(value) <= MAX_SENTENCE_BYTES
