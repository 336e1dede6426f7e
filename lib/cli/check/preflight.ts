import type { Answer } from '../../simulator/transport.ts'
import { explainConnection } from '../unreachable.ts'
import type { Explanation } from '../unreachable.ts'
import { isTaken, LATE } from './bot.ts'
import type { Wire } from './bot.ts'
import type { CheckContext } from './check.ts'

/** Why there is nothing to check: nobody there, no callback there, or one that lets nothing in. Undefined if there is. */
export async function obstacle (
  { probe, verification }: Pick<CheckContext, 'probe' | 'verification'>, address: URL
): Promise<Explanation | undefined> {
  const get = await verification()
  if (get.failure !== undefined && get.failure !== LATE) return explainConnection(get.failure, address)
  if (get.answer !== undefined && isTaken(get.answer)) return undefined
  const post = await probe()
  if (post.answer !== undefined && isTaken(post.answer)) return undefined
  return refusalOf(get, post, address)
}

function refusalOf (get: Wire, post: Wire, { pathname }: URL): Explanation {
  const answers = [get, post].map(({ answer }) => answer).filter((answer): answer is Answer => answer !== undefined)
  const status = answers[0]?.statusCode ?? 0
  const doctor = 'fastify-wecom-stream doctor says more'
  if (answers.length === 0) {
    return { cause: 'the server takes the connection and does not answer within 5 s', cure: 'look at its log, and at the proxy in front' }
  }
  if (status === 404 || status === 405) {
    return { cause: `there is no callback at ${pathname}: the status is ${status}`, cure: `correct the path of the URL; ${doctor}` }
  }
  if (status >= 300 && status < 400) {
    return {
      cause: `${pathname} is a redirect to ${String(answers[0]?.headers['location'])}`,
      cure: 'use the address that it leads to: WeCom follows none'
    }
  }
  if (status >= 500) return { cause: `the server fails with ${status}`, cure: `look at its log, and at the proxy in front; ${doctor}` }
  return {
    cause: `the callback refuses all that is signed with this token and sealed with this key: the status is ${status}`,
    cure: `give --token and --key as the admin console has them, and --receive-id if the bot has one; ${doctor}`
  }
}
