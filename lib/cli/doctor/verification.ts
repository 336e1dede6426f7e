import type { Answer } from '../../simulator/transport.ts'
import type { Credentials } from '../../wecom/envelope.ts'
import { createBot, isEchoed, LATE } from '../check/bot.ts'
import type { Bot, BotOptions, Wire } from '../check/bot.ts'
import { explainConnection } from '../unreachable.ts'
import type { Explanation } from '../unreachable.ts'
import { httpFault } from './http-fault.ts'

const ECHO_LIMIT_MS = 1000
const MAX_CLOCK_ERROR_MS = 60_000
const ECHO = '1616140317555161061'

export interface Patient extends BotOptions {
  address: URL
}

/** What WeCom does when the admin presses save. Undefined if it would be satisfied. */
export async function examineVerification (patient: Patient): Promise<Explanation | undefined> {
  const bot = createBot(patient)
  const hasPlus = (sealed: string): boolean => sealed.includes('+')
  const wire = await bot.get(ECHO, { isWanted: hasPlus })
  if (wire.failure === LATE) {
    return { cause: 'the server takes the connection and does not answer within 5 s', cure: 'look at its log, and at the proxy in front' }
  }
  if (wire.failure !== undefined) return explainConnection(wire.failure, patient.address)
  const answer = wire.answer as Answer
  if (answer.statusCode === 200 && isEchoed(wire)) return echoFault(wire, answer)
  return httpFault(answer, 'GET', patient.address) ?? await refusal(patient, bot, answer)
}

function echoFault ({ text, tookMs }: Wire, { body }: Answer): Explanation | undefined {
  const bare = 'send the decrypted text itself as text/plain'
  if (body.startsWith('\uFEFF')) return { cause: 'the echo begins with a byte order mark', cure: bare }
  if (/^\s*[{[]/.test(body)) return { cause: 'the echo is wrapped in JSON', cure: bare }
  if (body.startsWith('"')) return { cause: 'the echo stands in quotes', cure: `${bare}, not through a JSON serializer` }
  if (!body.includes(text)) return { cause: 'the echo went through a number, which holds 16 digits only', cure: 'keep it a text' }
  if (body !== text) return { cause: 'there is white space or a line break around the echo', cure: bare }
  return tookMs <= ECHO_LIMIT_MS
    ? undefined
    : {
        cause: `the echo took ${Math.round(tookMs)} ms, and WeCom waits for 1 s`,
        cure: 'answer without asking other services; keep the app awake; host it nearer'
      }
}

/** The server said no, and ours says the same to everything: what can be ruled out is, the rest is named. */
async function refusal (patient: Patient, bot: Bot, { statusCode, headers }: Answer): Promise<Explanation> {
  if (isEchoed(await bot.get(ECHO))) {
    return {
      cause: 'a + of echostr arrives as a blank: the query is decoded twice',
      cure: 'let the proxy or framework pass the query on as it came'
    }
  }
  const date = Date.parse(String(headers['date']))
  const offMs = Math.round(date - patient.clock.now())
  if (Math.abs(offMs) > MAX_CLOCK_ERROR_MS) {
    return {
      cause: `the clock of the server is ${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? 'ahead' : 'behind'}, or this one is off`,
      cure: 'set it by NTP'
    }
  }
  const { receiveId } = patient.credentials
  const tried = await passesWith(patient, { receiveId: '' })
  if (receiveId !== '' && tried) {
    return {
      cause: 'the receiver id of the server is empty, and one was given',
      cure: 'leave WECOM_RECEIVE_ID and --receive-id empty, as a bot of the company itself has none'
    }
  }
  return {
    cause: `the server refuses this token and key with status ${statusCode}, and does not say which of them is wrong. ` +
      'Ruled out: the network, the path, quotes and blanks in the values, a + in the query, the clock. ' +
      `Left: token, key, ${receiveId === '' ? 'a receiver id that it wants' : 'receiver id, which is not empty there'}`,
    cure: 'look for "callback refused" in the log of the app: WECOM_ERR_SIGNATURE is the token, WECOM_ERR_DECRYPT the key, ' +
      'WECOM_ERR_RECEIVER the receiver id, WECOM_ERR_TIMESTAMP the clock; or compare with its .env: doctor --local'
  }
}

async function passesWith (patient: Patient, other: Partial<Credentials>): Promise<boolean> {
  const bot = createBot({ ...patient, credentials: { ...patient.credentials, ...other } })
  return isEchoed(await bot.get(ECHO))
}
