import type { Answer } from '../../simulator/transport.ts'
import { sleep } from '../../util/waiting.ts'
import { contentOf, createBot, isEmptyReply, isFinal, isTaken, LATE, streamOf } from '../check/bot.ts'
import type { Bot, Wire } from '../check/bot.ts'
import { PROBE, PROBER } from '../check/scenes.ts'
import { explainConnection } from '../unreachable.ts'
import type { Explanation } from '../unreachable.ts'
import { httpFault } from './http-fault.ts'
import type { Patient } from './verification.ts'

const ANSWER_LIMIT_MS = 5000
/** As many as show with some certainty that there is more than one process. */
const REFRESHES = 6
const REFRESH_MS = 500
const SENDER = { user: 'simulated-user' }

/** What WeCom does with a message of a user. Undefined if the bot would be seen to answer. */
export async function examineConversation (patient: Patient): Promise<Explanation | undefined> {
  const bot = createBot(patient)
  const probe = await bot.post(PROBE, PROBER)
  const refused = postFault(probe, patient)
  if (refused !== undefined) return refused
  const first = await bot.post({ msgtype: 'text', text: { content: 'hello' } }, SENDER)
  return postFault(first, patient) ?? replyFault(first) ?? await refreshFault(bot, first, probe, patient)
}

function postFault ({ failure, answer, tookMs }: Wire, { address }: Patient): Explanation | undefined {
  if (failure === LATE || tookMs > ANSWER_LIMIT_MS) {
    return {
      cause: 'a message is not answered within 5 s, so WeCom hangs up and sends it again',
      cure: 'answer at once with a stream, and let the model write while WeCom refreshes'
    }
  }
  if (failure !== undefined) return explainConnection(failure, address)
  const { statusCode, body } = answer as Answer
  if (isTaken(answer as Answer)) return undefined
  const fault = httpFault(answer as Answer, 'POST', address)
  if (fault !== undefined) return fault
  if (statusCode === 415 || statusCode === 400) {
    return {
      cause: `the body of a POST does not reach the callback whole: the status is ${statusCode}`,
      cure: 'let no parser, validation or signature check of the framework take it first: the callback needs the raw body'
    }
  }
  return {
    cause: `GET passes and POST is refused: the status is ${statusCode}${/csrf|token/i.test(body) ? ', and the answer speaks of a token' : ''}`,
    cure: 'leave the callback out of protection against forged forms (CSRF), and of the firewall for web applications'
  }
}

function replyFault (wire: Wire): Explanation | undefined {
  if (isEmptyReply(wire)) {
    return {
      cause: 'a message is answered with nothing',
      cure: 'answer it with msgtype stream; look for the message in the log of the app'
    }
  }
  if (wire.opened === undefined) {
    return { cause: 'the reply is no sealed envelope', cure: 'seal it: {"encrypt","msgsignature","timestamp","nonce"} (document 101033)' }
  }
  const [fault] = Object.values(wire.opened.faults)
  if (fault !== undefined) {
    return {
      cause: `the reply does not open: ${fault}`,
      cure: 'fastify-wecom-stream check tells each fault by name'
    }
  }
  return streamOf(wire) === undefined && wire.opened.reply?.['msgtype'] !== 'template_card'
    ? {
        cause: `msgtype ${JSON.stringify(wire.opened.reply?.['msgtype'])} is not shown in answer to a message`,
        cure: 'answer with msgtype stream'
      }
    : undefined
}

/** Refreshes until one is answered as if the stream were unknown, which is what another process does. */
async function refreshFault (bot: Bot, first: Wire, probe: Wire, { clock, signal }: Patient): Promise<Explanation | undefined> {
  const id = streamOf(first)?.['id']
  let last = first
  if (id === undefined) return undefined
  for (let n = 0; n < REFRESHES && !isFinal(last); n++) {
    await sleep(clock, REFRESH_MS, signal)
    const wire = await bot.post({ msgtype: 'stream', stream: { id } }, SENDER)
    const isForgotten = isFinal(probe) ? isFinal(wire) && contentOf(wire) === contentOf(probe) : streamOf(wire) === undefined
    if (isForgotten) {
      return {
        cause: 'refreshes do not find the stream: several processes without a store in common, or one that was restarted',
        cure: 'set REDIS_URL for all of them, or run one'
      }
    }
    last = wire
  }
  return undefined
}
