import { contentOf, isEmptyReply, isFinal, streamOf } from './bot.ts'
import type { Wire } from './bot.ts'
import { failFirst, probing, skip, unanswered } from './check.ts'
import type { Check, Verdict } from './check.ts'
import { PROBE, PROBER } from './scenes.ts'
import type { Conversation } from './scenes.ts'

const REFRESH_LIMIT_MS = 5000
const CONTENT_TYPES = ['', 'text/plain', 'text/xml', 'application/json; charset=UTF-8']

/** Looks at what a conversation got, refreshes after its end included. */
const refreshes = (
  name: string, about: string, judge: (conversation: Conversation, after: { parallel: Wire[], serial: Wire[] }) => Verdict
): Check => ({
  name,
  document: 100719,
  about,
  scenes: ['conversation', 'afterwards'],
  async run ({ conversation, afterwards }) {
    const played = await conversation()
    return played.id === undefined ? skip('no stream was begun: see message.answer') : judge(played, await afterwards())
  }
})

function notAFrame (wire: Wire): string | undefined {
  const reason = unanswered(wire)
  if (reason !== undefined) return reason
  if (wire.opened !== undefined && wire.opened.reply === undefined) return undefined
  const msgtype = wire.opened?.reply?.['msgtype']
  return streamOf(wire) !== undefined && (msgtype === 'stream' || msgtype === 'stream_with_template_card')
    ? undefined
    : 'it is not answered with a stream'
}

export const refreshChecks: readonly Check[] = [
  refreshes('refresh.answer', 'a refresh is answered with a stream', ({ refreshes, finished }, { serial }) =>
    failFirst([...refreshes, ...(finished ? serial.slice(0, 1) : [])], notAFrame)),
  refreshes('refresh.in-time', 'a refresh is answered within 5 s', ({ refreshes }, { serial }) =>
    failFirst([...refreshes, ...serial], wire =>
      wire.tookMs <= REFRESH_LIMIT_MS ? undefined : `it took ${Math.round(wire.tookMs)} ms`)),
  refreshes('refresh.same-id', 'the answer has the stream.id that was asked for', ({ id, refreshes }, { serial }) =>
    failFirst([...refreshes, ...serial], wire => {
      const stream = streamOf(wire)
      return stream === undefined || stream['id'] === id ? undefined : 'it has another one'
    })),
  refreshes('refresh.repeats', 'two refreshes at the same time get the same', (_conversation, { parallel }) => {
    const first = contentOf(parallel[0] as Wire)
    return failFirst(parallel, wire =>
      unanswered(wire) ?? (contentOf(wire) === first ? undefined : 'one got another content than the other'))
  }),
  refreshes('refresh.after-end', 'after the end the same end is answered again', ({ wires, finished }, { serial }) => {
    if (!finished) return skip('there was no end: see stream.finish')
    const end = contentOf(wires.at(-1) as Wire)
    return failFirst(serial, wire => {
      if (streamOf(wire) === undefined) return 'it is not answered with a stream'
      if (!isFinal(wire)) return 'finish is not true any more'
      return contentOf(wire) === end ? undefined : 'the content is not that of the end'
    })
  }),
  {
    name: 'refresh.unknown',
    document: 100719,
    about: 'a refresh of a stream that is unknown ends it: finish: true, or an empty reply',
    scenes: ['probe'],
    run: async ({ probe }) => failFirst([await probe()], wire =>
      unanswered(wire) ?? (isEmptyReply(wire) || isFinal(wire) ? undefined : 'it is answered as if it still ran, so WeCom asks on'))
  },
  probing('refresh.content-type', 101033, 'the body is read whatever content type it has', async bot => {
    const wires: Wire[] = []
    for (const contentType of CONTENT_TYPES) wires.push(await bot.post(PROBE, PROBER, { contentType }))
    return failFirst(wires, unanswered)
  }),
  probing('refresh.new-fields', 100719, 'fields that are new do no harm', async bot => {
    const message = { ...PROBE, stream: { ...PROBE.stream, simulated: true }, simulated: { deep: [1, null] } }
    return failFirst([await bot.post(message, PROBER)], unanswered)
  })
]
