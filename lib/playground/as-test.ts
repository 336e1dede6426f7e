import { stringAt } from '../wecom/message.ts'
import type { BotEntry, Conversation, Json, UserEntry } from './model.ts'

const HEAD = `// bot.test.mjs: a conversation of the playground, to be run with \`node --test\`.
// TARGET is the address of the callback; WECOM_TOKEN and WECOM_ENCODING_AES_KEY are those of the bot.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSimulator } from 'fastify-wecom-stream/testing'

const { TARGET, WECOM_TOKEN, WECOM_ENCODING_AES_KEY } = process.env
const wecom = createSimulator({ target: TARGET, token: WECOM_TOKEN, encodingAESKey: WECOM_ENCODING_AES_KEY })
`

/** Writes a conversation as a test for `node --test`. */
export function testOf (conversation: Conversation): string {
  const isExact = isEcho(conversation)
  const events = conversation.entries.some(entry => entry.kind === 'event' && taskIdIn(entry.event) !== undefined)
  const steps = conversation.entries.flatMap(entry => {
    if (entry.kind === 'bot') return []
    const sender = JSON.stringify({ user: entry.user, ...(conversation.chat !== undefined && { chat: conversation.chat }) })
    if (entry.kind === 'user') return messageStep(entry, sender, events, isExact ? answerTo(conversation, entry)?.content : undefined)
    return eventStep(entry.event, sender)
  })
  return [
    HEAD,
    `test(${JSON.stringify(`the conversation ${conversation.name} goes as it went`)}, async () => {`,
    ...(events ? ['  let card'] : []),
    ...steps.map(line => `  ${line}`),
    '})',
    ''
  ].join('\n')
}

function messageStep ({ message }: UserEntry, sender: string, events: boolean, content: string | undefined): string[] {
  return [
    '{',
    `  const transcript = await wecom.send(${JSON.stringify(message)}, ${sender})`,
    "  assert.deepEqual(transcript.problems, [], 'each frame keeps to the protocol, and its text only grows')",
    "  assert.equal(transcript.finished, true, 'it ends')",
    content === undefined
      ? "  assert.notEqual(transcript.content.trim(), '', 'it says something')"
      : `  assert.equal(transcript.content, ${JSON.stringify(content)})`,
    ...(events ? ['  card = transcript.frames.find(({ reply }) => reply.template_card !== undefined)?.reply.template_card ?? card'] : []),
    '}'
  ]
}

function eventStep (event: Json, sender: string): string[] {
  // The bot makes the id up anew each time.
  const taskId = taskIdIn(event)
  const written = JSON.stringify(event)
  const code = taskId === undefined ? written : written.replace(`"task_id":${JSON.stringify(taskId)}`, '"task_id":card.task_id')
  return ['{', `  const { problems } = await wecom.event(${code}, ${sender})`, '  assert.deepEqual(problems, [])', '}']
}

const taskIdIn = (event: Json): string | undefined => stringAt(event, 'template_card_event', 'task_id')

function answerTo ({ entries }: Conversation, { id }: UserEntry): BotEntry | undefined {
  return entries.find((entry): entry is BotEntry => entry.kind === 'bot' && entry.via === 'stream' && entry.to === id)
}

/** Whether each answer repeats its question: such a bot says the same the next time. */
function isEcho (conversation: Conversation): boolean {
  const questions = conversation.entries.filter(entry => entry.kind === 'user')
  return questions.length > 0 && questions.every(question => {
    const asked = stringAt(question.message, 'text', 'content')?.replace(/^[@＠]\S+\s/, '').trim()
    return asked !== undefined && asked !== '' && answerTo(conversation, question)?.content.includes(asked)
  })
}
