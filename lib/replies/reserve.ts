import { Buffer } from 'node:buffer'
import type { Notice } from '../stores/store.ts'
import type { Texts } from '../texts/texts.ts'
import { MAX_CLOSER_BYTES } from '../util/code-fence.ts'

/** More digits than the size of an answer has, and as many as a reference. */
const SIZE = '9'.repeat(10)
const REFERENCE = '0'.repeat(8)

/** What stands before each sentence. */
const GAP_BYTES = 2

const longest = (sentences: readonly string[]): number => Math.max(...sentences.map(sentence => Buffer.byteLength(sentence)))

export function noticeText (notice: Notice, texts: Texts): string {
  switch (notice) {
    case 'LENGTH': return texts.length
    case 'TOO_LARGE': return texts.tooLarge
    case 'STOPPED': return texts.stopped
    case 'UNSUPPORTED': return texts.unsupported
    case 'NO_PROMPT': return texts.noPrompt
    case 'CLOSING': return texts.closing
    case 'DENIED': return texts.denied
    case 'LIMITED': return texts.limited
    case 'REFUSED': return texts.refused
  }
}

const NOTICES: readonly Notice[] =
  ['LENGTH', 'TOO_LARGE', 'STOPPED', 'UNSUPPORTED', 'NO_PROMPT', 'CLOSING', 'DENIED', 'LIMITED', 'REFUSED']

/** How many bytes the sentences behind a cut text and the closer of its fence can need at most, as these sentences are. */
export function reserveOf (texts: Texts, newCommand = ''): number {
  const { failures, lost, lostAttachment } = texts
  const historyRefused = texts.historyRefused.replace('{new}', () => newCommand)
  const ends = [...NOTICES.map(notice => noticeText(notice, texts)), ...Object.values(failures).map(failure => failure + historyRefused)]
  const sentences = [
    longest([texts.later, texts.cut.replace('{bytes}', SIZE)]),
    longest(Object.values(lost).map(reason => lostAttachment.replace('{reason}', () => reason))),
    longest([texts.historyLeftOut]),
    longest([texts.imageTooLarge]),
    longest(ends.map(end => end + texts.reference.replace('{reference}', REFERENCE)))
  ]
  return MAX_CLOSER_BYTES + sentences.reduce((sum, bytes) => sum + GAP_BYTES + bytes, 0)
}
