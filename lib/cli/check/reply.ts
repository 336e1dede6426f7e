import { isTaken } from './bot.ts'
import type { Wire } from './bot.ts'
import { failFirst, skip } from './check.ts'
import type { Check, Verdict } from './check.ts'

const replies = (name: string, about: string, find: (wire: Wire) => string | undefined): Check => ({
  name,
  document: 101033,
  about,
  scenes: ['conversation'],
  async run ({ conversation }): Promise<Verdict> {
    const wires = (await conversation()).wires.filter(({ answer }) => answer !== undefined)
    return wires.length === 0 ? skip('there was no answer: see message.answer') : failFirst(wires, find)
  }
})

export const replyChecks: readonly Check[] = [
  replies('reply.status', 'replies have the status 200, and no other that means success', ({ answer }) =>
    answer?.statusCode === 200 || answer === undefined || !isTaken(answer) ? undefined : `the status is ${answer.statusCode}`),
  replies('reply.fields', 'a reply is JSON with encrypt, msgsignature, timestamp and nonce', ({ opened }) => opened?.faults.fields),
  replies('reply.timestamp', 'timestamp is the time in seconds', ({ opened }) => opened?.faults.timestamp),
  replies('reply.nonce', 'nonce is that of the request', ({ opened }) => opened?.faults.nonce),
  replies('reply.json', 'the opened reply is a JSON object', ({ opened }) =>
    opened === undefined || opened.reply !== undefined || opened.text === '' ? undefined : 'it is something else')
]
