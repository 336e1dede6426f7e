import { isEmptyReply, streamOf } from './bot.ts'
import type { Wire } from './bot.ts'
import { fail, failFirst, PASS, skip, unanswered } from './check.ts'
import type { Check, Verdict } from './check.ts'
import type { SceneName, Scenes } from './scenes.ts'

const REPLY_TYPES = ['stream', 'template_card', 'stream_with_template_card']
const ANSWER_LIMIT_MS = 5000

/** What WeCom shows in answer to a message (document 101031). */
function notShown (wire: Wire): string | undefined {
  const reason = unanswered(wire)
  if (reason !== undefined) return reason
  if (wire.opened === undefined) return 'the body is no sealed reply'
  const msgtype = wire.opened.reply?.['msgtype']
  return wire.opened.reply === undefined || REPLY_TYPES.includes(msgtype as string)
    ? undefined
    : `msgtype is ${JSON.stringify(msgtype)}, none of ${REPLY_TYPES.join(', ')}`
}

/** No reply is one, too: the bot may have nothing to say to a file. */
const notTaken = (wire: Wire): string | undefined => isEmptyReply(wire) ? undefined : notShown(wire)

type Single = { [Name in SceneName]: Scenes[Name] extends () => Promise<Wire> ? Name : never }[SceneName]

const taken = (scene: Single, name: string, about: string, find = notTaken): Check => ({
  name,
  document: 100719,
  about,
  scenes: [scene],
  async run (context): Promise<Verdict> {
    return failFirst([await context[scene]()], find)
  }
})

const idOf = (wire: Wire): unknown => streamOf(wire)?.['id']

function sameStream (first: Wire, second: Wire): Verdict {
  const reason = unanswered(second)
  if (reason !== undefined) return fail(reason, second)
  if (idOf(first) === undefined) return skip('no stream was begun: see message.answer')
  return idOf(first) === idOf(second) ? PASS : fail('it got another stream than the first time, so the model is asked once more', second)
}

export const messageChecks: readonly Check[] = [
  {
    name: 'message.answer',
    document: 101031,
    about: `a text is answered with ${REPLY_TYPES.join(' or ')}`,
    scenes: ['conversation'],
    run: async ({ conversation }) => failFirst([(await conversation()).first], notShown)
  },
  {
    name: 'message.in-time',
    document: 100719,
    about: 'the answer to a message comes within 5 s',
    scenes: ['conversation'],
    async run ({ conversation }) {
      const { first } = await conversation()
      return first.tookMs <= ANSWER_LIMIT_MS ? PASS : fail(`it came after ${Math.round(first.tookMs)} ms`, first)
    }
  },
  taken('group', 'message.group', 'a text in a group, with the mention in it, is answered', notShown),
  taken('quote', 'message.quote', 'a text that quotes another is answered', notShown),
  taken('image', 'message.image', 'an image is taken'),
  taken('mixed', 'message.mixed', 'text and image in one message are taken'),
  taken('voice', 'message.voice', 'a voice message, which is its transcript, is taken'),
  taken('file', 'message.file', 'a file is taken'),
  taken('video', 'message.video', 'a video is taken'),
  taken('unknownType', 'message.unknown-type', 'a message of a type that is new is acknowledged with 200', unanswered),
  {
    name: 'message.repeats',
    document: 100719,
    about: 'a message that is delivered again, which has the same msgid, gets the same stream',
    scenes: ['conversation', 'repetition'],
    async run ({ conversation, repetition }) {
      const { first } = await conversation()
      return sameStream(first, await repetition())
    }
  },
  {
    name: 'message.repeats-at-once',
    document: 100719,
    about: 'a message that is delivered twice at the same time gets one stream',
    scenes: ['twins'],
    async run ({ twins }) {
      const [one, other] = await twins() as [Wire, Wire]
      return sameStream(one, other)
    }
  },
  {
    name: 'message.three-at-once',
    document: 100719,
    about: 'three messages of one user at the same time are answered',
    scenes: ['three'],
    run: async ({ three }) => failFirst(await three(), unanswered)
  }
]
