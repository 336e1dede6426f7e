/**
 * There is no structured mention, only `@` (or `＠`) and the display name, anywhere and any number of times. It counts
 * where a space, punctuation or the end follows: `@Robot` stands in `@Robotics` too. Behind a letter or digit of ASCII
 * it is part of an address.
 */
export function withoutMention (text: string, botName: string): string {
  if (botName === '') return text
  return text.replace(new RegExp(`(?<!\\w)[@＠]${escapeRegExp(botName)}(?![\\p{L}\\p{M}\\p{N}_])[^\\S\\n]*`, 'gu'), '')
}

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
