/**
 * There is no structured mention, only `@` (or `＠`) and the display name, anywhere and any number of times. It counts
 * where a space, punctuation or the end follows: `@Robot` stands in `@Robotics` too. Behind a letter or digit of ASCII
 * it is part of an address. Letter case is no part of a name.
 */
export function withoutMention (text: string, botName: string): string {
  if (botName === '') return text
  return text.replace(new RegExp(`(?<!\\w)[@＠]${escapeRegExp(botName)}(?![\\p{L}\\p{M}\\p{N}_])[^\\S\\n]*`, 'giu'), '')
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** A sign that begins a mention; behind a letter or digit of ASCII it is part of an address, or of a name. */
const SIGN = /(?<!\w)[@＠]/

const MAX_NAME_CHARS = 40
const MAX_WORDS = 3
const PUNCTUATION = /[，。？！,?!:：]/
const LINE_BREAK = /[\n\v\f\r\u0085\u2028\u2029]/
/** In scripts without spaces what follows a space is no name any more. */
const WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u

/**
 * Whether a text can be nothing but mentions of somebody whose name is not known, or nothing at all. A name has so many
 * words at most, and what looks like a sentence is none.
 */
export function isMentions (text: string, maxWords = MAX_WORDS): boolean {
  return text.trimStart().split(SIGN).every((name, index) => index === 0 ? name === '' : isName(name, maxWords))
}

function isName (text: string, maxWords: number): boolean {
  const name = text.trim()
  const [, ...more] = name.split(/\s+/)
  return /^\S/.test(text) && [...name].length <= MAX_NAME_CHARS && more.length < maxWords && !PUNCTUATION.test(name) &&
    // Behind one word a line break ends the mention; among several it ends a sentence.
    (more.length === 0 || !LINE_BREAK.test(text)) && !more.some(word => WITHOUT_SPACES.test(word) || word.startsWith('/'))
}

/** The word behind the first sign of a mention. */
export const firstMention = (text: string): string | undefined => /(?<!\w)[@＠]([^\s@＠]+)/.exec(text)?.[1]
