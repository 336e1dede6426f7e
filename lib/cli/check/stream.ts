import { isDeepStrictEqual } from 'node:util'
import { isVisible } from '../../util/visible.ts'
import { contentOf, streamOf } from './bot.ts'
import type { Wire } from './bot.ts'
import { fail, failFirst, PASS, skip } from './check.ts'
import type { Check, Verdict } from './check.ts'
import type { Conversation } from './scenes.ts'

const MAX_CONTENT_BYTES = 20480
const MAX_IMAGES = 10
const MAX_IMAGE_BYTES = 10 * 1024 * 1024

const streams = (name: string, about: string, judge: (frames: readonly Wire[], conversation: Conversation) => Verdict): Check => ({
  name,
  document: 101031,
  about,
  scenes: ['conversation'],
  async run ({ conversation }) {
    const played = await conversation()
    const frames = played.wires.filter(wire => streamOf(wire) !== undefined)
    return frames.length === 0 ? skip('the bot answered without a stream') : judge(frames, played)
  }
})

/** What stands behind the thinking, which is shown by itself and may go. */
const spoken = (wire: Wire): string => contentOf(wire).replace(/^<think>[^]*?(<\/think>|$)/, '').trim()

/**
 * Frames that do not begin with what the one before showed. A placeholder that makes way for the answer does that once, and closers
 * or notices at the end belong to a frame alone.
 */
function snapshots (frames: readonly Wire[]): Verdict {
  let replaced = 0
  let shown = ''
  for (const frame of frames) {
    const text = spoken(frame)
    if (!text.startsWith(shown.replace(/\n(`{3,}|~{3,})$/, ''))) replaced++
    if (replaced > 1) return fail('it does not begin with what the frame before showed: content is not the newest part alone', frame)
    shown = text
  }
  return PASS
}

function isImage (item: { image?: { base64?: unknown, md5?: unknown } } | undefined): boolean {
  const { base64, md5 } = item?.image ?? {}
  return typeof base64 === 'string' && base64.length <= MAX_IMAGE_BYTES / 3 * 4 && /^[0-9a-f]{32}$/i.test(String(md5))
}

function images (frames: readonly Wire[]): Verdict {
  const withImages = frames.filter(frame => streamOf(frame)?.['msg_item'] !== undefined)
  if (withImages.length === 0) return skip('no image came')
  return failFirst(withImages, frame => {
    const { msg_item: items, finish } = streamOf(frame) as Record<string, unknown>
    if (finish !== true) return 'msg_item stands in a frame without finish: true'
    if (!Array.isArray(items) || items.length > MAX_IMAGES) return `msg_item is no list of at most ${MAX_IMAGES}`
    return items.every(isImage) ? undefined : 'an item has no image of at most 10 MB with base64 and md5'
  })
}

export const streamChecks: readonly Check[] = [
  streams('stream.id', 'stream.id is a text, and not empty', frames => failFirst(frames, frame => {
    const id = streamOf(frame)?.['id']
    return typeof id === 'string' && id !== '' ? undefined : `it is ${JSON.stringify(id)}`
  })),
  {
    name: 'stream.unique',
    document: 101031,
    about: 'every message has a stream.id of its own',
    scenes: ['conversation', 'twins'],
    async run ({ conversation, twins }) {
      const { first } = await conversation()
      const [other] = await twins() as [Wire]
      const [one, two] = [first, other].map(wire => streamOf(wire)?.['id'])
      if (one === undefined || two === undefined) return skip('the bot answered without a stream')
      return one === two ? fail('two messages have the same', other) : PASS
    }
  },
  streams('stream.finish', 'finish is true or false, and true in the end', (frames, { finished }) => {
    const odd = failFirst(frames, frame =>
      typeof streamOf(frame)?.['finish'] === 'boolean' ? undefined : 'finish is neither true nor false')
    return odd !== PASS || finished ? odd : fail('it never was true: the bubble keeps thinking until WeCom gives up', frames.at(-1) as Wire)
  }),
  streams('stream.content', `content is a text of at most ${MAX_CONTENT_BYTES} bytes`, frames => failFirst(frames, frame => {
    const content = streamOf(frame)?.['content']
    if (typeof content !== 'string') return 'it is no text'
    const bytes = Buffer.byteLength(content)
    return bytes <= MAX_CONTENT_BYTES ? undefined : `it has ${bytes} bytes`
  })),
  streams('stream.well-formed', 'content is cut between characters', frames => failFirst(frames, frame =>
    /\p{Surrogate}|\uFFFD/u.test(contentOf(frame)) ? 'it has half a character' : undefined)),
  streams('stream.snapshots', 'content is the whole text so far', snapshots),
  streams('stream.visible-end', 'the last frame has something to see', (frames, { finished }) => {
    const last = frames.at(-1) as Wire
    if (!finished) return skip('there was no last frame: see stream.finish')
    const { msg_item: items } = streamOf(last) as Record<string, unknown>
    return isVisible(spoken(last)) || items !== undefined || last.opened?.reply?.['template_card'] !== undefined
      ? PASS
      : fail('there is nothing but blanks or thinking, and the bubble keeps thinking', last)
  }),
  streams('stream.images', 'images come with finish: true, ten at most, with base64 and md5', images),
  streams('stream.card', 'a card comes once, in a reply of the type stream_with_template_card', frames => {
    const withCard = frames.filter(frame => frame.opened?.reply?.['template_card'] !== undefined)
    if (withCard.length === 0) return skip('no card came')
    const shown = withCard[0]?.opened?.reply?.['template_card']
    return failFirst(withCard, ({ opened }) => {
      if (opened?.reply?.['msgtype'] !== 'stream_with_template_card') return 'msgtype is not stream_with_template_card'
      return isDeepStrictEqual(opened.reply['template_card'], shown) ? undefined : 'it is another one than before'
    })
  })
]
