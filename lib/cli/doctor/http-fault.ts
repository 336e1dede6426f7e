import type { Answer } from '../../simulator/transport.ts'
import type { Explanation } from '../unreachable.ts'

const LOGIN = /<input[^>]+type=["']?password|<title>[^<]*(log ?in|sign ?in|登录)|window\.location|<div id=["'](root|app)["']/i

/** What the status and the form of an answer say by themselves; undefined for a plain refusal. */
export function httpFault ({ statusCode, headers, body }: Answer, method: string, { pathname }: URL): Explanation | undefined {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    return {
      cause: `the answer is compressed (${String(encoding)}), although nobody asked for it`,
      cure: `switch compression off for ${pathname}`
    }
  }
  if (statusCode >= 300 && statusCode < 400) {
    return {
      cause: `${pathname} is a redirect to ${String(headers['location'])}`,
      cure: 'enter the address that it leads to: WeCom follows none'
    }
  }
  if (statusCode === 404) {
    return {
      cause: `there is nothing at ${pathname}: the status is 404`,
      cure: 'correct the path of the URL, or WECOM_CALLBACK_PATH and the prefix of the plugin'
    }
  }
  if (statusCode === 405 || statusCode === 501) {
    return {
      cause: `${pathname} takes no ${method}: the status is ${statusCode}`,
      cure: 'let the route, and the proxy in front, take GET and POST'
    }
  }
  if (statusCode >= 502 && statusCode <= 504) {
    return {
      cause: `a proxy does not reach the app: the status is ${statusCode}`,
      cure: 'start the app, and look at the address and port that the proxy has for it'
    }
  }
  if (statusCode >= 500) return { cause: `the app fails at a ${method}: the status is ${statusCode}`, cure: 'look at its log' }
  if (statusCode === 413) {
    return {
      cause: 'the body is too large for the app or its proxy: the status is 413',
      cure: 'raise the limit, WECOM_BODY_LIMIT_BYTES of the app'
    }
  }
  if (statusCode === 429) return { cause: 'a rate limit is in the way: the status is 429', cure: `leave ${pathname} out of it` }
  if (statusCode === 401 || LOGIN.test(body)) {
    return {
      cause: `a login stands before ${pathname}`,
      cure: 'leave the callback out of it: WeCom signs its requests, and has no account'
    }
  }
  if (/xml/i.test(body) && !/^\s*</.test(body)) {
    return {
      cause: 'the server expects XML, which is the callback of an app (应用), not of an AI bot',
      cure: 'use the URL of a bot, or a server for one'
    }
  }
  return statusCode === 200 && method === 'GET'
    ? { cause: `something else than the callback answers at ${pathname}`, cure: 'correct the path, or the rules of the proxy' }
    : undefined
}
